"use strict";
/* What every page shares: its data, elements, figures as text, colours and the theme. No name is ever read
   as markup: text enters the page through text nodes only. */

const rb = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const ABSENT = "n/a";

  /** The page's data, from a script element that the browser does not execute. */
  const data = () => JSON.parse(document.getElementById("data").textContent);

  /** Turns {column: {of, at}} and {column: [numbers]} into an array of objects with a common prototype. */
  function rowsOf(columns) {
    const names = Object.keys(columns);
    const length = names.length ? (columns[names[0]].at ?? columns[names[0]]).length : 0;
    const read = names.map((name) => {
      const column = columns[name];
      return Array.isArray(column) ? (i) => column[i] : (i) => column.of[column.at[i]];
    });
    return Array.from({ length }, (_, i) => {
      const row = {};
      for (let n = 0; n < names.length; n += 1) row[names[n]] = read[n](i);
      return row;
    });
  }

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      node.setAttribute(name, value === true ? "" : String(value));
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  const element = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const drawn = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  const formats = new Map();
  /** A figure with a fixed number of digits behind the point, or "n/a". */
  function figure(value, digits) {
    if (value === null || value === undefined) return ABSENT;
    if (!formats.has(digits)) {
      formats.set(
        digits,
        new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
      );
    }
    return formats.get(digits).format(value);
  }

  /** Three significant digits, for what spans decades: seconds, frames a second. */
  function span(value) {
    if (value === null || value === undefined) return ABSENT;
    return figure(value, value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3);
  }

  /** A round number without zeros behind the point, for axes. */
  const round = (value) => String(Number(value.toPrecision(3)));

  function duration(seconds) {
    if (seconds === null || seconds === undefined) return ABSENT;
    if (seconds < 60) return `${round(seconds)} s`;
    const unit = seconds < 3600 ? [60, "min"] : seconds < 86400 ? [3600, "h"] : [86400, "d"];
    return `${figure(seconds / unit[0], 1).replace(/\.0$/, "")} ${unit[1]}`;
  }

  function bytes(count) {
    if (count === null || count === undefined) return ABSENT;
    const power = Math.min(4, Math.floor(Math.log10(Math.max(count, 1)) / 3));
    return `${span(count / 1000 ** power)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
  }

  /** A method's mark: one of eight colours, and a shape, since colour alone does not reach everyone. */
  const SHAPES = ["circle", "square", "diamond", "up", "down"];
  function mark(index, size, attributes = {}) {
    const [shape, r] = [SHAPES[index % SHAPES.length], size / 2];
    const paths = {
      circle: `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0z`,
      square: `M${-0.88 * r},${-0.88 * r}h${1.76 * r}v${1.76 * r}h${-1.76 * r}z`,
      diamond: `M0,${-1.18 * r}L${1.18 * r},0L0,${1.18 * r}L${-1.18 * r},0z`,
      up: `M0,${-1.1 * r}L${1.1 * r},${0.85 * r}H${-1.1 * r}z`,
      down: `M0,${1.1 * r}L${1.1 * r},${-0.85 * r}H${-1.1 * r}z`,
    };
    return drawn("path", { d: paths[shape], class: `mark hue-${index % 8}`, ...attributes });
  }

  /** The mark as a small picture of its own, for tables and legends. */
  const key = (index) =>
    drawn("svg", { class: "key", viewBox: "-7 -7 14 14", "aria-hidden": "true" }, mark(index, 10));

  function select(label, options, value, onChange) {
    const id = `select-${label.toLowerCase().replace(/[^a-z]+/g, "-")}`;
    const field = element("select", { id });
    for (const [key, text] of options) {
      field.append(element("option", { value: key, selected: key === value }, text));
    }
    field.addEventListener("change", () => onChange(field.value));
    return element("div", { class: "field" }, element("label", { for: id }, label), field);
  }

  function theme() {
    const button = document.getElementById("theme");
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const current = () => document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
    const show = () => {
      button.textContent = current() === "dark" ? "Light" : "Dark";
      button.setAttribute("aria-label", `Use the ${current() === "dark" ? "light" : "dark"} theme`);
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      document.documentElement.dataset.theme = current() === "dark" ? "light" : "dark";
      try {
        localStorage.setItem("renderbench-theme", document.documentElement.dataset.theme);
      } catch {
        /* A page opened from a folder may have no storage; the choice then lasts as long as the page. */
      }
      show();
    });
    system.addEventListener("change", show);
    show();
  }

  return { ABSENT, data, rowsOf, element, drawn, figure, span, round, duration, bytes, mark, key, select, theme };
})();
