import fc from "fast-check";
import { WireError } from "../../src/rdma/errors.ts";
import {
  checksumMatches,
  maskChecksum,
  needleDiskSize,
  needleExpiry,
  NeedleFlag,
  NeedleTail,
} from "../../src/seaweed/needle.ts";
import { decodeNeedle, encodeNeedle, type NeedleRecord } from "../../src/seaweed/needle_record.ts";
import type { NeedleVersion } from "../../src/seaweed/superblock.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";
import { noise, utf8 } from "./volumes.ts";

// What weed 4.48 wrote into a volume: "123456789" uploaded as a.bin, a text that it compressed, an empty upload (its
// attributes are lost), and a tombstone. Padding is whatever weed's buffer held.
const NAMED = hex(`991b0903 0000000000000002 0000001a 00000009 313233343536373839 0e 05612e62696e 00 006b016b56
  e3069283 18ea07068cd51861 0000`);
const COMPRESSED = hex(`991b0903 0000000000000003 00000038
  0000001d 1f8b08000000000004ffca48cdc9c95718de2460004234f905e4000000
  0f 05742e747874 0a746578742f706c61696e 006b016b56 7b00ab23 18ea07068cea6dc2 00000038`);
const EMPTY = hex("991b0903 0000000000000004 00000000 00000000 18ea07068cf64b84 00000000");
const TOMBSTONE = hex("991b0903 0000000000000002 00000000 e3069283 18ea07068d05b70b 00000000");

Deno.test("decodeNeedle() reads a needle that weed wrote", () => {
  assertEquals(decodeNeedle(NAMED, 3), {
    key: 2n,
    cookie: 0x991b0903,
    data: utf8("123456789"),
    name: utf8("a.bin"),
    mime: new Uint8Array(),
    lastModified: 0x6b016b56,
    appendedNanoseconds: 0x18ea07068cd51861n,
  });
});

Deno.test("decodeNeedle() reads a compressed needle that weed wrote", () => {
  const { compressed, mime, data } = decodeNeedle(COMPRESSED, 3);
  assertEquals({ compressed, mime, data }, {
    compressed: true,
    mime: utf8("text/plain"),
    data: COMPRESSED.slice(20, 49),
  });
});

Deno.test("decodeNeedle() reads an empty needle and a tombstone, whatever their checksums", () => {
  const empty = { cookie: 0x991b0903, data: new Uint8Array() };
  assertEquals(decodeNeedle(EMPTY, 3), { ...empty, key: 4n, appendedNanoseconds: 0x18ea07068cf64b84n });
  assertEquals(decodeNeedle(TOMBSTONE, 3), { ...empty, key: 2n, appendedNanoseconds: 0x18ea07068d05b70bn });
});

Deno.test("encodeNeedle() writes what weed wrote, but for the padding", () => {
  assertEquals(encodeNeedle(decodeNeedle(NAMED, 3), 3), NAMED);
  const again = encodeNeedle(decodeNeedle(COMPRESSED, 3), 3);
  assertEquals(again.slice(0, -4), COMPRESSED.slice(0, -4));
  assertEquals(again.length, COMPRESSED.length);
});

Deno.test("encodeNeedle() lays out each version", () => {
  const needle: NeedleRecord = { key: 0x0102n, cookie: 0xaabbccdd, data: utf8("123456789") };
  const head = "aabbccdd 0000000000000102";
  assertEquals(
    encodeNeedle(needle, 1),
    hex(`${head} 00000009 313233343536373839 e3069283 000000`),
  );
  assertEquals(
    encodeNeedle(needle, 2),
    hex(`${head} 0000000e 00000009 313233343536373839 00 e3069283 000000000000`),
  );
  assertEquals(
    encodeNeedle({ ...needle, appendedNanoseconds: 5n, ttl: { count: 3, unit: 2 }, pairs: utf8("{}") }, 3),
    hex(`${head} 00000014 00000009 313233343536373839 30 0302 0002 7b7d e3069283 0000000000000005 0000000000000000`),
  );
});

