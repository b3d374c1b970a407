/**
 * A pool of registered buffers: size classes, a ceiling on bytes, reuse, and an account of what is lent.
 *
 * @module
 */
import { ConfigError } from "./errors.ts";
import { type MemoryRegion, type MemorySource, rightsIn } from "./memory.ts";

const NOTHING = new Uint8Array(0);

/** How a pool is made. Sizes are bytes. */
export interface PoolOptions {
  /** Rights of every buffer; the least that its use needs. */
  access: number;
  /** Registered bytes at most, lent and free together. */
  ceiling: number;
  /** The smallest class. A power of two; default 4,096. */
  smallest?: number;
  /** The largest class, and so the longest buffer. A power of two; default 8 MiB. */
  largest?: number;
  /** Callers that may wait for memory at once; default 1,024. */
  maxWaiters?: number;
  /**
   * Whether a buffer keeps its key from loan to loan; default false. For a pool whose keys only one peer ever sees, where
   * another key costs a system call.
   */
  keepKeys?: boolean;
}

/** A pool's account, in bytes and buffers. */
export interface PoolStatistics {
  /** Bytes lent out now. */
  readonly lentBytes: number;
  /** Buffers lent out now. */
  readonly lent: number;
  /** Bytes registered, lent and free. */
  readonly allocatedBytes: number;
  /** The ceiling. */
  readonly ceiling: number;
  /** Buffers asked for and given. */
  readonly acquired: number;
  /** Of those, the ones that had been used before. */
  readonly reused: number;
  /** Callers waiting now. */
  readonly waiting: number;
  /** Buffers that were dropped without being given back, and recovered by the garbage collector: each is a defect. */
  readonly leaked: number;
}

/** One region of a pool, as far as anybody may know it: neither its address nor its key. */
export interface PoolRegion {
  /** Bytes. */
  readonly length: number;
  /** Its rights, in words. */
  readonly rights: readonly string[];
  /** Bytes of it that are lent out now: none or all. */
  readonly lent: number;
}

/** A lent buffer. Disposing gives it back and, unless the pool keeps keys, rotates its key: a peer's key to it dies with the loan. */
export class PooledBuffer implements Disposable {
  #giveBack: (() => void) | undefined;
  #bytes: Uint8Array;

  /** Made by the pool. */
  constructor(
    /** The registered memory; at least `length` bytes long. */ readonly region: MemoryRegion,
    /** Bytes asked for. */ readonly length: number,
    giveBack: () => void,
  ) {
    this.#bytes = region.bytes.subarray(0, length);
    this.#giveBack = giveBack;
  }

  /** The first `length` bytes of the region. Not cleared: they hold what the last user left. Empty once given back. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Gives it back. Idempotent. */
  [Symbol.dispose](): void {
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    this.#bytes = NOTHING; // the memory may have gone with its domain, and takes no views then
    giveBack?.();
  }
}

interface Waiter {
  length: number;
  resolve: (buffer: PooledBuffer | undefined) => void;
  reject: (error: unknown) => void;
}

