// The DataTransfer group of the Windows protocol test-suite for MS-SMBD, by its names, and what it leaves out.
import { WireError } from "../../src/rdma/errors.ts";
import { NO_KEY } from "../../src/smbdirect/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { activeSide, data, EITHER, fields, Pair, passiveSide, pattern } from "./sides.ts";

/** Asserts that either role drops the last of `messages`: nothing is delivered, and the reason is counted. */
function dropped(reason: string, ...messages: Uint8Array[]): void {
  for (const connect of Object.values(EITHER)) {
    const side = connect();
    for (const message of messages.slice(0, -1)) assertEquals(side.receive(message).error, undefined);
    side.receive(messages.at(-1) as Uint8Array);
    assert(side.error instanceof WireError);
    assertMatch(side.error.message, reason);
    assertEquals(side.machine.statistics.errors.get(side.error.field), 1);
    assertEquals([side.received, side.drain(), side.machine.deadline(0)], [[], [], Infinity]);
    assertEquals(side.receive(data({ payload: pattern(1) })).received, []); // what comes after is not looked at
  }
}

/** Asserts that either role delivers `message` that comes as `fragments`. */
function delivered(message: Uint8Array, ...fragments: Uint8Array[]): void {
  for (const connect of Object.values(EITHER)) {
    const side = connect().receive(data({ creditsRequested: 20, creditsGranted: 100 }), 10);
    for (const fragment of fragments) {
      side.receive(fragment, 10);
      side.drain(10); // which gives credits back
    }
    assertEquals([side.received, side.error], [[message], undefined]);
  }
}

/** The fragments of `message`, cut into the given lengths. */
function fragments(message: Uint8Array, lengths: number[]): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => {
    const payload = message.subarray(at, at += length);
    return data({ payload, remaining: message.length - at, creditsRequested: 20 });
  });
}

Deno.test("BVT_DataTransfer_Basic_SendSmallBytes: a message of one fragment is delivered as it came", () => {
  delivered(pattern(64), data({ payload: pattern(64) }));
});

Deno.test("BVT_DataTransfer_Basic_SendModerateBytes: a message of many fragments is put together", () => {
  delivered(pattern(6000), ...fragments(pattern(6000), [1000, 1000, 1000, 1000, 1000, 1000]));
});

Deno.test("DataTransfer_VariableLengthSegment: fragments may have any lengths", () => {
  delivered(pattern(2222), ...fragments(pattern(2222), [1, 1000, 7, 999, 215]));
});

Deno.test("DataTransfer_SmallLengthSegment: one byte a fragment will do", () => {
  delivered(pattern(100), ...fragments(pattern(100), new Array(100).fill(1)));
});

Deno.test("DataTransfer_Redundancy: bytes behind payload and behind empty messages are not looked at", () => {
  delivered(pattern(10), data({ payload: pattern(10), length: 1000 }), data({ length: 512 }));
});

Deno.test("DataTransfer_ReceiveMaxReceiveSize: a message may be as long as was negotiated, and no longer", () => {
  delivered(pattern(1000), data({ payload: pattern(1000) }));
  // what the active side was not prepared to take does not fit its receives, and its provider ends the connection
  const side = EITHER.passive().receive(data({ payload: pattern(1001) }));
  assertMatch(side.error?.message ?? "", "length of a message is at most MaxReceiveSize: got 1025, not 1024");
});

Deno.test("DataTransfer_UncompletedMessage: 19 bytes are dropped", () => {
  dropped("length of a data transfer message is at least 20: got 19", data({ length: 19 }));
  dropped("length of a data transfer message is at least 20: got 0", data({ length: 0 }));
});

Deno.test("DataTransfer_NegativeParameter_DataOffset: unaligned or beyond the message is dropped", () => {
  dropped("DataOffset is a multiple of 8: got 25", data({ payload: pattern(64), dataOffset: 25 }));
  dropped("DataOffset + DataLength lie within the message: got 168", data({ payload: pattern(64), dataOffset: 104 }));
});

