import fc from "fast-check";
import { WireError } from "../../../src/rdma/errors.ts";
import {
  Channel,
  CryptoTransformType,
  decodeDescriptors,
  decodeRdmaTransform,
  decodeReadResponse,
  decodeWriteResponse,
  encodeDescriptors,
  encodeRdmaTransform,
  encodeReadRequest,
  encodeWriteRequest,
  MAX_DESCRIPTORS,
  READ_RESPONSE_TRANSFORM,
  ReadResponse,
  WRITE_THROUGH,
} from "../../../src/smb/wire/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../../assert.ts";
import { AT, bodyOf, decoded, ID, messageSurvives, pieceOf, refusesShorter, survives, viewOf } from "./bytes.ts";

const DESCRIPTORS = [
  { offset: 0x1122_3344_5566_7788n, token: 0xa0b0c0d0, length: 65_536 },
  { offset: 0x1000n, token: 7, length: 34_464 },
];
const DESCRIPTOR_BYTES = "8877665544332211 d0c0b0a0 00000100 0010000000000000 07000000 a0860000";
const RANGE = { fileId: ID, offset: 0x1_0000_0002, length: 65_536, descriptors: [], channel: Channel.NONE };

Deno.test("encodeReadRequest() asks for payload in the message", () => {
  // smbprotocol 1.17.0: SMB2ReadRequest with these fields, pack().
  assertEquals(
    bodyOf((view, at) => encodeReadRequest(view, at, { ...RANGE, minimumCount: 1, flags: 0 })),
    hex(
      `3100 50 00 00000100 0200000001000000 000102030405060708090a0b0c0d0e0f 01000000 00000000 00000000 0000 0000 00`,
    ),
  );
});

Deno.test("encodeReadRequest() offers memory for payload by RDMA", () => {
  const request = {
    ...RANGE,
    length: 100_000,
    minimumCount: 0,
    flags: 1,
    channel: Channel.RDMA_V1_INVALIDATE,
    descriptors: DESCRIPTORS,
  };
  assertEquals(
    bodyOf((view, at) => encodeReadRequest(view, at, request)),
    hex(
      `3100 50 01 a0860100 0200000001000000 000102030405060708090a0b0c0d0e0f 00000000 02000000 a0860100 7000 2000
       ${DESCRIPTOR_BYTES}`,
    ),
  );
});

Deno.test("encodeWriteRequest() leaves the payload to follow it", () => {
  // smbprotocol 1.17.0: SMB2WriteRequest with these fields and five bytes of payload, pack(), less the payload.
  assertEquals(
    bodyOf((view, at) => encodeWriteRequest(view, at, { ...RANGE, length: 5, flags: 0 })),
    hex(
      `3100 7000 05000000 0200000001000000 000102030405060708090a0b0c0d0e0f 00000000 00000000 0000 0000 00000000`,
    ),
  );
});

Deno.test("encodeWriteRequest() by RDMA has neither Length nor DataOffset", () => {
  const request = {
    ...RANGE,
    length: 100_000,
    flags: WRITE_THROUGH,
    channel: Channel.RDMA_V1,
    descriptors: DESCRIPTORS,
  };
  assertEquals(
    bodyOf((view, at) => encodeWriteRequest(view, at, request)),
    hex(
      `3100 0000 00000000 0200000001000000 000102030405060708090a0b0c0d0e0f 01000000 a0860100 7000 2000 01000000
       ${DESCRIPTOR_BYTES}`,
    ),
  );
});

Deno.test("ranges that no 64-bit field or double holds are refused", () => {
  for (const offset of [-1, 0.5, 2 ** 53, NaN]) {
    const request = { ...RANGE, offset, minimumCount: 0, flags: 0 };
    assertThrows(() => bodyOf((view, at) => encodeReadRequest(view, at, request)), WireError, "below 2^53");
    assertThrows(() => bodyOf((view, at) => encodeWriteRequest(view, at, request)), WireError, "below 2^53");
  }
  const request = { ...RANGE, length: 2 ** 32, flags: 0 };
  assertThrows(
    () => bodyOf((view, at) => encodeWriteRequest(view, at, request)),
    WireError,
    "Length is a whole number",
  );
});

/** Reads a READ response of at most 100 bytes. */
function read(view: DataView, at: number, length: number): ReadResponse {
  const out = new ReadResponse();
  decodeReadResponse(view, at, length, 100, out);
  if (out.dataLength > 0) assert(out.dataAt >= at + 80 && out.dataAt + out.dataLength <= at + length);
  assert(out.dataRemaining <= 100);
  return out;
}

const INLINE = hex("1100 50 00 05000000 00000000 00000000 68656c6c6f");
const PLACED = hex("1100 50 00 00000000 64000000 00000000");

Deno.test("decodeReadResponse() finds payload in the message and by RDMA, copying nothing", () => {
  assertEquals(
    { ...decoded(read, INLINE) },
    { dataAt: AT + 80, dataLength: 5, dataRemaining: 0, flags: 0 },
  );
  assertEquals(
    { ...decoded(read, PLACED) },
    { dataAt: AT + 80, dataLength: 0, dataRemaining: 100, flags: 0 },
  );
  refusesShorter(read, INLINE, INLINE.length);
  refusesShorter(read, PLACED, PLACED.length);
});

