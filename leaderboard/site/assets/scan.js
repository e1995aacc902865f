"use strict";
/* One scan under one condition: pictures, scores, seconds and provenance of every method. */
(() => {
  const { element, figure, span, drawn } = rb;
  const data = rb.data();
  const hueOf = (method) => data.hues[method];
  const metric = (id) => data.metrics.find((each) => each.id === id);
  const titled = (each) => (each.unit ? `${each.title} (${each.unit})` : each.title);
  const named = (run) => element("span", { class: "method" }, rb.key(hueOf(run.method)), run.method_title);

  function drawHead() {
    document.title = `${data.scan} · renderbench`;
    document.getElementById("title").textContent = data.scan;
    document.getElementById("condition").textContent = `${data.block_title}. ${data.conditions}`;
    const links = [["Previous scan", data.previous], ["Next scan", data.next]].filter(([, page]) => page);
    document.getElementById("foot").append(
      element("p", {}, ...links.flatMap(([text, page]) => [element("a", { href: page }, text), " · "]), element("a", { href: "../index.html" }, "All results")));
  }

  /* Metrics as rows: methods are few, metrics many. */
  function drawScores() {
    const regions = [
      ["Full frame", (each) => each.region === ""],
      ["Foreground", (each) => each.region === "foreground"],
      ["By group and landmark", (each) => !["", "foreground"].includes(each.region)],
    ];
    const costs = [
      ["seconds_without_views", "Preparation", rb.duration],
      ["seconds_full", "with fitting views", rb.duration],
      ["fps", "Frames per second", span],
      ["points", "Points", (value) => figure(value, 0)],
      ["scene_bytes", "On disk", rb.bytes],
      ["peak_memory_bytes", "Peak memory", rb.bytes],
    ];
    const line = (title, hint, cells) =>
      element("tr", {}, element("th", { scope: "row", title: hint }, title), ...cells.map((cell) => element("td", { class: "number" }, cell)));
    const part = (title) => element("tr", { class: "part" }, element("th", { scope: "rowgroup", colspan: data.runs.length + 1 }, title));
    const bodies = regions.flatMap(([title, of]) => {
      const rows = data.metrics.filter((each) => of(each) && data.runs.some((run) => each.id in run.metrics));
      return rows.length ? [element("tbody", {}, part(title), ...rows.map((each) => line(titled({ ...each, title: each.short }), each.convention, data.runs.map((run) => best(run, each)))))] : [];
    });
    bodies.push(element("tbody", {}, part("Cost"), ...costs.map(([key, title, text]) => line(title, null, data.runs.map((run) => text(run[key]))))));
    const head = element("tr", {}, element("td"), ...data.runs.map((run) => element("th", { scope: "col", class: "number" }, named(run))));
    const table = element("table", { class: "sheet" }, element("caption", { class: "visually-hidden" }, "Scores and costs by method"), element("thead", {}, head), ...bodies);
    table.style.setProperty("--methods", data.runs.length);
    document.getElementById("scores").append(element("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Scores and costs by method" }, table));
    document.getElementById("absent").append(...data.absent.map((text) => element("li", {}, text)));
  }

  function best(run, each) {
    const values = data.runs.map((other) => other.metrics[each.id]).filter((value) => typeof value === "number");
    const text = figure(run.metrics[each.id], each.digits);
    const leading = each.better === "lower" ? Math.min(...values) : Math.max(...values);
    return values.length > 1 && text === figure(leading, each.digits) ? element("strong", {}, text) : text;
  }

  /* Every test view as a dot: a line a method, views from left to right. */
  function drawViews(id) {
    const each = metric(id);
    const host = document.getElementById("per-view");
    const scores = data.runs.map((run) => run.views[id] ?? []);
    const count = Math.max(...scores.map((list) => list.length));
    const known = scores.flat().filter((value) => value !== null);
    if (!known.length) {
      host.replaceChildren(element("p", { class: "empty" }, `No view has a ${each.title}.`));
      return;
    }
    const width = Math.max(280, host.clientWidth);
    const height = 240;
    const [left, right, top, bottom] = [48, width - 12, 14, height - 34];
    const spread = Math.max(Math.max(...known) - Math.min(...known), 1e-6);
    const [low, high] = [Math.min(...known) - 0.08 * spread, Math.max(...known) + 0.08 * spread];
    const atX = (view) => left + 14 + (count > 1 ? (view / (count - 1)) * (right - left - 28) : (right - left) / 2);
    const atY = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
    const grid = drawn("g", { class: "grid" });
    for (const tick of rb.ticks(low, high, 4)) {
      const level = Math.round(atY(tick)) + 0.5;
      grid.append(drawn("line", { x1: left, x2: right, y1: level, y2: level }), drawn("text", { x: left - 8, y: level + 4, "text-anchor": "end" }, rb.round(tick)));
    }
    const every = Math.ceil(count / Math.max(2, Math.floor((right - left) / 34)));
    for (let view = 0; view < count; view += every) {
      grid.append(drawn("text", { x: atX(view), y: bottom + 18, "text-anchor": "middle" }, String(view)));
    }
    grid.append(drawn("text", { class: "title", x: left - 8, y: bottom + 18, "text-anchor": "end" }, "view"));
    const lines = data.runs.map((run, index) => {
      const path = scores[index].map((value, view) => (value === null ? null : [atX(view), atY(value)]));
      const d = path.reduce((text, at, view) => (at ? `${text}${view && path[view - 1] ? "L" : "M"}${at[0].toFixed(1)},${at[1].toFixed(1)}` : text), "");
      return drawn("g", { class: "series" }, drawn("path", { d, class: `line hue-${hueOf(run.method) % 8}`, fill: "none" }),
        ...path.filter(Boolean).map(([x, y]) => rb.mark(hueOf(run.method), 8, { transform: `translate(${x},${y})` })));
    });
    const said = data.runs.map((run, index) => {
      const values = scores[index].filter((value) => value !== null);
      return values.length ? `${run.method_title}: ${figure(Math.min(...values), each.digits)} to ${figure(Math.max(...values), each.digits)}` : `${run.method_title}: ${rb.ABSENT}`;
    });
    host.replaceChildren(
      drawn("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${titled(each)} view by view. ${said.join("; ")}` }, grid, ...lines),
      element("p", { class: "legend", "aria-hidden": "true" }, ...data.runs.map(named)));
  }

  function drawLedger() {
    const items = data.ledger;
    const most = Math.max(...data.runs.map((run) => run.seconds_full), 1e-9);
    const list = element("dl", { class: "ledger" });
    for (const run of data.runs) {
      const bar = element("span", { class: "stack", "aria-hidden": "true" });
      items.forEach((item, index) => {
        if (!run.seconds[item]) return;
        const part = element("span", { class: `part-${index}`, title: `${item}: ${rb.duration(run.seconds[item])}` });
        part.style.width = `${(100 * run.seconds[item]) / most}%`;
        bar.append(part);
      });
      const words = items.filter((item) => item in run.seconds).map((item) => `${item} ${rb.duration(run.seconds[item])}`);
      list.append(element("dt", {}, named(run), element("span", { class: "detail" }, rb.duration(run.seconds_full))), element("dd", {}, bar, element("span", { class: "words" }, words.join(", "))));
    }
    const used = items.map((item, index) => [item, index]).filter(([item]) => data.runs.some((run) => run.seconds[item]));
    document.getElementById("ledger").replaceChildren(list, element("p", { class: "legend", "aria-hidden": "true" }, ...used.map(([item, index]) => element("span", {}, element("span", { class: `swatch part-${index}` }), item))));
  }

  function drawProvenance() {
    document.getElementById("provenance").append(...data.runs.map((run) => {
      const list = element("dl", { class: "facts" });
      for (const [name, value] of run.provenance) list.append(element("dt", {}, name), element("dd", {}, value));
      return element("details", {}, element("summary", {}, named(run), element("code", {}, run.digest.slice(0, 12))), list);
    }));
  }

  rb.theme();
  drawHead();
  rb.compare(data, hueOf);
  drawScores();
  const options = data.metrics.filter((each) => data.runs.some((run) => (run.views[each.id] ?? []).some((score) => score !== null)));
  let chosen = options[0]?.id;
  const drawChosen = () => { if (chosen) drawViews(chosen); };
  if (options.length) {
    document.getElementById("per-view-controls").append(rb.select("Score", options.map((each) => [each.id, each.title]), chosen, (id) => {
      chosen = id;
      drawChosen();
    }));
  }
  drawChosen();
  drawLedger();
  drawProvenance();
  window.addEventListener("resize", drawChosen);
})();
