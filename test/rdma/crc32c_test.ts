import fc from "fast-check";
import { crc32c, crc32cByTable, crc32cOf } from "../../src/rdma/crc32c.ts";
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

function byTable(bytes: Uint8Array, crc = 0): number {
  return ~crc32cByTable(bytes, 0, bytes.length, ~crc) >>> 0;
}

for (const [name, of] of [["crc32c()", crc32c], ["crc32cByTable()", byTable]] as const) {
  Deno.test(`${name} gives the published values (RFC 3720 §B.4)`, () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
    assertEquals(of(new TextEncoder().encode("123456789")), 0xe306_9283);
    assertEquals(of(new Uint8Array(0)), 0);
    assertEquals(of(new Uint8Array(32)), 0x8a91_36aa);
    assertEquals(of(new Uint8Array(32).fill(0xff)), 0x62a8_ab43);
    assertEquals(of(ascending), 0x46dd_794e);
    assertEquals(of(ascending.toReversed()), 0x113f_db5c);
  });

  Deno.test(`${name} equals the bitwise definition at every length, start and split`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(20), (bytes, split, start) => {
        const whole = bytes.subarray(start);
        const at = Math.min(split, whole.length);
        assertEquals(of(whole), plain(whole));
        assertEquals(of(whole.subarray(at), of(whole.subarray(0, at))), plain(whole));
      }),
      { numRuns: 20_000 },
    );
  });
}

Deno.test("crc32c() equals the table's at lengths that are done in thirds", () => {
  const bytes = new Uint8Array(70_000);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Math.imul(at, 0x9e37_79b1) >>> 24;
  for (const around of [3 * 256, 6 * 256, 3 * 4_096, 3 * 4_096 + 3 * 256, 65_522]) {
    for (let length = around - 9; length <= around + 9; length++) {
      for (let start = 0; start < 8; start++) {
        const part = bytes.subarray(start, start + length);
        assertEquals(crc32c(part), byTable(part), `${length} bytes from ${start}`);
        assertEquals(crc32cOf(bytes, start, start + length), byTable(part), `${length} bytes from ${start}`);
      }
    }
  }
});
