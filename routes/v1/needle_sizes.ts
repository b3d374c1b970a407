/**
 * The sizes of needles that were read before: with one, a needle is one read, and without, one that tells its size and one
 * of its data. What is remembered is only ever a guess, which the read itself confirms.
 *
 * @module
 */
import { PIECE_SIZE } from "../stream.ts";

/** Needles that are remembered, in each of two generations: the older one goes when the younger is full. */
const MAX_SIZES = 32_768;

/** What is remembered. */
export class NeedleSizes {
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  /** The size that a file id had; undefined where it is not known, or more than one read takes. */
  get(fileId: string): number | undefined {
    const size = this.#young.get(fileId);
    if (size !== undefined) return size;
    const old = this.#old.get(fileId);
    if (old !== undefined) this.set(fileId, old);
    return old;
  }

  /** Remembers a size, where one read takes that much. */
  set(fileId: string, size: number): void {
    if (size === 0 || size > PIECE_SIZE) return;
    if (this.#young.size >= MAX_SIZES) [this.#old, this.#young] = [this.#young, new Map()];
    this.#young.set(fileId, size);
  }

  /** It was something else. */
  forget(fileId: string): void {
    this.#young.delete(fileId);
    this.#old.delete(fileId);
  }
}
