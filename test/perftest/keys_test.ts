import fc from "fast-check";
import {
  decodeKeyLine,
  decodeKeyStruct,
  encodeKeyLine,
  encodeKeyStruct,
  KEY_STRUCT_SIZE,
  keyLineSize,
  type Keys,
  NO_KEYS,
} from "../../src/perftest/keys.ts";
import { WireError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";

const GID = hex("00000000000000000000ffff0a070001");
const KEYS: Keys = {
  lid: 0x12,
  reads: 16,
  queuePair: 0x16,
  packetNumber: 0xbf5715,
  remoteKey: 0x75c,
  address: 0x7f9d_d410_e000n,
  gid: GID,
};
const LINE = "0012:0010:000016:bf5715:0000075c:00007f9dd410e000:";
const GID_WORDS = "00:00:00:00:00:00:00:00:00:00:ff:ff:0a:07:00:01:";

function line(text: string, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}

Deno.test("keys are a line of hexadecimal words, with the GID in it where there is one", () => {
  const table: [Keys, string, number][] = [
    [KEYS, `${LINE}${GID_WORDS}00000000:`, 108],
    [{ ...KEYS, gid: undefined }, `${LINE}00000000`, 59],
  ];
  for (const [keys, text, size] of table) {
    const withGid = keys.gid !== undefined;
    assertEquals(keyLineSize(withGid), size);
    assertEquals(encodeKeyLine(keys), line(text, size));
    assertEquals(decodeKeyLine(line(text, size), withGid), keys);
  }
});

Deno.test("keys too great for their words are never sent", () => {
  for (const wrong of [{ lid: 0x1_0000 }, { queuePair: 0x100_0000 }, { remoteKey: 2 ** 32 }, { address: 1n << 64n }]) {
    assertThrows(() => encodeKeyLine({ ...KEYS, ...wrong }), RangeError, "hexadecimal digits");
  }
});

Deno.test("a line whose words are too few, too great or no numbers is refused by name", () => {
  const table: [string, boolean, string][] = [
    ["", false, "perftest: words of a key line, 7: got 1"],
    [`${LINE}00000000`, true, "perftest: words of a key line, 24: got 7"],
    [`${LINE}${GID_WORDS}00000000:`, false, "perftest: words of a key line, 7: got 10"],
    ["10000:1:1:1:1:1:0", false, 'perftest: lid of a key line: got "10000"'],
    ["1:-1:1:1:1:1:0", false, 'perftest: reads of a key line: got "-1"'],
    ["1:1:1000000:1:1:1:0", false, 'perftest: queue pair of a key line: got "1000000"'],
    ["1:1:1:0x1:1:1:0", false, 'perftest: packet number of a key line: got "0x1"'],
    ["1:1:1:1:100000000:1:0", false, 'perftest: remote key of a key line: got "100000000"'],
    ["1:1:1:1:1::0", false, 'perftest: address of a key line: got ""'],
    ["1:1:1:1:1:11112222333344445:0", false, 'perftest: address of a key line: got "11112222333344445"'],
    [`${LINE}${GID_WORDS.replace("0a", "100")}00000000:`, true, 'perftest: GID of a key line: got "100"'],
  ];
  for (const [text, withGid, message] of table) {
    assertThrows(() => decodeKeyLine(line(text, keyLineSize(withGid)), withGid), WireError, message);
  }
});

Deno.test("keys are a struct of 56 bytes in network byte order", () => {
  const bytes = hex(`
    00000012 00000010 00000016 00bf5715 0000075c 00000000 00007f9dd410e000
    00000000000000000000ffff0a070001 00000000 00000000
  `);
  assertEquals(encodeKeyStruct(KEYS), bytes);
  assertEquals(decodeKeyStruct(bytes), KEYS);
  assertEquals(encodeKeyStruct(NO_KEYS), new Uint8Array(KEY_STRUCT_SIZE));
  const table: [number, string][] = [
    [0, "perftest: lid: got 65536"],
    [4, "perftest: reads: got 65536"],
    [8, "perftest: queue pair: got 16777216"],
    [12, "perftest: packet number: got 16777216"],
  ];
  for (const [offset, message] of table) {
    const wrong = bytes.slice();
    new DataView(wrong.buffer).setUint32(offset, offset < 8 ? 0x1_0000 : 0x100_0000);
    assertThrows(() => decodeKeyStruct(wrong), WireError, message);
  }
});

const anyKeys = fc.record({
  lid: fc.nat(0xffff),
  reads: fc.nat(0xffff),
  queuePair: fc.nat(0xff_ffff),
  packetNumber: fc.nat(0xff_ffff),
  remoteKey: fc.nat(0xffff_ffff),
  address: fc.bigInt(0n, (1n << 64n) - 1n),
  gid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
});

Deno.test("any keys go over as a line and as a struct", () => {
  fc.assert(
    fc.property(anyKeys, fc.boolean(), (keys, withGid) => {
      const given: Keys = { ...keys, gid: withGid ? keys.gid : undefined };
      assertEquals(decodeKeyLine(encodeKeyLine(given), withGid), given);
      assertEquals(decodeKeyStruct(encodeKeyStruct(keys)), { ...keys });
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("any bytes, and any line with a byte changed, are keys or refused", () => {
  const good = encodeKeyLine(KEYS);
  const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => good.with(at, byte));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ minLength: 108, maxLength: 108 }), changed), (given) => {
      const bytes = Uint8Array.from(given);
      for (const decode of [() => decodeKeyLine(bytes, true), () => decodeKeyStruct(bytes)]) {
        try {
          const { lid, reads, queuePair, packetNumber, remoteKey } = decode();
          assert(lid < 2 ** 16 && reads < 2 ** 16 && queuePair < 2 ** 24 && packetNumber < 2 ** 24);
          assert(remoteKey >= 0 && remoteKey < 2 ** 32);
        } catch (error) {
          assert(error instanceof WireError, `threw ${error}`);
        }
      }
    }),
    { numRuns: 20_000 },
  );
});
