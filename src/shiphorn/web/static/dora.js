// The figures of a period as plots. They are read from the table beside them, which is for everybody else.

import uPlot from "./vendor/uplot.js";

const HEIGHT = 150;
const DAY = 86400;

const PLOTS = {
  often: { as: "bars", colour: "--accent", says: (value) => String(value) },
  lead: { as: "line", colour: "--busy", says: span },
  failed: { as: "bars", colour: "--bad", says: (value) => `${Math.round(value * 100)} %`, top: 1 },
  restore: { as: "line", colour: "--warn", says: span },
};

/** A duration in one unit, for an axis: "45 s", "3 min", "2 h", "4 d". */
export function span(seconds) {
  const [size, unit] = [[DAY, "d"], [3600, "h"], [60, "min"]].find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Number((seconds / size).toFixed(1))} ${unit}`;
}

/** The rows of the table as uPlot wants them: moments, and the values of a figure; null for none. */
export function columns(table, figure) {
  const rows = [...table.querySelectorAll("tbody tr")];
  const values = rows.map((row) => row.querySelector(`[data-${figure}]`).dataset[figure]);
  return [rows.map((row) => Number(row.dataset.at)), values.map((text) => (text === "" ? null : Number(text)))];
}

function draw(place, table) {
  const { as, colour, says, top } = PLOTS[place.dataset.plot];
  const data = columns(table, place.dataset.plot);
  if (data[1].every((value) => value === null)) return;
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("span");
  place.replaceChildren(probe);
  // A variable may be light-dark(): only a property that is in use says which of the two it is.
  const of = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const [dim, line, mark] = ["--dim", "--line", colour].map(of);
  probe.remove();
  const font = `12px ${style.getPropertyValue("--sans")}`;
  const axis = { stroke: dim, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  const half = (Number(table.dataset.stepDays) * DAY) / 2;
  const series = as === "bars"
    ? { paths: uPlot.paths.bars({ size: [0.7, 28], radius: 0.15 }), fill: mark, stroke: mark, width: 0, points: { show: false } }
    : { stroke: mark, width: 2, spanGaps: true, points: { show: true, size: 6, fill: mark, stroke: mark } };
  new uPlot({
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 12, 0, 0],
    scales: {
      x: { range: (_, low, high) => [low - half, high + half] },
      y: { range: (_, __, high) => [0, Math.min(top ?? Infinity, high ? high * 1.1 : 1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 70,
        values: (_, moments) => moments.map((at) => new Date(at * 1000).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" })) },
      { ...axis, size: 56, space: 36, values: (_, found) => found.map(says) },
    ],
    series: [{}, series],
  }, data, place);
}

function drawAll() {
  const table = document.getElementById("steps");
  if (!table) return;
  for (const place of document.querySelectorAll("[data-plot]")) draw(place, table);
}

let waiting = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(drawAll);
});
document.addEventListener("themechange", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
drawAll();
