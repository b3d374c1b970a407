/**
 * CRC-32C (Castagnoli), the checksum of MPA's FPDUs (RFC 5044 §4.4) and of SeaweedFS's needles.
 *
 * @module
 */

import { type Crc32cStep, crc32cStep } from "../../ffi/mod.ts";

const POLYNOMIAL = 0x82f63b78; // reflected

/** Shifts eight zero bits through the register. */
function shiftByte(crc: number): number {
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
}

// TABLE[256 * k + b] is the register after byte b and k zero bytes: sixteen of them let the loop fold sixteen bytes
// with no look-up waiting for another. 16 KiB, which stays in the first-level cache.
const TABLE = new Int32Array(16 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let slice = 0; slice < 16; slice++) TABLE[256 * slice + byte] = crc = shiftByte(crc);
}

/** The step by table, 2 GB/s: where the processor's instruction cannot be had. */
export function crc32cByTable(bytes: Uint8Array, at: number, end: number, crc: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = TABLE as unknown as { readonly [index: number]: number }; // indices are masked: never undefined
  let c = crc;
  for (; at + 16 <= end; at += 16) {
    const w = c ^ view.getInt32(at, true);
    const x = view.getInt32(at + 4, true);
    const y = view.getInt32(at + 8, true);
    const z = view.getInt32(at + 12, true);
    c = entry(table, 15, w) ^ entry(table, 14, w >>> 8) ^ entry(table, 13, w >>> 16) ^ entry(table, 12, w >>> 24) ^
      entry(table, 11, x) ^ entry(table, 10, x >>> 8) ^ entry(table, 9, x >>> 16) ^ entry(table, 8, x >>> 24) ^
      entry(table, 7, y) ^ entry(table, 6, y >>> 8) ^ entry(table, 5, y >>> 16) ^ entry(table, 4, y >>> 24) ^
      entry(table, 3, z) ^ entry(table, 2, z >>> 8) ^ entry(table, 1, z >>> 16) ^ entry(table, 0, z >>> 24);
  }
  for (; at < end; at++) c = entry(table, 0, c ^ view.getUint8(at)) ^ (c >>> 8);
  return c;
}

function entry(table: { readonly [index: number]: number }, slice: number, byte: number): number {
  return table[256 * slice + (byte & 255)] as number;
}

// Chosen once and at once: it opens the C library, which no later call should do by surprise.
const step: Crc32cStep = crc32cStep() ?? crc32cByTable;

/**
 * The CRC-32C of `bytes`, as an unsigned number; `"123456789"` gives 0xe3069283.
 *
 * @param crc The CRC of what came before, to go on from it: `crc32c(b, crc32c(a))` is the CRC of a then b.
 */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  return ~step(bytes, 0, bytes.byteLength, ~crc) >>> 0;
}

/** The CRC-32C of the bytes from `at` up to `end`, with no view made of them. Both must lie within `bytes`. */
export function crc32cOf(bytes: Uint8Array, at: number, end: number): number {
  return ~step(bytes, at, end, ~0) >>> 0;
}
