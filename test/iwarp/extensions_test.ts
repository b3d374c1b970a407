/**
 * RFC 7306 in bytes: immediate data and atomics.
 *
 * @module
 */
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import { assertEquals, hex } from "../assert.ts";
import { atomicRequest, digits, fpdu, ulpdusOf, untagged } from "./frames.ts";
import { Machine } from "./pair.ts";

const REMOTE = { remoteAddress: 0x1234_5678_9abc_def0n, remoteKey: 0x0102_0304 };

Deno.test("a Write with Immediate is a Write, and behind it a message of 8 bytes in the queue of Sends (RFC 7306 §6.2)", () => {
  const machine = new Machine();
  const region = machine.table.register(4, 0);
  const write = { id: 1, opcode: Opcode.WRITE_IMMEDIATE, region, offset: 0, length: 4, ...REMOTE };
  machine.connection.postSend([
    { ...write, immediate: 0xa1b2_c3d4 },
    { ...write, length: 0, immediate: 5 },
    { id: 3, opcode: Opcode.SEND, region, offset: 0, length: 0 },
  ]);
  assertEquals(ulpdusOf(machine.drain()).map(digits), [
    "c14001020304123456789abcdef000000000",
    "414800000000000000000000000100000000a1b2c3d400000000",
    "41480000000000000000000000020000000000000005" + "00000000",
    "414300000000000000000000000300000000",
  ]);
});

Deno.test("Atomic Requests share the sequence of Read Requests, and ask with full masks (RFC 7306 §5.2.1)", () => {
  const machine = new Machine();
  const region = machine.table.register(8, Access.LOCAL_WRITE);
  const work = { region, offset: 0, length: 8, ...REMOTE };
  machine.connection.postSend([
    { id: 1, opcode: Opcode.READ, ...work },
    { id: 2, opcode: Opcode.FETCH_ADD, ...work, add: 0x1122_3344_5566_7788n },
    { id: 3, opcode: Opcode.COMPARE_SWAP, ...work, compare: 0x0102_0304_0506_0708n, swap: 0x1112_1314_1516_1718n },
  ]);
  const [, add, swap] = ulpdusOf(machine.drain()).map(digits);
  const full = "f".repeat(16);
  assertEquals(
    add,
    "414a00000000000000010000000200000000" +
      "0000000000000002" + "01020304123456789abcdef0" + "1122334455667788" + "0".repeat(32) + full,
  );
  assertEquals(
    swap,
    "414a00000000000000010000000300000000" +
      "0000000200000003" + "01020304123456789abcdef0" + "1112131415161718" + full + "0102030405060708" + full,
  );
});

Deno.test("atomics are carried out as they come and answered in order, on queue 3 (RFC 7306 §5.2.2)", () => {
  const machine = new Machine();
  const region = machine.table.register(16, Access.REMOTE_ATOMIC);
  region.bytes.set(hex("0102030405060708"), 8);
  const target = { stag: region.remoteKey, address: region.address + 8n };
  const masks = { mask: 0n, compare: 0n, compareMask: 0n };
  machine.feed(
    fpdu(untagged({ opcode: 10, queue: 1 }, atomicRequest(0, 0xaaaa, target, { value: 1n, ...masks }))),
    fpdu(untagged(
      { opcode: 10, queue: 1, sequence: 2 },
      atomicRequest(2, 0xbbbb, target, { value: 0xffn, mask: 0xf0n, compare: 0x12n, compareMask: 0xfn }),
    )),
  );
  assertEquals(digits(region.bytes), "0".repeat(16) + "f202030405060708");
  assertEquals(ulpdusOf(machine.drain()).map(digits), [
    "414b000000000000000300000001000000000000aaaa0807060504030201",
    "414b000000000000000300000002000000000000bbbb0807060504030202",
  ]);
  assertEquals(machine.connection.statistics.servedAtomics, 2);
});

for (const opcode of [8, 9]) {
  Deno.test(`opcode ${opcode} gives the first four of its eight bytes to the next receive, whose buffer stays as it is`, () => {
    const machine = new Machine({ immediate: true });
    const inbox = machine.table.register(16, Access.LOCAL_WRITE);
    for (const id of [1, 2]) machine.connection.postReceive(id, inbox, 8 * (id - 1), 8);
    machine.feed(
      fpdu(untagged({ opcode }, hex("deadbeef01020304"))),
      fpdu(untagged({ opcode: 3, sequence: 2 }, hex("ee"))),
    );
    assertEquals(
      machine.poll().map(({ id, opcode, status, length, immediate }) => [id, opcode, status, length, immediate]),
      [[1, Opcode.RECEIVE_IMMEDIATE, Status.SUCCESS, 0, 0xdead_beef], [2, Opcode.RECEIVE, Status.SUCCESS, 1, 0]],
    );
    assertEquals(digits(inbox.bytes), "00".repeat(8) + "ee" + "00".repeat(7));
  });
}

const data = (more: Parameters<typeof untagged>[0], length = 8) => untagged(more, new Uint8Array(length));
const faults: [string, Uint8Array[], string][] = [
  ["of 7 bytes", [data({ opcode: 8 }, 7)], "remote operation error"],
  ["of 9 bytes", [data({ opcode: 8 }, 9)], "remote operation error"],
  ["of none", [data({ opcode: 9 }, 0)], "remote operation error"],
  ["in several segments", [data({ opcode: 8, last: false })], "remote operation error"],
  ["out of sequence", [data({ opcode: 8, sequence: 2 })], "message sequence number out of range"],
  ["at an offset", [data({ opcode: 8, messageOffset: 8 })], "invalid message offset"],
  ["within a Send", [data({ opcode: 3, last: false }, 4), data({ opcode: 8 })], "unexpected opcode"],
  ["without a receive", [data({ opcode: 8 }), data({ opcode: 8, sequence: 2 })], "no buffer available"],
];
for (const [what, ulpdus, reason] of faults) {
  Deno.test(`immediate data ${what} ends the stream`, () => {
    const machine = new Machine({ immediate: true });
    const inbox = machine.table.register(8, Access.LOCAL_WRITE);
    machine.connection.postReceive(1, inbox, 0, 8);
    machine.feed(...ulpdus.map((ulpdu) => fpdu(ulpdu)));
    assertEquals(machine.connection.statistics.errors.toJSON(), { [reason]: 1 });
    assertEquals(machine.connection.closure?.graceful, false);
  });
}
