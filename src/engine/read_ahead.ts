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
  /** The longest block, in bytes. */
  blockSize: number;
  /** Bytes of all blocks held. */
  ceiling: number;
  /** How long a block may be used after its fetch began. */
  lifetime: number;
}

/**
 * Where nothing else is said: 1 MiB ahead in blocks of at most 512 KiB, 64 MiB held, half a second. Longer blocks hold up
 * the requests between them, and what is further ahead is out of the processor's cache when it is asked for.
 */
export const DEFAULT_READ_AHEAD: ReadAheadOptions = {
  ahead: 1 << 20,
  blockSize: 512 * 1024,
  ceiling: 64 << 20,
  lifetime: 500,
};

/** Fetches a range. */
export type Fetch = (request: ReadRequest) => Promise<Fetched>;

/** A range that read-ahead had, or was about to have. */
export interface Lent {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** The block they are in: needle size, session, transport. */
  readonly fetched: Fetched;
  /** Gives them back. */
  release(): void;
}

/** Needles whose readers are watched at once. */
const MAX_STREAMS = 1_024;

/** The shortest block, in bytes: one that spares a slow reader at least a few round trips. */
const LEAST_BLOCK_SIZE = 64 * 1024;

/** A needle that is being read. */
class Stream {
  needleSize = 0; // 0 until a fetch told
  readonly cursors: ReaderCursor[] = []; // the one used last is first
  readonly blocks: Block[] = [];

  constructor(readonly key: string) {}

  /** The block that holds the byte at `offset`. */
  at(offset: number): Block | undefined {
    return this.blocks.find((block) => offset >= block.offset && offset < block.end);
  }
}

/** A piece of a needle, on its way or here. The cache itself is one of its users. */
class Block {
  users = 1;
  fetched: Fetched | undefined;
  loading: Promise<void> | undefined;

  constructor(
    readonly stream: Stream,
    readonly offset: number,
    readonly end: number,
    readonly expiresAt: number,
  ) {}

  release(): void {
    if (--this.users === 0) this.fetched?.buffer[Symbol.dispose]();
  }
}

/** The read-ahead of one reader of needles. */
export class ReadAhead {
  readonly #fetch: Fetch;
  readonly #options: ReadAheadOptions;
  readonly #streams = new Map<string, Stream>(); // least recently used first
  #newest: Stream | undefined; // the last of them
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
   * The range, where a block holds it or will; undefined where it is better fetched by itself, {@linkcode learn} then what
   * came of it. Never throws: a block that could not be fetched gives undefined.
   */
  read(request: ReadRequest, now: number): Promise<Lent | undefined> | Lent | undefined {
    const { ahead, blockSize, lifetime } = this.#options;
    const { offset, size } = request;
    if (ahead === 0 || size > blockSize) return undefined;
    const stream = this.#stream(request);
    const reach = followReader(stream.cursors, request, now, lifetime / 2);
    const end = offset + size;
    if (end > stream.needleSize) return undefined; // unknown, or past the end
    const length = this.#blockLength(size, reach);
    const block = this.#held(stream, offset, now) ??
      (length > 0 ? this.#demand(stream, request, offset, length, now) : undefined);
    if (block === undefined) return undefined;
    if (length > 0) this.#prefetch(stream, request, block.end, end + Math.min(ahead, reach), length, now);
    if (block.end < end) return undefined;
    const lent = this.#lend(block, request);
    if (block.end === end) this.#drop(block); // who reads in a row is done with it
    return lent;
  }

  /** Takes note of a range that was fetched by itself. */
  learn(request: ReadRequest, fetched: Fetched): void {
    const stream = this.#streams.get(keyOf(request));
    if (stream === undefined) return;
    stream.needleSize = fetched.needleSize;
    this.#dropOthers(stream, fetched.checksum);
  }

  /** Lets go of every block. */
  clear(): void {
    clearTimeout(this.#sweeper);
    this.#sweeper = undefined;
    for (const block of this.#blocks) this.#drop(block);
    this.#streams.clear();
    this.#newest = undefined;
  }

  #stream(request: ReadRequest): Stream {
    const key = keyOf(request);
    if (this.#newest?.key === key) return this.#newest;
    const stream = this.#streams.get(key) ?? new Stream(key);
    this.#newest = stream;
    this.#streams.delete(key);
    this.#streams.set(key, stream);
    if (this.#streams.size > MAX_STREAMS) {
      for (const [oldest, { blocks }] of this.#streams) {
        for (const block of [...blocks]) this.#drop(block);
        this.#streams.delete(oldest);
        break;
      }
    }
    return stream;
  }

  // A whole number of requests, so that none lies across two blocks, in the bytes the reader is about to read; 0 where
  // that is no more than it asks for by itself.
  #blockLength(size: number, reach: number): number {
    const { blockSize } = this.#options;
    const length = Math.floor(Math.min(blockSize, reach / 2) / size) * size;
    if (length >= LEAST_BLOCK_SIZE) return length;
    return reach >= 2 * LEAST_BLOCK_SIZE ? Math.ceil(LEAST_BLOCK_SIZE / size) * size : 0;
  }

  #held(stream: Stream, offset: number, now: number): Block | undefined {
    const block = stream.at(offset);
    if (block === undefined || block.expiresAt > now) return block;
    this.#drop(block);
    return undefined;
  }

  // Blocks never drive out others: with more readers than the ceiling has room for, each would be fetched again and again.
  #demand(stream: Stream, request: ReadRequest, offset: number, length: number, now: number): Block | undefined {
    if (this.#bytes + length > this.#options.ceiling) return undefined;
    return this.#load(stream, request, offset, length, now);
  }

  #prefetch(stream: Stream, request: ReadRequest, from: number, to: number, length: number, now: number): void {
    const end = Math.min(stream.needleSize, to);
    for (let offset = from; offset < end;) {
      const block = this.#held(stream, offset, now);
      if (block === undefined && this.#bytes + length > this.#options.ceiling) return;
      offset = (block ?? this.#load(stream, request, offset, length, now)).end;
    }
  }

  #load(stream: Stream, request: ReadRequest, offset: number, length: number, now: number): Block {
    const { lifetime } = this.#options;
    let end = Math.min(offset + length, stream.needleSize);
    for (const other of stream.blocks) if (other.offset > offset) end = Math.min(end, other.offset); // no byte twice
    const block = new Block(stream, offset, end, now + lifetime);
    stream.blocks.push(block);
    this.#blocks.add(block);
    this.#bytes += end - offset;
    this.#sweeper ??= setTimeout(() => this.#sweep(), lifetime);
    block.loading = this.#fill(block, { ...request, offset, size: end - offset });
    return block;
  }

  async #fill(block: Block, request: ReadRequest): Promise<void> {
    block.users++;
    try {
      const fetched = await this.#fetch(request);
      block.fetched = fetched;
      block.stream.needleSize = fetched.needleSize;
      this.#dropOthers(block.stream, fetched.checksum);
    } catch {
      block.stream.needleSize = 0; // no further blocks until a range fetched by itself shows that it can be read
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
      const at = request.offset - block.offset;
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

  // Blocks of a needle that was replaced under its id go.
  #dropOthers(stream: Stream, checksum: number): void {
    for (const block of [...stream.blocks]) {
      if (block.fetched !== undefined && block.fetched.checksum !== checksum) this.#drop(block);
    }
  }

  #drop(block: Block): void {
    if (!this.#blocks.delete(block)) return;
    this.#bytes -= block.end - block.offset;
    block.stream.blocks.splice(block.stream.blocks.indexOf(block), 1);
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
