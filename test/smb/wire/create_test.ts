import { WireError } from "../../../src/rdma/errors.ts";
import {
  CLOSE_POSTQUERY,
  CreateOption,
  type CreateRequest,
  decodeCloseResponse,
  decodeCreateResponse,
  Disposition,
  encodeCloseRequest,
  encodeCreateRequest,
  encodeFlushRequest,
  FileAccess,
  FileAttribute,
  LeaseFlag,
  LeaseState,
  OplockLevel,
} from "../../../src/smb/wire/mod.ts";
import { assertEquals, assertThrows, hex } from "../../assert.ts";
import { bodyOf, decoded, ID, messageSurvives, refusesShorter } from "./bytes.ts";

const KEY = hex("101112131415161718191a1b1c1d1e1f");
const PARENT = hex("202122232425262728292a2b2c2d2e2f");

const REQUEST: CreateRequest = {
  path: "a\\bc",
  access: 0x120000 | FileAccess.READ_ATTRIBUTES | FileAccess.READ_EA | FileAccess.READ_DATA,
  share: 7,
  disposition: Disposition.OPEN,
  options: CreateOption.NON_DIRECTORY_FILE,
  attributes: FileAttribute.NORMAL,
  oplock: OplockLevel.LEASE,
  contexts: {},
};
const FIXED = `3900 00 ff 02000000 0000000000000000 0000000000000000 89001200 80000000 07000000 01000000 40000000 7800`;

Deno.test("encodeCreateRequest() writes a path and contexts", () => {
  const lease = { key: KEY, state: 7, flags: LeaseFlag.PARENT_KEY, v2: { parentKey: PARENT, epoch: 5 } };
  const durableV2 = { timeout: 60_000, flags: 0, createGuid: ID };
  const contexts = { durableV2, lease, maximalAccess: true, onDiskId: true };
  // smbprotocol 1.17.0: SMB2CreateRequest with these fields and contexts, pack(), with the Next fields that its
  // pack_multiple() sets, and the padding between them; its GUID's bytes in order.
  assertEquals(
    bodyOf((view, at) => encodeCreateRequest(view, at, { ...REQUEST, contexts })),
    hex(
      `${FIXED} 0800 80000000 b8000000 61005c0062006300
       38000000 1000 0400 0000 1800 20000000 44483251 00000000
       60ea0000 00000000 0000000000000000 000102030405060708090a0b0c0d0e0f
       50000000 1000 0400 0000 1800 34000000 52714c73 00000000
       101112131415161718191a1b1c1d1e1f 07000000 04000000 0000000000000000 202122232425262728292a2b2c2d2e2f 0500 0000
       00000000
       18000000 1000 0400 0000 0000 00000000 4d784163 00000000
       00000000 1000 0400 0000 0000 00000000 51466964 00000000`,
    ),
  );
});

Deno.test("encodeCreateRequest() writes each other context", () => {
  const written = (contexts: CreateRequest["contexts"]) =>
    bodyOf((view, at) => encodeCreateRequest(view, at, { ...REQUEST, path: "", contexts })).slice(56);
  const head = (name: string, size: string) => `00000000 1000 0400 0000 1800 ${size} ${name} 00000000`;
  assertEquals(written({ durable: true }), hex(`${head("44486e51", "10000000")} ${"00".repeat(16)}`));
  assertEquals(
    written({ reconnect: ID }),
    hex(`${head("44486e43", "10000000")} 000102030405060708090a0b0c0d0e0f`),
  );
  assertEquals(
    written({ reconnectV2: { fileId: ID, createGuid: KEY, flags: 2 } }),
    hex(
      `${head("44483243", "24000000")} 000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f 02000000`,
    ),
  );
  assertEquals(
    written({ lease: { key: KEY, state: LeaseState.READ, flags: 0 } }),
    hex(`${head("52714c73", "20000000")} 101112131415161718191a1b1c1d1e1f 01000000 00000000 0000000000000000`),
  );
  assertEquals(written({ allocationSize: 0x1_0000_0002 }), hex(`${head("416c5369", "08000000")} 0200000001000000`));
  assertEquals(written({ timewarp: 3n }), hex(`${head("54577270", "08000000")} 0300000000000000`));
});

Deno.test("without contexts the message ends with the name, and the root's empty one is a byte", () => {
  const encode = (path: string) => bodyOf((view, at) => encodeCreateRequest(view, at, { ...REQUEST, path }));
  assertEquals(encode("a"), hex(`${FIXED} 0200 00000000 00000000 6100`));
  assertEquals(encode(""), hex(`${FIXED} 0000 00000000 00000000 00`));
  assertThrows(() => encode("a\0"), WireError, "a path has no NUL");
});

