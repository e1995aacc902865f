"use strict";
/* A sortable table, a page of rows at a time: ten thousand rows sort at once and draw fifty. */

/**
 * Fills `host` and returns `show(columns, rows)`.
 *
 * A column is {key, title, hint, numeric, better, names, groups, value(row), cell(row)}: `value` is what is
 * compared (null sorts last either way), `cell` a string or a node; `names` makes it the row's heading, and
 * `groups` shows a value once where rows that share it follow each other. `sort` is {key, down}.
 */
rb.table = (host, { caption, sort, pageSize = 50 }) => {
  const { element } = rb;
  const [head, body] = [element("tr"), element("tbody")];
  const label = element("caption", { class: "visually-hidden" }, caption);
  const table = element("table", {}, label, element("thead", {}, head), body);
  const frame = element("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": caption }, table);
  const status = element("p", { class: "status", role: "status" });
  const [back, on] = ["Previous", "Next"].map((text) => element("button", { type: "button", class: "quiet" }, text));
  const pager = element("nav", { class: "pager", "aria-label": `Pages of: ${caption}` }, back, on);
  host.replaceChildren(frame, element("div", { class: "under" }, status, pager));

  const collator = new Intl.Collator("en", { numeric: true });
  let [columns, rows, page] = [[], [], 0];

  function ordered() {
    const column = columns.find((each) => each.key === sort.key);
    if (!column) return rows;
    const sign = sort.down ? -1 : 1;
    const keyed = rows.map((row) => [column.value(row), row]);
    // Array.sort is stable: what is equal keeps the order it came in.
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" ? a - b : collator.compare(a, b));
    });
    return keyed.map(([, row]) => row);
  }

  function drawHead() {
    head.replaceChildren(
      ...columns.map((column) => {
        const sorted = column.key === sort.key ? (sort.down ? "descending" : "ascending") : "none";
        const button = element("button", { type: "button", title: column.hint }, column.title);
        button.addEventListener("click", () => {
          const down = column.key === sort.key ? !sort.down : column.numeric && column.better !== "lower";
          sort = { key: column.key, down };
          page = 0;
          draw();
          head.querySelector(`[data-key="${CSS.escape(column.key)}"] button`).focus();
        });
        return element(
          "th",
          { scope: "col", "aria-sort": sorted, "data-key": column.key, class: column.numeric ? "number" : null },
          button,
        );
      }),
    );
  }

  function drawRow(row, before) {
    const grouping = columns.find((column) => column.groups && column.key === sort.key);
    const repeats = grouping && before && grouping.value(before) === grouping.value(row);
    const cells = columns.map((column) => {
      const kinds = [
        column.numeric && "number", column.groups && "grouped", repeats && column === grouping && "repeated",
      ];
      const kind = kinds.filter(Boolean).join(" ");
      return element(column.names ? "th" : "td", { scope: column.names && "row", class: kind || null }, column.cell(row));
    });
    const kind = repeats ? "repeats" : grouping && before ? "begins" : null;
    return element("tr", { class: kind }, ...cells);
  }

  function draw() {
    drawHead();
    const all = ordered();
    const pages = Math.max(1, Math.ceil(all.length / pageSize));
    page = Math.min(page, pages - 1);
    const shown = all.slice(page * pageSize, (page + 1) * pageSize);
    body.replaceChildren(
      ...shown.map((row, index) => drawRow(row, shown[index - 1])),
    );
    const first = all.length ? page * pageSize + 1 : 0;
    const range = pages > 1 ? `${rb.figure(first, 0)}–${rb.figure(first + shown.length - 1, 0)} of ` : "";
    status.textContent = `${range}${rb.figure(all.length, 0)} ${all.length === 1 ? "row" : "rows"}`;
    pager.hidden = pages === 1;
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
  }

  function turn(by) {
    page += by;
    draw();
    frame.scrollIntoView({ block: "nearest" });
  }
  back.addEventListener("click", () => turn(-1));
  on.addEventListener("click", () => turn(1));

  return (newColumns, newRows) => {
    [columns, rows, page] = [newColumns, newRows, 0];
    draw();
  };
};
