import fc from "fast-check";
import { WireError } from "../../src/rdma/errors.ts";
import { type FileId, formatFileId, parseFileId } from "../../src/seaweed/file_id.ts";
import { assertEquals, assertThrows } from "../assert.ts";

Deno.test("parseFileId() takes volume, key and cookie apart", () => {
  const table: [string, FileId][] = [
    ["3,01637037d6", { volume: 3, key: 1n, cookie: 0x637037d6 }],
    ["1,021a9440db", { volume: 1, key: 2n, cookie: 0x1a9440db }],
    ["3,1637037d6", { volume: 3, key: 1n, cookie: 0x637037d6 }],
    ["3,01637037D6", { volume: 3, key: 1n, cookie: 0x637037d6 }],
    ["7,0000000000", { volume: 7, key: 0n, cookie: 0 }],
    ["4294967295,ffffffffffffffffffffffff", { volume: 0xffffffff, key: 0xffffffffffffffffn, cookie: 0xffffffff }],
  ];
  for (const [text, id] of table) assertEquals(parseFileId(text), id, text);
});

Deno.test("parseFileId() refuses what is no file id, and says which rule is broken", () => {
  const table: [string, string][] = [
    ["", "volume, comma"],
    ["3", "volume, comma"],
    ["3,", "volume, comma"],
    [",01637037d6", "volume, comma"],
    ["3/01637037d6", "volume, comma"],
    ["3,01637037d6.jpg", "volume, comma"],
    ["3,01637037g6", "volume, comma"],
    [" 3,01637037d6", "volume, comma"],
    ["3,01637037d6\n", "volume, comma"],
    ["+3,01637037d6", "volume, comma"],
    ["-3,01637037d6", "volume, comma"],
    ["3,0x01637037d6", "volume, comma"],
    ["0,01637037d6", "volume of 1 to 4294967295"],
    ["4294967296,01637037d6", "volume of 1 to 4294967295"],
    ["3,637037d6", "9 to 24 hexadecimal digits"],
    ["3,637037d", "9 to 24 hexadecimal digits"],
    ["3,0ffffffffffffffffffffffff", "9 to 24 hexadecimal digits"],
    ["3,01637037d6_1", "no _delta here"],
    [`3,${"0".repeat(1000)}`, "at most 56 characters"],
  ];
  for (const [text, rule] of table) assertThrows(() => parseFileId(text), WireError, rule);
});

Deno.test("parseFileId() adds _delta to the key where it is asked to", () => {
  assertEquals(parseFileId("3,01637037d6_5", { delta: true }), { volume: 3, key: 6n, cookie: 0x637037d6 });
  assertEquals(parseFileId("3,01637037d6", { delta: true }), { volume: 3, key: 1n, cookie: 0x637037d6 });
  const past = "3,ffffffffffffffff00000000_1";
  assertThrows(() => parseFileId(past, { delta: true }), WireError, "key of at most 64 bits");
  assertThrows(() => parseFileId("3,01637037d6_", { delta: true }), WireError, "volume, comma");
});

Deno.test("parseFileId() shows no more than the start of a hostile text", () => {
  const error = assertThrows(() => parseFileId("x".repeat(100_000)), WireError);
  assertEquals(error.message.length < 200, true);
});

Deno.test("formatFileId() writes the key in whole bytes without leading zeros", () => {
  assertEquals(formatFileId({ volume: 3, key: 1n, cookie: 0x637037d6 }), "3,01637037d6");
  assertEquals(formatFileId({ volume: 3, key: 0x123n, cookie: 1 }), "3,012300000001");
  assertEquals(formatFileId({ volume: 3, key: 0n, cookie: 1 }), "3,0000000001");
});

Deno.test("any file id survives formatFileId() and parseFileId()", () => {
  const ids = fc.record({
    volume: fc.integer({ min: 1, max: 0xffffffff }),
    key: fc.bigInt(0n, 0xffffffffffffffffn),
    cookie: fc.integer({ min: 0, max: 0xffffffff }),
  }, { noNullPrototype: true });
  fc.assert(fc.property(ids, (id) => assertEquals(parseFileId(formatFileId(id)), id)), { numRuns: 20_000 });
});

Deno.test("parseFileId() gives a file id or a WireError for any text", () => {
  const near = fc.string({ unit: fc.constantFrom(..."0123456789abcdefF,_.x/ "), maxLength: 64 });
  const shaped = fc.tuple(fc.nat(), fc.stringMatching(/^[0-9a-f]{0,26}$/), fc.constantFrom("", "_", "_7", ".jpg"))
    .map(([volume, digits, rest]) => `${volume},${digits}${rest}`);
  fc.assert(
    fc.property(fc.oneof(near, shaped, fc.string()), fc.boolean(), (text, delta) => {
      try {
        const { volume, key, cookie } = parseFileId(text, { delta });
        return volume >= 1 && volume <= 0xffffffff && key >= 0n && key <= 0xffffffffffffffffn &&
          cookie >>> 0 === cookie;
      } catch (error) {
        return error instanceof WireError;
      }
    }),
    { numRuns: 100_000 },
  );
});
