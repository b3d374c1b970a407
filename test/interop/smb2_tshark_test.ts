/**
 * tshark reads every request of SMB2 that this side encodes as what it is, with nothing malformed.
 *
 * @module
 */
import {
  Channel,
  Command,
  encodeChangeNotifyRequest,
  encodeCloseRequest,
  encodeCreateRequest,
  encodeEmpty,
  encodeFileRename,
  encodeFlushRequest,
  encodeHeader,
  encodeIoctlRequest,
  encodeLeaseAcknowledgement,
  encodeLockRequest,
  encodeNegotiateRequest,
  encodeOplockAcknowledgement,
  encodeQueryDirectoryRequest,
  encodeQueryInfoRequest,
  encodeReadRequest,
  encodeSessionSetupRequest,
  encodeSetInfoRequest,
  encodeTreeConnectRequest,
  encodeValidateNegotiate,
  encodeWriteRequest,
  Fsctl,
  Header,
  linkNext,
} from "../../src/smb/wire/mod.ts";
import { assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";

type Encode = (view: DataView, at: number) => number;

const ID = Uint8Array.from({ length: 16 }, (_, index) => index);
const NOTHING = new Uint8Array(0);
const RANGE = { fileId: ID, offset: 2 ** 33, length: 65_536, flags: 0, channel: Channel.NONE, descriptors: [] };
const PLACED = {
  ...RANGE,
  channel: Channel.RDMA_V1,
  descriptors: [{ offset: 5n, token: 6, length: 30_000 }, { offset: 7n, token: 8, length: 35_536 }],
};
const OPEN = { access: 0x120089, share: 7, disposition: 1, options: 0x40, attributes: 0x80, oplock: 255 };
const LEASE = { key: ID, state: 7, flags: 4, v2: { parentKey: ID, epoch: 1 } };
const ASKED = {
  durableV2: { timeout: 1, flags: 2, createGuid: ID },
  lease: LEASE,
  maximalAccess: true,
  onDiskId: true,
  allocationSize: 4096,
};
const CONTEXTS = {
  preauth: { hashes: [1], salt: ID },
  ciphers: [2, 1, 4, 3],
  compression: { algorithms: [0], flags: 0 },
  netname: "srv",
  transport: 0,
  rdmaTransforms: [1, 2],
  signing: [2, 1, 0],
};
const NEGOTIATE = { dialects: [0x210, 0x311], securityMode: 1, capabilities: 0x7f, clientGuid: ID, contexts: CONTEXTS };
const SETUP = { flags: 0, securityMode: 1, capabilities: 1, previousSessionId: 0n, securityBuffer: NOTHING };
const LIST = { fileId: ID, informationClass: 37, flags: 1, pattern: "*", maxOutput: 65_536 };
const QUERY = { fileId: ID, infoType: 1, infoClass: 18, maxOutput: 4096, additional: 0, input: NOTHING };

/** What an encoder writes. */
function bytesOf(encode: Encode): Uint8Array {
  const bytes = new Uint8Array(1024);
  return bytes.slice(0, encode(new DataView(bytes.buffer), 0));
}

const VALIDATE = bytesOf((view, at) => encodeValidateNegotiate(view, at, { ...NEGOTIATE, dialects: [0x300, 0x302] }));
const RENAME = bytesOf((view, at) => encodeFileRename(view, at, "d\\e", true));

/** Each request, and tshark's summary of it. */
const REQUESTS: readonly [command: number, encode: Encode, summary: string][] = [
  [Command.NEGOTIATE, (view, at) => encodeNegotiateRequest(view, at, NEGOTIATE), "Negotiate Protocol Request"],
  [Command.SESSION_SETUP, (view, at) => encodeSessionSetupRequest(view, at, SETUP), "Session Setup Request"],
  [
    Command.TREE_CONNECT,
    (view, at) => encodeTreeConnectRequest(view, at, "\\\\srv\\data"),
    "Tree Connect Request Tree: \\\\srv\\data",
  ],
  [
    Command.CREATE,
    (view, at) => encodeCreateRequest(view, at, { ...OPEN, path: "a\\bcd", contexts: ASKED }),
    "Create Request File: a\\bcd",
  ],
  [
    Command.CREATE,
    (view, at) =>
      encodeCreateRequest(view, at, {
        ...OPEN,
        path: "x",
        contexts: { reconnectV2: { fileId: ID, createGuid: ID, flags: 0 }, lease: LEASE },
      }),
    "Create Request File: x",
  ],
  [
    Command.READ,
    (view, at) => encodeReadRequest(view, at, { ...RANGE, minimumCount: 0 }),
    "Read Request Len:65536 Off:8589934592",
  ],
  [
    Command.READ,
    (view, at) => encodeReadRequest(view, at, { ...PLACED, minimumCount: 0 }),
    "Read Request Len:65536 Off:8589934592",
  ],
  [Command.WRITE, (view, at) => encodeWriteRequest(view, at, PLACED), "Write Request Len:0 Off:8589934592"],
  [Command.FLUSH, (view, at) => encodeFlushRequest(view, at, ID), "Flush Request"],
  [
    Command.LOCK,
    (view, at) => encodeLockRequest(view, at, ID, [{ offset: 1n, length: 2n, flags: 0x12 }]),
    "Lock Request",
  ],
  [
    Command.IOCTL,
    (view, at) =>
      encodeIoctlRequest(view, at, {
        code: Fsctl.VALIDATE_NEGOTIATE_INFO,
        fileId: ID,
        input: VALIDATE,
        maxOutput: 24,
      }),
    "Ioctl Request FSCTL_VALIDATE_NEGOTIATE_INFO",
  ],
  [
    Command.QUERY_DIRECTORY,
    (view, at) => encodeQueryDirectoryRequest(view, at, LIST),
    "Find Request SMB2_FIND_ID_BOTH_DIRECTORY_INFO Pattern: *",
  ],
  [
    Command.CHANGE_NOTIFY,
    (view, at) => encodeChangeNotifyRequest(view, at, ID, 1, 0x1f, 4096),
    "Notify Request",
  ],
  [
    Command.QUERY_INFO,
    (view, at) => encodeQueryInfoRequest(view, at, QUERY),
    "GetInfo Request FILE_INFO/SMB2_FILE_ALL_INFO",
  ],
  [
    Command.SET_INFO,
    (view, at) => encodeSetInfoRequest(view, at, { ...QUERY, infoClass: 10, information: RENAME }),
    "SetInfo Request FILE_INFO/SMB2_FILE_RENAME_INFO NewName:d\\e",
  ],
  [
    Command.OPLOCK_BREAK,
    (view, at) => encodeOplockAcknowledgement(view, at, ID, 1),
    "Oplock Break Acknowledgment",
  ],
  [Command.OPLOCK_BREAK, (view, at) => encodeLeaseAcknowledgement(view, at, ID, 1), "Lease Break Acknowledgment"],
  [Command.CLOSE, (view, at) => encodeCloseRequest(view, at, ID, 1), "Close Request"],
  [Command.TREE_DISCONNECT, encodeEmpty, "Tree Disconnect Request"],
  [Command.LOGOFF, encodeEmpty, "Session Logoff Request"],
  [Command.ECHO, encodeEmpty, "KeepAlive Request"],
];

/** A request, header and all. */
function message(command: number, encode: Encode, messageId: number): Uint8Array {
  return bytesOf((view, at) => {
    encodeHeader(view, at, Object.assign(new Header(), { command, messageId, credits: 10, creditCharge: 1 }));
    return encode(view, at);
  });
}

/** A chain of two requests. */
function chain(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2048);
  bytes.set(first);
  const next = linkNext(new DataView(bytes.buffer), 0, first.length);
  bytes.set(second, next);
  return bytes.slice(0, next + second.length);
}

