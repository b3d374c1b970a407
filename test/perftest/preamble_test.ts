import fc from "fast-check";
import {
  decodeCacheLineSize,
  decodeCycleSize,
  decodeMtu,
  decodeVersion,
  encodeMtu,
  encodeNumber,
  encodeVersion,
} from "../../src/perftest/preamble.ts";
import { decodeReport, encodeReport } from "../../src/perftest/report.ts";
import { WireError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";

function text(value: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  new TextEncoder().encodeInto(value, bytes);
  return bytes;
}

Deno.test("the version told is one whose protocol has no exchange of settings", () => {
  assertEquals(encodeVersion(), hex("362e3036 00000000 00000000 00000000"));
});

Deno.test("versions from 5.70 on are understood, older ones and what is none are refused", () => {
  for (const version of ["5.70", "6.06", "6.28", "26.01.5-0.18"]) assertEquals(decodeVersion(text(version)), version);
  assertEquals(decodeVersion(text("6.06-0.17-abcdef")), "6.06-0.17-abcdef"); // no NUL left
  assertThrows(() => decodeVersion(text("5.69")), WireError, "perftest: version, 5.70 or newer: got 5.69");
  for (const none of ["", "x6.06", "6", "\xff"]) {
    assertThrows(() => decodeVersion(text(none)), WireError, "perftest: version: got ");
  }
});

Deno.test("both sides take the greater of their block and cache-line sizes, within bounds", () => {
  assertEquals(encodeNumber(4_096), hex("00001000"));
  assertEquals(decodeCycleSize(hex("00000040")), 4_096);
  assertEquals(decodeCycleSize(hex("00200000")), 1 << 21);
  assertEquals(decodeCacheLineSize(hex("00000080")), 128);
  assertEquals(decodeCacheLineSize(hex("00000000")), 64);
  assertThrows(() => decodeCycleSize(hex("00200001")), WireError, "perftest: cycle buffer size: got 2097153");
  assertThrows(() => decodeCycleSize(hex("ffffffff")), WireError, "perftest: cycle buffer size: got -1");
  assertThrows(() => decodeCacheLineSize(hex("00001001")), WireError, "perftest: cache line size: got 4097");
});

Deno.test("both sides take the lesser MTU", () => {
  assertEquals(encodeMtu(3), hex("3300"));
  assertEquals(decodeMtu(hex("3100"), 3), 1);
  assertEquals(decodeMtu(hex("3500"), 3), 3);
  for (const byte of [0, 0x30, 0x36, 0xff]) {
    assertThrows(() => decodeMtu(Uint8Array.of(byte, 0), 3), WireError, `perftest: MTU: got ${byte}`);
  }
});

Deno.test("a report is five numbers of 8 bytes in network byte order", () => {
  const report = { size: 65_536, iterations: 5_000, peak: 1.5, average: -2, rate: 0 };
  const numbers = ["0000000000010000", "0000000000001388", "3ff8000000000000", "c000000000000000", "0000000000000000"];
  assertEquals(encodeReport(report), numbers.map((number) => hex(number)));
  assertEquals(decodeReport(encodeReport(report)), report);
});

Deno.test("any bytes are a preamble within bounds, or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (given) => {
      const bytes = Uint8Array.from(given);
      const bounds: [() => number, number, number][] = [
        [() => decodeCycleSize(bytes), 4_096, 1 << 21],
        [() => decodeCacheLineSize(bytes), 64, 4_096],
        [() => decodeMtu(bytes, 5), 1, 5],
        [() => parseFloat(decodeVersion(bytes)), 5.7, 1_000],
      ];
      for (const [decode, least, most] of bounds) {
        try {
          const value = decode();
          assert(value >= least && value <= most, `${value}`);
        } catch (error) {
          assert(error instanceof WireError, `threw ${error}`);
        }
      }
    }),
    { numRuns: 20_000 },
  );
});
