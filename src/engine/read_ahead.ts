/**
 * Bounded read-ahead: a needle that is read from front to back is fetched in blocks before it is asked for.
 *
 * Needles under one file id do not change: what replaces one bears another id. Should a writer put other data under the
 * same id all the same, blocks are never older than {@linkcode ReadAheadOptions.lifetime}, and a block that bears another
 * checksum than its neighbours drives them out.
 *
 * @module
 */
import type { Fetched } from "./client.ts";
import type { ReadRequest } from "./reader.ts";

/** How far and how long; bytes and milliseconds. */
export interface ReadAheadOptions {
  /** Bytes fetched ahead of a sequential reader; 0 turns it off. */
  ahead: number;
  /** Bytes of one block. */
  blockSize: number;
  /** Bytes of all blocks held. */
  ceiling: number;
  /** How long a block may be used after its fetch began. */
  lifetime: number;
}

/** Where nothing else is said: 4 MiB ahead in blocks of 1 MiB, 64 MiB held, half a second. */
export const DEFAULT_READ_AHEAD: ReadAheadOptions = {
  ahead: 4 << 20,
  blockSize: 1 << 20,
  ceiling: 64 << 20,
  lifetime: 500,
};

/** Fetches a range. */
export type Fetch = (request: ReadRequest) => Promise<Fetched>;

/** A range of a block. */
export interface Lent {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** The block they are in: needle size, session, transport. */
  readonly fetched: Fetched;
  /** Gives them back. */
  release(): void;
}

/** Requests in a row that must follow on one another before blocks are fetched. */
const STREAK = 3;
/** How far from where the last one ended a request may begin, in requests, and in bytes at the most. */
const NEAR_REQUESTS = 8;
const NEAR_BYTES = 1 << 20;
/** Needles whose readers are watched at once. */
const MAX_STREAMS = 1_024;

/** How one needle is being read. */
class Stream {
  frontier = 0; // where the furthest of the requests in a row ended
  streak = 0;
  needleSize = 0; // 0 until a fetch told
  readonly blocks = new Map<number, Block>();
}

/** A piece of a needle, on its way or here. One user is the cache itself. */
class Block {
  users = 1;
  fetched: Fetched | undefined;
  loading: Promise<void> | undefined;

  constructor(
    readonly stream: Stream,
    readonly index: number,
    readonly size: number,
    readonly expiresAt: number,
  ) {}

  release(): void {
    if (--this.users === 0) this.fetched?.buffer[Symbol.dispose]();
  }
}

/** The read-ahead of one engine. */
export class ReadAhead {
  /** Requests answered from blocks. */
  hits = 0;
  readonly #fetch: Fetch;
  readonly #options: ReadAheadOptions;
  readonly #streams = new Map<string, Stream>(); // least recently used first
  readonly #blocks = new Set<Block>(); // oldest first
  #bytes = 0;
  #sweeper: ReturnType<typeof setTimeout> | undefined;

  /** Nothing is held yet. */
  constructor(fetch: Fetch, options: ReadAheadOptions = DEFAULT_READ_AHEAD) {
    this.#fetch = fetch;
    this.#options = options;
  }

  /** Bytes of blocks held. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /**
   * The range, where blocks hold it or will; undefined where it is better fetched by itself, {@linkcode learn} then what
   * came of it. Never throws: a block that could not be fetched gives undefined.
   */
  read(request: ReadRequest, now: number): Promise<Lent | undefined> | undefined {
    const { ahead, blockSize } = this.#options;
    if (ahead === 0 || request.size > blockSize) return undefined;
    const stream = this.#stream(request);
    this.#note(stream, request);
    const end = request.offset + request.size;
    if (stream.streak < STREAK || stream.needleSize === 0 || end > stream.needleSize) return undefined;
    const first = Math.floor(request.offset / blockSize);
    if (Math.floor((end - 1) / blockSize) !== first) return undefined; // across two blocks
    const block = this.#block(stream, request, first, now);
    for (let index = first + 1; index * blockSize < Math.min(stream.needleSize, end + ahead); index++) {
      this.#block(stream, request, index, now);
    }
    return block === undefined ? undefined : this.#lend(block, request.offset - first * blockSize, request.size);
  }

