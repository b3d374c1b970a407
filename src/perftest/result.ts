/**
 * What a test gives.
 *
 * @module
 */
import { summarise, type Summary } from "../rdma/samples.ts";
import type { Role } from "./channel.ts";
import type { TestName } from "./plan.ts";

/** What all tests tell. */
export interface Measured {
  /** The test. */
  readonly test: TestName;
  /** Which side this was. */
  readonly role: Role;
  /** The other side. */
  readonly peer: string;
  /** What moved the bytes: `verbs:rxe0`, `iwarp`. */
  readonly transport: string;
  /** Bytes of a message. */
  readonly size: number;
  /** Messages. */
  readonly iterations: number;
}

/** The result of a test of latency. */
export interface LatencyResult extends Measured {
  /** Microseconds of half a round, of Sends and Writes, or of a Read; null on a side that only lent its memory. */
  readonly microseconds: Summary | null;
}

/** The result of a test of bandwidth. */
export interface BandwidthResult extends Measured {
  /** Bytes and messages a second; null on a side that only lent its memory. */
  readonly bandwidth: Bandwidth | null;
}

/** A bandwidth. */
export interface Bandwidth {
  /** MiB a second. */
  readonly mebibytes: number;
  /** Millions of messages a second. */
  readonly megamessages: number;
}

/** Either. */
export type PerftestResult = LatencyResult | BandwidthResult;

/** The latency between each two of `times` (milliseconds), of which each is the time of `halves` halves of a round. */
export function latencyOf(times: Float64Array<ArrayBuffer>, halves: number): Summary {
  const steps = new Float64Array(Math.max(0, times.length - 1));
  for (let index = 0; index < steps.length; index++) {
    steps[index] = ((times[index + 1] ?? 0) - (times[index] ?? 0)) * 1_000 / halves;
  }
  return summarise(steps);
}

/** The bandwidth of messages of `size` bytes that took `elapsed` milliseconds. */
export function bandwidthOf(size: number, iterations: number, elapsed: number): Bandwidth {
  const seconds = Math.max(elapsed, 1e-6) / 1_000;
  return { mebibytes: size * iterations / seconds / (1 << 20), megamessages: iterations / seconds / 1e6 };
}
