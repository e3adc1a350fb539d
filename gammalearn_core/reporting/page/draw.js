"use strict";
// Draws the charts and matrices of the page's data with Observable Plot. Gaps stay gaps: null is never a number here.
const page = JSON.parse(document.getElementById("page-data").textContent);
const FEW = page.few;
const WIDTH = 400;
const HEIGHT = 265;
const SEVERAL = 2;
const SYMBOLS = ["circle", "square", "triangle", "diamond", "cross", "star", "wye"];
const DASHES = ["", "6,2.5", "2,2.5", "8,2,2,2"];
const REFERENCES = ["var(--quiet)", "var(--c6)", "var(--c3)", "var(--c4)", "var(--c5)"];
const LONGEST = 44;
const state = { runs: page.runs.map(() => true), items: page.items.map((item) => fresh(item)) };

function fresh(item) {
  // Of many runs only the first quantity of a chart is shown until the others are asked for.
  const series = item.series || [];
  const first = labelsOf({ series })[0];
  return { xLog: !!item.x_log, yLog: !!item.y_log, off: series.map((s) => s.run !== undefined && page.runs.length > SEVERAL && s.label !== first) };
}

function labelsOf(item) {
  return [...new Set(item.series.filter((s) => s.kind !== "reference" || s.run !== undefined).map((s) => s.label))];
}

/* How a series looks: in a comparison its run has the colour, and its label the symbol. */
function looks(item) {
  const labels = labelsOf(item);
  let others = 0;
  return item.series.map((s, i) => {
    if (s.kind === "reference" && s.run === undefined) {
      const number = others++;
      const colours = page.runs.length > 1 ? ["var(--quiet)"] : REFERENCES;
      return { colour: colours[number % colours.length], symbol: "circle", dash: DASHES[1 + (number % 3)] };
    }
    const own = s.run === undefined ? i : s.run;
    const kind = s.run === undefined ? i : labels.length > 1 ? labels.indexOf(s.label) : own;
    const turn = s.run === undefined ? Math.floor(i / 8) : labels.length > 1 ? kind : Math.floor(own / 8);
    return { colour: `var(--c${own % 8})`, symbol: SYMBOLS[kind % SYMBOLS.length], dash: DASHES[turn % DASHES.length] };
  });
}

function nameOf(series) {
  const run = series.run === undefined ? "" : page.runs[series.run].label;
  return run && series.label ? `${run}: ${series.label}` : run || series.label;
}

function number(value) {
  if (value === null || value === undefined) return "—";
  const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(3) : String(Number(value.toPrecision(4)));
  return text.replace("e+", "e").replace(/-/g, "−");
}

function tick(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e4 || size < 1e-3 ? value.toExponential() : String(Number(value.toPrecision(6)));
  return text.replace(/^1e/, "10^").replace("e", "×10^").replace(/\^\+?(-?\d+)$/, (_, n) => superscript(n)).replace(/^-/, "−");
}

function superscript(text) {
  return [...text].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
}

/* Values that a scale can show. */
function shown(value, log) {
  return value === null || value === undefined || (log && value <= 0) ? NaN : value;
}

function points(series, log) {
  return series.y.map((y, i) => {
    const low = series.kind === "steps" ? series.x[i] : series.edges ? series.edges[i] : null;
    const high = series.kind === "steps" ? series.x[i + 1] : series.edges ? series.edges[i + 1] : null;
    let x = series.x[i];
    if (series.kind === "steps") x = log.x && low > 0 ? Math.sqrt(low * high) : (low + high) / 2;
    const n = series.n ? series.n[i] : null;
    return {
      series, x: shown(x, log.x), y: shown(y, log.y), x1: shown(low, log.x), x2: shown(high, log.x), n,
      y1: shown(series.y_low ? series.y_low[i] : null, log.y), y2: shown(series.y_high ? series.y_high[i] : null, log.y),
      low: series.y_low ? series.y_low[i] : null, high: series.y_high ? series.y_high[i] : null,
      few: n !== null && n < FEW,
    };
  });
}

