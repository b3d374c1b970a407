/**
 * Bounded read-ahead: a needle that is read from front to back, and fast enough, is fetched in blocks before it is asked
 * for.
 *
 * Needles under one file id do not change: what replaces one bears another id. Should a writer put other data under the
 * same id all the same, or delete it, blocks are never older than {@linkcode ReadAheadOptions.lifetime}, and a block that
 * bears another checksum than its neighbours drives them out.
 *
 * @module
 */
import type { Fetched } from "./client.ts";
import type { ReadRequest } from "./reader.ts";
import { followReader, ReaderCursor } from "./reader_cursor.ts";

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

/** Where nothing else is said: 2 MiB ahead in blocks of 1 MiB, 64 MiB held, half a second. */
export const DEFAULT_READ_AHEAD: ReadAheadOptions = {
  ahead: 2 << 20,
  blockSize: 1 << 20,
  ceiling: 64 << 20,
  lifetime: 500,
};

/** Fetches a range. */
export type Fetch = (request: ReadRequest) => Promise<Fetched>;

/** A range that read-ahead had, or was about to have. */
export interface Lent {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** The block they are in, or the first of two: needle size, session, transport. */
  readonly fetched: Fetched;
  /** Gives them back. */
  release(): void;
}

/** Needles whose readers are watched at once. */
const MAX_STREAMS = 1_024;

/** A needle that is being read. */
class Stream {
  needleSize = 0; // 0 until a fetch told
  readonly cursors: ReaderCursor[] = []; // the one used last is first
  readonly blocks = new Map<number, Block>();
}

/** A piece of a needle, on its way or here. The cache itself is one of its users. */
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

/** The read-ahead of one reader of needles. */
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
  read(request: ReadRequest, now: number): Promise<Lent | undefined> | Lent | undefined {
    const { ahead, blockSize, lifetime } = this.#options;
    if (ahead === 0 || request.size > blockSize) return undefined;
    const stream = this.#stream(request);
    const reach = followReader(stream.cursors, request, now, lifetime / 2);
    const end = request.offset + request.size;
    if (end > stream.needleSize) return undefined; // unknown, or past the end
    const first = Math.floor(request.offset / blockSize);
    const last = Math.floor((end - 1) / blockSize);
    if (reach >= blockSize) {
      for (let index = first; index <= last; index++) this.#demand(stream, request, index, now);
      this.#prefetch(stream, request, last + 1, Math.min(stream.needleSize, end + Math.min(ahead, reach)), now);
    }
    const head = this.#held(stream, first, now);
    const tail = last === first ? head : this.#held(stream, last, now);
    if (head === undefined || tail === undefined) return undefined;
    const lent = head === tail ? this.#lend(head, request) : this.#join(head, tail, request);
    // Whoever reads in a row is done with a block at its end.
    if (end === (last + 1) * blockSize || end === stream.needleSize) this.#drop(tail);
    if (head !== tail) this.#drop(head);
    return lent;
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

  #held(stream: Stream, index: number, now: number): Block | undefined {
    const block = stream.blocks.get(index);
    if (block === undefined || block.expiresAt > now) return block;
    this.#drop(block);
    return undefined;
  }

  // What is asked for now may drive out the oldest block, what may be asked for may not.
  #demand(stream: Stream, request: ReadRequest, index: number, now: number): void {
    if (this.#held(stream, index, now) !== undefined) return;
    const { blockSize, ceiling } = this.#options;
    for (const oldest of this.#blocks) {
      if (this.#bytes + blockSize <= ceiling) break;
      this.#drop(oldest);
    }
    this.#load(stream, request, index, now);
  }

  #prefetch(stream: Stream, request: ReadRequest, first: number, end: number, now: number): void {
    const { blockSize, ceiling } = this.#options;
    for (let index = first; index * blockSize < end; index++) {
      if (this.#held(stream, index, now) !== undefined) continue;
      if (this.#bytes + blockSize > ceiling) return;
      this.#load(stream, request, index, now);
    }
  }

  #load(stream: Stream, request: ReadRequest, index: number, now: number): void {
    const { blockSize, lifetime } = this.#options;
    const offset = index * blockSize;
    const size = Math.min(blockSize, stream.needleSize - offset);
    const block = new Block(stream, index, size, now + lifetime);
    stream.blocks.set(index, block);
    this.#blocks.add(block);
    this.#bytes += size;
    this.#sweeper ??= setTimeout(() => this.#sweep(), lifetime);
    block.loading = this.#fill(block, { ...request, offset, size });
  }

  async #fill(block: Block, request: ReadRequest): Promise<void> {
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

  #lend(block: Block, request: ReadRequest): Promise<Lent | undefined> | Lent | undefined {
    block.users++;
    const lend = (): Lent | undefined => {
      const { fetched } = block;
      if (fetched === undefined) {
        block.release();
        return undefined;
      }
      this.hits++;
      const at = request.offset - block.index * this.#options.blockSize;
      let held = true;
      return {
        bytes: fetched.buffer.bytes.subarray(at, at + request.size),
        fetched,
        release: () => {
          if (held) block.release();
          held = false;
        },
      };
    };
    return block.loading === undefined ? lend() : block.loading.then(lend);
  }

  // A range across two blocks is copied together.
  async #join(head: Block, tail: Block, request: ReadRequest): Promise<Lent | undefined> {
    head.users++;
    tail.users++;
    try {
      await Promise.all([head.loading, tail.loading]);
      if (head.fetched === undefined || tail.fetched === undefined) return undefined;
      if (head.fetched.checksum !== tail.fetched.checksum) return undefined;
      const { blockSize } = this.#options;
      const bytes = new Uint8Array(request.size);
      const cut = tail.index * blockSize - request.offset;
      bytes.set(head.fetched.buffer.bytes.subarray(blockSize - cut, blockSize));
      bytes.set(tail.fetched.buffer.bytes.subarray(0, request.size - cut), cut);
      this.hits++;
      return { bytes, fetched: head.fetched, release: () => {} };
    } finally {
      head.release();
      tail.release();
    }
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
