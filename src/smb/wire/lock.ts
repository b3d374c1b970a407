/**
 * LOCK: ranges of a file kept from others (MS-SMB2 2.2.26).
 *
 * @module
 */
import { checkFits, Writer } from "./cursor.ts";

/** What to do with a range. */
export const LockFlag = {
  /** Others may read. */
  SHARED: 1,
  /** Others may not. */
  EXCLUSIVE: 2,
  /** Give it back; not together with locking in one request. */
  UNLOCK: 4,
  /** Fail rather than wait. */
  FAIL_IMMEDIATELY: 0x10,
} as const;

/** The most ranges of one request. */
export const MAX_LOCKS = 64;

/** A range, and what to do with it; 64 bits each, beyond the file's end too. */
export interface LockElement {
  /** The first byte. */
  readonly offset: bigint;
  /** Bytes. */
  readonly length: bigint;
  /** {@linkcode LockFlag}s. */
  readonly flags: number;
}

/**
 * Writes the body of a LOCK request and returns the message's length; {@linkcode decodeEmpty} reads the response.
 *
 * @param sequence The lock sequence's index and number, or 0.
 * @throws WireError when there is no range or more than {@linkcode MAX_LOCKS}.
 */
export function encodeLockRequest(
  view: DataView,
  at: number,
  fileId: Uint8Array,
  locks: readonly LockElement[],
  sequence = 0,
): number {
  checkFits("LockCount less 1", locks.length - 1, MAX_LOCKS - 1);
  const writer = Writer.ofBody(view, at, 48);
  writer.u16(locks.length);
  writer.u32(sequence);
  writer.id(fileId);
  for (const lock of locks) {
    writer.u64(lock.offset);
    writer.u64(lock.length);
    writer.u32(lock.flags);
    writer.u32(0);
  }
  return writer.length;
}