function told(item, d) {
  const lines = [nameOf(d.series), `${item.x_label}: ${d.series.kind === "points" && !isNaN(d.x1) ? `${number(d.x1)} to ${number(d.x2)}` : number(d.x)}`];
  const interval = d.low !== null || d.high !== null ? ` (${number(d.low)} to ${number(d.high)})` : "";
  lines.push(`${item.y_label}: ${number(d.y)}${interval}`);
  if (d.n !== null) lines.push(`n = ${d.n}${d.few ? ", too few" : ""}`);
  return lines.join("\n");
}

/* Marks of one series, one beside the other if several have points in the same bins. */
function marks(series, look, log, shift) {
  const all = points(series, log);
  const whole = all.filter((d) => !isNaN(d.x) && !isNaN(d.y));
  const stroke = look.colour;
  const beside = { dx: shift };
  const drawn = [];
  if (series.kind === "steps") {
    const outline = all.flatMap((d) => [{ x: d.x1, y: d.y }, { x: d.x2, y: d.y }]);
    drawn.push(Plot.line(outline, { x: "x", y: "y", stroke, strokeDasharray: look.dash, strokeWidth: 1.6 }));
  } else if (series.kind !== "points") {
    drawn.push(Plot.line(all, { x: "x", y: "y", stroke, strokeDasharray: look.dash, strokeWidth: series.kind === "line" ? 1.7 : 1.3 }));
  }
  const bars = whole.filter((d) => !isNaN(d.y1) || !isNaN(d.y2));
  drawn.push(Plot.ruleX(bars, { x: "x", y1: (d) => (isNaN(d.y1) ? d.y : d.y1), y2: (d) => (isNaN(d.y2) ? d.y : d.y2), stroke, strokeWidth: 1.2, ...beside }));
  if (series.kind === "points") {
    drawn.push(Plot.ruleY(whole.filter((d) => !isNaN(d.x1) && !isNaN(d.x2)), { y: "y", x1: "x1", x2: "x2", stroke, strokeOpacity: 0.35 }));
  }
  // Lines of many points have markers only where they would say something else: few samples, or no neighbour.
  const alone = (d) => { const i = all.indexOf(d); const gap = (j) => !all[j] || isNaN(all[j].y); return gap(i - 1) && gap(i + 1); };
  const marked = whole.filter((d) => series.kind === "points" || d.few || (series.kind === "line" && (whole.length <= 30 || alone(d))));
  drawn.push(Plot.dot(marked, { x: "x", y: "y", symbol: look.symbol, r: series.kind === "points" ? 3.4 : 2.6, stroke, strokeWidth: 1.3, fill: (d) => (d.few ? "var(--paper)" : stroke), ...beside }));
  return { drawn, whole };
}

function axis(log, label, domain) {
  const few = log && domain[1] / domain[0] < 50;
  const format = log ? (v) => (isOne(v) || (few && /^[25]/.test(v.toExponential())) ? tick(v) : "") : tick;
  return { type: log ? "log" : "linear", label: label.length > LONGEST ? `${label.slice(0, LONGEST - 1)}…` : label, labelAnchor: "center", labelArrow: "none", tickFormat: format, ticks: log ? undefined : 6, nice: !log, grid: true };
}

function isOne(value) {
  const power = Math.log10(value);
  return Math.abs(power - Math.round(power)) < 1e-9;
}

function extent(values) {
  const known = values.filter((v) => !isNaN(v));
  return known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
}

