import fc from "fast-check";
import { WireError } from "../../src/rdma/errors.ts";
import {
  DataTransfer,
  decodeBufferDescriptor,
  decodeDataTransfer,
  decodeNegotiateRequest,
  decodeNegotiateResponse,
  encodeBufferDescriptor,
  encodeDataTransfer,
  encodeNegotiateRequest,
  encodeNegotiateResponse,
  LEAST_FRAGMENTED_SIZE,
  LEAST_RECEIVE_SIZE,
} from "../../src/smbdirect/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../assert.ts";
import { data, negotiateRequest, negotiateResponse } from "./sides.ts";

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What an encoder writes at offset 3 of a buffer full of ones, which it must leave alone around it. */
function written(encode: (view: DataView, at: number) => number): Uint8Array {
  const bytes = new Uint8Array(64).fill(0xff);
  const end = 3 + encode(viewOf(bytes), 3);
  assert(bytes.every((byte, index) => (index >= 3 && index < end) || byte === 0xff));
  return bytes.slice(3, end);
}

const REQUEST = {
  minVersion: 0x100,
  maxVersion: 0x100,
  creditsRequested: 10,
  preferredSendSize: 1024,
  maxReceiveSize: 1024,
  maxFragmentedSize: 131_072,
};
const REQUEST_BYTES = hex("0001 0001 0000 0a00 00040000 00040000 00000200");

Deno.test("encodeNegotiateRequest() writes the 20 bytes of MS-SMBD 2.2.1", () => {
  assertEquals(written((view, at) => encodeNegotiateRequest(view, at, REQUEST)), REQUEST_BYTES);
});

Deno.test("decodeNegotiateRequest() reads them back", () => {
  assertEquals(decodeNegotiateRequest(viewOf(REQUEST_BYTES), 0, 20), REQUEST);
});

const RESPONSE = {
  negotiatedVersion: 0x100,
  creditsRequested: 10,
  creditsGranted: 9,
  status: 0,
  maxReadWriteSize: 1_048_576,
  preferredSendSize: 1024,
  maxReceiveSize: 1000,
  maxFragmentedSize: 131_072,
};
const RESPONSE_BYTES = hex(
  "0001 0001 0001 0000 0a00 0900 00000000 00001000 00040000 e8030000 00000200",
);

Deno.test("encodeNegotiateResponse() writes 32 bytes with three times version 0x0100", () => {
  assertEquals(written((view, at) => encodeNegotiateResponse(view, at, RESPONSE)), RESPONSE_BYTES);
});

Deno.test("decodeNegotiateResponse() reads them back", () => {
  assertEquals(decodeNegotiateResponse(viewOf(RESPONSE_BYTES), 0, 32, 1024), RESPONSE);
});

Deno.test("encodeDataTransfer() writes header and padding of a payload, and its length with the payload", () => {
  const bytes = new Uint8Array(24).fill(0xff);
  assertEquals(encodeDataTransfer(viewOf(bytes), 0, 255, 3, 1, 1000, 70_000), 1024);
  assertEquals(bytes, hex("ff00 0300 0100 0000 70110100 18000000 e8030000 00000000"));
});

Deno.test("encodeDataTransfer() writes 20 bytes and no padding without payload", () => {
  assertEquals(
    written((view, at) => encodeDataTransfer(view, at, 10, 5, 0, 0, 0)),
    hex("0a00 0500 0000 0000 00000000 00000000 00000000"),
  );
});

Deno.test("decodeDataTransfer() reads a header that does not start its buffer", () => {
  const bytes = hex("aaaaaa ff00 0300 0100 0000 70110100 18000000 02000000 00000000 1122");
  const header = new DataTransfer();
  decodeDataTransfer(viewOf(bytes), 3, 26, 131_072, header);
  assertEquals({ ...header }, {
    creditsRequested: 255,
    creditsGranted: 3,
    flags: 1,
    remainingDataLength: 70_000,
    dataOffset: 24,
    dataLength: 2,
  });
});

