import { WireError } from "../../../src/rdma/errors.ts";
import {
  Capability,
  Cipher,
  decodeNegotiateRequest,
  decodeNegotiateResponse,
  Dialect,
  encodeNegotiateRequest,
  encodeNegotiateResponse,
  type NegotiateContexts,
  SigningAlgorithm,
} from "../../../src/smb/wire/mod.ts";
import { assertEquals, assertThrows, hex } from "../../assert.ts";
import { bodyOf, decoded, ID, messageSurvives, refusesShorter } from "./bytes.ts";

const SALT = Uint8Array.from({ length: 32 }, (_, index) => index);

const REQUEST = {
  dialects: [Dialect.SMB_3_0_2, Dialect.SMB_3_1_1],
  securityMode: 1,
  capabilities: Capability.LARGE_MTU | Capability.ENCRYPTION,
  clientGuid: ID,
  contexts: {
    preauth: { hashes: [1], salt: SALT },
    ciphers: [Cipher.AES_128_GCM, Cipher.AES_128_CCM],
    netname: "srv",
    signing: [SigningAlgorithm.AES_GMAC, SigningAlgorithm.AES_CMAC],
  },
};
// smbprotocol 1.17.0: SMB3NegotiateRequest with these fields, pack(); less its padding after the last context, and less
// four zero bytes before the first, which it puts at 0x6c: not the multiple of 8 that MS-SMB2 2.2.3 asks for.
const REQUEST_BYTES = hex(
  `2400 0200 0100 0000 44000000 000102030405060708090a0b0c0d0e0f 68000000 0400 0000 0203 1103
   0100 2600 00000000 0100 2000 0100 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0000
   0200 0600 00000000 0200 0200 0100 0000
   0500 0600 00000000 730072007600 0000
   0800 0600 00000000 0200 0200 0100`,
);

Deno.test("encodeNegotiateRequest() writes dialects and contexts", () => {
  assertEquals(bodyOf((view, at) => encodeNegotiateRequest(view, at, REQUEST)), REQUEST_BYTES);
});

Deno.test("encodeNegotiateRequest() writes no contexts without 3.1.1", () => {
  const request = { ...REQUEST, dialects: [Dialect.SMB_2_1] };
  assertEquals(
    bodyOf((view, at) => encodeNegotiateRequest(view, at, request)),
    hex("2400 0100 0100 0000 44000000 000102030405060708090a0b0c0d0e0f 0000000000000000 1002"),
  );
});

Deno.test("decodeNegotiateRequest() reads it back", () => {
  assertEquals(decoded(decodeNegotiateRequest, REQUEST_BYTES), REQUEST);
  refusesShorter(decodeNegotiateRequest, REQUEST_BYTES, REQUEST_BYTES.length);
  messageSurvives(decodeNegotiateRequest, REQUEST_BYTES);
});

const RESPONSE = {
  securityMode: 1,
  dialect: Dialect.SMB_3_1_1,
  serverGuid: ID,
  capabilities: 0x44,
  maxTransactSize: 1_048_576,
  maxReadSize: 4_194_304,
  maxWriteSize: 8_388_608,
  systemTime: 0x01dd_79f3_fb9a_1f44n,
  serverStartTime: 0n,
  securityBuffer: new TextEncoder().encode("tokens"),
  contexts: { preauth: { hashes: [1], salt: SALT }, ciphers: [Cipher.AES_128_GCM] },
};
// smbprotocol 1.17.0: SMB2NegotiateResponse with these fields, pack(), less the padding after the last context.
const RESPONSE_BYTES = hex(
  `4100 0100 1103 0200 000102030405060708090a0b0c0d0e0f 44000000 00001000 00004000 00008000 441f9afbf379dd01
   0000000000000000 8000 0600 88000000 746f6b656e73 0000
   0100 2600 00000000 0100 2000 0100 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0000
   0200 0400 00000000 0100 0200`,
);

Deno.test("decodeNegotiateResponse() reads token and contexts", () => {
  assertEquals(decoded(decodeNegotiateResponse, RESPONSE_BYTES), RESPONSE);
  refusesShorter(decodeNegotiateResponse, RESPONSE_BYTES, RESPONSE_BYTES.length);
});

