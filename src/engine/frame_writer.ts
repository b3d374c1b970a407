/**
 * Frames on their way into a Unix socket, in order: short ones together, pieces of ranges from where they lie.
 *
 * @module
 */

/** Messages that may wait, and bytes of those; as over SMB Direct. */
const MAX_MESSAGES = 1_024;
const MAX_BYTES = 4 << 20;
/** Bytes of short frames that leave together; what is longer is not copied. */
const BATCH_SIZE = 64 * 1024;

/** Turns of the promise queue before a write begins: a range and its answer are a few apart, and so leave together. */
const TURNS = 6;

/** One write, or a part of one. */
interface Chunk {
  readonly bytes: Uint8Array;
  /** Whether it counts as a message. */
  readonly message: boolean;
  /** Told once it has left, or never will. */
  readonly done: ((left: boolean) => void) | undefined;
}

/** The sending side of a socket. */
export class FrameWriter {
  /** Since when what is being written has been under way, `performance.now()`; Infinity while nothing is. */
  since = Infinity;
  readonly #connection: Deno.Conn;
  readonly #failed: (error: unknown) => void;
  readonly #began: () => void;
  readonly #batch = new Uint8Array(BATCH_SIZE);
  #queue: Chunk[] = [];
  #writing: Chunk[] = []; // what has been taken from the queue and has not left
  #messages = 0;
  #bytes = 0;
  #flushing: Promise<void> | undefined;
  readonly #idle = new Set<() => void>();
  #ended = false;

  /** Nothing is to be sent yet. A write that fails is told to `failed`, each that begins to `began`. */
  constructor(connection: Deno.Conn, failed: (error: unknown) => void, began: () => void) {
    this.#connection = connection;
    this.#failed = failed;
    this.#began = began;
  }

  /** Whether another message is taken. */
  get hasRoom(): boolean {
    return this.#messages < MAX_MESSAGES && this.#bytes < MAX_BYTES;
  }

  /** Sends a message's frame. */
  push(frame: Uint8Array): void {
    this.#messages++;
    this.#bytes += frame.length;
    this.#add({ bytes: frame, message: true, done: undefined });
  }

  /** Sends a piece, whose bytes stay where they are until `done` is told that they left, or never will. */
  pushPiece(header: Uint8Array, bytes: Uint8Array, done: ((left: boolean) => void) | undefined): void {
    this.#add({ bytes: header, message: false, done: undefined });
    this.#add({ bytes, message: false, done });
  }

  /** Fulfilled once all has left, it is over, or `patience` milliseconds have passed. */
  async drained(patience: number): Promise<void> {
    if (this.#flushing === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patience);
    this.#idle.add(resolve);
    await promise;
    this.#idle.delete(resolve);
    clearTimeout(timer);
  }

  /** Takes nothing more; what waits never leaves. The connection is then to be closed, which ends a write under way. */
  end(): void {
    this.#ended = true;
    this.#drop(this.#queue.splice(0));
  }

  /** Fulfilled once nothing is written any more, with whether something was left. Call `end` before. */
  get ended(): Promise<boolean> {
    return (this.#flushing ?? Promise.resolve()).then(() => this.#messages > 0);
  }

  #add(chunk: Chunk): void {
    this.#queue.push(chunk);
    this.#flushing ??= this.#flush();
  }

  async #flush(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
    try {
      while (this.#queue.length > 0 && !this.#ended) {
        const bytes = this.#gather();
        this.since = performance.now();
        this.#began();
        for (let at = 0; at < bytes.length;) at += await this.#connection.write(at === 0 ? bytes : bytes.subarray(at));
        this.since = Infinity;
        this.#left();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.since = Infinity;
      this.#drop(this.#writing.splice(0));
      this.#flushing = undefined;
      for (const resolve of this.#idle) resolve();
    }
  }

  // A long chunk by itself, or the short ones before the next long one.
  #gather(): Uint8Array {
    const [first] = this.#queue as [Chunk];
    if (first.bytes.length > BATCH_SIZE / 2) {
      this.#writing = this.#queue.splice(0, 1);
      return first.bytes;
    }
    let length = 0;
    let count = 0;
    for (const { bytes } of this.#queue) {
      if (length + bytes.length > BATCH_SIZE) break;
      this.#batch.set(bytes, length);
      length += bytes.length;
      count++;
    }
    this.#writing = this.#queue.splice(0, count);
    return this.#batch.subarray(0, length);
  }

  #left(): void {
    for (const { bytes, message, done } of this.#writing) {
      if (message) this.#forget(bytes);
      done?.(true);
    }
    this.#writing = [];
  }

  #forget(frame: Uint8Array): void {
    this.#messages--;
    this.#bytes -= frame.length;
  }

  #drop(chunks: readonly Chunk[]): void {
    for (const { done } of chunks) done?.(false);
  }
}