/** A capture file of raw IPv4 in which a client sends `messages` to port 445. */
function captureOf(messages: readonly Uint8Array[]): Uint8Array {
  const file: number[] = [];
  const push = (view: DataView) => file.push(...new Uint8Array(view.buffer));
  const start = new DataView(new ArrayBuffer(24));
  start.setUint32(0, 0xa1b2_c3d4, true);
  start.setUint16(4, 2, true);
  start.setUint16(6, 4, true);
  start.setUint32(16, 65_535, true);
  start.setUint32(20, 101, true);
  push(start);
  let sequence = 1;
  for (const bytes of messages) {
    const length = 44 + bytes.length;
    const packet = new DataView(new ArrayBuffer(16 + length));
    packet.setUint32(8, length, true);
    packet.setUint32(12, length, true);
    packet.setUint8(16, 0x45);
    packet.setUint16(18, length);
    packet.setUint16(24, 0x4006);
    packet.setUint32(28, 0x0a00_0001);
    packet.setUint32(32, 0x0a00_0002);
    packet.setUint16(36, 50_000);
    packet.setUint16(38, 445);
    packet.setUint32(40, sequence);
    packet.setUint32(44, 1);
    packet.setUint32(48, 0x5018_ffff);
    packet.setUint32(56, bytes.length);
    new Uint8Array(packet.buffer).set(bytes, 60);
    push(packet);
    sequence += 4 + bytes.length;
  }
  return Uint8Array.from(file);
}

/** What tshark prints of one field of each frame. */
async function fieldOf(file: string, ...args: string[]): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command("tshark", {
    args: ["-r", file, "-T", "fields", ...args],
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
}

await testWith(["tshark"], "tshark reads SMB2's requests, alone and in a chain, and finds none malformed", async () => {
  const messages = REQUESTS.map(([command, encode], index) => message(command, encode, index));
  const [list, close] = [11, 17].map((index) => messages[index] as Uint8Array);
  const file = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await Deno.writeFile(file, captureOf([...messages, chain(list as Uint8Array, close as Uint8Array)]));
    const chained = "Find Request SMB2_FIND_ID_BOTH_DIRECTORY_INFO Pattern: *;Close Request";
    assertEquals(await fieldOf(file, "-e", "_ws.col.Info"), [...REQUESTS.map(([, , summary]) => summary), chained]);
    assertEquals(await fieldOf(file, "-Y", "_ws.malformed or _ws.expert", "-e", "frame.number"), []);
  } finally {
    await Deno.remove(file);
  }
});
