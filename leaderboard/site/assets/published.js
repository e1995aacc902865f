"use strict";
/* What the paper published beside our blocks: its figures in columns of their own, never among ours. */

/**
 * Returns `show(pairs, method)`, which fills `host` with a table a pair.
 *
 * `paper` is {title}; a pair is {block_title, suite, published_title, table,
 * scans, scans_published, differs, rows}; a row {method, method_title, ours, published}. `method` is the only
 * one to show, or "". `hue(row)` is a method's colour, none for one that is the paper's alone.
 */
rb.published = (host, { paper, hue }) => {
  const { element, figure, span } = rb;
  const digits = (count) => (value) => figure(value, count);
  /* No digit more or less than the paper's, where it does not always print as many. */
  const printed = (value) => value?.toLocaleString("en", { maximumFractionDigits: 3 }) ?? rb.ABSENT;
  /* Key, title, and how ours and the paper's are written. */
  const MEASURES = [
    ["ssim", "SSIM", digits(3), digits(3)],
    ["psnr_db", "PSNR (dB)", digits(2), digits(2)],
    ["lpips_vgg", "LPIPS", digits(3), digits(3)],
    ["seconds_without_views", "Prep. (s)", span, printed],
    ["points", "Points", digits(0), digits(0)],
    ["fps", "FPS", span, printed],
  ];

  const head = () => [
    element("tr", {}, element("th", { rowspan: 2, scope: "col", class: "names" }, "Method"),
      ...MEASURES.map(([, title]) => element("th", { colspan: 2, scope: "colgroup", class: "measure" }, title))),
    element("tr", {}, ...MEASURES.flatMap(() => [
      element("th", { scope: "col", class: "number" }, "ours"),
      element("th", { scope: "col", class: "number theirs" }, "published"),
    ])),
  ];

  const cells = (row) => MEASURES.flatMap(([key, , ours, theirs]) => [
    element("td", { class: "number" }, ours(row.ours?.[key])),
    element("td", { class: "number theirs" }, theirs(row.published?.[key])),
  ]);

  const named = (row) => {
    const colour = hue(row);
    return element("span", { class: "method" }, colour === undefined ? null : rb.key(colour), row.method_title);
  };

  function pairing(pair, rows, several) {
    const title = `${paper.title}, Table ${pair.table}: ${pair.published_title}`;
    const ours = `Ours: ${pair.block_title}${several ? ` (${pair.suite})` : ""}`;
    const counts = `${figure(pair.scans, 0)} ${pair.scans === 1 ? "scan" : "scans"} of ours, ${figure(pair.scans_published, 0)} of the paper's.`;
    const body = element("tbody", {}, ...rows.map((row) => element("tr", {}, element("th", { scope: "row" }, named(row)), ...cells(row))));
    const table = element("table", { class: "beside" },
      element("caption", { class: "visually-hidden" }, `${title}. ${ours}`), element("thead", {}, ...head()), body);
    return element("article", { class: "pair" },
      element("h3", {}, title), element("p", { class: "note" }, `${ours}. ${counts}`),
      element("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": `${title}. ${ours}` }, table),
      element("details", { class: "differs" },
        element("summary", {}, `${figure(pair.differs.length, 0)} conditions differ`),
        element("ul", {}, ...pair.differs.map((line) => element("li", {}, line)))));
  }

  return (pairs, method) => {
    const several = new Set(pairs.map((pair) => pair.suite)).size > 1;
    const shown = pairs
      .map((pair) => [pair, pair.rows.filter((row) => !method || row.method === method)])
      .filter(([, rows]) => rows.length);
    host.replaceChildren(...shown.map(([pair, rows]) => pairing(pair, rows, several)));
    return shown.length;
  };
};
