/**
 * What can be asked for at all.
 *
 * @module
 */
import { ReadError, type ReadRequest } from "./reader.ts";

/** The greatest key of a needle. */
export const MAX_KEY: bigint = (1n << 64n) - 1n;

/**
 * Refuses what the messages cannot carry: the engine would take it for a broken peer, and end the connection. Throws
 * ReadError.
 */
export function checkRequest({ volume, key, cookie, offset, size }: ReadRequest): void {
  if (!isU32(volume) || !isU32(cookie) || key < 0n || key > MAX_KEY) {
    throw new ReadError("not-found", `no needle can be volume ${volume}, key ${key}, cookie ${cookie}`);
  }
  const end = offset + size;
  if (
    !Number.isSafeInteger(offset) || !Number.isSafeInteger(size) || !Number.isSafeInteger(end) || offset < 0 || size < 1
  ) {
    throw new ReadError("range", `no needle has ${size} bytes at ${offset}`);
  }
}

/** Whether a message can carry it as a u32. */
export function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}
