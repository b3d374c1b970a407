import { type Completion, Opcode, Status } from "../../src/rdma/completion.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import { assert, assertEquals, assertMatch, hex } from "../assert.ts";
import { pattern } from "../rdma/players.ts";
import { concat, digits, fpdu, readRequest, tagged, ulpdusOf, untagged } from "./frames.ts";
import { Machine, Pair } from "./pair.ts";

const ALL = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ;

function send(id: number, region: MemoryRegion, length: number) {
  return { id, opcode: Opcode.SEND, region, offset: 0, length };
}

function remote(id: number, opcode: Opcode, region: MemoryRegion, length: number, target: MemoryRegion) {
  const { address: remoteAddress, remoteKey } = target;
  return { id, opcode, region, offset: 0, length, remoteAddress, remoteKey };
}

const results = (found: Completion[]) => found.map(({ id, status, length }) => [id, status, length]);

for (const [pieces, ulpduSize] of [[1, 128], [1, 65_518], [7, 1_442], [65_536, 65_535], [Infinity, 65_535]] as const) {
  Deno.test(`every kind of message arrives whole in pieces of ${pieces} bytes, in ULPDUs of ${ulpduSize}`, () => {
    const { active, passive, run } = bound(new Pair({ ulpduSize, readyToReceive: "write" }, () => pieces));
    const size = 140_001;
    const [source, target] = [active.table.register(size, ALL), passive.table.register(size, ALL)];
    const [sink, inbox] = [active.table.register(size, ALL), passive.table.register(size, ALL)];
    source.bytes.set(pattern(size));
    passive.connection.postReceive(1, inbox, 0, size);
    active.connection.postSend([
      remote(2, Opcode.WRITE, source, size, target),
      remote(3, Opcode.READ, sink, size, target),
      send(4, source, size),
    ]);
    run();
    assertEquals(results(active.poll()), [2, 3, 4].map((id) => [id, Status.SUCCESS, size]));
    assertEquals(results(passive.poll()), [[1, Status.SUCCESS, size]]);
    for (const region of [target, sink, inbox]) assertEquals(region.bytes, source.bytes);
    assertEquals([active.connection.idle, passive.connection.idle], [true, true]);
  });
}

/** The pair with its method at hand. */
function bound(pair: Pair): { active: Machine; passive: Machine; run: () => void } {
  return { active: pair.active, passive: pair.passive, run: () => pair.run() };
}

Deno.test("an FPDU of 64 KiB is taken whole, and one byte less of it is not touched", () => {
  const machine = new Machine();
  const region = machine.table.register(65_521, ALL);
  const bytes = pattern(65_521);
  const frame = fpdu(tagged({ opcode: 0, stag: region.remoteKey, address: region.address }, bytes));
  machine.feed(frame.subarray(0, frame.length - 1));
  assertEquals([machine.unread, region.bytes.some((byte) => byte !== 0)], [frame.length - 1, false]);
  machine.feed(frame.subarray(frame.length - 1));
  assertEquals([machine.unread, region.bytes], [0, bytes]);
});

Deno.test("a responder says nothing before the initiator's first FPDU (RFC 5044 §7.1.2)", () => {
  const machine = new Machine({ responder: true });
  const region = machine.table.register(64, ALL);
  machine.connection.postSend(send(1, region, 4));
  assertEquals([machine.connection.pending, machine.drain().length, machine.poll()], [false, 0, []]);
  machine.feed(fpdu(tagged({ opcode: 0 })));
  assertEquals(ulpdusOf(machine.drain()).length, 1);
  assertEquals(results(machine.poll()), [[1, Status.SUCCESS, 4]]);
});

Deno.test("a responder whose first FPDU is unreadable ends the stream without a word", () => {
  const machine = new Machine({ responder: true });
  machine.feed(hex("0002 c140 00000000"));
  const { closure } = machine.connection;
  assert(closure?.error instanceof VerbsError);
  assertMatch(closure.error.message, "CRC mismatch");
  assertEquals([machine.connection.pending, machine.drain().length], [false, 0]);
});

const READY: [kind: "write" | "read" | "send", frame: Uint8Array, answer: Uint8Array | undefined][] = [
  ["write", tagged({ opcode: 0, stag: 1 }), undefined],
  [
    "read",
    untagged({ opcode: 1, queue: 1 }, readRequest({ stag: 1, address: 0n }, 0, { stag: 1, address: 0n })),
    tagged({ opcode: 2, stag: 1 }),
  ],
  ["send", untagged({ opcode: 3 }), undefined],
];

