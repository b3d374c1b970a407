/**
 * Counters. Plain numbers in plain objects, written in place by hot paths and read by whoever shows them.
 *
 * @module
 */

/** What one endpoint has done. Bytes are payload bytes; headers and checksums are not counted. */
export class EndpointStatistics {
  /** Sends completed. */
  sends = 0;
  /** Bytes of those. */
  sendBytes = 0;
  /** Sends received, and Writes with Immediate. */
  receives = 0;
  /** Bytes of those. */
  receiveBytes = 0;
  /** RDMA Writes this side issued. */
  writes = 0;
  /** Bytes of those. */
  writeBytes = 0;
  /** RDMA Reads this side issued and got answered. */
  reads = 0;
  /** Bytes of those. */
  readBytes = 0;
  /** Atomics this side issued and got answered. */
  atomics = 0;
  /** Bytes a peer's RDMA Writes placed here. */
  placedBytes = 0;
  /** Bytes a peer's RDMA Reads took from here. */
  servedBytes = 0;
  /** A peer's atomics carried out here. */
  servedAtomics = 0;
  /** Errors that ended the connection, and refusals, by reason. */
  readonly errors = new Counters();
}

/** A count for each reason, with a ceiling on how many reasons there can be: reasons may come from a peer. */
export class Counters {
  readonly #counts = new Map<string, number>();

  /** Starts empty. */
  constructor(
    /** Distinct reasons kept; what comes beyond is counted as `other`. */ readonly ceiling: number = 64,
  ) {}

  /** Counts one more of `reason`. */
  add(reason: string, count = 1): void {
    const key = this.#counts.has(reason) || this.#counts.size < this.ceiling ? reason : "other";
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** The count of one reason. */
  get(reason: string): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** The sum over all reasons. */
  get total(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  /** The map of reasons, live. */
  get map(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** For JSON: reasons in alphabetical order. */
  toJSON(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => a < b ? -1 : 1));
  }
}