Deno.test("encodeNegotiateResponse() writes what it reads", () => {
  assertEquals(bodyOf((view, at) => encodeNegotiateResponse(view, at, RESPONSE)), RESPONSE_BYTES);
});

Deno.test("decodeNegotiateResponse() reads any bytes as one or a WireError", () => {
  messageSurvives(decodeNegotiateResponse, RESPONSE_BYTES);
});

Deno.test("decodeNegotiateResponse() takes the padding that servers append, and no contexts in an older dialect", () => {
  const longer = new Uint8Array([...RESPONSE_BYTES, 0, 0, 0, 0]);
  assertEquals(decoded(decodeNegotiateResponse, longer), RESPONSE);
  const older = RESPONSE_BYTES.slice(0, 70);
  older.set([0x02, 0x03], 4);
  assertEquals(decoded(decodeNegotiateResponse, older), { ...RESPONSE, dialect: Dialect.SMB_3_0_2, contexts: {} });
});

Deno.test("decodeNegotiateResponse() says which field does not hold", () => {
  const cases: [number, string, string][] = [
    [0, "40", "NEGOTIATE response: StructureSize is 65: got 64"],
    [6, "2100", "NEGOTIATE response: NegotiateContextCount is at most 32: got 33"],
    [56, "0800", "NEGOTIATE response: offset of the security buffer is after the fixed fields: got 8"],
    [58, "ffff", "NEGOTIATE response: the security buffer lies within the message: got 65663"],
    [60, "89000000", "NEGOTIATE response: NegotiateContextOffset is a multiple of 8: got 137"],
    [60, "f8ffffff", "NEGOTIATE response: a negotiate context lies within the message: got 4294967296"],
    [74, "ffff", "NEGOTIATE response: a negotiate context's data lies within the message: got 65679"],
    [80, "ffff", "negotiate context 1: the count of algorithms fits its data: got 65535"],
    [82, "ffff", "negotiate context 1: length has room for every field: got 38"],
    [120, "01", "negotiate context 1: the count of algorithms fits its data: got 1"],
  ];
  for (const [at, bytes, message] of cases) {
    const input = RESPONSE_BYTES.slice();
    input.set(hex(bytes), at);
    assertEquals(
      assertThrows(() => decoded(decodeNegotiateResponse, input), WireError).message.replace("smb2: ", ""),
      message,
    );
  }
});

Deno.test("every context comes back, and unknown ones are passed over", () => {
  const contexts: NegotiateContexts = {
    preauth: { hashes: [1, 2], salt: ID },
    ciphers: [4, 3, 2, 1],
    compression: { algorithms: [0, 4], flags: 1 },
    netname: "größe.example",
    transport: 1,
    rdmaTransforms: [1, 2],
    signing: [2, 1, 0],
  };
  const body = bodyOf((view, at) => encodeNegotiateResponse(view, at, { ...RESPONSE, contexts }));
  assertEquals(decoded(decodeNegotiateResponse, body).contexts, contexts);
  messageSurvives(decodeNegotiateResponse, body);
  const twice = bodyOf((view, at) => encodeNegotiateResponse(view, at, RESPONSE));
  twice.set([0x00, 0x01], 120);
  assertEquals(decoded(decodeNegotiateResponse, twice).contexts, { preauth: RESPONSE.contexts.preauth });
});

Deno.test("a context that comes twice is refused", () => {
  const body = bodyOf((view, at) =>
    encodeNegotiateResponse(view, at, { ...RESPONSE, contexts: { ciphers: [2], signing: [1] } })
  );
  body.set([2], 72 + 16);
  assertThrows(() => decoded(decodeNegotiateResponse, body), WireError, "a negotiate context comes once: got 2");
});

Deno.test("encoders refuse what their fields cannot hold", () => {
  const encode = (request: typeof REQUEST) => bodyOf((view, at) => encodeNegotiateRequest(view, at, request));
  assertThrows(
    () => encode({ ...REQUEST, clientGuid: new Uint8Array(15) }),
    WireError,
    "an identity has 16 bytes: got 15",
  );
  const contexts = { ...REQUEST.contexts, netname: "\ud800" };
  assertThrows(() => encode({ ...REQUEST, contexts }), WireError, "the server's name has no lone surrogate");
});
