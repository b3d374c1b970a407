import { WireError } from "../../../src/rdma/errors.ts";
import {
  BREAK_ACK_REQUIRED,
  Command,
  decodeBreak,
  decodeError,
  decodeIoctlResponse,
  decodeNetworkInterfaces,
  decodeSymlinkError,
  decodeValidateNegotiate,
  encodeError,
  encodeIoctlRequest,
  encodeLeaseAcknowledgement,
  encodeLockRequest,
  encodeOplockAcknowledgement,
  encodeValidateNegotiate,
  ErrorId,
  Fsctl,
  hasErrorBody,
  InterfaceCapability,
  LeaseState,
  LockFlag,
  MAX_INTERFACES,
  MAX_LOCKS,
  NtStatus,
  OplockLevel,
} from "../../../src/smb/wire/mod.ts";
import { assert, assertEquals, assertThrows, hex } from "../../assert.ts";
import { bodyOf, decoded, ID, messageSurvives, pieceOf, refusesShorter, survives } from "./bytes.ts";

const ID_BYTES = "000102030405060708090a0b0c0d0e0f";
const EVERYTHING = hex("ffffffffffffffffffffffffffffffff");

Deno.test("encodeLockRequest() lists ranges", () => {
  const flags = LockFlag.EXCLUSIVE | LockFlag.FAIL_IMMEDIATELY;
  // impacket 0.13.1: smb3structs.SMB2Lock with one SMB2_LOCK_ELEMENT, getData().
  assertEquals(
    bodyOf((view, at) => encodeLockRequest(view, at, ID, [{ offset: 0x1_0000_0002n, length: 7n, flags }], 0x12)),
    hex(`3000 0100 12000000 ${ID_BYTES} 0200000001000000 0700000000000000 12000000 00000000`),
  );
  const range = { offset: 0n, length: 0xffff_ffff_ffff_ffffn, flags: LockFlag.UNLOCK };
  const encode = (count: number) => bodyOf((view, at) => encodeLockRequest(view, at, ID, Array(count).fill(range)));
  assertEquals(encode(2).length, 24 + 48);
  assertThrows(() => encode(0), WireError, "LockCount");
  assertThrows(() => encode(MAX_LOCKS + 1), WireError, "LockCount");
});

Deno.test("encodeIoctlRequest() asks whether the negotiation was tampered with", () => {
  const input = pieceOf((view, at) =>
    encodeValidateNegotiate(view, at, {
      capabilities: 0x44,
      clientGuid: ID,
      securityMode: 1,
      dialects: [0x300, 0x302],
    })
  );
  const request = { code: Fsctl.VALIDATE_NEGOTIATE_INFO, fileId: EVERYTHING, input, maxOutput: 24 };
  // smbprotocol 1.17.0: SMB2IOCTLRequest with SMB2ValidateNegotiateInfoRequest, pack(); it writes 120 into OutputOffset,
  // which is 0 here: there is no output.
  assertEquals(
    bodyOf((view, at) => encodeIoctlRequest(view, at, request)),
    hex(
      `3900 0000 04021400 ffffffffffffffffffffffffffffffff 78000000 1c000000 00000000 00000000 00000000 18000000
       01000000 00000000 44000000 ${ID_BYTES} 0100 0200 0003 0203`,
    ),
  );
  const bare = bodyOf((view, at) => encodeIoctlRequest(view, at, { ...request, input: new Uint8Array(0) }));
  assertEquals(bare.length, 57);
});

const IOCTL_BYTES = hex(
  `3100 0000 04021400 ffffffffffffffffffffffffffffffff 70000000 00000000 70000000 18000000 00000000 00000000
   44000000 ${ID_BYTES} 0100 0203`,
);

Deno.test("decodeIoctlResponse() gives the output, no more than asked for", () => {
  const decode = (view: DataView, at: number, length: number) => decodeIoctlResponse(view, at, length, 24);
  const response = decoded(decode, IOCTL_BYTES);
  assertEquals(response.code, Fsctl.VALIDATE_NEGOTIATE_INFO);
  assertEquals(response.fileId, EVERYTHING);
  const negotiated = { capabilities: 0x44, serverGuid: ID, securityMode: 1, dialect: 0x302 };
  assertEquals(decodeValidateNegotiate(response.output), negotiated);
  assertThrows(() => decodeValidateNegotiate(response.output.subarray(1)), WireError, "VALIDATE_NEGOTIATE_INFO");
  refusesShorter(decode, IOCTL_BYTES, IOCTL_BYTES.length);
  messageSurvives(decode, IOCTL_BYTES);
  const longer = IOCTL_BYTES.slice();
  longer[36] = 25;
  assertThrows(() => decoded(decode, longer), WireError, "OutputCount is no more than asked for: got 25");
});

// impacket 0.13.1: smb3structs.NETWORK_INTERFACE_INFO with IfIndex 5, Capability 2, 100 Gbit/s and 10.0.0.1, getData();
// the second entry by hand from MS-SMB2 2.2.32.5.
const INTERFACES_BYTES = new Uint8Array(3 * 152);
INTERFACES_BYTES.set(hex("98000000 05000000 02000000 00000000 00e8764817000000 0200 0000 0a000001"));
INTERFACES_BYTES.set(hex("98000000 06000000 01000000 00000000 00ca9a3b00000000 1700 0000 00000000 fe80"), 152);
INTERFACES_BYTES.set(hex("00000000 07000000"), 304);

