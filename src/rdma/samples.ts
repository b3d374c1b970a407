/**
 * Measured times: their order statistics.
 *
 * @module
 */

/** What some samples have in common; all zero where there are none. In the samples' own unit. */
export interface Summary {
  /** How many there were. */
  readonly count: number;
  /** The least. */
  readonly min: number;
  /** The one in the middle. */
  readonly median: number;
  /** Their mean. */
  readonly average: number;
  /** Their standard deviation. */
  readonly deviation: number;
  /** What 99 of 100 do not exceed. */
  readonly p99: number;
  /** What 999 of 1,000 do not exceed. */
  readonly p999: number;
  /** The greatest. */
  readonly max: number;
}

/** Summarises samples; `samples` itself is left as it is. */
export function summarise(samples: Float64Array<ArrayBuffer>): Summary {
  const sorted = samples.slice().sort();
  const { length } = sorted;
  let sum = 0;
  let squares = 0;
  for (const value of sorted) sum += value;
  const average = length === 0 ? 0 : sum / length;
  for (const value of sorted) squares += (value - average) ** 2;
  return {
    count: length,
    min: sorted[0] ?? 0,
    median: quantile(sorted, 0.5),
    average,
    deviation: length === 0 ? 0 : Math.sqrt(squares / length),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
    max: sorted[length - 1] ?? 0,
  };
}

/** The nearest rank: the least sample that `share` of all do not exceed. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** Samples as they come, of which the latest are kept. */
export class Samples {
  readonly #values: Float64Array<ArrayBuffer>;
  #count = 0;

  /** Keeps the last `capacity`. */
  constructor(/** How many are kept. */ readonly capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  /** How many came. */
  get count(): number {
    return this.#count;
  }

  /** Takes one more. */
  add(value: number): void {
    this.#values[this.#count++ % this.capacity] = value;
  }

  /** Of those that are kept. */
  summary(): Summary {
    return summarise(this.#values.subarray(0, Math.min(this.#count, this.capacity)));
  }
}
