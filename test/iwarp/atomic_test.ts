import fc from "fast-check";
import { compareSwap, fetchAdd } from "../../src/iwarp/atomic.ts";
import { assertEquals } from "../assert.ts";

const RUNS = { numRuns: 20_000 };
const word = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(0n, 1n, (1n << 64n) - 1n, 1n << 63n, 1n << 31n, 1n << 32n, 0x8000_0000_8000_0000n),
);

/** RFC 7306 §5.1.1 bit by bit: a carry ends at a bit that the mask has. */
function maskedSum(old: bigint, add: bigint, mask: bigint): bigint {
  let carry = 0n;
  let sum = 0n;
  for (let bit = 0n; bit < 64n; bit++) {
    const digits = carry + (old >> bit & 1n) + (add >> bit & 1n);
    sum |= (digits & 1n) << bit;
    carry = (mask >> bit & 1n) === 1n ? 0n : digits >> 1n;
  }
  return sum;
}

/** Runs an operation on eight bytes that lie at `at` of sixteen and gives what they are then; the others must stay. */
function on(old: bigint, at: number, run: (bytes: Uint8Array) => void): bigint {
  const bytes = new Uint8Array(24).fill(0x5a);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(at, old, true);
  run(bytes);
  const others = [...bytes.subarray(0, at), ...bytes.subarray(at + 8)];
  assertEquals(others, new Array(16).fill(0x5a));
  return view.getBigUint64(at, true);
}

const halves = (value: bigint): [number, number] => [Number(value >> 32n), Number(value & 0xffff_ffffn)];

Deno.test("fetchAdd() adds as RFC 7306 does, field by field", () => {
  fc.assert(
    fc.property(word, word, word, fc.constantFrom(0, 8, 16), (old, add, mask, at) => {
      const sum = on(old, at, (bytes) => fetchAdd(bytes, at, ...halves(add), ...halves(mask)));
      assertEquals(sum, maskedSum(old, add, mask));
    }),
    RUNS,
  );
});

Deno.test("fetchAdd() without a mask is an addition of 64 bits", () => {
  fc.assert(
    fc.property(word, word, (old, add) => {
      assertEquals(on(old, 8, (bytes) => fetchAdd(bytes, 8, ...halves(add), 0, 0)), BigInt.asUintN(64, old + add));
    }),
    RUNS,
  );
});

Deno.test("compareSwap() exchanges the masked bits where the compared ones agree", () => {
  fc.assert(
    fc.property(word, word, word, word, word, fc.boolean(), (old, swap, swapMask, other, compareMask, agrees) => {
      const compare = agrees ? old ^ other & ~compareMask & (1n << 64n) - 1n : other;
      const found = on(
        old,
        8,
        (bytes) =>
          compareSwap(bytes, 8, ...halves(swap), ...halves(swapMask), ...halves(compare), ...halves(compareMask)),
      );
      const equal = ((old ^ compare) & compareMask) === 0n;
      assertEquals(found, equal ? old & ~swapMask | swap & swapMask : old);
    }),
    RUNS,
  );
});