for (const [readyToReceive, frame, answer] of READY) {
  Deno.test(`a ready-to-receive ${readyToReceive} opens the stream, and neither side's user sees it`, () => {
    const initiator = new Machine({ readyToReceive });
    assertEquals(initiator.connection.pending, true);
    const opening = initiator.drain();
    assertEquals(ulpdusOf(opening).map(digits), [digits(frame)]);
    const responder = new Machine({ readyToReceive, responder: true });
    const region = responder.table.register(8, ALL);
    responder.connection.postReceive(1, region, 0, 8);
    responder.connection.postSend(send(2, region, 8));
    assertEquals(responder.connection.pending, false);
    responder.feed(opening);
    const answers = ulpdusOf(responder.drain()).map(digits);
    const expected = [answer, untagged({ opcode: 3 }, new Uint8Array(8))].flatMap((each) => each ? [digits(each)] : []);
    assertEquals(answers.toSorted(), expected.toSorted());
    assertEquals(results(responder.poll()), [[2, Status.SUCCESS, 8]]);
    if (answer !== undefined) initiator.feed(fpdu(answer));
    assertEquals([initiator.connection.closure, responder.connection.closure], [undefined, undefined]);
    assertEquals([initiator.poll(), initiator.connection.idle], [[], true]);
  });

  Deno.test(`behind a ready-to-receive ${readyToReceive} messages are numbered as they must be`, () => {
    const pair = new Pair({ readyToReceive });
    const [near, far] = [pair.active.table.register(64, ALL), pair.passive.table.register(64, ALL)];
    near.bytes.set(pattern(64));
    for (const id of [1, 2]) pair.passive.connection.postReceive(id, far, 0, 64);
    pair.active.connection.postSend([
      send(3, near, 0),
      remote(4, Opcode.READ, near, 64, far),
      send(5, near, 64),
    ]);
    pair.run();
    assertEquals(results(pair.passive.poll()), [[1, Status.SUCCESS, 0], [2, Status.SUCCESS, 64]]);
    assertEquals(results(pair.active.poll()), [[3, Status.SUCCESS, 0], [4, Status.SUCCESS, 64], [
      5,
      Status.SUCCESS,
      64,
    ]]);
  });
}

Deno.test("a ready-to-receive Read counts among the Reads that the peer can hold", () => {
  const machine = new Machine({ readyToReceive: "read", ord: 2 });
  const region = machine.table.register(64, ALL);
  machine.connection.postSend([1, 2, 3].map((id) => remote(id, Opcode.READ, region, 8, region)));
  assertEquals(ulpdusOf(machine.drain()).length, 2);
  machine.feed(fpdu(tagged({ opcode: 2, stag: 1 })));
  assertEquals(ulpdusOf(machine.drain()).length, 1);
});

Deno.test("the answer to a ready-to-receive Read must be that and nothing else", () => {
  for (const [header, length] of [[{ stag: 2 }, 0], [{ stag: 1 }, 1], [{ stag: 1, last: false }, 0]] as const) {
    const machine = new Machine({ readyToReceive: "read" });
    machine.drain();
    machine.feed(fpdu(tagged({ opcode: 2, ...header }, new Uint8Array(length))));
    assertEquals(machine.connection.statistics.errors.toJSON(), { "invalid STag": 1 });
  }
});

Deno.test("where a ready-to-receive Send was agreed on, one with bytes in it is a message", () => {
  const machine = new Machine({ responder: true, readyToReceive: "send" });
  const region = machine.table.register(8, ALL);
  machine.connection.postReceive(1, region, 0, 8);
  machine.connection.postReceive(2, region, 0, 8);
  machine.feed(fpdu(untagged({ opcode: 3 }, new Uint8Array(3))), fpdu(untagged({ opcode: 3, sequence: 2 })));
  assertEquals(results(machine.poll()), [[1, Status.SUCCESS, 3], [2, Status.SUCCESS, 0]]);
});

Deno.test("solicited Sends are Sends, and may invalidate", () => {
  const machine = new Machine();
  const region = machine.table.register(8, Access.LOCAL_WRITE | Access.REMOTE_INVALIDATE);
  const key = region.remoteKey;
  for (const id of [1, 2]) machine.connection.postReceive(id, region, 0, 8);
  machine.feed(
    fpdu(untagged({ opcode: 5 }, new Uint8Array(3))),
    fpdu(untagged({ opcode: 6, sequence: 2, stag: key })),
  );
  assertEquals(machine.poll().map(({ id, invalidatedKey }) => [id, invalidatedKey]), [[1, 0], [2, key]]);
  assertEquals(region.valid, false);
});

