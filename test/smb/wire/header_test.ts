import fc from "fast-check";
import { WireError } from "../../../src/rdma/errors.ts";
import {
  Command,
  commandName,
  creditChargeOf,
  decodeHeader,
  encodeHeader,
  Header,
  HeaderFlag,
  linkNext,
  MAX_CHAIN,
  splitChain,
  UNSOLICITED,
} from "../../../src/smb/wire/mod.ts";
import { assertEquals, assertThrows, hex } from "../../assert.ts";
import { pieceOf, survives, viewOf } from "./bytes.ts";

/** A header with what is not 0. */
function header(fields: Partial<Header>): Header {
  return Object.assign(new Header(), fields);
}

function read(bytes: Uint8Array): Header {
  const out = new Header();
  decodeHeader(viewOf(bytes), 0, bytes.length, out);
  return out;
}

const SYNC = header({
  creditCharge: 2,
  status: 3,
  command: Command.READ,
  credits: 33,
  flags: HeaderFlag.RELATED,
  nextCommand: 0x78,
  messageId: 0x1_0000_000a,
  processId: 0xfeff,
  treeId: 5,
  sessionId: 0x0102030405060708n,
});
// smbprotocol 1.17.0: SMB2HeaderRequest with these fields, channel_sequence 3, pack().
const SYNC_BYTES = hex(
  `fe534d42 4000 0200 03000000 0800 2100 04000000 78000000 0a00000001000000 fffe0000 05000000 0807060504030201
   00000000000000000000000000000000`,
);
const ASYNC = header({
  command: Command.CHANGE_NOTIFY,
  status: 0x103,
  flags: HeaderFlag.RESPONSE | HeaderFlag.ASYNC,
  messageId: 7,
  asyncId: 0x8877_6655_4433_2211n,
  sessionId: 1n,
});
const ASYNC_BYTES = hex(
  `fe534d42 4000 0000 03010000 0f00 0000 03000000 00000000 0700000000000000 1122334455667788 0100000000000000
   00000000000000000000000000000000`,
);

Deno.test("encodeHeader() writes the synchronous and the asynchronous form", () => {
  assertEquals(pieceOf((view, at) => encodeHeader(view, at, SYNC)), SYNC_BYTES);
  assertEquals(pieceOf((view, at) => encodeHeader(view, at, ASYNC)), ASYNC_BYTES);
});

Deno.test("decodeHeader() reads both back", () => {
  const chain = new Uint8Array(0x78 + 64);
  chain.set(SYNC_BYTES);
  assertEquals(read(chain), SYNC);
  assertEquals(read(ASYNC_BYTES), ASYNC);
});

Deno.test("a MessageId of all ones, or any that no request has, is UNSOLICITED", () => {
  const bytes = pieceOf((view, at) => encodeHeader(view, at, header({ messageId: UNSOLICITED })));
  assertEquals(bytes.slice(24, 32), hex("ffffffffffffffff"));
  assertEquals(read(bytes).messageId, UNSOLICITED);
  bytes.set(hex("0000000000002000"), 24);
  assertEquals(read(bytes).messageId, UNSOLICITED);
  bytes.set(hex("ffffffffffff1f00"), 24);
  assertEquals(read(bytes).messageId, Number.MAX_SAFE_INTEGER);
});

Deno.test("decodeHeader() refuses what is no header, with the field's name", () => {
  const cases: [number, string, string][] = [
    [0, "ff", "smb2: ProtocolId is 0xFE 'SMB': got 1112364031"],
    [4, "41", "smb2: StructureSize of a header is 64: got 65"],
    [12, "13", "smb2: Command is at most 18: got 19"],
    [20, "44", "smb2: NextCommand is a multiple of 8: got 68"],
    [20, "38", "smb2: NextCommand is a header within the chain: got 56"],
    [20, "48", "smb2: NextCommand is a header within the chain: got 72"],
    [20, "f8ffffff", "smb2: NextCommand is a header within the chain: got 4294967288"],
  ];
  for (const [at, bytes, message] of cases) {
    const input = new Uint8Array(64 + 68);
    input.set(ASYNC_BYTES);
    input.set(hex(bytes), at);
    assertEquals(assertThrows(() => read(input), WireError).message, message);
  }
  for (let length = 0; length < 64; length++) {
    assertThrows(() => read(ASYNC_BYTES.slice(0, length)), WireError, "length of a message");
  }
});

