/**
 * Where in a side's memory is what: messages leave from the first half; the peer reads and writes the second.
 *
 * @module
 */
import type { TestSizes } from "./options.ts";
import type { Agreed } from "./session.ts";

/** Receives posted at once, at most. */
export const RECEIVE_DEPTH = 512;
/** RDMA Reads under way, at most: what rdma_cm's parameters have room for. */
export const MAX_READS = 254;
/** Bytes at the end of the memory where a peer counts the receives it has posted. */
const CREDIT_SIZE = 64;

/** Places, in bytes. */
export interface Layout {
  /** The offset of the half that is the peer's. */
  readonly peersHalf: number;
  /** The offset of the credits. */
  readonly credits: number;
  /** All of it. */
  readonly length: number;
}

/** The layout of a test's memory. */
export function layoutOf({ size }: TestSizes, { cycleSize, cacheLineSize }: Agreed): Layout {
  const block = roundUp(Math.max(size, cycleSize), cacheLineSize);
  return { peersHalf: block, credits: 2 * block, length: 2 * block + CREDIT_SIZE };
}

function roundUp(value: number, step: number): number {
  return step === 0 ? value : Math.ceil(value / step) * step;
}
