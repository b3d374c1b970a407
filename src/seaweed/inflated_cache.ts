/**
 * Inflated needles, kept so that a run of ranges inflates once.
 *
 * @module
 */

/** An inflated needle and what tells it from another in the same place. */
export interface Inflated {
  /** The data, uncompressed. */
  readonly bytes: Uint8Array;
  /** The stored checksum of the compressed data. */
  readonly checksum: number;
  /** Upper half of the append time. */
  readonly appendedHigh: number;
  /** Lower half. */
  readonly appendedLow: number;
}

/** Keeps the needles used last, up to a number of bytes; a single larger one stays until the next comes. */
export class InflatedCache {
  readonly #kept = new Map<string, Inflated>();
  #bytes = 0;

  /** Starts empty. */
  constructor(/** Bytes kept at most, but for a single larger needle. */ readonly ceiling: number) {}

  /** Bytes kept now. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** What is kept under `place`, which thereby becomes the one used last. */
  get(place: string): Inflated | undefined {
    const found = this.#kept.get(place);
    if (found === undefined) return undefined;
    this.#kept.delete(place);
    this.#kept.set(place, found);
    return found;
  }

  /** Keeps `inflated`, and drops what was used longest ago. */
  set(place: string, inflated: Inflated): void {
    this.#drop(place);
    this.#kept.set(place, inflated);
    this.#bytes += inflated.bytes.byteLength;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.ceiling || oldest === place) break;
      this.#drop(oldest);
    }
  }

  /** Drops everything. */
  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  #drop(place: string): void {
    const found = this.#kept.get(place);
    if (found === undefined) return;
    this.#kept.delete(place);
    this.#bytes -= found.bytes.byteLength;
  }
}