Deno.test("decodeNetworkInterfaces() reads IPv4 and IPv6 and passes others over", () => {
  const linkLocal = new Uint8Array(16);
  linkLocal.set([0xfe, 0x80]);
  assertEquals(decodeNetworkInterfaces(INTERFACES_BYTES), [
    { index: 5, capability: InterfaceCapability.RDMA, linkSpeed: 100_000_000_000n, address: hex("0a000001") },
    { index: 6, capability: InterfaceCapability.RSS, linkSpeed: 1_000_000_000n, address: linkLocal },
  ]);
  assertEquals(decodeNetworkInterfaces(new Uint8Array(0)), []);
  assertThrows(
    () => decodeNetworkInterfaces(INTERFACES_BYTES.slice(0, 455)),
    WireError,
    "an entry has 152 bytes: got 151",
  );
  survives(decodeNetworkInterfaces, INTERFACES_BYTES);
  const many = new Uint8Array((MAX_INTERFACES + 1) * 152);
  for (let i = 0; i < MAX_INTERFACES; i++) many[i * 152] = 152;
  assertThrows(() => decodeNetworkInterfaces(many), WireError, "entries are at most 256: got 257");
});

Deno.test("breaks are told apart and acknowledged", () => {
  const oplock = hex(`1800 01 00 00000000 ${ID_BYTES}`);
  assertEquals(decoded(decodeBreak, oplock), { kind: "oplock", level: OplockLevel.LEVEL_II, fileId: ID });
  assertEquals(
    bodyOf((view, at) => encodeOplockAcknowledgement(view, at, ID, OplockLevel.LEVEL_II)),
    oplock,
  );
  // impacket 0.13.1: smb3structs.SMB2LeaseBreakNotification with these fields, getData().
  const lease = hex(`2c00 0300 01000000 ${ID_BYTES} 07000000 01000000 00000000 00000000 00000000`);
  assertEquals(decoded(decodeBreak, lease), {
    kind: "lease break",
    epoch: 3,
    flags: BREAK_ACK_REQUIRED,
    key: ID,
    state: LeaseState.READ | LeaseState.HANDLE | LeaseState.WRITE,
    newState: LeaseState.READ,
  });
  const answer = bodyOf((view, at) => encodeLeaseAcknowledgement(view, at, ID, LeaseState.READ));
  assertEquals(answer, hex(`2400 0000 00000000 ${ID_BYTES} 01000000 0000000000000000`));
  assertEquals(decoded(decodeBreak, answer), { kind: "lease", key: ID, state: LeaseState.READ });
  for (const bytes of [oplock, lease, answer]) {
    refusesShorter(decodeBreak, bytes, bytes.length);
    messageSurvives(decodeBreak, bytes, 30_000);
  }
});

Deno.test("hasErrorBody() knows the statuses that are no errors to their command", () => {
  assert(!hasErrorBody(Command.READ, NtStatus.SUCCESS));
  assert(!hasErrorBody(Command.SESSION_SETUP, NtStatus.MORE_PROCESSING_REQUIRED));
  assert(!hasErrorBody(Command.QUERY_INFO, NtStatus.BUFFER_OVERFLOW));
  assert(!hasErrorBody(Command.CHANGE_NOTIFY, NtStatus.NOTIFY_ENUM_DIR));
  assert(hasErrorBody(Command.CREATE, NtStatus.BUFFER_OVERFLOW));
  assert(hasErrorBody(Command.READ, NtStatus.PENDING));
  assert(hasErrorBody(Command.READ, NtStatus.END_OF_FILE));
  assert(hasErrorBody(Command.QUERY_DIRECTORY, NtStatus.NO_MORE_FILES));
  assert(hasErrorBody(Command.CREATE, NtStatus.MORE_PROCESSING_REQUIRED));
});

Deno.test("errors have no data, data, or contexts", () => {
  assertEquals(bodyOf((view, at) => encodeError(view, at)), hex("0900 00 00 00000000 00"));
  assertEquals(decoded(decodeError, hex("0900 00 00 00000000 00")), []);
  assertEquals(decoded(decodeError, hex("0900 00 00 00000000")), []);
  const data = bodyOf((view, at) => encodeError(view, at, hex("00200000")));
  assertEquals(decoded(decodeError, data), [{ id: ErrorId.DEFAULT, data: hex("00200000") }]);
  const contexts = hex("0900 02 00 1c000000 04000000 00000000 00200000 00000000 04000000 53526472 aabbccdd");
  assertEquals(decoded(decodeError, contexts), [
    { id: ErrorId.DEFAULT, data: hex("00200000") },
    { id: ErrorId.SHARE_REDIRECT, data: hex("aabbccdd") },
  ]);
  refusesShorter(decodeError, contexts, contexts.length);
  messageSurvives(decodeError, contexts);
  contexts[2] = 33;
  assertThrows(() => decoded(decodeError, contexts), WireError, "ErrorContextCount is at most 32: got 33");
});

Deno.test("decodeSymlinkError() says where the link leads", () => {
  const bytes = hex(
    "20000000 53594d4c 0c0000a0 1200 0600 0200 0400 0000 0200 01000000 7000 62006300",
  );
  assertEquals(decodeSymlinkError(bytes), { target: "bc", printName: "p", relative: true, unparsedLength: 6 });
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => decodeSymlinkError(bytes.slice(0, length)), WireError, "smb2: symbolic link error");
  }
  survives(decodeSymlinkError, bytes);
  const other = bytes.slice();
  other[4] = 0;
  assertThrows(() => decodeSymlinkError(other), WireError, "SymLinkErrorTag is 'SYML'");
  bytes[8] = 3;
  assertThrows(() => decodeSymlinkError(bytes), WireError, "ReparseTag is that of a symbolic link: got 2684354563");
});