Deno.test("a buffer descriptor V1 is 16 bytes: offset, token, length", () => {
  const descriptor = { offset: 0x0123_4567_89ab_cdefn, token: 0xdead_beef, length: 0x8000_0000 };
  const bytes = hex("efcdab8967452301 efbeadde 00000080");
  assertEquals(written((view, at) => encodeBufferDescriptor(view, at, descriptor)), bytes);
  assertEquals(decodeBufferDescriptor(viewOf(bytes), 0, 16), descriptor);
});

Deno.test("decodeBufferDescriptor() takes a range that ends at 2^64 and refuses one that wraps or is short", () => {
  const bytes = hex("00ffffffffffffff 01000000 00010000");
  assertEquals(decodeBufferDescriptor(viewOf(bytes), 0, 16).length, 256);
  bytes[12] = 1;
  assertThrows(() => decodeBufferDescriptor(viewOf(bytes), 0, 16), WireError, "Offset + Length");
  assertThrows(() => decodeBufferDescriptor(viewOf(bytes), 0, 15), WireError, "at least 16: got 15");
});

const requestRefusals: [string, Parameters<typeof negotiateRequest>[0], string][] = [
  ["19 bytes", { length: 19 }, "length of a negotiate request is at least 20: got 19"],
  ["CreditsRequested 0", { creditsRequested: 0 }, "CreditsRequested is at least 1: got 0"],
  ["MaxReceiveSize 127", { maxReceiveSize: 127 }, "MaxReceiveSize is at least 128: got 127"],
  ["MaxFragmentedSize 131,071", { maxFragmentedSize: 131_071 }, "MaxFragmentedSize is at least 131072: got 131071"],
];
for (const [what, change, message] of requestRefusals) {
  Deno.test(`decodeNegotiateRequest() refuses ${what}`, () => {
    const bytes = negotiateRequest(change);
    assertThrows(() => decodeNegotiateRequest(viewOf(bytes), 0, bytes.length), WireError, message);
  });
}

const responseRefusals: [string, Parameters<typeof negotiateResponse>[0], string][] = [
  ["31 bytes", { length: 31 }, "length of a negotiate response is at least 32: got 31"],
  ["NegotiatedVersion 0x0200", { negotiatedVersion: 0x200 }, "NegotiatedVersion is 0x0100: got 512"],
  ["CreditsRequested 0", { creditsRequested: 0 }, "CreditsRequested is at least 1: got 0"],
  ["CreditsGranted 0", { creditsGranted: 0 }, "CreditsGranted is at least 1: got 0"],
  ["MaxReadWriteSize 0", { maxReadWriteSize: 0 }, "MaxReadWriteSize is at least 1: got 0"],
  ["MaxReceiveSize 127", { maxReceiveSize: 127 }, "MaxReceiveSize is at least 128: got 127"],
  ["MaxFragmentedSize 131,071", { maxFragmentedSize: 131_071 }, "MaxFragmentedSize is at least 131072: got 131071"],
  [
    "PreferredSendSize beyond this side's MaxReceiveSize",
    { preferredSendSize: 1025 },
    "PreferredSendSize is at most the MaxReceiveSize asked for: got 1025, not 1024",
  ],
];
for (const [what, change, message] of responseRefusals) {
  Deno.test(`decodeNegotiateResponse() refuses ${what}`, () => {
    const bytes = negotiateResponse(change);
    assertThrows(() => decodeNegotiateResponse(viewOf(bytes), 0, bytes.length, 1024), WireError, message);
  });
}

