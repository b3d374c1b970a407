/**
 * FILETIME: 100 ns since 1601-01-01 UTC, in 64 bits (MS-DTYP 2.3.3). Structures keep it as it is, a bigint.
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";

/** 1970-01-01 as a FILETIME. */
const UNIX_EPOCH = 116_444_736_000_000_000n;
const PER_MILLISECOND = 10_000n;
/** The greatest FILETIME: the signed half of 64 bits. */
const LAST = 0x7fff_ffff_ffff_ffffn;

/** In SET_INFO: leave this time as it is. */
export const UNCHANGED_TIME = 0n;

/** Milliseconds since 1970, rounded down to a whole one, as `Date` takes them. */
export function millisecondsOf(fileTime: bigint): number {
  const ticks = fileTime - UNIX_EPOCH;
  const whole = ticks / PER_MILLISECOND;
  return Number(ticks < 0n && ticks % PER_MILLISECOND !== 0n ? whole - 1n : whole);
}

/** Nanoseconds since 1970, exactly. */
export function nanosecondsOf(fileTime: bigint): bigint {
  return (fileTime - UNIX_EPOCH) * 100n;
}

/**
 * The FILETIME of whole milliseconds since 1970, exactly.
 *
 * @throws WireError when they are not whole, or before 1601 or beyond what a FILETIME holds.
 */
export function fileTimeOf(milliseconds: number): bigint {
  const ticks = Number.isSafeInteger(milliseconds) ? BigInt(milliseconds) * PER_MILLISECOND + UNIX_EPOCH : -1n;
  if (ticks < 0n || ticks > LAST) {
    throw new WireError("smb2", "a time is whole milliseconds that a FILETIME holds", milliseconds);
  }
  return ticks;
}
