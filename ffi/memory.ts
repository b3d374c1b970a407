/**
 * Memory outside V8, for whatever C or a device keeps an address of.
 *
 * @module
 */
import { mmap_flags } from "./constants.ts";
import { CallError, errno, prepareErrno } from "./errno.ts";
import { libc } from "./libc.ts";
import { type Bytes, viewAt } from "./pointer.ts";

/** The size of a page, which mappings are rounded up to. */
export const PAGE_SIZE = 4_096;

const FAILED = 0xffff_ffff_ffff_ffffn;

/**
 * Zeroed pages of this process's own. Disposing detaches every view of them before they are unmapped: whoever still
 * holds one meets a zero length or a TypeError, and never another mapping's bytes.
 */
export class NativeMemory implements Disposable {
  /** The memory; zero length once disposed. */
  readonly bytes: Bytes;
  /** The same as a view. */
  readonly view: DataView<ArrayBuffer>;
  /** The address of byte 0; a multiple of {@linkcode PAGE_SIZE}. */
  readonly address: bigint;
  /** The same as a number, which is exact. */
  readonly at: number;
  readonly #mapped: bigint;

  /** Maps `length` bytes, at least one page. Throws CallError, ENOMEM above all. */
  constructor(/** Size in bytes, as asked for. */ readonly length: number) {
    this.#mapped = BigInt(Math.max(1, Math.ceil(length / PAGE_SIZE)) * PAGE_SIZE);
    prepareErrno();
    const { PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS } = mmap_flags;
    const address = libc().mmap(0n, this.#mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0n);
    if (address === FAILED) throw new CallError(`mmap(${length})`, errno());
    this.address = address;
    this.at = Number(address);
    this.view = viewAt(address, length);
    this.bytes = new Uint8Array(this.view.buffer);
  }

  /** Detaches every view, then unmaps. Nothing of C's may use the memory any more. Idempotent. */
  [Symbol.dispose](): void {
    if (this.bytes.buffer.detached) return;
    this.bytes.buffer.transfer();
    libc().munmap(this.address, this.#mapped);
  }
}