/** The pool. */
export class RegisteredPool implements Disposable {
  readonly #memory: MemorySource;
  readonly #options: Required<PoolOptions>;
  readonly #free: MemoryRegion[][] = []; // by the size's logarithm
  readonly #lentOf: number[] = []; // likewise
  readonly #waiters: Waiter[] = [];
  readonly #leaks = new FinalizationRegistry<MemoryRegion>((region) => {
    this.#leaked++;
    this.#return(region);
  });
  #allocatedBytes = 0;
  #lentBytes = 0;
  #lent = 0;
  #acquired = 0;
  #reused = 0;
  #leaked = 0;
  #disposed = false;

  /** An empty pool of `memory`, as a protection domain gives it. Throws ConfigError when a size makes no sense. */
  constructor(memory: MemorySource, options: PoolOptions) {
    this.#memory = memory;
    this.#options = { smallest: 4_096, largest: 8 << 20, maxWaiters: 1_024, keepKeys: false, ...options };
    const { smallest, largest, ceiling } = this.#options;
    for (const [name, size] of Object.entries({ smallest, largest })) {
      if (size < 1 || !Number.isInteger(Math.log2(size))) {
        throw new ConfigError(`pool ${name}: ${size} is not a power of two`);
      }
    }
    if (smallest > largest) throw new ConfigError(`pool smallest: ${smallest} is more than largest, ${largest}`);
    if (!(ceiling >= largest)) {
      throw new ConfigError(`pool ceiling: ${ceiling} is less than one buffer of ${largest} bytes`);
    }
  }

  /** The longest buffer it lends, in bytes. */
  get largest(): number {
    return this.#options.largest;
  }

  /** The account. */
  get statistics(): PoolStatistics {
    return {
      lentBytes: this.#lentBytes,
      lent: this.#lent,
      allocatedBytes: this.#allocatedBytes,
      ceiling: this.#options.ceiling,
      acquired: this.#acquired,
      reused: this.#reused,
      waiting: this.#waiters.length,
      leaked: this.#leaked,
    };
  }

  /** Every region, the smallest first, those lent before the others of their size. */
  regions(): PoolRegion[] {
    const rights = rightsIn(this.#options.access);
    return this.#lentOf.flatMap((lent, logarithm) => {
      const length = 2 ** logarithm;
      const count = lent + (this.#free[logarithm]?.length ?? 0);
      return Array.from({ length: count }, (_, at) => ({ length, rights, lent: at < lent ? length : 0 }));
    });
  }

  /** Lends a buffer, or gives undefined where the ceiling forbids it now. Throws RangeError beyond `largest`. */
  acquire(length: number): PooledBuffer | undefined {
    const size = this.#classOf(length);
    if (this.#waiters.length > 0) return undefined; // they came first
    return this.#lend(length, size);
  }

  /**
   * Lends a buffer, waiting in line for one where need be. Gives undefined when the line is full, `signal` aborts or the
   * pool is disposed. Throws RangeError beyond `largest`.
   */
  async acquireWhenFree(length: number, signal?: AbortSignal): Promise<PooledBuffer | undefined> {
    const now = this.acquire(length);
    if (now !== undefined) return now;
    if (this.#disposed || this.#waiters.length >= this.#options.maxWaiters || signal?.aborted) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<PooledBuffer | undefined>();
    const waiter: Waiter = { length, resolve, reject };
    this.#waiters.push(waiter);
    const onAbort = () => {
      const index = this.#waiters.indexOf(waiter);
      if (index < 0) return;
      this.#waiters.splice(index, 1);
      resolve(undefined);
      this.#serveWaiters(); // those behind may want less
    };
    signal?.addEventListener("abort", onAbort);
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Disposes every free buffer now, and every lent one as it comes back; whoever waits gets undefined. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(undefined);
    for (const list of this.#free.splice(0)) for (const region of list ?? []) this.#drop(region);
  }

  #lend(length: number, size: number): PooledBuffer | undefined {
    const logarithm = Math.log2(size);
    const list = this.#free[logarithm] ??= [];
    let region = list.pop();
    if (region === undefined) {
      if (!this.#makeRoom(size)) return undefined;
      region = this.#memory.register(size, this.#options.access);
      this.#allocatedBytes += size;
    } else {
      this.#reused++;
    }
    this.#acquired++;
    this.#lent++;
    this.#lentOf[logarithm] = (this.#lentOf[logarithm] ?? 0) + 1;
    this.#lentBytes += size;
    const lent = region;
    const token = {};
    const buffer = new PooledBuffer(lent, length, () => {
      this.#leaks.unregister(token);
      this.#return(lent);
    });
    this.#leaks.register(buffer, lent, token);
    return buffer;
  }

  #classOf(length: number): number {
    const { smallest, largest } = this.#options;
    if (!Number.isInteger(length) || length < 0 || length > largest) {
      throw new RangeError(`a pooled buffer of ${length} bytes: 0 to ${largest} can be had`);
    }
    let size = smallest;
    while (size < length) size *= 2;
    return size;
  }

  // Free buffers of other classes make way for one of `size`, the largest first.
  #makeRoom(size: number): boolean {
    const { ceiling } = this.#options;
    if (this.#disposed || this.#lentBytes + size > ceiling) return false; // nothing is dropped in vain
    for (let index = this.#free.length - 1; index >= 0 && this.#allocatedBytes + size > ceiling; index--) {
      const list = this.#free[index] ?? [];
      while (list.length > 0 && this.#allocatedBytes + size > ceiling) this.#drop(list.pop() as MemoryRegion);
    }
    return true;
  }

  #return(region: MemoryRegion): void {
    const logarithm = Math.log2(region.length);
    this.#lent--;
    (this.#lentOf[logarithm] as number)--;
    this.#lentBytes -= region.length;
    if (region.bytes.length !== region.length) { // its domain was disposed under it
      this.#allocatedBytes -= region.length;
    } else if (this.#disposed) {
      this.#drop(region);
    } else {
      if (!this.#options.keepKeys || !region.valid) region.rotateKey();
      (this.#free[logarithm] ??= []).push(region);
    }
    this.#serveWaiters();
  }

  #drop(region: MemoryRegion): void {
    this.#allocatedBytes -= region.length;
    region[Symbol.dispose]();
  }

  #serveWaiters(): void {
    while (this.#waiters.length > 0) {
      const waiter = this.#waiters[0] as Waiter;
      try {
        const buffer = this.#lend(waiter.length, this.#classOf(waiter.length));
        if (buffer === undefined) return;
        waiter.resolve(buffer);
      } catch (error) {
        waiter.reject(error); // registering failed: the waiter's to know, not of whoever gave a buffer back
      }
      this.#waiters.shift();
    }
  }
}
