"use strict";
/* A scan's pictures: a divider between two of them, and maps of each method's error. */

/** Fills the stage, the choice of views and the error maps of `data`, the page's. */
rb.compare = (data, hueOf) => {
  const { element } = rb;
  const TRUTH = "truth";
  const stage = document.getElementById("stage");
  if (!data.views.length) {
    stage.append(element("p", { class: "empty" }, data.no_pictures));
    for (const id of ["views", "errors"]) document.getElementById(id).hidden = true;
    return;
  }

  const sources = new Map([[TRUTH, { title: "Ground truth", pictures: data.views.map((view) => view.truth) }]]);
  for (const run of data.runs) if (run.pictures) sources.set(run.method, { title: run.method_title, pictures: run.pictures });
  const names = [...sources].map(([key, source]) => [key, source.title]);
  const methods = [...sources.keys()].slice(1);
  const state = { view: 0, left: TRUTH, right: data.best ?? methods[0] ?? TRUTH, gain: 4 };

  const says = (side) => `${sources.get(state[side]).title}, ${data.views[state.view].label}`;
  const [under, over] = ["under", "over"].map((name) =>
    element("img", { class: name, width: data.picture_px, height: data.picture_px, decoding: "async" }));
  const [leftTag, rightTag] = ["left", "right"].map((name) => element("span", { class: `tag ${name}`, "aria-hidden": "true" }));
  const range = element("input", { type: "range", min: "0", max: "100", step: "1", value: "50", class: "divider-input" });
  const divider = element("span", { class: "divider", "aria-hidden": "true" }, element("span", { class: "grip" }));
  const figure = element("figure", { class: "compare" }, under, over, range, divider, leftTag, rightTag);
  const caption = element("p", { class: "note", role: "status" });
  stage.replaceChildren(figure, caption);

  function split() {
    figure.style.setProperty("--split", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % ${sources.get(state.left).title}`);
  }
  range.addEventListener("input", split);

  function drawStage() {
    under.src = sources.get(state.right).pictures[state.view];
    over.src = sources.get(state.left).pictures[state.view];
    under.alt = says("right");
    over.alt = says("left");
    leftTag.textContent = sources.get(state.left).title;
    rightTag.textContent = sources.get(state.right).title;
    range.setAttribute("aria-label", `Divider: ${sources.get(state.left).title} on its left, ${sources.get(state.right).title} on its right`);
    const score = data.runs.find((run) => run.method === state.right)?.views.psnr_db?.[data.views[state.view].view];
    caption.textContent = `View ${data.views[state.view].view}, from ${data.views[state.view].label}. `
      + (score === undefined || score === null ? "" : `${sources.get(state.right).title} here: ${rb.figure(score, 2)} dB. `)
      + data.picture_note;
    split();
  }

  function drawControls() {
    const put = (side) => (value) => {
      state[side] = value;
      drawStage();
    };
    const swap = element("button", { type: "button", class: "quiet" }, "Swap");
    swap.addEventListener("click", () => {
      [state.left, state.right] = [state.right, state.left];
      drawControls();
      drawStage();
      document.querySelector("#compare-controls button").focus();
    });
    document.getElementById("compare-controls").replaceChildren(
      rb.select("Left", names, state.left, put("left")),
      rb.select("Right", names, state.right, put("right")),
      swap,
    );
  }

  function drawViews() {
    const field = document.getElementById("views");
    field.hidden = data.views.length < 2;
    data.views.forEach((view, index) => {
      const input = element("input", { type: "radio", name: "view", value: index, checked: index === state.view });
      input.addEventListener("change", () => {
        state.view = index;
        drawStage();
        drawMaps();
      });
      field.append(element("label", {}, input, element("img", { src: view.truth, alt: "", width: 96, height: 96, loading: "lazy" }), element("span", {}, view.label)));
    });
  }

  /* A map is made by the browser: the two pictures' difference, its mean over the channels times the gain, in
     a colour map. Nothing reads pixels, so that it also works from a folder. */
  function drawMaps() {
    const share = state.gain / 3;
    document.getElementById("error-gain").setAttribute(
      "values", `${`${share} ${share} ${share} 0 0 `.repeat(3)}0 0 0 0 1`);
    document.getElementById("error-maps").replaceChildren(
      ...methods.map((method) => {
        const source = sources.get(method);
        const size = { width: data.picture_px, height: data.picture_px };
        const score = data.runs.find((run) => run.method === method).views.psnr_db?.[data.views[state.view].view];
        return element("figure", {},
          element("div", { class: "map", role: "img", "aria-label": `Error of ${says("left").replace(/^.*?, /, `${source.title}, `)}` },
            element("img", { src: data.views[state.view].truth, alt: "", ...size }),
            element("img", { src: source.pictures[state.view], alt: "", class: "difference", ...size })),
          element("figcaption", {}, element("span", { class: "method" }, rb.key(hueOf(method)), source.title),
            element("span", { class: "detail" }, score === undefined || score === null ? rb.ABSENT : `${rb.figure(score, 2)} dB`)));
      }),
    );
    const levels = [0, 0.25, 0.5, 0.75, 1].map((part) => `${Math.round((part * 255) / state.gain)}`);
    document.getElementById("error-legend").replaceChildren(
      element("span", { class: "bar", "aria-hidden": "true" }),
      element("span", { class: "levels" }, ...levels.map((level, index) =>
        element("span", {}, index === levels.length - 1 && state.gain > 1 ? `≥ ${level}` : level))),
      element("p", { class: "note" }, `|render − ground truth|, mean over red, green and blue, in steps of 8-bit sRGB${data.shrunk ? ", of the pictures as shrunk here" : ""}.`),
    );
  }

  drawControls();
  drawViews();
  drawStage();
  if (!methods.length) document.getElementById("errors").hidden = true;
  document.getElementById("error-controls").append(
    rb.select("White at an error of", [1, 2, 4, 8, 16].map((gain) => [String(gain), `${Math.round(255 / gain)} of 255`]), String(state.gain), (value) => {
      state.gain = Number(value);
      drawMaps();
    }));
  drawMaps();
};
