"use strict";
/* The front page: filters, two plots, the results as a table, and a card a scan. */
(() => {
  const { element, figure, span } = rb;
  const data = rb.data();
  const metrics = data.metrics;
  const levels = { blocks: rb.rowsOf(data.blocks), runs: rb.rowsOf(data.runs) };
  const hues = new Map(data.methods.map((method, index) => [method, index]));
  const hue = (row) => hues.get(row.method);
  const cards = rb.rowsOf(data.scans);

  const FILTERS = [
    ["suite", "Suite"],
    ["dataset", "Dataset"],
    ["transfer_function", "Transfer function"],
    ["groups", "Groups"],
    ["protocol", "Protocol"],
    ["method", "Method"],
  ];
  const COSTS = {
    seconds_without_views: "Preparation",
    seconds_full: "Preparation, views counted",
  };
  const state = {
    level: "blocks",
    metric: metrics[0]?.id,
    cost: "seconds_without_views",
    condition: "",
    columns: new Set(data.columns),
    filters: Object.fromEntries(FILTERS.map(([key]) => [key, ""])),
  };

  const condition = (row) => `${row.suite}\u0000${row.block}`;
  const shown = (rows) =>
    rows.filter((row) =>
      FILTERS.every(([key]) => !state.filters[key] || row[key] === undefined || row[key] === state.filters[key]));

  /* Filters: only those that choose between something. */
  function drawFilters() {
    const form = document.getElementById("filters");
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const [key, label] of FILTERS) {
      const names = key === "method" ? data.methods : [...new Set(levels.blocks.map((row) => row[key]))];
      if (names.length < 2) continue;
      const titles = key === "method" ? new Map(levels.blocks.map((row) => [row.method, row.method_title])) : new Map();
      const options = [["", "All"], ...names.map((name) => [name, titles.get(name) ?? name])];
      form.append(rb.select(label, options, "", (value) => {
        state.filters[key] = value;
        drawAll();
      }));
    }
    form.hidden = !form.children.length;
  }

  function drawSummary() {
    const count = (rows, key) => new Set(rows.map(key)).size;
    const plural = (n, noun) => `${figure(n, 0)} ${noun}${n === 1 ? "" : "s"}`;
    const said = [
      plural(data.methods.length, "method"),
      plural(count(cards, (card) => `${card.dataset}\u0000${card.scan}`), "scan"),
      plural(count(levels.blocks, condition), "condition"),
      plural(levels.runs.length, "run"),
    ];
    document.getElementById("summary").textContent =
      `Photorealistic volume rendering of CT, judged against path-traced ground truth: ${said.slice(0, 3).join(", ")}, ${said[3]}.`;
    document.getElementById("foot").append(
      element("p", {}, `Exported ${data.exported.replace("T", " ").replace("+00:00", " UTC")} by renderbench ${data.renderbench}. `
        + "Every figure comes from a run record; this page loads nothing from elsewhere."),
    );
    document.getElementById("published-lead").textContent =
      `${data.published.reference}, as published: ${data.published.statistics}. These figures were not measured here; they are ranked with nothing and stand in no plot. `
      + `LPIPS there is ${data.published.lpips}; ours is of VGG. What differs is listed below each table.`;
    const left = document.getElementById("skipped");
    left.hidden = !data.skipped.length;
    document.getElementById("skipped-list").append(...data.skipped.map((line) => element("li", {}, line)));
  }

  /* Plots */
  const decades = (...parts) => [-4, -3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => parts.map((part) => part * 10 ** power));
  const under = (ticks, most) => ticks.filter((tick) => tick <= most);
  /* From coarse to fine; the first that puts two ticks on the axis is taken. */
  const SECONDS = [
    [...under(decades(1), 10), 60, 600, 3600, 36000, 360000],
    [...under(decades(1, 2, 5), 30), 60, 120, 300, 600, 1800, 3600, 7200, 18000, 36000],
    [...under(decades(1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), 50), ...[60, 3600].flatMap((unit) => [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50].map((n) => n * unit))],
  ];
  const PER_SECOND = [decades(1), decades(1, 2, 5), decades(1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)];
  let redraw = [];
  function drawPlots() {
    const rows = shown(levels.blocks);
    const conditions = new Map(rows.map((row) => [condition(row), row]));
    if (!conditions.has(state.condition)) state.condition = conditions.keys().next().value ?? "";
    const several = new Set([...conditions.values()].map((row) => row.suite)).size > 1;
    const named = [...conditions].map(([key, row]) => [key, several ? `${row.block_title} (${row.suite})` : row.block_title]);
    const controls = document.getElementById("plot-controls");
    const put = (key) => (value) => {
      state[key] = value;
      drawPlots();
      document.getElementById(`select-${{ condition: "condition", metric: "quality", cost: "cost" }[key]}`).focus();
    };
    controls.replaceChildren(
      rb.select("Condition", named, state.condition, put("condition")),
      rb.select("Quality", metrics.map((metric) => [metric.id, metric.title]), state.metric, put("metric")),
      rb.select("Cost", Object.entries(COSTS), state.cost, put("cost")),
    );
    const metric = metrics.find((each) => each.id === state.metric);
    const here = rows.filter((row) => condition(row) === state.condition);
    const y = {
      title: metric.unit ? `${metric.title} (${metric.unit})` : metric.title,
      better: metric.better,
      text: (value, exact) => (exact ? figure(value, metric.digits) : rb.round(value)),
    };
    const points = (key) =>
      here.map((row) => ({
        x: row[key],
        y: row[metric.id],
        low: row[`${metric.id}_low`],
        high: row[`${metric.id}_high`],
        label: row.method_title,
        hue: hue(row),
      }));
    const floor = { psnr_db: here[0]?.noise_floor_db, ssim: here[0]?.noise_floor_ssim }[metric.id] ?? null;
    redraw = [
      rb.scatter(document.getElementById("plot-time"), {
        title: `${metric.title} against preparation time`,
        x: { title: "preparation time", better: "lower", text: rb.duration, ticks: SECONDS },
        y, floor, points: points(state.cost),
      }),
      rb.scatter(document.getElementById("plot-fps"), {
        title: `${metric.title} against frames per second`,
        x: { title: "frames per second", better: "higher", text: (value, exact) => (exact ? span : rb.round)(value), ticks: PER_SECOND },
        y, floor, points: points("fps"),
      }),
    ];
    const machines = [...new Set(here.map((row) => row.machine))];
    document.getElementById("plot-note").textContent =
      "Filled marks on the line are the Pareto front: nothing here is better in both. "
      + (machines.length > 1 ? `Times come from ${machines.length} different machines and do not compare: ` : "Times measured on ")
      + `${machines.join("; ")}.`;
  }

  /* The table */
  const metricColumn = (metric) => ({
    key: metric.id,
    title: metric.unit ? `${metric.title} (${metric.unit})` : metric.title,
    hint: metric.convention,
    numeric: true,
    better: metric.better,
    value: (row) => row[metric.id] ?? null,
    cell: (row) => score(row, metric),
  });
  const plain = (key, title, hint, text, better = "neither") => ({
    key, title, hint, numeric: true, better, value: (row) => row[key] ?? null, cell: (row) => text(row[key] ?? null),
  });
  const COLUMNS = [
    ...metrics.map(metricColumn),
    plain("seconds_without_views", "Prep. (s)", "Raw CT to ready scene, ground-truth views not counted", span, "lower"),
    plain("seconds_full", "With views (s)", "Raw CT to ready scene, ground-truth fitting views counted", span, "lower"),
    plain("fps", "FPS", "Frames per second over the test views, warmed up", span, "higher"),
    plain("points", "Points", "Primitives in the scene", (value) => figure(value, 0)),
    plain("scene_bytes", "On disk", "Size of scene.ply", rb.bytes, "lower"),
    plain("peak_memory_bytes", "Memory", "Most memory held while preparing", rb.bytes, "lower"),
    plain("noise_floor_db", "Floor (dB)", "PSNR that a perfect method would score against this ground truth", (value) => figure(value, 1)),
  ];

  /** How many scans a mean is over; of how many, where some are missing. */
  const covered = (row) => (row.complete ? figure(row.scans, 0) : `${figure(row.scans, 0)} of ${figure(row.scans_of_block, 0)}`);

  let best = new Map();
  const bestKey = (row, id) => `${condition(row)}\u0000${row.scan ?? ""}\u0000${id}`;
  function findBest() {
    best = new Map();
    for (const row of levels[state.level]) {
      for (const metric of metrics) {
        const [value, key] = [row[metric.id], bestKey(row, metric.id)];
        if (value === null || value === undefined) continue;
        const known = best.get(key);
        const better = metric.better === "lower" ? value < known : value > known;
        if (known === undefined || better) best.set(key, value);
      }
    }
  }

  function score(row, metric) {
    const value = row[metric.id] ?? null;
    const text = figure(value, metric.digits);
    if (value === null) return element("span", { class: "absent" }, text);
    const verdict = row[`${metric.id}_verdict`];
    const leads = verdict ? verdict === "best" : figure(best.get(bestKey(row, metric.id)), metric.digits) === text;
    const cell = element("span", {}, leads ? element("strong", {}, text) : text);
    if (metric.id === "psnr_db" && row.near_noise_floor) cell.append(element("sup", {}, element("abbr", { title: data.near_floor }, "†")));
    if (verdict === "tie") cell.append(element("abbr", { class: "tie", title: data.tie }, " ≈"));
    const [low, high] = [row[`${metric.id}_low`], row[`${metric.id}_high`]];
    if (low !== null && low !== undefined) {
      cell.append(element("span", { class: "interval" }, `${figure(low, metric.digits)}–${figure(high, metric.digits)}`));
    }
    return cell;
  }

  function columns() {
    const runs = state.level === "runs";
    const titles = new Set(levels.blocks.map((row) => row.suite)).size > 1;
    const head = [
      {
        key: "condition", title: "Condition", groups: true,
        value: (row) => row.order,
        cell: (row) => element("span", { class: "condition" }, row.block_title, titles ? element("small", {}, row.suite) : null),
      },
      {
        key: "method", title: "Method", names: true,
        value: (row) => row.method_title,
        cell: (row) => element("span", {},
          // Where there is no room for a column, the condition stands above the first of its methods.
          element("small", { class: "narrow-only" }, row.block_title),
          element("span", { class: "method" }, rb.key(hue(row)), row.method_title)),
      },
    ];
    if (runs) {
      head.push({
        key: "scan", title: "Scan",
        value: (row) => row.scan,
        cell: (row) => (row.page ? element("a", { href: `scans/${row.page}` }, row.scan) : row.scan),
      });
    }
    const rest = COLUMNS.filter((column) => state.columns.has(column.key));
    if (!runs) rest.push({ ...plain("scans", "Scans", "How many scans the means are over"), cell: covered });
    return [...head, ...rest];
  }

  const showTable = rb.table(document.getElementById("table"), {
    caption: "Results",
    sort: { key: "condition", down: false },
  });

  function drawTableControls() {
    const choice = element("fieldset", { class: "segments" }, element("legend", { class: "visually-hidden" }, "What a row is"));
    for (const [level, text] of [["blocks", "Means"], ["runs", "Single scans"]]) {
      const input = element("input", { type: "radio", name: "level", value: level, checked: level === state.level });
      input.addEventListener("change", () => {
        state.level = level;
        findBest();
        drawTable();
      });
      choice.append(element("label", {}, input, element("span", {}, text)));
    }
    const list = element("div", { class: "menu" });
    for (const column of COLUMNS) {
      const box = element("input", { type: "checkbox", checked: state.columns.has(column.key) });
      box.addEventListener("change", () => {
        if (box.checked) state.columns.add(column.key);
        else state.columns.delete(column.key);
        drawTable();
      });
      list.append(element("label", { title: column.hint }, box, column.title));
    }
    const menu = element("details", { class: "dropdown" }, element("summary", {}, "Columns"), list);
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.firstChild.focus();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
    document.getElementById("table-controls").replaceChildren(choice, menu);
  }

  function drawTable() {
    const rows = shown(levels[state.level]);
    showTable(columns(), rows);
    const notes = [...data.notes];
    if (rows.some((row) => row.near_noise_floor)) notes.unshift(`† ${data.near_floor}`);
    if (metrics.some((metric) => rows.some((row) => row[`${metric.id}_verdict`] === "tie"))) notes.unshift(`≈ ${data.tie}`);
    document.getElementById("table-notes").replaceChildren(...notes.map((note) => element("li", {}, note)));
  }

  /* Scans */
  const CARDS = 24;
  let asked = CARDS;
  function drawCards() {
    const found = shown(cards).filter((card) => !state.filters.method || card.methods.includes(state.filters.method));
    const list = element("ul", { class: "cards" });
    for (const card of found.slice(0, asked)) {
      const picture = card.picture
        ? element("img", { src: card.picture, alt: "", loading: "lazy", width: 320, height: 320 })
        : element("span", { class: "blank" }, "no picture");
      list.append(
        element("li", {}, element("a", { href: `scans/${card.page}` }, picture,
          element("span", { class: "name" }, card.scan),
          element("span", { class: "detail" }, `${card.block_title} · ${card.methods.length} ${card.methods.length === 1 ? "method" : "methods"}`))),
      );
    }
    const host = document.getElementById("scan-cards");
    host.replaceChildren(list);
    if (found.length > asked) {
      const more = element("button", { type: "button" }, `Show more of ${figure(found.length, 0)} scans`);
      more.addEventListener("click", () => {
        const first = asked;
        asked += CARDS;
        drawCards();
        host.querySelectorAll("a")[first].focus();
      });
      host.append(more);
    }
  }

  /* The paper */
  const paper = data.published;
  const showPublished = rb.published(document.getElementById("published-pairs"), { paper, hue });
  function drawPublished() {
    const count = showPublished(shown(paper.blocks), state.filters.method);
    document.getElementById("published").hidden = !count;
  }

  function drawAll() {
    asked = CARDS;
    drawPlots();
    drawTable();
    drawPublished();
    drawCards();
  }

  rb.theme();
  drawSummary();
  drawFilters();
  findBest();
  drawTableControls();
  drawAll();
  let width = document.documentElement.clientWidth;
  window.addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    redraw.forEach((draw) => draw());
  });
})();