// smbprotocol 1.17.0: SMB2CreateResponse with these fields, pack(); times and contexts by hand from MS-SMB2 2.2.14.
const RESPONSE_BYTES = hex(
  `5900 ff 00 01000000 0100000000000000 0200000000000000 0300000000000000 0400000000000000
   0020000000000000 8813000000000000 20000000 00000000 000102030405060708090a0b0c0d0e0f 98000000 c8000000
   50000000 1000 0400 0000 1800 34000000 52714c73 00000000
   101112131415161718191a1b1c1d1e1f 05000000 04000000 0000000000000000 202122232425262728292a2b2c2d2e2f 0600 0000
   00000000
   20000000 1000 0400 0000 1800 08000000 4d784163 00000000 00000000 ff011f00
   20000000 1000 0400 0000 1800 08000000 44483251 00000000 60ea0000 02000000
   00000000 1000 0400 0000 1800 20000000 51466964 00000000 4d00000000000000 0900000000000000
   00000000000000000000000000000000`,
);
const RESPONSE = {
  oplock: OplockLevel.LEASE,
  flags: 0,
  action: 1,
  creationTime: 1n,
  lastAccessTime: 2n,
  lastWriteTime: 3n,
  changeTime: 4n,
  allocationSize: 8192,
  endOfFile: 5000,
  attributes: FileAttribute.ARCHIVE,
  fileId: ID,
  contexts: {
    lease: {
      key: KEY,
      state: LeaseState.READ | LeaseState.WRITE,
      flags: LeaseFlag.PARENT_KEY,
      v2: { parentKey: PARENT, epoch: 6 },
    },
    maximalAccess: { status: 0, access: 0x1f01ff },
    durableV2: { timeout: 60_000, flags: 2 },
    onDiskId: { fileId: 77n, volumeId: 9n },
  },
};

Deno.test("decodeCreateResponse() reads the file and its contexts", () => {
  assertEquals(decoded(decodeCreateResponse, RESPONSE_BYTES), RESPONSE);
  refusesShorter(decodeCreateResponse, RESPONSE_BYTES, RESPONSE_BYTES.length);
  const bare = RESPONSE_BYTES.slice(0, 88);
  bare.fill(0, 80);
  assertEquals(decoded(decodeCreateResponse, bare), { ...RESPONSE, contexts: {} });
});

Deno.test("decodeCreateResponse() reads any bytes as one or a WireError", () => {
  messageSurvives(decodeCreateResponse, RESPONSE_BYTES);
});

Deno.test("decodeCreateResponse() says which field does not hold", () => {
  const cases: [number, string, string][] = [
    [40, "0000000000002000", "CREATE response: AllocationSize is below 2^53: got 9007199254740992"],
    [48, "ffffffffffffffff", "CREATE response: EndofFile is below 2^53: got 18446744073709551615"],
    [80, "97000000", "CREATE response: offset of the create contexts is after the fixed fields: got 151"],
    [84, "c9000000", "CREATE response: the create contexts lies within the message: got 353"],
    [88, "4c000000", "create context: Next is a context within the list: got 76"],
    [88, "08000000", "create context: Next is a context within the list: got 8"],
    [88, "c8000000", "create context: Next is a context within the list: got 200"],
    [92, "0f00", "create context: offset of Name is after the fixed fields: got 15"],
    [98, "c800", "create context: Data lies within the message: got 252"],
    [100, "21000000", "create context RqLs: length has room for every field: got 33"],
    [92 + 80, "1000 0400 0000 1800 08000000 52714c73", "create context RqLs: length has room for every field: got 8"],
  ];
  for (const [at, bytes, message] of cases) {
    const input = RESPONSE_BYTES.slice();
    input.set(hex(bytes), at);
    assertEquals(
      assertThrows(() => decoded(decodeCreateResponse, input), WireError).message.replace("smb2: ", ""),
      message,
    );
  }
});

Deno.test("a context that comes twice is refused, and so are more than 32", () => {
  const twice = RESPONSE_BYTES.slice();
  twice.set(hex("4d784163"), 88 + 80 + 32 + 16);
  assertThrows(() => decoded(decodeCreateResponse, twice), WireError, "a context comes once: got MxAc");
  const many = new Uint8Array(88 + 33 * 24);
  many.set(RESPONSE_BYTES.slice(0, 84));
  many.set(hex("18030000"), 84);
  for (let i = 0; i < 33; i++) many.set(hex(`${i === 32 ? "00" : "18"}000000 1000 0400`), 88 + i * 24);
  assertThrows(() => decoded(decodeCreateResponse, many), WireError, "contexts are at most 32");
});

Deno.test("CLOSE and FLUSH name the file", () => {
  // smbprotocol 1.17.0: SMB2CloseRequest and SMB2FlushRequest, pack().
  assertEquals(
    bodyOf((view, at) => encodeCloseRequest(view, at, ID, CLOSE_POSTQUERY)),
    hex("1800 0100 00000000 000102030405060708090a0b0c0d0e0f"),
  );
  assertEquals(
    bodyOf((view, at) => encodeFlushRequest(view, at, ID)),
    hex("1800 0000 00000000 000102030405060708090a0b0c0d0e0f"),
  );
  assertThrows(
    () => bodyOf((view, at) => encodeCloseRequest(view, at, new Uint8Array(8))),
    WireError,
    "16 bytes: got 8",
  );
});

Deno.test("decodeCloseResponse() reads the last attributes", () => {
  const bytes = hex(
    `3c00 0100 00000000 0100000000000000 0200000000000000 0300000000000000 0400000000000000
     0020000000000000 8813000000000000 20000000`,
  );
  assertEquals(decoded(decodeCloseResponse, bytes), {
    flags: CLOSE_POSTQUERY,
    creationTime: 1n,
    lastAccessTime: 2n,
    lastWriteTime: 3n,
    changeTime: 4n,
    allocationSize: 8192,
    endOfFile: 5000,
    attributes: 32,
  });
  refusesShorter(decodeCloseResponse, bytes, 60);
  messageSurvives(decodeCloseResponse, bytes);
});