Deno.test("segments of a Write and of a Read Response may come between those of a Send", () => {
  const machine = new Machine();
  const region = machine.table.register(64, ALL);
  machine.connection.postReceive(1, region, 0, 8);
  machine.connection.postSend({ ...remote(2, Opcode.READ, region, 8, region), offset: 16 });
  machine.drain();
  const bytes = (value: number) => new Uint8Array(4).fill(value);
  const at = (offset: number) => ({ stag: region.remoteKey, address: region.address + BigInt(offset) });
  machine.feed(...[
    untagged({ opcode: 3, last: false }, bytes(1)),
    tagged({ opcode: 0, last: false, ...at(32) }, bytes(2)),
    tagged({ opcode: 2, last: false, ...at(16) }, bytes(3)),
    untagged({ opcode: 3, messageOffset: 4 }, bytes(4)),
    tagged({ opcode: 2, ...at(20) }, bytes(5)),
    tagged({ opcode: 0, ...at(36) }, bytes(6)),
  ].map((ulpdu) => fpdu(ulpdu)));
  assertEquals(results(machine.poll()), [[1, Status.SUCCESS, 8], [2, Status.SUCCESS, 8]]);
  assertEquals(
    digits(region.bytes.subarray(0, 40)),
    `${"01".repeat(4)}${"04".repeat(4)}${"00".repeat(8)}` +
      `${"03".repeat(4)}${"05".repeat(4)}${"00".repeat(8)}${"02".repeat(4)}${"06".repeat(4)}`,
  );
});

Deno.test("answers to Reads and own work take turns, a message each", () => {
  const machine = new Machine();
  const region = machine.table.register(64, ALL);
  machine.connection.postSend([1, 2, 3].map((id) => send(id, region, 1)));
  const request = readRequest({ stag: 5, address: 6n }, 1, { stag: region.remoteKey, address: region.address });
  for (const sequence of [1, 2]) machine.feed(fpdu(untagged({ opcode: 1, queue: 1, sequence }, request)));
  assertEquals(ulpdusOf(machine.drain()).map((ulpdu) => digits(ulpdu.subarray(0, 2))), [
    "4143",
    "c142",
    "4143",
    "c142",
    "4143",
  ]);
});

const ENDS: [string, Uint8Array[], boolean, RegExp | undefined][] = [
  ["between two messages", [fpdu(untagged({ opcode: 3 }))], true, undefined],
  ["before anything was said", [], true, undefined],
  ["within an FPDU", [fpdu(untagged({ opcode: 3 })).subarray(0, 5)], false, /5 bytes into an FPDU/],
  ["within a Send", [fpdu(untagged({ opcode: 3, last: false }))], false, /within a message/],
  ["within an RDMA Write", [fpdu(tagged({ opcode: 0, last: false }))], false, /within a message/],
];
for (const [where, frames, graceful, message] of ENDS) {
  Deno.test(`a peer that leaves ${where} ${graceful ? "ends the stream in order" : "breaks it"}`, () => {
    const machine = new Machine();
    const region = machine.table.register(8, ALL);
    machine.connection.postReceive(1, region, 0, 8);
    machine.feed(...frames);
    machine.connection.peerClosed(machine.unread);
    const { closure } = machine.connection;
    assertEquals(closure?.graceful, graceful);
    if (message !== undefined) assertMatch(closure?.error?.message ?? "", message);
    else assertEquals(closure, { graceful: true });
    assertEquals(machine.poll().length, 1);
  });
}

Deno.test("a peer that leaves while it owes an answer breaks the stream", () => {
  const machine = new Machine();
  const region = machine.table.register(8, ALL);
  machine.connection.postSend(remote(1, Opcode.READ, region, 8, region));
  machine.drain();
  machine.connection.peerClosed(0);
  assertEquals(machine.connection.closure?.graceful, false);
  assertEquals(results(machine.poll()), [[1, Status.FLUSHED, 0]]);
});