Deno.test("decodeReadResponse() refuses payload elsewhere, or more than was asked for", () => {
  const cases: [Uint8Array, number, string, string][] = [
    [INLINE, 0, "1000", "READ response: StructureSize is 17: got 16"],
    [INLINE, 2, "4f", "READ response: DataOffset is at least 80: got 79"],
    [INLINE, 2, "51", "READ response: DataLength lies within the message: got 5"],
    [INLINE, 4, "06000000", "READ response: DataLength lies within the message: got 6"],
    [INLINE, 4, "ffffffff", "READ response: DataLength lies within the message: got 4294967295"],
    [INLINE, 8, "60000000", "READ response: no more bytes than asked for: got 101"],
    [PLACED, 8, "65000000", "READ response: no more bytes than asked for: got 101"],
    [PLACED, 8, "ffffffff", "READ response: no more bytes than asked for: got 4294967295"],
  ];
  for (const [sound, at, bytes, message] of cases) {
    const input = sound.slice();
    input.set(hex(bytes), at);
    assertEquals(assertThrows(() => decoded(read, input), WireError).message, `smb2: ${message}`);
  }
});

Deno.test("decodeReadResponse() reads any bytes within their bounds", () => {
  messageSurvives(read, INLINE);
  messageSurvives(read, PLACED);
});

Deno.test("decodeWriteResponse() counts no more bytes than were asked for", () => {
  const write = (view: DataView, at: number, length: number) => decodeWriteResponse(view, at, length, 5);
  // smbprotocol 1.17.0: SMB2WriteResponse with count 5, pack().
  const bytes = hex("1100 0000 05000000 00000000 0000 0000");
  assertEquals(decoded(write, bytes), 5);
  refusesShorter(write, bytes, 16);
  messageSurvives(write, bytes);
  bytes[4] = 6;
  assertThrows(() => decoded(write, bytes), WireError, "smb2: WRITE response: Count is no more than asked for: got 6");
});

Deno.test("arrays of descriptors come back, up to 4095", () => {
  assertEquals(decodeDescriptors(hex(DESCRIPTOR_BYTES)), DESCRIPTORS);
  const many = Array.from({ length: MAX_DESCRIPTORS }, (_, token) => ({ offset: 0n, token, length: 1 }));
  const bytes = new Uint8Array(65_536);
  assertEquals(encodeDescriptors(viewOf(bytes), 0, many), 65_520);
  assertEquals(decodeDescriptors(bytes.subarray(0, 65_520)), many);
  const more = [...many, ...many];
  assertThrows(() => encodeDescriptors(viewOf(bytes), 0, more), WireError, "the number of buffer descriptors");
  assertThrows(() => decodeDescriptors(hex("00")), WireError, "whole buffer descriptors: got 1");
  assertThrows(() => decodeDescriptors(new Uint8Array(0)), WireError, "whole buffer descriptors: got 0");
  survives(decodeDescriptors, hex(DESCRIPTOR_BYTES));
});

const TRANSFORM = {
  channel: Channel.RDMA_V1,
  transform: { type: CryptoTransformType.ENCRYPTION, signature: ID, nonce: hex("0102030405060708090a0b0c") },
  descriptors: DESCRIPTORS,
};

Deno.test("an RDMA transform comes before its descriptors", () => {
  const bytes = hex(
    `3800 2000 01000000 0100 0000 00000000 0100 1000 0c00 0000 000102030405060708090a0b0c0d0e0f
     0102030405060708090a0b0c 00000000 ${DESCRIPTOR_BYTES}`,
  );
  assertEquals(pieceOf((view, at) => encodeRdmaTransform(view, at, TRANSFORM)), bytes);
  assertEquals(decodeRdmaTransform(bytes), TRANSFORM);
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => decodeRdmaTransform(bytes.slice(0, length)), WireError);
  }
  survives(decodeRdmaTransform, bytes);
  bytes[8] = 2;
  assertThrows(() => decodeRdmaTransform(bytes), WireError, "smb2: RDMA transform: TransformCount is 1: got 2");
});

Deno.test("in a READ response a transform has no descriptors and may be longer than what was read", () => {
  const info = { ...TRANSFORM, channel: Channel.NONE, descriptors: [] };
  const piece = pieceOf((view, at) => encodeRdmaTransform(view, at, info));
  assertEquals(piece.length, 56);
  assertEquals(decodeRdmaTransform(piece), info);
  const body = new Uint8Array(16 + 56);
  body.set(hex("1100 50 00 38000000 05000000 01000000"));
  body.set(piece, 16);
  const out = new ReadResponse();
  decoded((view, at, length) => decodeReadResponse(view, at, length, 5, out), body);
  assertEquals({ ...out }, { dataAt: AT + 80, dataLength: 56, dataRemaining: 5, flags: READ_RESPONSE_TRANSFORM });
});

Deno.test("any offset below 2^53 is written exactly", () => {
  const bytes = new Uint8Array(200);
  fc.assert(
    fc.property(fc.maxSafeNat(), (offset) => {
      encodeWriteRequest(viewOf(bytes), 0, { ...RANGE, offset, flags: 0 });
      assertEquals(viewOf(bytes).getBigUint64(72, true), BigInt(offset));
    }),
    { numRuns: 5000 },
  );
});
