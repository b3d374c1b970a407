/**
 * Figures out of samples, and tables out of figures.
 *
 * @module
 */

/** What one round of one contender gave. */
export interface Round {
  /** Median latency, microseconds. */
  readonly p50: number;
  /** 99th percentile, microseconds. */
  readonly p99: number;
  /** Bytes a second. */
  readonly rate: number;
}

/** Several rounds: the median of each figure, and how far the rates lay apart. */
export interface Summary extends Round {
  /** Slowest round's rate. */
  readonly slowest: number;
  /** Fastest round's rate. */
  readonly fastest: number;
}

/** The `share`-quantile of samples, 0.5 for the median; sorts them. */
export function quantile(samples: number[] | Float64Array, share: number): number {
  samples.sort((a: number, b: number) => a - b);
  return samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? NaN;
}

/** Medians over rounds. */
export function summarise(rounds: readonly Round[]): Summary {
  const rates = rounds.map((round) => round.rate);
  return {
    p50: quantile(rounds.map((round) => round.p50), 0.5),
    p99: quantile(rounds.map((round) => round.p99), 0.5),
    rate: quantile([...rates], 0.5),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
  };
}

/** Rows as text in columns, the first one to the left and the rest to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number))
      .join("  ")
  ).join("\n");
}

/** `1234` as `1,234`, for microseconds and megabytes. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** Bytes a second in MB/s, `1,234`. */
export function megabytes(rate: number): string {
  return rate >= 100e6 ? whole(rate / 1e6) : (rate / 1e6).toFixed(1);
}
