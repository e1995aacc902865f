"use strict";
/* Quality against cost: an SVG scatter with the Pareto front marked. */

/** Which of `points` no other beats in both, `signs` being +1 where more is better and -1 where less is. */
rb.pareto = (points, [signX, signY]) => {
  const beats = (a, b) => {
    const [x, y] = [signX * (a.x - b.x), signY * (a.y - b.y)];
    return x >= 0 && y >= 0 && (x > 0 || y > 0);
  };
  return points.map((point) => !points.some((other) => beats(other, point)));
};

/** Round numbers from `low` to `high`, about `count` of them. */
rb.ticks = (low, high, count) => {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step); tick * step <= high + 1e-9 * step; tick += 1) ticks.push(tick * step);
  return ticks;
};

/**
 * Draws into `host`, again whenever its width changes.
 *
 * `x` is {title, better, text(value), ticks}, on a logarithmic axis, `ticks` from coarse to fine; `y` is {title, better, text(value)};
 * `points` are {x, y, low, high, label, hue}; `floor` is a level that noise sets, or null.
 */
rb.scatter = (host, { title, x, y, points, floor }) => {
  const { drawn, element } = rb;
  const signs = [x, y].map((axis) => (axis.better === "lower" ? -1 : 1));
  const known = points.filter((point) => point.x > 0 && point.y !== null && point.y !== undefined);
  const left = points.length - known.length;
  const onFront = rb.pareto(known, signs);
  const tip = element("div", { class: "tip", "aria-hidden": "true", hidden: true });
  const canvas = element("div", { class: "canvas" });
  const caption = element("figcaption", {}, element("strong", {}, title));
  if (left) caption.append(element("span", {}, ` ${left} without both figures left out.`));
  host.replaceChildren(caption, canvas);
  if (!known.length) {
    canvas.append(element("p", { class: "empty" }, "No run here has both figures."));
    return () => {};
  }

  const margin = { top: 22, right: 18, bottom: 44, left: 52 };
  const xs = known.map((point) => Math.log10(point.x));
  const ys = known.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]);
  const xRange = widened(Math.min(...xs), Math.max(...xs), 0.22, 0.35);
  const yRange = widened(Math.min(...ys), Math.max(...ys), 0.14, 1e-3);
  const floorShown = floor !== null && floor > yRange[0] && floor < yRange[1] + 0.5 * (yRange[1] - yRange[0]);
  if (floorShown) yRange[1] = Math.max(yRange[1], floor + 0.04 * (yRange[1] - yRange[0]));

  function widened(low, high, share, least) {
    const by = Math.max((high - low) * share, least);
    return [low - by, high + by];
  }

  function draw() {
    const width = Math.max(260, canvas.clientWidth);
    const height = Math.round(Math.min(380, Math.max(250, width * 0.62)));
    const [right, bottom] = [width - margin.right, height - margin.bottom];
    const atX = (value) => margin.left + ((Math.log10(value) - xRange[0]) / (xRange[1] - xRange[0])) * (right - margin.left);
    const atY = (value) => bottom - ((value - yRange[0]) / (yRange[1] - yRange[0])) * (bottom - margin.top);

    const grid = drawn("g", { class: "grid" });
    for (const tick of rb.ticks(...yRange, 5)) {
      const level = Math.round(atY(tick)) + 0.5;
      grid.append(
        drawn("line", { x1: margin.left, x2: right, y1: level, y2: level }),
        drawn("text", { x: margin.left - 8, y: level + 4, "text-anchor": "end" }, y.text(tick)),
      );
    }
    const inside = x.ticks.map((ticks) => ticks.filter((tick) => Math.log10(tick) > xRange[0] && Math.log10(tick) < xRange[1]));
    for (const tick of inside.find((ticks) => ticks.length > 1) ?? inside.at(-1)) {
      const place = Math.round(atX(tick)) + 0.5;
      grid.append(
        drawn("line", { x1: place, x2: place, y1: bottom, y2: bottom + 5 }),
        drawn("text", { x: place, y: bottom + 19, "text-anchor": "middle" }, x.text(tick)),
      );
    }
    grid.append(
      drawn("line", { class: "axis", x1: margin.left, x2: right, y1: bottom + 0.5, y2: bottom + 0.5 }),
      drawn("text", { class: "title", x: right, y: height - 6, "text-anchor": "end" }, x.better === "lower" ? `← ${x.title}` : `${x.title} →`),
      drawn("text", { class: "title", x: 0, y: 11 }, `${y.better === "lower" ? "↓" : "↑"} ${y.title}`),
    );

    const front = drawn("path", { class: "front", d: steps(), fill: "none" });
    const dots = drawn("g");
    const taken = known.map((point) => box(atX(point.x), atY(point.y), 8, 8));
    known.forEach((point, index) => dots.append(dot(point, index, taken)));
    const level = drawn("g", { class: "floor" });
    if (floorShown) {
      const place = Math.round(atY(floor)) + 0.5;
      level.append(
        drawn("line", { x1: margin.left, x2: right, y1: place, y2: place }),
        drawn("text", { x: right, y: place - 5, "text-anchor": "end" }, "noise floor of the ground truth"),
      );
    }
    const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": title }, grid, level, front, dots);
    canvas.replaceChildren(picture, tip);

    function steps() {
      const order = known.filter((_, index) => onFront[index]).sort((a, b) => a.x - b.x);
      // From the better side of x, the front is what is reached so far; it ends at the plot's edges.
      const path = signs[0] < 0 ? order : order.reverse();
      const edge = signs[0] < 0 ? right : margin.left;
      const start = signs[1] > 0 ? bottom : margin.top;
      return path.reduce((d, point) => `${d}${d ? `H${atX(point.x)}V${atY(point.y)}` : `M${atX(point.x)},${start}V${atY(point.y)}`}`, "") + `H${edge}`;
    }

    function dot(point, index, taken) {
      const [cx, cy] = [atX(point.x), atY(point.y)];
      const said = `${point.label}: ${y.title} ${y.text(point.y, true)}, ${x.title} ${x.text(point.x, true)}`
        + (onFront[index] ? "; on the Pareto front" : "");
      const group = drawn("g", { class: onFront[index] ? "dot best" : "dot", tabindex: "0", role: "img", "aria-label": said, transform: `translate(${cx},${cy})` });
      if (point.low !== null && point.low !== undefined) {
        group.append(drawn("line", { class: `whisker hue-${point.hue % 8}`, x1: 0, x2: 0, y1: atY(point.low) - cy, y2: atY(point.high) - cy }));
      }
      group.append(drawn("circle", { class: "target", r: 16 }), rb.mark(point.hue, 13));
      const place = beside(point.label, cx, cy, taken);
      if (place) group.append(drawn("text", { x: place.x - cx, y: place.y - cy, "text-anchor": place.anchor }, place.text));
      const show = () => {
        tip.textContent = said;
        tip.hidden = false;
        tip.style.left = `${Math.min(Math.max(cx, 110), width - 110)}px`;
        tip.style.top = `${cy - 16}px`;
      };
      const hide = () => { tip.hidden = true; };
      for (const [event, act] of [["pointerenter", show], ["focus", show], ["pointerleave", hide], ["blur", hide]]) {
        group.addEventListener(event, act);
      }
      return group;
    }

    /** Where a label has room, right, left, above or below its point; nowhere: the tip and the table say it. */
    function beside(label, cx, cy, taken) {
      const text = label.length > 28 ? `${label.slice(0, 27)}…` : label;
      const half = (text.length * 6.7) / 2;
      const places = [
        { x: cx + 12, y: cy + 4, anchor: "start", middle: cx + 12 + half },
        { x: cx - 12, y: cy + 4, anchor: "end", middle: cx - 12 - half },
        { x: cx, y: cy - 13, anchor: "middle", middle: cx },
        { x: cx, y: cy + 22, anchor: "middle", middle: cx },
      ];
      for (const place of places) {
        const wanted = box(place.middle, place.y - 4, half, 8);
        const fits = wanted.left >= margin.left && wanted.right <= width && wanted.top >= margin.top - 8 && wanted.bottom <= bottom;
        if (fits && !taken.some((other) => meet(other, wanted))) {
          taken.push(wanted);
          return { ...place, text };
        }
      }
      return null;
    }
  }

  const box = (cx, cy, halfWidth, halfHeight) =>
    ({ left: cx - halfWidth, right: cx + halfWidth, top: cy - halfHeight, bottom: cy + halfHeight });
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

  draw();
  return draw;
};
