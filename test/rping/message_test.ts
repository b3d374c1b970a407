import fc from "fast-check";
import { WireError } from "../../src/rdma/errors.ts";
import {
  type BufferOffer,
  decodeOffer,
  encodeOffer,
  MAX_SIZE,
  MESSAGE_SIZE,
  MIN_SIZE,
  readText,
  writeText,
} from "../../src/rping/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";

function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset);
}

Deno.test("an offer is 16 bytes in network byte order, both ways", () => {
  const table: [BufferOffer, string][] = [
    [{ address: 0n, key: 0, size: 0 }, "0000000000000000 00000000 00000000"],
    [{ address: 0x55d0_c0ff_ee00n, key: 0x1234_5678, size: 64 }, "000055d0c0ffee00 12345678 00000040"],
    [{ address: 2n ** 64n - 65_535n, key: 0xffff_ffff, size: MAX_SIZE }, "ffffffffffff0001 ffffffff 0000ffff"],
  ];
  for (const [offer, digits] of table) {
    const bytes = new Uint8Array(MESSAGE_SIZE);
    encodeOffer(viewOf(bytes), offer);
    assertEquals(bytes, hex(digits));
    assertEquals(decodeOffer(viewOf(bytes), MESSAGE_SIZE), offer);
  }
});

Deno.test("an offer of another length, of more than a text can have, or beyond the last address, is refused", () => {
  const view = viewOf(hex("000055d0c0ffee00 12345678 00010000"));
  assertThrows(() => decodeOffer(view, MESSAGE_SIZE), WireError, "rping: buffer size: got 65536");
  const beyond = viewOf(hex("ffffffffffffffff 12345678 00000002"));
  assertThrows(() => decodeOffer(beyond, MESSAGE_SIZE), WireError, `rping: buffer address: got ${2n ** 64n - 1n}`);
  for (const length of [0, 15, 17]) {
    assertThrows(() => decodeOffer(view, length), WireError, `rping: message length: got ${length}`);
  }
});

Deno.test("any 16 bytes are an offer within bounds, or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat({ max: 32 }), (bytes, length) => {
      try {
        const offer = decodeOffer(viewOf(bytes as Uint8Array<ArrayBuffer>), length);
        assert(length === MESSAGE_SIZE && offer.size <= MAX_SIZE && offer.address + BigInt(offer.size) <= 2n ** 64n);
      } catch (error) {
        assert(error instanceof WireError, `threw ${error}`);
      }
    }),
    { numRuns: 100_000 },
  );
});

Deno.test("the text is rping's: a greeting with the round, letters that start one further each round, a NUL", () => {
  const table: [number, number, string][] = [
    [0, 40, "rdma-ping-0: ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
    [1, 40, "rdma-ping-1: BCDEFGHIJKLMNOPQRSTUVWXYZ["],
    [57, 30, "rdma-ping-57: zABCDEFGHIJKLMN"],
    [58, 30, "rdma-ping-58: ABCDEFGHIJKLMNO"],
    [2_147_483_647, MIN_SIZE, "rdma-ping-2147483647: HIJ"],
  ];
  for (const [round, size, text] of table) {
    const bytes = new Uint8Array(size);
    writeText(bytes, round);
    assertEquals(readText(bytes), text);
    assertEquals(bytes.indexOf(0), size - 1);
  }
});

Deno.test("readText() stops at the NUL and shows nothing that a terminal would obey", () => {
  assertEquals(readText(hex("61 1b 5b 32 4a ff 62 00 63")), "a?[2J?b");
  assertEquals(readText(hex("6162")), "ab");
  assertEquals(readText(new Uint8Array(0)), "");
});