Deno.test("decodeHeader() reads any bytes as a header or a WireError", () => {
  survives(read, SYNC_BYTES);
  survives(read, ASYNC_BYTES);
});

Deno.test("linkNext() and splitChain() make and undo a chain", () => {
  const bytes = new Uint8Array(400).fill(0xff);
  const view = viewOf(bytes);
  for (const at of [16, 16 + 72, 16 + 72 + 80]) encodeHeader(view, at, new Header());
  assertEquals(linkNext(view, 16, 68), 72);
  assertEquals(bytes.slice(16 + 68, 16 + 72), new Uint8Array(4));
  assertEquals(linkNext(view, 16 + 72, 80), 80);
  assertEquals(splitChain(view, 16, 72 + 80 + 69), [
    { at: 16, length: 72 },
    { at: 88, length: 80 },
    { at: 168, length: 69 },
  ]);
});

Deno.test("splitChain() takes chains of 64 messages and no more", () => {
  const chain = (count: number) => {
    const bytes = new Uint8Array(count * 64);
    for (let i = 0; i < count; i++) {
      encodeHeader(viewOf(bytes), i * 64, header({ nextCommand: i === count - 1 ? 0 : 64 }));
    }
    return splitChain(viewOf(bytes), 0, bytes.length).length;
  };
  assertEquals(chain(MAX_CHAIN), 64);
  assertThrows(() => chain(MAX_CHAIN + 1), WireError, "messages of a chain are at most 64");
});

Deno.test("splitChain() splits any bytes into messages that cover them, or throws a WireError", () => {
  const bytes = new Uint8Array(64 * 4 + 30);
  for (const at of [0, 64, 136, 200]) encodeHeader(viewOf(bytes), at, header({ nextCommand: at === 64 ? 72 : 64 }));
  viewOf(bytes).setUint32(200 + 20, 0);
  survives((input) => {
    const links = splitChain(viewOf(input), 0, input.length);
    assertEquals(links.reduce((at, link) => (assertEquals(link.at, at), at + link.length), 0), input.length);
  }, bytes);
});

Deno.test("creditChargeOf() is one for each 64 KiB begun", () => {
  assertEquals([0, 1, 65_536, 65_537, 131_072, 8_388_608].map(creditChargeOf), [1, 1, 1, 2, 2, 128]);
});

Deno.test("commandName() names commands", () => {
  assertEquals(commandName(Command.OPLOCK_BREAK), "OPLOCK_BREAK");
  assertEquals(commandName(99), "command 99");
});

Deno.test("any header comes back as it was", () => {
  const u16 = fc.nat(0xffff);
  const u32 = fc.nat(0xffff_ffff);
  const u64 = fc.bigInt(0n, 0xffff_ffff_ffff_ffffn);
  fc.assert(
    fc.property(
      fc.record({ creditCharge: u16, status: u32, command: fc.nat(18), credits: u16, flags: u32, sessionId: u64 }),
      fc.maxSafeNat(),
      u64,
      u32,
      (fields, messageId, asyncId, treeId) => {
        const async = (fields.flags & HeaderFlag.ASYNC) !== 0;
        const given = header({ ...fields, messageId, ...(async ? { asyncId } : { treeId }) });
        assertEquals(read(pieceOf((view, at) => encodeHeader(view, at, given))), given);
      },
    ),
    { numRuns: 2000 },
  );
});
