/**
 * Registered memory and the rights a peer may be given to it.
 *
 * @module
 */

/** Access rights of a {@linkcode MemoryRegion}, or-ed together. The low bits are rdma-core's `ibv_access_flags`. */
export const Access = {
  /** Local operations may write: receives, and the sink of an RDMA Read. */
  LOCAL_WRITE: 1,
  /** A peer that holds the key may RDMA Write. */
  REMOTE_WRITE: 2,
  /** A peer that holds the key may RDMA Read. */
  REMOTE_READ: 4,
  /** A peer that holds the key may carry out atomic operations. */
  REMOTE_ATOMIC: 8,
  /** A peer that holds the key may Send with Invalidate it (RFC 5040 §5.3); without this bit such a Send is an error. */
  REMOTE_INVALIDATE: 0x10000,
} as const;

const RIGHTS: readonly (readonly [right: number, words: string])[] = [
  [Access.LOCAL_WRITE, "local write"],
  [Access.REMOTE_WRITE, "remote write"],
  [Access.REMOTE_READ, "remote read"],
  [Access.REMOTE_ATOMIC, "remote atomic"],
  [Access.REMOTE_INVALIDATE, "remote invalidate"],
];

/** The rights of an or of {@linkcode Access}, in words. */
export function rightsIn(access: number): string[] {
  return RIGHTS.filter(([right]) => (access & right) !== 0).map(([, words]) => words);
}

/**
 * Memory registered with a protection domain. Its bytes are stable in address and never resized; disposing it withdraws
 * the key first and then detaches every view of `bytes`, so that a late reader meets a `TypeError` and not other data.
 */
export interface MemoryRegion extends Disposable {
  /** The memory itself. Zero length once disposed. */
  readonly bytes: Uint8Array;
  /** Size in bytes. */
  readonly length: number;
  /** The address a peer names to reach byte 0: RDMAP's tagged offset, a verbs virtual address. */
  readonly address: bigint;
  /** The key (STag, rkey) a peer must show. Meaningless to it without a remote right. */
  readonly remoteKey: number;
  /** Rights from {@linkcode Access}. */
  readonly access: number;
  /** False from a remote invalidate until {@linkcode rotateKey}: the present key no longer opens the memory. */
  readonly valid: boolean;
  /** Withdraws `remoteKey` at once and gives the region another; operations under way with the old key fail. */
  rotateKey(): void;
}

/** Who gives memory: a protection domain, for one. */
export interface MemorySource {
  /** Gives zeroed memory with the rights `access`, an or of {@linkcode Access}. */
  register(length: number, access: number): MemoryRegion;
}

/** Throws `RangeError` unless `[offset, offset + length)` lies within `size`; the one bounds check of local buffers. */
export function checkRange(offset: number, length: number, size: number): void {
  if (
    !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset > size - length
  ) {
    throw new RangeError(`range [${offset}, +${length}) does not lie within ${size} bytes`);
  }
}