Deno.test("DataTransfer_NegativeParameter_DataLength: beyond message, MaxReceiveSize or MaxFragmentedSize is dropped", () => {
  const payload = pattern(64);
  dropped("DataOffset + DataLength lie within the message: got 89", data({ payload, dataLength: 65 }));
  dropped("DataOffset + DataLength lie within the message: got 1049", data({ payload, dataLength: 1025 }));
  dropped("DataOffset + DataLength lie within the message: got 1048601", data({ payload, dataLength: 1_048_577 }));
});

Deno.test("DataTransfer_NegativeParameter_RemainingDataLength: beyond MaxFragmentedSize is dropped", () => {
  dropped("DataLength + RemainingDataLength lie within", data({ payload: pattern(64), remaining: 1_048_576 }));
});

Deno.test("DataTransfer_NegativeParameter_RemainingDataLength: zero too early is dropped", () => {
  const [first, second] = fragments(pattern(300), [100, 100, 100]) as [Uint8Array, Uint8Array];
  new DataView(second.buffer).setUint32(8, 0, true);
  dropped("go on from the fragment before: got 100 + 0, not 200", first, second);
});

Deno.test("DataTransfer_NegativeParameter_RemainingDataLength: more, or less, than is left is dropped", () => {
  const first = data({ payload: pattern(100), remaining: 200 });
  dropped("got 100 + 101, not 200", first, data({ payload: pattern(100), remaining: 101 }));
  dropped("got 100 + 99, not 200", first, data({ payload: pattern(100), remaining: 99 }));
  dropped("got 201 + 0, not 200", first, data({ payload: pattern(201) }));
});

Deno.test("a message as long as MaxFragmentedSize is delivered", () => {
  const pair = new Pair({ sendCreditTarget: 10 }, { maxFragmentedSize: 131_072 }).run();
  pair.active.send(pattern(131_072));
  assertEquals(pair.run().passive.received, [pattern(131_072)]);
});

Deno.test("empty messages between the fragments of a message, as stock Linux peers send them, do it no harm", () => {
  const side = passiveSide();
  const [first, second, third] = fragments(pattern(300), [100, 100, 100]) as [Uint8Array, Uint8Array, Uint8Array];
  side.receive(first).receive(data({ creditsGranted: 3 })).receive(second).receive(data()).receive(third);
  assertEquals(side.received, [pattern(300)]);
  assertEquals(side.machine.credits.sendCredits, 3);
});

Deno.test("a payload may start behind more padding than it needs", () => {
  const payload = new Uint8Array([...new Uint8Array(8), 5, 6, 7]);
  assertEquals(passiveSide().receive(data({ payload, dataOffset: 32, dataLength: 3 })).received, [
    new Uint8Array([5, 6, 7]),
  ]);
});

Deno.test("empty messages never reach the upper layer", () => {
  const side = passiveSide().receive(data()).receive(data({ creditsGranted: 5 })).receive(data({ flags: 1 }));
  assertEquals(side.received, []);
  assertEquals(side.machine.statistics.emptyReceived, 3);
});

Deno.test("fragments are as long as the peer takes, name what follows, and are not interleaved", () => {
  const side = activeSide({ maxSendSize: 512 }).send(pattern(1000), pattern(488), pattern(489));
  assertEquals(side.drain().map(fields).map(({ length, remaining }) => [length, remaining]), [
    [488, 512],
    [488, 24],
    [24, 0],
    [488, 0],
    [488, 1],
    [1, 0],
  ]);
});

Deno.test("a grant that is due waits for the train of fragments, whose next one carries it", () => {
  const side = activeSide({ receiveCreditMax: 2 }, { creditsGranted: 2, creditsRequested: 2 }).send(pattern(3000));
  assertEquals(side.drain().map(fields).map(({ length, granted }) => [length, granted]), [[1000, 2]]);
  side.receive(data({ creditsRequested: 2 })).receive(data({ creditsRequested: 2 }));
  assertEquals(side.drain().map(fields).map(({ length, granted }) => [length, granted]), [[1000, 2]]);
});

