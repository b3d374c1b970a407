// @ts-check
/// <reference lib="dom" />
/**
 * Line charts of the last minutes, each with a legend of what its lines are at, and a table of the same numbers.
 *
 * @module
 */
import { formatTime } from "./format.js";
import { KEPT } from "./history.js";
import { find, LiveTable, setText } from "./tables.js";

/** `uplot.js`, which stands before the modules of the page. @type {typeof import("uplot")} */
const Plot = /** @type {any} */ (globalThis).uPlot;

const HEIGHT = 172;
/** Seconds that are shown at least. */
const LEAST = 60;
/** Rows of the table, the latest first. */
const TABLE_ROWS = 30;

/**
 * @typedef {import("./history.js").Line} Line
 *
 * @typedef {object} Series
 * @property {string} label What it is.
 * @property {string} color The name of a custom property.
 * @property {number[]} [dash] Of its stroke; solid without.
 * @property {boolean} [filled] Whether what is below it has its colour.
 *
 * @typedef {object} Kind
 * @property {Series[]} series
 * @property {(value: number) => string} format Writes a value.
 * @property {(value: number) => string} formatAxis Writes one at the axis.
 * @property {number} floor The least that the axis goes up to.
 * @property {boolean} [logarithmic] Whether the axis goes up by powers of ten: of values that are far apart.
 * @property {number[]} [steps] Distances between two ticks.
 */

/** One chart. */
export class Chart {
  #kind;
  #canvas;
  #legend;
  #details;
  #table;
  /** @type {import("uplot") | undefined} */
  #plot;
  /** @type {[number[], ...Line[]]} */
  #data;
  /** @type {HTMLElement[]} */
  #values = [];

  /**
   * @param {HTMLElement} figure An element with one of the class `plot`, one of the class `legend`, and a `details`.
   * @param {Kind} kind
   */
  constructor(figure, kind) {
    this.#kind = kind;
    this.#data = [[], ...kind.series.map(() => [])];
    this.#canvas = find(figure, ".plot", HTMLElement);
    this.#legend = find(figure, ".legend", HTMLElement);
    this.#details = find(figure, "details", HTMLDetailsElement);
    this.#table = new LiveTable(this.#details, [
      { label: "Time" },
      ...kind.series.map(({ label }) => ({ label, numeric: true })),
    ]);
    this.#details.addEventListener("toggle", () => this.#fillTable());
    for (const { label, color, dash } of kind.series) this.#addToLegend(label, color, dash !== undefined);
    new ResizeObserver(() => this.#resize()).observe(this.#canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    this.#draw();
  }

  /**
   * Shows these lines, as many as the chart has, over these times.
   *
   * @param {number[]} times
   * @param {Line[]} lines
   */
  render(times, lines) {
    this.#data = [times, ...lines];
    this.#plot?.setData(this.#drawn());
    if (this.#plot?.cursor.idx == null) this.#showValues(times.length - 1);
    this.#fillTable();
  }

  #draw() {
    this.#plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    /** @param {string} name */
    const colorOf = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colorOf("muted"),
      font: "11px system-ui, sans-serif",
      grid: { stroke: colorOf("grid"), width: 1 },
      ticks: { show: false },
    };
    const { series, format, formatAxis, floor, steps, logarithmic = false } = this.#kind;
    this.#plot = new Plot(
      {
        width: Math.max(1, this.#canvas.clientWidth),
        height: HEIGHT,
        padding: [10, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
        scales: {
          x: { time: true, range: (_plot, min, max) => span(min, max) },
          y: logarithmic
            ? { distr: 3, range: (_plot, min, max) => decades(min ?? floor, max ?? floor) }
            : { range: (_plot, _min, max) => [0, Math.max(floor, (max ?? 0) * 1.1)] },
        },
        axes: [
          {
            ...axis,
            space: 70,
            size: 26,
            values: (_plot, splits) => splits.map((split) => formatTime(new Date(split * 1000))),
            incrs: [15, 30, 60, 120, 300],
          },
          {
            ...axis,
            space: 34,
            size: 72,
            values: (_plot, splits) => splits.map((split) => split === null ? "" : formatAxis(split)),
            ...(steps === undefined ? {} : { incrs: steps }),
            ...(logarithmic ? { grid: { ...axis.grid, filter: (_plot, splits) => splits.map(wholeDecade) } } : {}),
          },
        ],
        series: [
          {},
          ...series.map(({ label, color, dash, filled }) => ({
            label,
            stroke: colorOf(color),
            width: 1.75,
            points: { show: false },
            value: (/** @type {unknown} */ _plot, /** @type {number | null} */ value) =>
              value === null ? "–" : format(value),
            ...(dash === undefined ? {} : { dash }),
            ...(filled === true ? { fill: `${colorOf(color)}26` } : {}),
          })),
        ],
        hooks: {
          setCursor: [(plot) => this.#showValues(plot.cursor.idx ?? this.#data[0].length - 1)],
        },
      },
      this.#data,
      this.#canvas,
    );
  }

  /**
   * The lines without those that are zero throughout: along the axis they would hide one another.
   *
   * @returns {[number[], ...Line[]]}
   */
  #drawn() {
    const [times, ...lines] = this.#data;
    return [times, ...lines.map((line) => line.some((value) => value) ? line : line.map(() => null))];
  }

  #resize() {
    this.#plot?.setSize({ width: Math.max(1, this.#canvas.clientWidth), height: HEIGHT });
  }

  /**
   * @param {string} label
   * @param {string} color
   * @param {boolean} dashed
   */
  #addToLegend(label, color, dashed) {
    const item = this.#legend.appendChild(document.createElement("li"));
    const swatch = item.appendChild(document.createElement("span"));
    swatch.className = `swatch ${color}`;
    swatch.classList.toggle("dashed", dashed);
    item.append(`${label} `);
    const value = item.appendChild(document.createElement("b"));
    value.textContent = "–";
    this.#values.push(value);
  }

  /** @param {number} index */
  #showValues(index) {
    for (const [series, element] of this.#values.entries()) {
      const value = this.#data[series + 1]?.[index];
      setText(element, value == null ? "–" : this.#kind.format(value));
    }
  }

  #fillTable() {
    if (!this.#details.open) return;
    const [times, ...lines] = this.#data;
    const first = Math.max(0, times.length - TABLE_ROWS);
    const rows = times.slice(first).map((time, offset) => ({
      key: String(time),
      cells: [
        formatTime(new Date(time * 1000)),
        ...lines.map((line) => {
          const value = line[first + offset];
          return value == null ? "–" : this.#kind.format(value);
        }),
      ],
    }));
    this.#table.render(rows.reverse());
  }
}

/**
 * The powers of ten around some values.
 *
 * @param {number} least
 * @param {number} most
 * @returns {[number, number]}
 */
function decades(least, most) {
  const from = Math.floor(Math.log10(least));
  return [10 ** from, 10 ** Math.max(from + 1, Math.ceil(Math.log10(most)))];
}

/**
 * A power of ten, for a line; null, for none, of what is between.
 *
 * @param {number} value
 */
function wholeDecade(value) {
  return Math.abs(Math.log10(value) % 1) < 1e-9 ? value : null;
}

/**
 * What the axis of time shows: as much as there is, no less than a minute and no more than is kept.
 *
 * @param {number | null} first
 * @param {number | null} last
 * @returns {[number, number]}
 */
function span(first, last) {
  const end = last ?? Date.now() / 1000;
  return [Math.max(end - KEPT, Math.min(first ?? end, end - LEAST)), end];
}
