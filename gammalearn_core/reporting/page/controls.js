"use strict";
// Legends, switches and downloads of each figure, and the runs of a comparison.
const figures = [...document.querySelectorAll("figure[data-item]")].map((element) => ({
  element, number: Number(element.dataset.item), drawn: false, seen: false,
}));

function redraw(figure) {
  const item = page.items[figure.number];
  const mine = state.items[figure.number];
  const hidden = item.run !== undefined && !state.runs[item.run];
  figure.element.classList.toggle("off-run", hidden);
  figure.drawn = false;
  if (hidden || !figure.seen) return;
  const place = figure.element.querySelector(".plot");
  place.replaceChildren(item.matrix ? matrix(item, mine) : chart(item, mine));
  figure.drawn = true;
  document.body.dataset.drawn = String(figures.filter((f) => f.drawn).length);
}

function see(figure) {
  if (figure.seen) return;
  figure.seen = true;
  redraw(figure);
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function swatch(colour, symbol, dash, line) {
  const svg = d3.create("svg").attr("viewBox", "0 0 22 12").attr("aria-hidden", "true");
  if (line) svg.append("line").attr("x1", 0).attr("x2", 22).attr("y1", 6).attr("y2", 6).attr("stroke", colour).attr("stroke-width", 1.7).attr("stroke-dasharray", dash || null);
  const kinds = { circle: d3.symbolCircle, square: d3.symbolSquare, triangle: d3.symbolTriangle, diamond: d3.symbolDiamond, cross: d3.symbolCross, star: d3.symbolStar, wye: d3.symbolWye };
  if (symbol) svg.append("path").attr("transform", "translate(11,6)").attr("d", d3.symbol(kinds[symbol], 34)()).attr("fill", colour);
  return svg.node();
}

/* Legend: a button for each series; in a comparison for each label, since the runs have a legend of their own. */
function legend(figure, item, mine) {
  const place = figure.element.querySelector(".legend");
  if (item.matrix) {
    const ramp = element("span", { class: "ramp" });
    ramp.style.background = `linear-gradient(to right, ${d3.range(0, 1.01, 0.1).map(d3.interpolateViridis).join(", ")})`;
    place.append(`${item.value_label || "samples"}: 0`, ramp, number(highest(item)));
    return;
  }
  const look = looks(item);
  const groups = new Map();
  item.series.forEach((s, i) => {
    const key = s.run === undefined ? `series ${i}` : `label ${s.label}`;
    if (!groups.has(key)) groups.set(key, { text: s.label, rows: [], look: look[i], kind: s.kind, ofRun: s.run !== undefined });
    groups.get(key).rows.push(i);
  });
  if ([...groups.values()].filter((g) => g.text).length < 2) return;
  for (const group of groups.values()) {
    const colour = group.ofRun ? "var(--quiet)" : group.look.colour;
    const button = element("button", { type: "button", "aria-pressed": String(!mine.off[group.rows[0]]), title: "show or hide" },
      swatch(colour, group.kind === "points" || group.kind === "line" ? group.look.symbol : "", group.look.dash, group.kind !== "points"), group.text);
    button.addEventListener("click", () => {
      const off = !mine.off[group.rows[0]];
      group.rows.forEach((i) => (mine.off[i] = off));
      button.setAttribute("aria-pressed", String(!off));
      redraw(figure);
    });
    place.append(button);
  }
}

function positive(item, axis) {
  if (item.matrix) return item[`${axis}_edges`].filter((v) => v > 0).length > 1;
  return item.series.some((s) => s[axis].some((v) => v !== null && v > 0));
}

function bar(figure, item, mine) {
  const place = figure.element.querySelector(".bar");
  for (const axis of ["x", "y"]) {
    if (!positive(item, axis)) continue;
    const box = element("input", { type: "checkbox", name: `log-${axis}` });
    box.checked = mine[`${axis}Log`];
    box.addEventListener("change", () => {
      mine[`${axis}Log`] = box.checked;
      redraw(figure);
    });
    place.append(element("label", {}, box, `log ${axis}`));
  }
  const save = (kind, make) => element("button", { type: "button", title: `save as ${kind}`, onclick: () => download(`${item.id}.${kind.toLowerCase()}`, make(figure, item)) }, kind);
  place.append(element("span", { class: "to" }, save("CSV", (_, i) => csv(i)), save("JSON", (_, i) => JSON.stringify(withRuns(i), null, 1)), save("SVG", svgOf)));
}

function download(name, text) {
  const kinds = { csv: "text/csv", json: "application/json", svg: "image/svg+xml" };
  const address = URL.createObjectURL(new Blob([text], { type: `${kinds[name.split(".").pop()]};charset=utf-8` }));
  element("a", { href: address, download: name.replace(/[^\w.-]+/g, "_") }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/* A cell: quoted where it must be, and never a formula for a spreadsheet. */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function csv(item) {
  const rows = [];
  const run = (r) => (r === undefined ? "" : page.runs[r].label);
  if (item.matrix) {
    rows.push(["run", "x_low", "x_high", "y_low", "y_high", item.value_label || "samples", "n of column"]);
    item.counts.forEach((row, j) => row.forEach((value, i) => rows.push([run(item.run), item.x_edges[i], item.x_edges[i + 1], item.y_edges[j], item.y_edges[j + 1], value, item.n ? item.n[i] : null])));
  } else {
    rows.push(["run", "series", "kind", `x: ${item.x_label}`, "x_low", "x_high", `y: ${item.y_label}`, "y_low", "y_high", "n"]);
    for (const s of item.series) {
      s.y.forEach((y, i) => {
        const steps = s.kind === "steps";
        const at = (list) => (list ? list[i] : null);
        rows.push([run(s.run), s.label, s.kind, steps ? null : s.x[i], steps ? s.x[i] : at(s.edges), steps ? s.x[i + 1] : s.edges ? s.edges[i + 1] : null, y, at(s.y_low), at(s.y_high), at(s.n)]);
      });
    }
  }
  return rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

function withRuns(item) {
  return { runs: page.runs, ...item };
}

/* The figure as a file of its own: colours of the page put in, on its paper. */
function svgOf(figure, item) {
  see(figure);
  const svgs = figure.element.querySelectorAll(".plot svg");
  const copy = svgs[svgs.length - 1].cloneNode(true);
  const style = getComputedStyle(document.documentElement);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("style", `background:${style.getPropertyValue("--paper").trim()};color:${style.getPropertyValue("--ink").trim()}`);
  copy.setAttribute("font-family", "sans-serif");
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = item.title;
  copy.prepend(title);
  return new XMLSerializer().serializeToString(copy).replace(/var\((--\w+)\)/g, (_, name) => style.getPropertyValue(name).trim());
}

function runs() {
  const place = document.querySelector(".runs");
  if (!place) return;
  const set = (on) => {
    state.runs = on;
    place.querySelectorAll("input").forEach((box, i) => {
      box.checked = on[i];
      box.parentElement.classList.toggle("off", !on[i]);
    });
    document.querySelectorAll("[data-run]").forEach((e) => e.classList.toggle("off-run", !on[Number(e.dataset.run)]));
    figures.forEach(redraw);
  };
  page.runs.forEach((run, i) => {
    const box = element("input", { type: "checkbox" });
    box.checked = true;
    box.addEventListener("change", () => set(state.runs.map((on, j) => (j === i ? box.checked : on))));
    place.append(element("label", { title: run.id }, box, swatch(`var(--c${i % 8})`, SYMBOLS[i % SYMBOLS.length], DASHES[Math.floor(i / 8) % DASHES.length], true), run.label));
  });
  place.append(element("span", { class: "all" },
    element("button", { type: "button", onclick: () => set(state.runs.map(() => true)) }, "all"),
    element("button", { type: "button", onclick: () => set(state.runs.map(() => false)) }, "none")));
}
