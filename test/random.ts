/**
 * Random numbers that come again: every run prints its seed, and `SEED=…` in the environment repeats it.
 *
 * @module
 */

/** A small seeded generator (mulberry32): good enough to choose ranges and fill files, and the same everywhere. */
export class Random {
  #state: number;

  /** Starts from `seed`, 32 bits of it. */
  constructor(/** The seed. */ readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** From `SEED`, else by chance; says which. */
  static fromEnvironment(what: string): Random {
    const given = Deno.env.get("SEED");
    const seed = given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0] as number : Number(given);
    // deno-lint-ignore no-console -- the seed is what a failure is repeated with
    console.log(`${what}: SEED=${seed}`);
    return new Random(seed);
  }

  /** 32 random bits. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A whole number from 0 to `bound` − 1. */
  below(bound: number): number {
    return Math.floor(this.next() / 0x1_0000_0000 * bound);
  }

  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const words = new Uint32Array(Math.ceil(length / 4));
    for (let i = 0; i < words.length; i++) words[i] = this.next();
    return new Uint8Array(words.buffer, 0, length);
  }

  /** A range of `[0, length)`, at least 1 byte: as often short as long, and often up to the very end. */
  range(length: number): { offset: number; size: number } {
    const longest = 2 ** (this.next() / 0x1_0000_0000 * Math.log2(length));
    const size = Math.max(1, Math.min(length, Math.round(longest)));
    const offset = this.below(4) === 0 ? length - size : this.below(length - size + 1);
    return { offset, size };
  }
}