const payload = new Uint8Array(100);
const dataRefusals: [string, Parameters<typeof data>[0], string][] = [
  ["19 bytes", { length: 19 }, "length of a data transfer message is at least 20: got 19"],
  ["CreditsRequested 0", { creditsRequested: 0 }, "CreditsRequested is at least 1: got 0"],
  ["an unaligned DataOffset", { payload, dataOffset: 25 }, "DataOffset is a multiple of 8: got 25"],
  ["a DataOffset beyond the message", { payload, dataOffset: 128, dataLength: 0 }, "lie within the message: got 128"],
  ["a DataLength beyond the message", { payload, dataLength: 101 }, "lie within the message: got 125"],
  [
    "a DataOffset and a DataLength whose sum wraps round 2^32",
    { payload, dataOffset: 0xffff_fff8, dataLength: 16 },
    "lie within the message: got 4294967304",
  ],
  [
    "more than MaxFragmentedSize in all",
    { payload, remaining: 130_973 },
    "DataLength + RemainingDataLength lie within MaxFragmentedSize: got 131073",
  ],
  [
    "a RemainingDataLength that wraps round 2^32 with DataLength",
    { payload, remaining: 0xffff_ffff },
    "lie within MaxFragmentedSize: got 4294967395",
  ],
  ["a payload within the header", { payload, dataOffset: 16 }, "DataOffset of a payload is at least 24: got 16"],
  ["a remainder without a payload", { remaining: 1 }, "RemainingDataLength of an empty message is 0: got 1"],
];
for (const [what, change, message] of dataRefusals) {
  Deno.test(`decodeDataTransfer() refuses ${what}`, () => {
    const bytes = data(change);
    const header = new DataTransfer();
    assertThrows(() => decodeDataTransfer(viewOf(bytes), 0, bytes.length, 131_072, header), WireError, message);
  });
}

/** Runs `decode` over 100,000 random buffers: it returns or throws a WireError. */
function fuzz(length: number, decode: (view: DataView, length: number) => void): void {
  const messages = fc.oneof(
    fc.uint8Array({ maxLength: length + 4 }),
    fc.tuple(fc.uint8Array({ minLength: length, maxLength: length }), fc.uint8Array({ maxLength: 3 })).map(
      ([start, ones]) => {
        for (const index of ones) start[index % length] = 0; // zeroes are rare otherwise, and every check has one
        return start;
      },
    ),
  );
  fc.assert(
    fc.property(messages, (bytes) => {
      try {
        decode(viewOf(bytes), bytes.length);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }),
    { numRuns: 100_000 },
  );
}

Deno.test("decodeNegotiateRequest() throws nothing but WireError, and passes only what holds", () => {
  fuzz(20, (view, length) => {
    const request = decodeNegotiateRequest(view, 0, length);
    if (request.minVersion > 0x100 || request.maxVersion < 0x100) return;
    assert(request.creditsRequested > 0 && request.maxReceiveSize >= LEAST_RECEIVE_SIZE);
    assert(request.maxFragmentedSize >= LEAST_FRAGMENTED_SIZE);
  });
});

Deno.test("decodeNegotiateResponse() throws nothing but WireError, and passes only what holds", () => {
  fuzz(32, (view, length) => {
    const response = decodeNegotiateResponse(view, 0, length, 0xffff_ffff);
    assert(response.status !== 0 || (response.creditsGranted > 0 && response.creditsRequested > 0));
  });
});

Deno.test("decodeDataTransfer() throws nothing but WireError, and passes only payloads within the message", () => {
  const header = new DataTransfer();
  fuzz(28, (view, length) => {
    decodeDataTransfer(view, 0, length, 0xffff_ffff, header);
    assert(header.dataOffset + header.dataLength <= length && header.creditsRequested > 0);
  });
});

Deno.test("decodeBufferDescriptor() throws nothing but WireError, and passes only ranges within 2^64", () => {
  fuzz(16, (view, length) => {
    const descriptor = decodeBufferDescriptor(view, 0, length);
    assert(descriptor.offset + BigInt(descriptor.length) <= 1n << 64n);
  });
});

Deno.test("what encodeDataTransfer() writes, decodeDataTransfer() reads", () => {
  const header = new DataTransfer();
  const view = new DataView(new ArrayBuffer(24));
  const count = fc.integer({ min: 1, max: 65_535 });
  const size = fc.integer({ min: 1, max: 500_000 });
  fc.assert(
    fc.property(count, count, fc.integer({ min: 0, max: 1 }), size, size, (requested, granted, flags, n, rest) => {
      const length = encodeDataTransfer(view, 0, requested, granted, flags, n, rest);
      decodeDataTransfer(view, 0, length, 1_048_576, header);
      assertEquals(
        [header.creditsRequested, header.creditsGranted, header.flags, header.dataLength, header.remainingDataLength],
        [requested, granted, flags, n, rest],
      );
    }),
    { numRuns: 10_000 },
  );
});
