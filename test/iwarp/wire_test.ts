import { Opcode } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import { fpduSize, parseSegment, putTagged, putUntagged, Segment } from "../../src/iwarp/wire.ts";
import { assertEquals, hex } from "../assert.ts";
import { digits, fpdu, readRequest, tagged, ulpdusOf, untagged } from "./frames.ts";
import { Machine } from "./pair.ts";

function parsed(bytes: Uint8Array, size = bytes.length): Segment | undefined {
  const segment = new Segment();
  const framed = new Uint8Array(bytes.length + 3);
  framed.set(bytes, 3); // headers need not be aligned
  return parseSegment(new DataView(framed.buffer), 3, size, segment) ? segment : undefined;
}

function senderWith(ulpduSize = 65_518): Machine {
  return new Machine({ ulpduSize });
}

Deno.test("two Sends of sixteen zero bytes are the bytes, CRC and all, that Linux siw was seen to take", () => {
  const machine = senderWith();
  const region = machine.table.register(16, 0);
  for (const id of [1, 2]) machine.connection.postSend({ id, opcode: Opcode.SEND, region, offset: 0, length: 16 });
  const zeros = "00".repeat(16);
  assertEquals(
    digits(machine.drain()),
    `0022414300000000000000000000000100000000${zeros}84609a12` +
      `0022414300000000000000000000000200000000${zeros}b3e68405`,
  );
});

Deno.test("a zero-length Read Response is the bytes that Linux siw was seen to send", () => {
  const machine = senderWith();
  const request = readRequest({ stag: 0x100, address: 0n }, 0, { stag: 0, address: 0n });
  machine.feed(fpdu(untagged({ opcode: 1, queue: 1 }, request)));
  assertEquals(digits(machine.drain()), "000ec142000001000000000000000000cc0e8001");
});

Deno.test("every message begins with the two bytes of its kind", () => {
  const machine = senderWith(128);
  const region = machine.table.register(300, Access.LOCAL_WRITE | Access.REMOTE_READ);
  const remote = { remoteAddress: 0x1234_5678_9abc_def0n, remoteKey: 0x0102_0304 };
  machine.connection.postSend([
    { id: 1, opcode: Opcode.SEND, region, offset: 0, length: 111 },
    { id: 2, opcode: Opcode.SEND_INVALIDATE, region, offset: 0, length: 0, remoteKey: 0x0102_0304 },
    { id: 3, opcode: Opcode.WRITE, region, offset: 0, length: 115, ...remote },
    { id: 4, opcode: Opcode.READ, region, offset: 5, length: 7, ...remote },
  ]);
  const heads = ulpdusOf(machine.drain()).map((ulpdu) => digits(ulpdu.subarray(0, (ulpdu[0] ?? 0) < 0x80 ? 18 : 14)));
  assertEquals(heads, [
    "014300000000000000000000000100000000",
    "41430000000000000000000000010000006e",
    "414401020304000000000000000200000000",
    "814001020304123456789abcdef0",
    "c14001020304123456789abcdf62",
    "414100000000000000010000000100000000",
  ]);
});

Deno.test("a Read Request names sink and source (RFC 5040 §4.4)", () => {
  const machine = senderWith();
  const region = machine.table.register(300, Access.LOCAL_WRITE);
  const remote = { remoteAddress: 0xffff_ffff_0000_0001n, remoteKey: 0xfedc_ba98 };
  machine.connection.postSend({ id: 4, opcode: Opcode.READ, region, offset: 5, length: 7, ...remote });
  const payload = readRequest({ stag: region.remoteKey, address: region.address + 5n }, 7, {
    stag: 0xfedc_ba98,
    address: 0xffff_ffff_0000_0001n,
  });
  assertEquals(ulpdusOf(machine.drain()), [untagged({ opcode: 1, queue: 1 }, payload)]);
});

Deno.test("a Write across a 4 GiB boundary carries into the upper half of its address", () => {
  const machine = senderWith(128);
  const region = machine.table.register(228, 0);
  const remote = { remoteAddress: 0x7_ffff_ff9cn, remoteKey: 9 };
  machine.connection.postSend({ id: 1, opcode: Opcode.WRITE, region, offset: 0, length: 228, ...remote });
  assertEquals(ulpdusOf(machine.drain()).map((ulpdu) => digits(ulpdu.subarray(6, 14))), [
    "00000007ffffff9c",
    "000000080000000e",
  ]);
});

Deno.test("fpduSize() adds the length, padding to four, and the CRC", () => {
  const sizes = [[0, 8], [1, 8], [2, 8], [3, 12], [14, 20], [16, 24], [18, 24], [34, 40], [65_535, 65_544]] as const;
  for (const [ulpdu, size] of sizes) assertEquals([ulpdu, fpduSize(ulpdu)], [ulpdu, size]);
});

Deno.test("parseSegment() reads what putTagged() writes", () => {
  const bytes = new Uint8Array(14);
  for (const opcode of [0, 2, 15]) {
    for (const last of [true, false]) {
      putTagged(new DataView(bytes.buffer), 0, opcode, last, 0xfedc_ba98, 0x8000_0001, 0xffff_fffe);
      const segment = parsed(bytes);
      assertEquals({ ...segment }, {
        ...new Segment(),
        tagged: true,
        last,
        ddpVersion: 1,
        rdmapVersion: 1,
        opcode,
        stag: 0xfedc_ba98,
        offsetHigh: 0x8000_0001,
        offsetLow: 0xffff_fffe,
        headerSize: 14,
      });
      assertEquals(bytes, tagged({ opcode, last, stag: 0xfedc_ba98, address: 0x8000_0001_ffff_fffen }));
    }
  }
});

Deno.test("parseSegment() reads what putUntagged() writes", () => {
  const bytes = new Uint8Array(18);
  putUntagged(new DataView(bytes.buffer), 0, 4, false, 0xfedc_ba98, 0x8000_0000, 0xffff_ffff, 0xf000_0000);
  assertEquals({ ...parsed(bytes) }, {
    ...new Segment(),
    ddpVersion: 1,
    rdmapVersion: 1,
    opcode: 4,
    stag: 0xfedc_ba98,
    queue: 0x8000_0000,
    sequence: 0xffff_ffff,
    messageOffset: 0xf000_0000,
    headerSize: 18,
  });
});

Deno.test("parseSegment() refuses every ULPDU shorter than its header", () => {
  const bytes = hex("4143000000000000000000000001" + "00000000");
  for (let size = 0; size < 18; size++) assertEquals(parsed(bytes, size), undefined, `untagged, ${size} bytes`);
  bytes[0] = 0xc1;
  for (let size = 0; size < 14; size++) assertEquals(parsed(bytes, size), undefined, `tagged, ${size} bytes`);
  assertEquals(parsed(bytes, 14)?.headerSize, 14);
});

Deno.test("parseSegment() does not mind reserved bits, and tells versions as found", () => {
  const segment = parsed(hex("bd f7 00000000 0000000000000000"));
  assertEquals([segment?.ddpVersion, segment?.rdmapVersion, segment?.opcode, segment?.last], [1, 3, 7, false]);
});
