/**
 * Atomic operations on eight bytes of memory in this machine's order, which is little-endian wherever Deno runs
 * (RFC 7306 §5.1). Nothing else runs meanwhile, so they are atomic among all connections of the process.
 *
 * 64 bits are two numbers of 32, upper and lower half.
 *
 * @module
 */

/** The lower half of the eight bytes at `at`; the upper half is at `at + 4`. */
export function loadHalf(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return (a | b << 8 | c << 16 | d << 24) >>> 0;
}

/** Puts eight bytes. */
export function store(bytes: Uint8Array, at: number, high: number, low: number): void {
  for (let index = 0; index < 4; index++) {
    bytes[at + index] = low >>> 8 * index;
    bytes[at + 4 + index] = high >>> 8 * index;
  }
}

/**
 * Adds to the eight bytes at `at`. Each bit of the mask is the upper end of a field, from which nothing is carried to the
 * next (RFC 7306 §5.1.1).
 */
export function fetchAdd(
  bytes: Uint8Array,
  at: number,
  addHigh: number,
  addLow: number,
  maskHigh: number,
  maskLow: number,
): void {
  const low = loadHalf(bytes, at);
  const high = loadHalf(bytes, at + 4);
  // Without their fields' upper ends two numbers carry into those at most; the ends themselves are added without carry.
  const sumLow = ((low & ~maskLow) >>> 0) + ((addLow & ~maskLow) >>> 0);
  const sumHigh = (high & ~maskHigh) + (addHigh & ~maskHigh) + (sumLow > 0xffff_ffff ? 1 : 0);
  store(bytes, at, sumHigh ^ (high ^ addHigh) & maskHigh, sumLow ^ (low ^ addLow) & maskLow);
}

/** Puts the masked bits of `swap` in place, if under their own mask the eight bytes at `at` are those of `compare` (RFC 7306 §5.1.2). */
export function compareSwap(
  bytes: Uint8Array,
  at: number,
  swapHigh: number,
  swapLow: number,
  swapMaskHigh: number,
  swapMaskLow: number,
  compareHigh: number,
  compareLow: number,
  compareMaskHigh: number,
  compareMaskLow: number,
): void {
  const low = loadHalf(bytes, at);
  const high = loadHalf(bytes, at + 4);
  if (((low ^ compareLow) & compareMaskLow) !== 0 || ((high ^ compareHigh) & compareMaskHigh) !== 0) return;
  store(
    bytes,
    at,
    high & ~swapMaskHigh | swapHigh & swapMaskHigh,
    low & ~swapMaskLow | swapLow & swapMaskLow,
  );
}