function chart(item, mine) {
  const look = looks(item);
  const log = { x: mine.xLog, y: mine.yLog };
  const visible = item.series.map((s, i) => !mine.off[i] && (s.run === undefined || state.runs[s.run]));
  const crowd = item.series.filter((s, i) => visible[i] && s.kind === "points").length;
  const step = crowd > 1 ? Math.min(5, 14 / crowd) : 0;
  let place = 0;
  const made = item.series.map((s, i) => {
    if (!visible[i]) return null;
    const shift = s.kind === "points" ? (place++ - (crowd - 1) / 2) * step : 0;
    return marks(s, look[i], log, shift);
  }).filter((m) => m);
  const whole = made.flatMap((m) => m.whole);
  const x = extent(whole.flatMap((d) => [d.x, d.x1, d.x2]));
  const y = extent(whole.flatMap((d) => [d.y, d.y1, d.y2]));
  if (x[0] === x[1]) x[0] -= 0.5, x[1] += 0.5;
  if (y[0] === y[1]) y[1] = log.y ? 2 * y[1] : y[1] + (Math.abs(y[1]) || 1) * 0.1, y[0] = log.y ? y[0] / 2 : y[0] - (Math.abs(y[0]) || 1) * 0.1;
  const rules = (item.x_marks || []).filter((m) => !(log.x && m[0] <= 0));
  return Plot.plot({
    width: WIDTH, height: HEIGHT, marginLeft: 58, marginBottom: 40, marginTop: 12, marginRight: 14, ariaLabel: item.title,
    style: { fontSize: "11.5px" },
    x: { ...axis(log.x, item.x_label, x), domain: x, nice: false, inset: 6 }, y: { ...axis(log.y, item.y_label, y), domain: y },
    marks: [
      Plot.ruleX(rules, { x: (d) => d[0], stroke: "var(--quiet)", strokeDasharray: "2,2" }),
      Plot.text(rules, { x: (d) => d[0], text: (d) => d[1], frameAnchor: "top", textAnchor: "start", dx: 4, dy: -9, fill: "var(--quiet)" }),
      ...made.flatMap((m) => m.drawn),
      Plot.tip(whole, Plot.pointer({ x: "x", y: "y", title: (d) => told(item, d), fill: "var(--paper)", stroke: "var(--line)", textPadding: 7, lineWidth: 28 })),
    ],
  });
}

/* The largest number of a matrix: the bright end of its colours. */
function highest(item) {
  return Math.max(...item.counts.flat().map((v) => v || 0)) || 1;
}

function matrix(item, mine) {
  const cells = [];
  item.counts.forEach((row, j) => row.forEach((value, i) => {
    const cell = { x1: shown(item.x_edges[i], mine.xLog), x2: item.x_edges[i + 1], y1: shown(item.y_edges[j], mine.yLog), y2: item.y_edges[j + 1], value, n: item.n ? item.n[i] : null };
    if (value !== null && value !== 0 && !isNaN(cell.x1) && !isNaN(cell.y1)) cells.push(cell);
  }));
  const between = (low, high, log) => (log ? Math.sqrt(low * high) : (low + high) / 2);
  const x = extent(cells.flatMap((c) => [c.x1, c.x2]));
  const y = extent(cells.flatMap((c) => [c.y1, c.y2]));
  if (item.diagonal && cells.length) x[0] = y[0] = Math.min(x[0], y[0]), x[1] = y[1] = Math.max(x[1], y[1]);
  const few = item.n ? item.n.map((n, i) => ({ n, x: between(item.x_edges[i], item.x_edges[i + 1], mine.xLog) })).filter((d) => d.n > 0 && d.n < FEW && d.x >= x[0] && d.x <= x[1]) : [];
  return Plot.plot({
    width: WIDTH, height: 345, marginLeft: 58, marginBottom: 40, marginTop: 14, marginRight: 14, ariaLabel: item.title,
    style: { fontSize: "11.5px" },
    x: { ...axis(mine.xLog, item.x_label, x), domain: x, nice: false }, y: { ...axis(mine.yLog, item.y_label, y), domain: y, nice: false },
    color: { scheme: "viridis", domain: [0, highest(item)] },
    marks: [
      Plot.rect(cells, { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: "value", inset: 0.3 }),
      item.diagonal ? Plot.line([x[0], x[1]], { x: (d) => d, y: (d) => d, stroke: "var(--c1)", strokeDasharray: "5,3", strokeWidth: 1.3 }) : null,
      Plot.dot(few, { x: "x", frameAnchor: "top", dy: -7, r: 2.8, stroke: "var(--quiet)", fill: "var(--paper)" }),
      Plot.tip(cells, Plot.pointer({
        x: (d) => between(d.x1, d.x2, mine.xLog), y: (d) => between(d.y1, d.y2, mine.yLog), fill: "var(--paper)", stroke: "var(--line)", textPadding: 7, lineWidth: 28,
        title: (d) => [`${item.x_label}: ${number(d.x1)} to ${number(d.x2)}`, `${item.y_label}: ${number(d.y1)} to ${number(d.y2)}`,
          `${item.value_label || "samples"}: ${number(d.value)}`, ...(d.n === null ? [] : [`n of the column = ${d.n}${d.n < FEW ? ", too few" : ""}`])].join("\n"),
      })),
    ],
  });
}
