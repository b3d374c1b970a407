/**
 * How long reads take, by what moved the bytes and how they ended.
 *
 * @module
 */
import { Histogram, RecentHistogram } from "../src/rdma/histogram.ts";
import type { Clock } from "./clock.ts";

/** Pairs of transport and outcome kept apart; what comes beyond is counted together, as {@linkcode OTHER}. */
export const MAX_SERIES = 64;
/** Transport and outcome of what came beyond {@linkcode MAX_SERIES}. */
export const OTHER = "other";

/** The durations of the reads that one transport brought to one outcome. */
export interface LatencySeries {
  /** What moved the bytes: `iwarp`, `verbs:rxe0`, `local`, `http`. */
  readonly transport: string;
  /** `success`, or the code of the error. */
  readonly outcome: string;
  /** Since the start, in seconds. */
  readonly all: Histogram;
}

/** One series in a few numbers, as `/v1/stats` shows it. */
export interface LatencySummary {
  /** What moved the bytes. */
  readonly transport: string;
  /** `success`, or the code of the error. */
  readonly outcome: string;
  /** Reads since the start. */
  readonly count: number;
  /** Seconds that they took together. */
  readonly sum: number;
  /** Milliseconds that half of them did not exceed: of the last ten seconds where there was any, else of all. */
  readonly p50: number;
  /** Milliseconds that nine of ten did not exceed. */
  readonly p90: number;
  /** Milliseconds that 99 of 100 did not exceed. */
  readonly p99: number;
  /** Milliseconds of the longest. */
  readonly max: number;
}

interface Entry extends LatencySeries {
  readonly recent: RecentHistogram;
}

/** Every series of one service. */
export class LatencyBoard {
  readonly #clock: Pick<Clock, "elapsed">;
  readonly #entries: Entry[] = [];
  readonly #byTransport = new Map<string, Map<string, Entry>>();

  /** Starts with no series. */
  constructor(clock: Pick<Clock, "elapsed">) {
    this.#clock = clock;
  }

  /** Counts one read that has just ended. Allocates nothing but at the first of its series. */
  record(transport: string, outcome: string, seconds: number): void {
    const entry = this.#byTransport.get(transport)?.get(outcome) ?? this.#open(transport, outcome);
    entry.all.record(seconds);
    entry.recent.record(seconds, this.#clock.elapsed());
  }

  /** The series, by transport and outcome in alphabetical order. */
  series(): readonly LatencySeries[] {
    return this.#entries;
  }

  /** Each of them in a few numbers, in the same order. */
  summaries(): LatencySummary[] {
    const now = this.#clock.elapsed();
    return this.#entries.map(({ transport, outcome, all, recent }) => {
      const latest = recent.read(now);
      const shown = latest.count > 0 ? latest : all;
      return {
        transport,
        outcome,
        count: all.count,
        sum: all.sum,
        p50: 1000 * shown.quantile(0.5),
        p90: 1000 * shown.quantile(0.9),
        p99: 1000 * shown.quantile(0.99),
        max: 1000 * shown.max,
      };
    });
  }

  #open(transport: string, outcome: string): Entry {
    if (this.#entries.length >= MAX_SERIES) {
      const other = this.#byTransport.get(OTHER)?.get(OTHER);
      if (other !== undefined) return other;
      [transport, outcome] = [OTHER, OTHER];
    }
    const entry: Entry = { transport, outcome, all: new Histogram(), recent: new RecentHistogram() };
    const outcomes = this.#byTransport.get(transport) ?? new Map<string, Entry>();
    this.#byTransport.set(transport, outcomes.set(outcome, entry));
    this.#entries.push(entry);
    this.#entries.sort((a, b) => compare(a.transport, b.transport) || compare(a.outcome, b.outcome));
    return entry;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
