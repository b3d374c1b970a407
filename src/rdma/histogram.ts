/**
 * Durations counted in fixed buckets: what has been measured since the start, and what was in the last seconds.
 *
 * Recording writes into arrays that are there from the start, so that it may be done for every read.
 *
 * @module
 */

/**
 * Upper bounds of the buckets in seconds, ascending, each inclusive: OpenMetrics' `le`. Six a decade from 10 µs to 10 s; what
 * is longer is counted beyond the last.
 */
export const DURATION_BOUNDS: readonly number[] = [
  ...[1e-5, 1.5e-5, 2e-5, 3e-5, 5e-5, 7e-5],
  ...[1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7e-4],
  ...[1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7e-3],
  ...[0.01, 0.015, 0.02, 0.03, 0.05, 0.07],
  ...[0.1, 0.15, 0.2, 0.3, 0.5, 0.7],
  ...[1, 1.5, 2, 3, 5, 7],
  10,
];

/** How many durations were at most so long. */
export interface Bucket {
  /** The bound in seconds, inclusive; Infinity of the last. */
  readonly le: number;
  /** Durations up to it, those of the buckets before included. */
  readonly count: number;
}

// Where the array of a histogram has what is not a bucket's count.
const SUM = 0;
const MIN = 1;
const MAX = 2;
const FIRST = 3;

/** Durations in seconds, counted by {@linkcode DURATION_BOUNDS}. */
export class Histogram {
  readonly #bounds = Float64Array.from(DURATION_BOUNDS);
  readonly #values = new Float64Array(FIRST + DURATION_BOUNDS.length + 1);
  #count = 0;

  /** Starts empty. */
  constructor() {
    this.#values[MIN] = Infinity;
  }

  /** How many were recorded. */
  get count(): number {
    return this.#count;
  }

  /** Their sum. */
  get sum(): number {
    return this.#at(SUM);
  }

  /** The longest; 0 where there is none. */
  get max(): number {
    return this.#at(MAX);
  }

  /** Counts one duration. What is no duration, negative or not a number, counts as 0. */
  record(seconds: number): void {
    const value = seconds > 0 ? seconds : 0;
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    const values = this.#values;
    values[FIRST + low] = this.#at(FIRST + low) + 1;
    values[SUM] = this.#at(SUM) + value;
    if (value < this.#at(MIN)) values[MIN] = value;
    if (value > this.#at(MAX)) values[MAX] = value;
    this.#count++;
  }

  /** Counts what another has counted as well. */
  add(other: Histogram): void {
    const values = this.#values;
    for (let index = FIRST; index < values.length; index++) values[index] = this.#at(index) + other.#at(index);
    values[SUM] = this.#at(SUM) + other.#at(SUM);
    values[MIN] = Math.min(this.#at(MIN), other.#at(MIN));
    values[MAX] = Math.max(this.#at(MAX), other.#at(MAX));
    this.#count += other.#count;
  }

  /** Forgets all. */
  clear(): void {
    this.#values.fill(0);
    this.#values[MIN] = Infinity;
    this.#count = 0;
  }

  /**
   * What a share of all, 0 … 1, does not exceed: where in its bucket the one in question lies is taken to be in
   * proportion, as Prometheus' `histogram_quantile` takes it, between the shortest and the longest there was. 0 where there
   * is none.
   */
  quantile(share: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.min(1, Math.max(0, share)) * this.#count;
    let before = 0;
    for (let index = 0; index <= this.#bounds.length; index++) {
      const count = this.#at(FIRST + index);
      if (count > 0 && before + count >= rank) {
        const lower = Math.max(this.#bounds[index - 1] ?? 0, this.#at(MIN));
        const upper = Math.min(this.#bounds[index] ?? Infinity, this.#at(MAX));
        return lower + (upper - lower) * ((rank - before) / count);
      }
      before += count;
    }
    return this.max;
  }

  /** Every bucket in ascending order, the last without a bound. */
  buckets(): Bucket[] {
    let count = 0;
    return Array.from({ length: this.#bounds.length + 1 }, (_, index) => {
      count += this.#at(FIRST + index);
      return { le: this.#bounds[index] ?? Infinity, count };
    });
  }

  #at(index: number): number {
    return this.#values[index] ?? 0;
  }
}

/** Milliseconds that a {@linkcode RecentHistogram} looks back. */
export const RECENT = 10_000;
/** Parts of that time: what is older than all of it is forgotten a part at a time. */
const SLOTS = 10;
const SLOT = RECENT / SLOTS;

/** The durations of the last {@linkcode RECENT} milliseconds, to a tenth of that. Times are milliseconds that only go forward. */
export class RecentHistogram {
  readonly #slots = Array.from({ length: SLOTS }, () => new Histogram());
  readonly #ticks = new Float64Array(SLOTS).fill(-Infinity);
  readonly #merged = new Histogram();

  /** Counts one duration, in seconds, that ended at `now`. */
  record(seconds: number, now: number): void {
    const tick = Math.floor(now / SLOT);
    const index = tick % SLOTS;
    const slot = this.#slots[index];
    if (slot === undefined) return; // no index is beyond SLOTS
    if (this.#ticks[index] !== tick) {
      slot.clear();
      this.#ticks[index] = tick;
    }
    slot.record(seconds);
  }

  /** What `now` is recent. The same object each time: read it before the next call. */
  read(now: number): Histogram {
    const tick = Math.floor(now / SLOT);
    this.#merged.clear();
    for (const [index, slot] of this.#slots.entries()) {
      if ((this.#ticks[index] ?? -Infinity) > tick - SLOTS) this.#merged.add(slot);
    }
    return this.#merged;
  }
}
