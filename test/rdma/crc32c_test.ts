import fc from "fast-check";
import { crc32c } from "../../src/rdma/crc32c.ts";
import { assertEquals } from "../assert.ts";

/** CRC-32C one bit at a time. */
function plain(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

Deno.test("crc32c() gives the published values (RFC 3720 §B.4)", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe306_9283);
  assertEquals(crc32c(new Uint8Array(0)), 0);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a91_36aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8_ab43);
  assertEquals(crc32c(ascending), 0x46dd_794e);
  assertEquals(crc32c(ascending.toReversed()), 0x113f_db5c);
});

Deno.test("crc32c() equals the bitwise definition at every length, start and split", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(20), (bytes, split, start) => {
      const whole = bytes.subarray(start);
      const at = Math.min(split, whole.length);
      assertEquals(crc32c(whole), plain(whole));
      assertEquals(crc32c(whole.subarray(at), crc32c(whole.subarray(0, at))), plain(whole));
    }),
    { numRuns: 20_000 },
  );
});