const TERMINATES: [string, string, Status][] = [
  ["for our Read, in the RFC's form", "0102e000002e" + digits(untagged({ opcode: 1, queue: 1 })), Status.REMOTE_ACCESS],
  ["for our Read, in siw's form", "10000700001c" + digits(untagged({ opcode: 1, queue: 1 })), Status.REMOTE_ACCESS],
  ["for too many Reads", "02ffe000002e" + digits(untagged({ opcode: 1, queue: 1 })), Status.REMOTE_OPERATION],
  ["for our Write", "1100c0000016" + digits(tagged({ opcode: 0 })), Status.FLUSHED],
  ["for a Write without the right", "0102c0000016" + digits(tagged({ opcode: 0 })), Status.FLUSHED],
  ["for a wrong CRC", "20020000", Status.FLUSHED],
  ["for no reason given", "00000000", Status.REMOTE_OPERATION],
];
for (const [what, content, status] of TERMINATES) {
  Deno.test(`a peer's Terminate ${what} ends the stream, unanswered`, () => {
    const machine = new Machine();
    const region = machine.table.register(8, ALL);
    machine.connection.postReceive(1, region, 0, 8);
    machine.connection.postSend(remote(2, Opcode.READ, region, 8, region));
    machine.drain();
    machine.connection.postSend(remote(3, Opcode.READ, region, 8, region));
    const late = fpdu(
      tagged({ opcode: 0, stag: region.remoteKey, address: region.address }, new Uint8Array(8).fill(1)),
    );
    machine.feed(concat(fpdu(untagged({ opcode: 7, queue: 2 }, hex(content))), late));
    const { closure, statistics } = machine.connection;
    assert(closure?.error instanceof VerbsError);
    assertEquals([closure.graceful, closure.error.code, statistics.errors.total], [false, "terminated by peer", 1]);
    assertEquals(results(machine.poll()), [[2, status, 0], [3, Status.FLUSHED, 0], [1, Status.FLUSHED, 0]]);
    assertEquals([machine.drain().length, digits(region.bytes)], [0, "00".repeat(8)]);
  });
}

Deno.test("a Terminate too short to say anything ends the stream all the same, unanswered", () => {
  const machine = new Machine();
  machine.feed(fpdu(untagged({ opcode: 7, queue: 2 }, hex("1100"))));
  assertMatch(machine.connection.closure?.error?.message ?? "", "terminate length");
  assertEquals(machine.drain().length, 0);
});

Deno.test("work posted to a connection that is over is flushed, each request once", () => {
  const machine = new Machine({ sendDepth: 3, receiveDepth: 2 });
  const region = machine.table.register(8, ALL);
  machine.connection.postReceive(1, region, 0, 8);
  machine.connection.postSend(send(2, region, 8));
  machine.connection.close();
  machine.connection.postReceive(3, region, 0, 8);
  machine.connection.postSend([send(4, region, 8), send(5, region, 8)]);
  assertEquals([machine.connection.sendSlots, machine.connection.completionCount], [0, 5]);
  assertEquals(results(machine.poll()), [2, 1, 3, 4, 5].map((id) => [id, Status.FLUSHED, 0]));
  assertEquals([machine.connection.sendSlots, machine.connection.closure], [3, { graceful: true }]);
});

Deno.test("postSend() names what it does not take, and takes nothing of a list with a fault in it", () => {
  const { connection, table } = new Machine();
  const region = table.register(8, 0);
  const good = send(1, region, 8);
  const bad: [object, RegExp][] = [
    [{ opcode: Opcode.RECEIVE }, /opcode 4/],
    [{ opcode: 9 }, /opcode 9/],
    [{ length: 9 }, /\[0, \+9\)/],
    [{ offset: -1 }, /\[-1, \+8\)/],
    [{ opcode: Opcode.WRITE }, /remoteKey is missing/],
    [{ opcode: Opcode.SEND_INVALIDATE }, /remoteKey is missing/],
    [{ opcode: Opcode.WRITE, remoteKey: 1 }, /remoteAddress is missing/],
    [{ opcode: Opcode.WRITE, remoteKey: 1, remoteAddress: -1n }, /remoteAddress -1/],
    [{ opcode: Opcode.WRITE, remoteKey: 1, remoteAddress: (1n << 64n) - 7n }, /remoteAddress 1844/],
    [{ opcode: Opcode.READ, remoteKey: 1, remoteAddress: 0n }, /LOCAL_WRITE/],
    [{ region: new Machine().table.register(8, 0) }, /another protection domain/],
  ];
  for (const [change, message] of bad) {
    try {
      connection.postSend([good, { ...good, ...change }]);
      assert(false, `${JSON.stringify(Object.keys(change))} was taken`);
    } catch (error) {
      assert(error instanceof RangeError, `${error}`);
      assertMatch(error.message, message);
    }
  }
  assertEquals([connection.sendSlots, connection.pending], [64, false]);
});
