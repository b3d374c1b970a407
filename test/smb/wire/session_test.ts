import { WireError } from "../../../src/rdma/errors.ts";
import {
  decodeEmpty,
  decodeSessionSetupRequest,
  decodeSessionSetupResponse,
  decodeSetInfoResponse,
  decodeTreeConnectRequest,
  decodeTreeConnectResponse,
  encodeEmpty,
  encodeSessionSetupRequest,
  encodeSessionSetupResponse,
  encodeTreeConnectRequest,
  encodeTreeConnectResponse,
  SESSION_BINDING,
  SessionFlag,
  ShareCapability,
  ShareFlag,
  ShareType,
} from "../../../src/smb/wire/mod.ts";
import { assertEquals, assertThrows, hex } from "../../assert.ts";
import { bodyOf, decoded, messageSurvives, refusesShorter } from "./bytes.ts";

const TOKEN = new TextEncoder().encode("token");
const SETUP = {
  flags: SESSION_BINDING,
  securityMode: 1,
  capabilities: 1,
  previousSessionId: 9n,
  securityBuffer: TOKEN,
};
// Each of these bytes: smbprotocol 1.17.0's structure of the name with the same fields, pack().
const SETUP_BYTES = hex("1900 01 01 01000000 00000000 5800 0500 0900000000000000 746f6b656e");
const SETUP_RESPONSE_BYTES = hex("0900 0400 4800 0500 746f6b656e");
const TREE_BYTES = hex("0900 0000 4800 1400 5c005c007300720076005c006400610074006100");
const TREE_RESPONSE_BYTES = hex("1000 01 00 00800000 10000000 ff011f00");

Deno.test("SESSION_SETUP's request is written and read", () => {
  assertEquals(bodyOf((view, at) => encodeSessionSetupRequest(view, at, SETUP)), SETUP_BYTES);
  assertEquals(decoded(decodeSessionSetupRequest, SETUP_BYTES), SETUP);
  refusesShorter(decodeSessionSetupRequest, SETUP_BYTES, SETUP_BYTES.length);
  messageSurvives(decodeSessionSetupRequest, SETUP_BYTES);
});

Deno.test("SESSION_SETUP's response is written and read", () => {
  const response = { sessionFlags: SessionFlag.ENCRYPT, securityBuffer: TOKEN };
  assertEquals(bodyOf((view, at) => encodeSessionSetupResponse(view, at, response)), SETUP_RESPONSE_BYTES);
  assertEquals(decoded(decodeSessionSetupResponse, SETUP_RESPONSE_BYTES), response);
  refusesShorter(decodeSessionSetupResponse, SETUP_RESPONSE_BYTES, SETUP_RESPONSE_BYTES.length);
  messageSurvives(decodeSessionSetupResponse, SETUP_RESPONSE_BYTES);
});

Deno.test("a response without token may put any offset", () => {
  const response = { sessionFlags: 0, securityBuffer: new Uint8Array(0) };
  assertEquals(decoded(decodeSessionSetupResponse, hex("0900 0000 ffff 0000 00")), response);
});

Deno.test("TREE_CONNECT's request is written and read", () => {
  assertEquals(bodyOf((view, at) => encodeTreeConnectRequest(view, at, "\\\\srv\\data")), TREE_BYTES);
  assertEquals(decoded(decodeTreeConnectRequest, TREE_BYTES), "\\\\srv\\data");
  refusesShorter(decodeTreeConnectRequest, TREE_BYTES, TREE_BYTES.length);
  messageSurvives(decodeTreeConnectRequest, TREE_BYTES);
  const encode = (path: string) => () => bodyOf((view, at) => encodeTreeConnectRequest(view, at, path));
  assertThrows(encode("\\\\srv\\\ud800"), WireError, "a share's path has no lone surrogate");
  assertThrows(encode("\\\\srv\\a\0"), WireError, "a share's path has no NUL");
});

Deno.test("TREE_CONNECT's response is written and read", () => {
  const response = {
    shareType: ShareType.DISK,
    shareFlags: ShareFlag.ENCRYPT_DATA,
    capabilities: ShareCapability.CONTINUOUS_AVAILABILITY,
    maximalAccess: 0x1f01ff,
  };
  assertEquals(bodyOf((view, at) => encodeTreeConnectResponse(view, at, response)), TREE_RESPONSE_BYTES);
  assertEquals(decoded(decodeTreeConnectResponse, TREE_RESPONSE_BYTES), response);
  refusesShorter(decodeTreeConnectResponse, TREE_RESPONSE_BYTES, 16);
  messageSurvives(decodeTreeConnectResponse, TREE_RESPONSE_BYTES);
});

Deno.test("empty bodies are four bytes, SET_INFO's response two; longer ones pass", () => {
  assertEquals(bodyOf(encodeEmpty), hex("0400 0000"));
  decoded(decodeEmpty, hex("0400 0000 00000000"));
  decoded(decodeSetInfoResponse, hex("0200 00"));
  refusesShorter(decodeEmpty, hex("0400 0000"), 4);
  refusesShorter(decodeSetInfoResponse, hex("0200"), 2);
  assertThrows(() => decoded(decodeEmpty, hex("0900 0000")), WireError, "an empty message: StructureSize is 4: got 9");
});
