/**
 * How far a transfer has come, as one line for a terminal. It reads no clock and writes nothing.
 *
 * @module
 */

/** Milliseconds that the rate looks back. */
const WINDOW = 5_000;
/** Samples kept of the window. */
const SAMPLES = 32;
const BAR = 20;

/** The state of a transfer of one or more files. Times are milliseconds of one clock, sizes bytes. */
export class Progress {
  /** Bytes that have arrived, skipped ones of a resumed file among them. */
  bytes = 0;
  /** Bytes there are in all, as far as is known. */
  total = 0;
  /** Files that are done. */
  files = 0;
  /** Files there are in all, as far as is known. */
  expected = 0;
  /** Whether `total` and `expected` are all there is; before that no end is foretold. */
  complete = false;
  readonly #samples: [time: number, bytes: number][];
  #skipped = 0;

  /** Begins at a time. */
  constructor(now: number) {
    this.#samples = [[now, 0]];
  }

  /** Counts bytes that were there already: they say nothing of the rate. */
  skip(bytes: number): void {
    this.bytes += bytes;
    this.#skipped += bytes;
  }

  /** The line at a time, at most `columns` characters wide. */
  line(now: number, columns: number): string {
    const rate = this.#rate(now);
    const left = this.complete && rate > 0 ? Math.ceil((this.total - this.bytes) / rate) : undefined;
    const share = this.total === 0 ? 0 : Math.min(1, this.bytes / this.total);
    const known = this.complete;
    const parts = [
      known ? `${String(Math.floor(share * 100)).padStart(3)} %` : "",
      `${formatBytes(this.bytes)}${this.total === 0 ? "" : ` of ${formatBytes(this.total)}${known ? "" : "+"}`}`,
      this.expected > 1 ? `${this.files} of ${this.expected}${known ? "" : "+"} files` : "",
      `${formatBytes(rate)}/s`,
      left === undefined ? "" : `${formatSeconds(left)} left`,
    ].filter((part) => part !== "");
    const full = Math.round(share * BAR);
    const bar = known ? `[${"#".repeat(full)}${"-".repeat(BAR - full)}] ` : "";
    const text = parts.join("  ");
    return (bar.length + text.length <= columns ? bar + text : text).slice(0, columns);
  }

  /** Bytes a second over the last seconds. */
  #rate(now: number): number {
    const moved = this.bytes - this.#skipped;
    const samples = this.#samples;
    const last = samples.at(-1);
    if (last === undefined || now - last[0] >= WINDOW / SAMPLES) samples.push([now, moved]);
    while (samples.length > 2 && now - (samples[1]?.[0] ?? now) >= WINDOW) samples.shift();
    const [time, bytes] = samples[0] ?? [now, moved];
    return now > time ? (moved - bytes) * 1000 / (now - time) : 0;
  }
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** A size as people read it, three digits of it: `1.50 MiB`. */
export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** A duration, `1:05`, `2:00:09`. */
export function formatSeconds(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
