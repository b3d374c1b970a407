/**
 * Writing a file in order, several requests at once, from memory that is filled as the bytes come.
 *
 * @module
 */
import type { TransferBuffer } from "./transfer_memory.ts";

/** What a writer asks of the file. */
export interface PieceSink {
  /** Bytes of one request. */
  size(): number;
  /** Requests at once. */
  depth(): number;
  /** Memory for one. */
  lend(size: number): Promise<TransferBuffer>;
  /** Writes the first `length` bytes of `buffer` at `offset` of the file. */
  write(offset: number, length: number, buffer: TransferBuffer): Promise<void>;
}

/**
 * The writer. No piece is begun before the one `depth` pieces ahead of it is done: where all ends early, what lies before
 * the last `depth` pieces of what was written is whole, and can be gone on from.
 */
export class PieceWriter {
  /** In the order of the file. */
  readonly #underWay: Promise<void>[] = [];
  #buffer: TransferBuffer | undefined;
  #filled = 0;
  #capacity = 0;
  #next: number;
  #failure: { readonly error: unknown } | undefined;

  /** Writes from `offset` on. */
  constructor(private readonly offset: number, private readonly sink: PieceSink) {
    this.#next = offset;
  }

  /** Memory for the next bytes, never empty. Throws what a write before met. */
  async space(): Promise<Uint8Array> {
    this.#check();
    if (this.#buffer === undefined) {
      while (this.#underWay.length >= this.sink.depth()) await this.#underWay.shift();
      this.#check();
      this.#capacity = this.sink.size();
      this.#buffer = await this.sink.lend(this.#capacity);
      this.#filled = 0;
    }
    let at = this.#filled;
    for (const piece of this.#buffer.pieces) {
      if (at < piece.length) return piece.subarray(at);
      at -= piece.length;
    }
    throw new RangeError("a buffer that is full is written"); // advance() has done so
  }

  /** The first `count` bytes of that memory are filled. */
  // deno-lint-ignore require-await -- what it meets is told like what the others meet
  async advance(count: number): Promise<void> {
    this.#filled += count;
    if (this.#filled >= this.#capacity) this.#write();
  }

  /** Takes bytes that lie elsewhere; they are the caller's again when this is fulfilled. */
  async append(bytes: Uint8Array): Promise<void> {
    while (bytes.length > 0) {
      const space = await this.space();
      const part = bytes.subarray(0, space.length);
      space.set(part);
      await this.advance(part.length);
      bytes = bytes.subarray(part.length);
    }
  }

  /** Writes what is left, waits for all of it, and returns how many bytes that was in all. */
  async finish(): Promise<number> {
    if (this.#buffer !== undefined && this.#filled > 0) this.#write();
    await this.abandon();
    this.#check();
    return this.#next - this.offset;
  }

  /** Writes nothing more, and waits for what is under way. */
  async abandon(): Promise<void> {
    this.#buffer?.[Symbol.dispose]();
    this.#buffer = undefined;
    await Promise.all(this.#underWay.splice(0));
  }

  #write(): void {
    const buffer = this.#buffer as TransferBuffer;
    const length = this.#filled;
    const offset = this.#next;
    this.#buffer = undefined;
    this.#next += length;
    const writing = this.sink.write(offset, length, buffer)
      .catch((error) => void (this.#failure ??= { error }))
      .finally(() => buffer[Symbol.dispose]());
    this.#underWay.push(writing);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