  /** Takes note of a range that was fetched by itself. */
  learn(request: ReadRequest, fetched: Fetched): void {
    const stream = this.#streams.get(keyOf(request));
    if (stream !== undefined) stream.needleSize = fetched.needleSize;
  }

  /** Lets go of every block. */
  clear(): void {
    clearTimeout(this.#sweeper);
    this.#sweeper = undefined;
    for (const block of this.#blocks) this.#drop(block);
    this.#streams.clear();
  }

  #stream(request: ReadRequest): Stream {
    const key = keyOf(request);
    const stream = this.#streams.get(key) ?? new Stream();
    this.#streams.delete(key);
    this.#streams.set(key, stream);
    if (this.#streams.size > MAX_STREAMS) {
      for (const [oldest, { blocks }] of this.#streams) {
        for (const block of blocks.values()) this.#drop(block);
        this.#streams.delete(oldest);
        break;
      }
    }
    return stream;
  }

  #note(stream: Stream, { offset, size }: ReadRequest): void {
    const near = Math.min(NEAR_BYTES, NEAR_REQUESTS * size);
    const held = stream.blocks.has(Math.floor(offset / this.#options.blockSize));
    const follows = held || Math.abs(offset - stream.frontier) <= near;
    stream.streak = follows ? stream.streak + 1 : 1;
    stream.frontier = follows ? Math.max(stream.frontier, offset + size) : offset + size;
  }

  #block(stream: Stream, request: ReadRequest, index: number, now: number): Block | undefined {
    const held = stream.blocks.get(index);
    if (held !== undefined && held.expiresAt > now) return held;
    if (held !== undefined) this.#drop(held);
    const { blockSize, ceiling, lifetime } = this.#options;
    const offset = index * blockSize;
    const size = Math.min(blockSize, stream.needleSize - offset);
    for (const oldest of this.#blocks) {
      if (this.#bytes + size <= ceiling) break;
      this.#drop(oldest);
    }
    const block = new Block(stream, index, size, now + lifetime);
    stream.blocks.set(index, block);
    this.#blocks.add(block);
    this.#bytes += size;
    this.#sweeper ??= setTimeout(() => this.#sweep(), lifetime);
    block.loading = this.#load(block, { ...request, offset, size });
    return block;
  }

  async #load(block: Block, request: ReadRequest): Promise<void> {
    block.users++;
    try {
      const fetched = await this.#fetch(request);
      block.fetched = fetched;
      for (const other of block.stream.blocks.values()) {
        if (other.fetched !== undefined && other.fetched.checksum !== fetched.checksum) this.#drop(other);
      }
    } catch {
      this.#drop(block); // whoever waits for it fetches by itself, and meets the error
    } finally {
      block.loading = undefined;
      block.release();
    }
  }

  #lend(block: Block, at: number, size: number): Promise<Lent | undefined> {
    block.users++;
    const lend = (): Lent | undefined => {
      const { fetched } = block;
      if (fetched === undefined) {
        block.release();
        return undefined;
      }
      this.hits++;
      let held = true;
      return {
        bytes: fetched.buffer.bytes.subarray(at, at + size),
        fetched,
        release: () => {
          if (held) block.release();
          held = false;
        },
      };
    };
    return block.loading?.then(lend) ?? Promise.resolve(lend());
  }

  #drop(block: Block): void {
    if (!this.#blocks.delete(block)) return;
    this.#bytes -= block.size;
    if (block.stream.blocks.get(block.index) === block) block.stream.blocks.delete(block.index);
    block.release();
  }

  #sweep(): void {
    this.#sweeper = undefined;
    const now = performance.now();
    for (const block of this.#blocks) {
      if (block.expiresAt > now) break;
      this.#drop(block);
    }
    if (this.#blocks.size > 0) this.#sweeper = setTimeout(() => this.#sweep(), this.#options.lifetime);
  }
}

function keyOf({ volume, key, cookie }: ReadRequest): string {
  return `${volume},${key},${cookie}`;
}