Deno.test("a needle's padding is one to eight bytes, never none", () => {
  assertEquals([0, 1, 3, 4, 11, 12].map((size) => needleDiskSize(size, 3) - 28 - size), [4, 3, 1, 8, 1, 8]);
  assertEquals([0, 1, 3, 4, 11, 12].map((size) => needleDiskSize(size, 2) - 20 - size), [4, 3, 1, 8, 1, 8]);
});

Deno.test("a checksum is taken raw and masked", () => {
  assertEquals(maskChecksum(0xe3069283), ((0xe3069283 >>> 15 | 0xe3069283 << 17) + 0xa282ead8) >>> 0);
  assert(checksumMatches(0xe3069283, 0xe3069283));
  assert(checksumMatches(0xc78ab0e5, 0xe3069283));
  assert(!checksumMatches(0xe3069284, 0xe3069283));
  const needle = { key: 1n, cookie: 1, data: utf8("123456789") };
  assertEquals(decodeNeedle(encodeNeedle(needle, 3, 0xc78ab0e5), 3).data, needle.data);
  assertThrows(() => decodeNeedle(encodeNeedle(needle, 3, 1), 3), WireError, "needle: checksum 3808858755: got 1");
});

Deno.test("decodeNeedle() refuses lengths that lead out of the body, and names the field", () => {
  const body = (size: string, rest: string) =>
    hex(`00000001 0000000000000001 ${size} ${rest}`.replaceAll(" ", "") + "00".repeat(40));
  const table: [string, string, string][] = [
    ["ffffffff", "", "size within the 56 bytes given: got -1"],
    ["7fffffff", "", "size within the 56 bytes given: got 2147483647"],
    ["00000001", "", "data size within the body of 1 bytes"],
    ["00000008", "00000005", "data size within the body of 8 bytes: got 5"],
    ["00000008", "ffffffff", "data size within the body of 8 bytes: got 4294967295"],
    ["00000007", "00000000 02 02 61", "name within the body"],
    ["00000007", "00000000 04 02 61", "mime within the body"],
    ["00000008", "00000000 08 000000", "last modified within the body"],
    ["00000006", "00000000 10 01", "ttl within the body"],
    ["00000006", "00000000 20 01", "pairs within the body"],
    ["00000008", "00000000 20 0002 7b", "pairs within the body"],
  ];
  for (const [size, rest, rule] of table) {
    const bytes = body(size, rest).slice(0, 56);
    assertThrows(() => decodeNeedle(bytes, 3), WireError, rule);
  }
});

Deno.test("decodeNeedle() takes a body that ends before what its flags announce, as weed does", () => {
  const bytes = hex(`00000001 0000000000000001 00000006 00000001 61 3e c1d04330 0000000000000001 000000000000`);
  const { data, name, mime, lastModified, ttl, pairs } = decodeNeedle(bytes, 3);
  assertEquals([data, name, mime, lastModified, ttl, pairs], [
    utf8("a"),
    new Uint8Array(),
    new Uint8Array(),
    0,
    { count: 0, unit: 0 },
    new Uint8Array(),
  ]);
});

Deno.test("encodeNeedle() refuses parts that are too long for their lengths", () => {
  const needle = { key: 1n, cookie: 1, data: utf8("a") };
  assertThrows(() => encodeNeedle({ ...needle, name: noise(256) }, 3), WireError, "name of at most 255 bytes: got 256");
  assertThrows(() => encodeNeedle({ ...needle, mime: noise(256) }, 3), WireError, "mime of at most 255 bytes");
  assertThrows(() => encodeNeedle({ ...needle, pairs: noise(65_536) }, 3), WireError, "pairs of at most 65535 bytes");
});