Deno.test("only the first fragment asks for the key to be invalidated", () => {
  const side = activeSide();
  side.machine.enqueue(pattern(2500), 77);
  side.machine.enqueue(pattern(10));
  const keys = [];
  while (side.next() !== undefined) keys.push(side.machine.producedKey);
  assertEquals(keys, [77, NO_KEY, NO_KEY, NO_KEY]);
});

Deno.test("a message waits until its barrier has passed, and so do those behind it", () => {
  const side = activeSide();
  const { machine } = side;
  machine.enqueue(pattern(1), NO_KEY, 0);
  machine.enqueue(pattern(2), NO_KEY, 3);
  machine.enqueue(pattern(3), NO_KEY, 0);
  const out = new Uint8Array(machine.sendBufferSize);
  const view = new DataView(out.buffer);
  const produced = (passed: number) => machine.produce(0, out, view, 0, passed);
  assertEquals([produced(0), produced(2), produced(3), produced(3), produced(3)], [25, 0, 26, 27, 0]);
});

Deno.test("a queued message is the queue's own once own() was called", () => {
  const side = activeSide({}, { creditsGranted: 1 });
  const message = pattern(1500);
  side.send(message);
  side.drain();
  side.machine.queue.own();
  message.fill(0);
  side.receive(data({ creditsGranted: 5 }));
  assertEquals(side.next()?.subarray(24), pattern(1500).subarray(1000));
});

Deno.test("the queue takes messages while it is below both ceilings", () => {
  const { queue } = activeSide({ maxQueuedMessages: 3, maxQueuedBytes: 1000 }).machine;
  queue.push(pattern(10), NO_KEY, 0);
  queue.push(pattern(10), NO_KEY, 0);
  assertEquals(queue.hasRoom, true);
  queue.push(pattern(10), NO_KEY, 0);
  assertEquals(queue.hasRoom, false);
  queue.take(new Uint8Array(10), 0, 10);
  assertEquals([queue.hasRoom, queue.messages, queue.bytes], [true, 2, 20]);
  queue.push(pattern(980), NO_KEY, 0);
  queue.take(new Uint8Array(10), 0, 10);
  assertEquals([queue.hasRoom, queue.messages, queue.bytes], [true, 2, 990]);
});

Deno.test("the queue keeps its order while it grows and wraps round", () => {
  const { queue } = activeSide().machine;
  const out = new Uint8Array(1);
  const taken: number[] = [];
  for (let i = 0; i < 200; i++) {
    queue.push(new Uint8Array([i]), NO_KEY, 0);
    if (i % 3 !== 0) continue;
    queue.take(out, 0, 1);
    taken.push(out[0] as number);
  }
  while (queue.messages > 0) {
    queue.take(out, 0, 1);
    taken.push(out[0] as number);
  }
  assertEquals(taken, Array.from({ length: 200 }, (_, i) => i));
});

Deno.test("statistics tell messages, fragments and bytes each way", () => {
  const pair = new Pair({ maxSendSize: 1024 }).run();
  pair.active.send(pattern(1500), pattern(10));
  pair.run();
  pair.passive.send(pattern(3));
  pair.run();
  const { statistics: sent } = pair.active.machine;
  const { statistics: received } = pair.passive.machine;
  assertEquals([sent.messagesSent, sent.fragmentsSent, sent.bytesSent], [2, 3, 1510]);
  assertEquals([received.messagesReceived, received.fragmentsReceived, received.bytesReceived], [2, 3, 1510]);
  assertEquals([sent.messagesReceived, received.messagesSent, sent.creditWaits], [1, 1, 0]);
  assertEquals([received.sendCredits, received.receiveCredits], [254, 255]);
  assertEquals([sent.sendCredits, sent.receiveCredits], [255, 254]);
});
