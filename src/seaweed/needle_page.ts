/**
 * A page of a volume's needles in the order of their keys, picked from a needle map, which has none. No I/O.
 *
 * @module
 */

/** A needle of a page. */
export interface NeedleEntry {
  /** Its key. */
  readonly key: bigint;
  /** Its size as the index has it: bytes of its body, without header and padding. */
  readonly size: number;
}

type Words = { [index: number]: number }; // indices are computed within bounds: never undefined

/** The needles with the smallest keys beyond a given one: a heap of as many as are wanted, the largest key at its root. */
export class NeedlePage {
  readonly #afterHigh: number;
  readonly #afterLow: number;
  readonly #limit: number;
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #sizes: Int32Array;
  #length = 0;

  /**
   * An empty page.
   *
   * @param after Keys up to this one are passed over; none where it is below 0.
   * @param limit Needles wanted, at least 1.
   */
  constructor(after: bigint, limit: number) {
    this.#afterHigh = after < 0n ? -1 : Number(after >> 32n);
    this.#afterLow = Number(after & 0xffff_ffffn);
    this.#limit = limit;
    this.#high = new Uint32Array(limit + 1); // one more tells that there are more
    this.#low = new Uint32Array(limit + 1);
    this.#sizes = new Int32Array(limit + 1);
  }

  /** Takes a needle, where it belongs on the page; each key is offered once. */
  offer(high: number, low: number, size: number): void {
    if (high < this.#afterHigh || high === this.#afterHigh && low <= this.#afterLow) return;
    if (this.#length <= this.#limit) this.#rise(this.#length++, high, low, size);
    else if (this.#isBefore(high, low, 0)) this.#sink(high, low, size);
  }

  /** The page, ascending, and whether there is another behind it. Empties it. */
  take(): { needles: NeedleEntry[]; more: boolean } {
    const more = this.#length > this.#limit;
    const needles: NeedleEntry[] = new Array(this.#length);
    while (this.#length > 0) {
      const at = --this.#length;
      const key = BigInt(this.#high[0] as number) << 32n | BigInt(this.#low[0] as number);
      needles[at] = { key, size: this.#sizes[0] as number };
      this.#sink(this.#high[at] as number, this.#low[at] as number, this.#sizes[at] as number);
    }
    if (more) needles.pop();
    return { needles, more };
  }

  #isBefore(high: number, low: number, at: number): boolean {
    const other = (this.#high as Words)[at] as number;
    return high < other || high === other && low < ((this.#low as Words)[at] as number);
  }

  #put(at: number, high: number, low: number, size: number): void {
    this.#high[at] = high;
    this.#low[at] = low;
    this.#sizes[at] = size;
  }

  #move(to: number, from: number): void {
    this.#put(to, this.#high[from] as number, this.#low[from] as number, this.#sizes[from] as number);
  }

  // From the bottom up: past every parent whose key is smaller.
  #rise(from: number, high: number, low: number, size: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#isBefore(high, low, parent)) break;
      this.#move(at, parent);
      at = parent;
    }
    this.#put(at, high, low, size);
  }

  // From the root, whose needle goes, down: past every child whose key is greater.
  #sink(high: number, low: number, size: number): void {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#length) break;
      const other = child + 1;
      if (other < this.#length && this.#isBefore(this.#high[child] as number, this.#low[child] as number, other)) {
        child = other;
      }
      if (!this.#isBefore(high, low, child)) break;
      this.#move(at, child);
      at = child;
    }
    this.#put(at, high, low, size);
  }
}