Deno.test("needleExpiry() counts from the append, and only where both ttl and modification time are there", () => {
  const tail = new NeedleTail();
  tail.ttlCount = 2;
  tail.ttlUnit = 1;
  const appended = 1_767_225_600_000_000_000n;
  tail.appendedHigh = Number(appended >> 32n);
  tail.appendedLow = Number(appended & 0xffffffffn);
  assertEquals(needleExpiry(tail), Infinity);
  tail.flags = NeedleFlag.TTL;
  assertEquals(needleExpiry(tail), Infinity);
  tail.flags = NeedleFlag.TTL | NeedleFlag.LAST_MODIFIED;
  assertEquals(needleExpiry(tail), 1_767_225_600_000 + 120_000);
  tail.ttlUnit = 0;
  assertEquals(needleExpiry(tail), Infinity);
});

const part = (most: number) => fc.option(fc.uint8Array({ maxLength: most }), { nil: undefined });
const records = fc.record({
  key: fc.bigInt(0n, 0xffffffffffffffffn),
  cookie: fc.integer({ min: 0, max: 0xffffffff }),
  data: fc.uint8Array({ minLength: 1, maxLength: 60 }),
  compressed: fc.constantFrom(undefined, true as const),
  chunkManifest: fc.constantFrom(undefined, true as const),
  name: part(10),
  mime: part(10),
  lastModified: fc.option(fc.integer({ min: 0, max: 2 ** 40 - 1 }), { nil: undefined }),
  ttl: fc.option(fc.record({ count: fc.nat(255), unit: fc.nat(255) }, { noNullPrototype: true }), { nil: undefined }),
  pairs: part(20),
  appendedNanoseconds: fc.bigInt(0n, 0xffffffffffffffffn),
});

/** Without what is undefined, as decoders leave it out. */
function defined(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

Deno.test("any needle survives encodeNeedle() and decodeNeedle() in versions 2 and 3", () => {
  fc.assert(
    fc.property(records, fc.constantFrom(2, 3), (record, version) => {
      const decoded = decodeNeedle(
        encodeNeedle(record as NeedleRecord, version as NeedleVersion),
        version as NeedleVersion,
      );
      assertEquals(
        decoded,
        defined({ ...record, appendedNanoseconds: version === 3 ? record.appendedNanoseconds : undefined }),
      );
    }),
    { numRuns: 5_000 },
  );
});

/** Reads past the end of the bytes given would find this, and so pass checks that they must not pass. */
function amid(bytes: Uint8Array): Uint8Array {
  const around = new Uint8Array(bytes.length + 64).fill(0xff);
  around.set(bytes, 32);
  return around.subarray(32, 32 + bytes.length);
}

for (const version of [1, 2, 3] as const) {
  Deno.test(`decodeNeedle() of version ${version} gives a needle or a WireError for any bytes`, () => {
    const valid = encodeNeedle({ key: 7n, cookie: 9, data: utf8("data"), name: utf8("n"), pairs: utf8("{}") }, version);
    const mutated = fc.tuple(fc.nat(valid.length - 1), fc.nat(255), fc.nat(valid.length)).map(([at, byte, end]) => {
      const copy = valid.slice(0, Math.max(end, at + 1));
      copy[at] = byte;
      return copy;
    });
    // a small size and an unchecked checksum let the decoder get far
    const shaped = fc.tuple(fc.nat(40), fc.nat(40), fc.uint8Array({ minLength: 0, maxLength: 60 })).map(
      ([size, dataSize, rest]) => {
        const bytes = new Uint8Array(20 + rest.length);
        const view = new DataView(bytes.buffer);
        view.setInt32(12, size);
        view.setUint32(16, dataSize);
        bytes.set(rest, 20);
        return bytes;
      },
    );
    fc.assert(
      fc.property(fc.oneof(mutated, shaped, fc.uint8Array({ maxLength: 80 })), (bytes) => {
        try {
          const needle = decodeNeedle(amid(bytes), version);
          return needle.data.length <= bytes.length;
        } catch (error) {
          return error instanceof WireError;
        }
      }),
      { numRuns: 100_000 },
    );
  });
}
