// @ts-check
/**
 * Numbers as people read them. Between a number and its unit is a space that does not break.
 *
 * @module
 */

const SPACE = "\u00a0";
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/**
 * Bytes in the largest unit that leaves a whole: `1.25 MiB`.
 *
 * @param {number} value
 * @returns {string}
 */
export function formatBytes(value) {
  let unit = 0;
  let scaled = Math.max(0, value);
  // what would be rounded to 1024 of one unit is 1 of the next
  while (unit + 1 < SIZES.length && Number(scaled.toPrecision(3)) >= 1000) {
    scaled /= 1024;
    unit++;
  }
  return `${unit === 0 ? String(Math.round(scaled)) : significant(scaled)}${SPACE}${SIZES[unit]}`;
}

/**
 * Bytes a second: `412 MiB/s`.
 *
 * @param {number} value
 * @returns {string}
 */
export function formatRate(value) {
  return `${formatBytes(value)}/s`;
}

/**
 * How long something took, given in milliseconds: `158 µs`, `2.48 ms`, `1.5 s`.
 *
 * @param {number} milliseconds
 * @returns {string}
 */
export function formatDuration(milliseconds) {
  if (milliseconds <= 0) return `0${SPACE}µs`;
  if (milliseconds < 0.9995) return `${significant(milliseconds * 1000)}${SPACE}µs`;
  if (milliseconds < 999.5) return `${significant(milliseconds)}${SPACE}ms`;
  return `${significant(milliseconds / 1000)}${SPACE}s`;
}

/**
 * A length of time in its two largest units, given in seconds: `12 s`, `5 min 3 s`, `3 d 4 h`.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function formatSpan(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count !== 0);
  if (first < 0) return `0${SPACE}s`;
  return parts.slice(first, first + 2).filter(([count]) => count !== 0).map((part) => part.join(SPACE)).join(" ");
}

/**
 * A whole number with its thousands apart: `12,345`.
 *
 * @param {number} value
 * @returns {string}
 */
export function formatCount(value) {
  return Math.round(value).toLocaleString("en");
}

/**
 * So many a second: `6,310/s`; below ten with a decimal.
 *
 * @param {number} value
 * @returns {string}
 */
export function formatFrequency(value) {
  const shown = value > 0 && value < 9.95 ? value.toFixed(1) : formatCount(value);
  return `${shown}/s`;
}

/**
 * A part of a whole: `98 %`. Only what is all is 100 %, and only what is nothing is 0 %.
 *
 * @param {number} part
 * @param {number} whole
 * @returns {string}
 */
export function formatShare(part, whole) {
  if (whole <= 0) return "–";
  const percent = 100 * part / whole;
  if (part > 0 && percent < 1) return `<${SPACE}1${SPACE}%`;
  if (part < whole && percent > 99) return `>${SPACE}99${SPACE}%`;
  return `${Math.round(percent)}${SPACE}%`;
}

/**
 * The time of day here: `15:04:05`.
 *
 * @param {Date} time
 * @returns {string}
 */
export function formatTime(time) {
  return time.toLocaleTimeString("en-GB");
}

/**
 * Three digits that mean something, and never a power of ten.
 *
 * @param {number} value
 * @returns {string}
 */
function significant(value) {
  return value >= 999.5 ? formatCount(value) : String(Number(value.toPrecision(3)));
}
