import { Opcode, Status } from "../../src/rdma/completion.ts";
import { ConfigError, SystemError, VerbenaError, VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import { connectSmbDirect, type SmbDirectConnection } from "../../src/smbdirect/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "../assert.ts";
import { runBothWays } from "./message_runs.ts";
import { pattern } from "./sides.ts";
import { connectEnds, iwarpStage, memoryStage, type Stage } from "./stages.ts";

for (const [name, open] of [["memory", memoryStage], ["iwarp", iwarpStage]] as const) {
  const test = (what: string, run: (stage: Stage) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using stage = await open();
      await run(stage);
      assertEquals([stage.active.regionCount, stage.passive.regionCount], [0, 0]);
    });
  messages(test);
  transfers(test);
  ends(test);
}

type Declare = (what: string, run: (stage: Stage) => Promise<void>) => void;

/** The next `count` messages, copied. */
function receive(connection: SmbDirectConnection, count: number): Promise<Uint8Array[]> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array[]>();
  const got: Uint8Array[] = [];
  connection.onMessage = (message) => {
    got.push(message.slice());
    if (got.length === count) resolve(got);
  };
  return promise;
}

function messages(test: Declare): void {
  for (const credits of [1, 10, 255]) {
    test(`10,000 messages of any length each way arrive in order and intact with ${credits} credits`, async (stage) => {
      const options = { sendCreditTarget: credits, receiveCreditMax: credits, creditTimeout: Infinity };
      await using ends = await connectEnds(stage, { active: options, passive: options });
      const { active, passive } = ends;
      await runBothWays(ends, 10_000);
      assertEquals([active.statistics.messagesReceived, passive.statistics.messagesReceived], [10_000, 10_000]);
      assertEquals(active.statistics.bytesSent, passive.statistics.bytesReceived);
    });
  }

  test("a message of a mebibyte arrives, one byte more is refused here", async (stage) => {
    await using ends = await connectEnds(stage);
    const received = receive(ends.passive, 1);
    const message = pattern(1_048_576);
    ends.active.send(message);
    message.fill(0); // it is the caller's again
    assertEquals(await received, [pattern(1_048_576)]);
    assertThrows(() => ends.active.send(new Uint8Array(1_048_577)), ConfigError, "1 to 1048576 bytes");
    assertThrows(() => ends.active.send(new Uint8Array(0)), ConfigError, "send 0 bytes");
  });

  test("the queue is bounded: send() says so, and ready() tells when there is room", async (stage) => {
    const few = { receiveCreditMax: 1 };
    await using ends = await connectEnds(stage, { active: { maxQueuedMessages: 2 }, passive: few });
    const received = receive(ends.passive, 4);
    for (let n = 1; n <= 3; n++) ends.active.send(pattern(n));
    assertEquals([ends.active.writable, ends.active.queued], [false, { messages: 2, bytes: 5 }]);
    const error = assertThrows(() => ends.active.send(pattern(4)), SystemError, "2 messages wait: await ready()");
    assertEquals(error.code, "ENOBUFS");
    await ends.active.ready();
    ends.active.send(pattern(4));
    assertEquals(await received, [1, 2, 3, 4].map((n) => pattern(n)));
  });

  test("messages that come before onMessage is set are kept, and delivered in order", async (stage) => {
    await using ends = await connectEnds(stage);
    for (let n = 1; n <= 5; n++) ends.active.send(pattern(n));
    while (ends.passive.statistics.messagesReceived < 5) await turn();
    const received = receive(ends.passive, 6);
    ends.active.send(pattern(6));
    assertEquals(await received, [1, 2, 3, 4, 5, 6].map((n) => pattern(n)));
  });

  test("onMessage among the options hears the first message", async (stage) => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    await using ends = await connectEnds(stage, { passive: { onMessage: (message) => resolve(message.slice()) } });
    ends.active.send(pattern(7));
    assertEquals(await promise, pattern(7));
  });

  test("an answer may be sent from within onMessage, of the very view", async (stage) => {
    await using ends = await connectEnds(stage, { passive: { receiveCreditMax: 1 } });
    ends.passive.onMessage = (message) => ends.passive.send(message);
    const received = receive(ends.active, 50);
    for (let n = 1; n <= 50; n++) ends.active.send(pattern(n * 100));
    assertEquals(await received, Array.from({ length: 50 }, (_, n) => pattern((n + 1) * 100)));
  });

  test("two idle ends keep each other alive", async (stage) => {
    const impatient = { idleTimeout: 10, keepaliveTimeout: 10_000 };
    await using ends = await connectEnds(stage, { active: impatient, passive: { idleTimeout: Infinity } });
    while (ends.active.statistics.keepalivesSent < 3) await turn();
    assertEquals(ends.active.statistics.errors.total, 0);
    assert(ends.passive.statistics.keepalivesReceived >= 2);
  });
}

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

function transfers(test: Declare): void {
  test("an RDMA Write posted before a send is placed before that is received", async (stage) => {
    const options = { maxReadWriteSize: 4096, maxOutstandingTransfers: 3, maxTransfers: 500 };
    await using ends = await connectEnds(stage, { passive: options });
    using target = stage.active.register(40_000, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    using source = stage.passive.register(40_000 * 2, 0);
    source.bytes.set(pattern(80_000));
    const statuses: Status[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    let seen = 0;
    ends.active.onMessage = (message) => {
      const [offset, length] = new Uint32Array(message.slice().buffer) as unknown as [number, number];
      assertEquals(target.bytes.slice(0, length), source.bytes.slice(offset, offset + length));
      ends.active.send(message);
      if (++seen === 200) resolve();
    };
    let next = 0;
    const write = () => {
      const offset = next * 150;
      const length = (next * 7919) % 40_000;
      next++;
      const { address: remoteAddress, remoteKey } = target;
      ends.passive.postRdma(
        { opcode: Opcode.WRITE, region: source, offset, length, remoteAddress, remoteKey },
        (status) => statuses.push(status),
      );
      ends.passive.send(new Uint8Array(new Uint32Array([offset, length]).buffer));
    };
    ends.passive.onMessage = () => next < 200 && write();
    write();
    await promise;
    while (statuses.length < 200) await turn();
    assertEquals(statuses, new Array(200).fill(Status.SUCCESS));
    assertEquals([ends.active.statistics.errors.total, ends.passive.statistics.errors.total], [0, 0]);
  });

  test("an RDMA Read brings the peer's bytes, in pieces where it must", async (stage) => {
    await using ends = await connectEnds(stage, { passive: { maxReadWriteSize: 4096 } });
    using source = stage.active.register(100_000, Access.REMOTE_READ);
    using sink = stage.passive.register(100_001, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    source.bytes.set(pattern(100_000));
    const { promise, resolve } = Promise.withResolvers<Status>();
    const work = { opcode: Opcode.READ, region: sink, offset: 1, length: 100_000 };
    ends.passive.postRdma({ ...work, remoteAddress: source.address, remoteKey: source.remoteKey }, resolve);
    assertEquals(await promise, Status.SUCCESS);
    assertEquals(sink.bytes.slice(1), pattern(100_000));
  });

  test("what the peer refuses is told, the rest is flushed, and the connection is over", async (stage) => {
    await using ends = await connectEnds(stage, { passive: { maxOutstandingTransfers: 2 } });
    using target = stage.active.register(1000, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    using sink = stage.passive.register(1000, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    const statuses: Status[] = [];
    const { address: remoteAddress, remoteKey } = target;
    for (let i = 0; i < 5; i++) {
      const work = { opcode: Opcode.READ, region: sink, offset: 0, length: 1000, remoteAddress, remoteKey };
      ends.passive.postRdma(work, (status) => statuses.push(status));
    }
    const closure = await ends.passive.closed;
    assert(!closure.graceful && closure.error instanceof VerbenaError);
    const { FLUSHED, REMOTE_ACCESS } = Status;
    assertEquals(statuses, [REMOTE_ACCESS, FLUSHED, FLUSHED, FLUSHED, FLUSHED]);
    assertEquals(ends.passive.statistics.errors.get("RDMA Read: remote access"), 1);
    assert(!(await ends.active.closed).graceful);
  });

  test("transfers are bounded, and may not leave their region", async (stage) => {
    await using ends = await connectEnds(stage, { active: { maxTransfers: 1 } });
    using target = stage.passive.register(10, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    using source = stage.active.register(10, 0);
    const { promise, resolve } = Promise.withResolvers<Status>();
    const work = { opcode: Opcode.WRITE, region: source, offset: 0, length: 10 };
    const remote = { remoteAddress: target.address, remoteKey: target.remoteKey };
    ends.active.postRdma({ ...work, ...remote }, resolve);
    const error = assertThrows(
      () => ends.active.postRdma({ ...work, ...remote }, () => {}),
      SystemError,
      "maxTransfers",
    );
    assertEquals(error.code, "ENOBUFS");
    assertEquals(await promise, Status.SUCCESS);
    assertThrows(() => ends.active.postRdma({ ...work, ...remote, offset: 1 }, () => {}), RangeError);
  });

  test("a message that invalidates a key is told of with the key", async (stage) => {
    await using ends = await connectEnds(stage);
    using region = stage.active.register(10, Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_INVALIDATE);
    const key = region.remoteKey;
    const keys: number[] = [];
    ends.active.onInvalidate = (invalidated) => keys.push(invalidated);
    const received = receive(ends.active, 2);
    ends.active.send(pattern(1));
    await receive(ends.passive, 1);
    ends.passive.send(pattern(5000), { invalidateKey: key });
    ends.passive.send(pattern(1));
    assertEquals((await received).map((message) => message.length), [5000, 1]);
    assertEquals([keys, region.valid, ends.active.statistics.invalidatedKeys], [[key], false, 1]);
  });
}

function ends(test: Declare): void {
  test("close() lets what is queued leave, and both ends know it as graceful", async (stage) => {
    await using ends = await connectEnds(stage, { passive: { receiveCreditMax: 2 } });
    const received = receive(ends.passive, 40);
    for (let n = 1; n <= 40; n++) ends.active.send(pattern(n * 100));
    await ends.active.close({ linger: 60_000 });
    assertEquals((await received).length, 40);
    assertEquals([await ends.active.closed, await ends.passive.closed], [{ graceful: true }, { graceful: true }]);
    assertThrows(() => ends.active.send(pattern(1)), VerbsError, "closed");
    await ends.active.ready();
    await ends.active.close();
  });

  test("close() with nothing to linger for is graceful", async (stage) => {
    await using ends = await connectEnds(stage);
    await ends.passive.close();
    assertEquals([await ends.active.closed, await ends.passive.closed], [{ graceful: true }, { graceful: true }]);
  });

  test("close() that cannot wait says what was left", async (stage) => {
    await using ends = await connectEnds(stage, { passive: { receiveCreditMax: 1 } });
    for (let n = 0; n < 40; n++) ends.active.send(pattern(2000));
    await ends.active.close({ linger: 0 });
    const { graceful, error } = await ends.active.closed;
    assertEquals(graceful, false);
    assertMatch(error?.message ?? "", "closed: 40 messages and 0 RDMA transfers were not done");
  });

  test("a handler that throws ends its own connection, with its reason", async (stage) => {
    await using ends = await connectEnds(stage);
    ends.passive.onMessage = () => {
      throw new Error("no idea\nwhat this is");
    };
    ends.active.send(pattern(1));
    const { graceful, error } = await ends.passive.closed;
    assertEquals(graceful, false);
    assertMatch(error?.message ?? "", "message handler: failed: no idea what this is");
    assertEquals(ends.passive.statistics.errors.get("message handler"), 1);
    await ends.active.closed;
  });

  test("an RDMA handler that throws, even while all is flushed, does not keep the rest from its end", async (stage) => {
    await using ends = await connectEnds(stage);
    using region = stage.passive.register(10, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    let done = 0;
    for (let n = 0; n < 3; n++) {
      const work = { opcode: Opcode.READ, region, offset: 0, length: 10, remoteAddress: 0n, remoteKey: 0 };
      ends.passive.postRdma(work, () => {
        done++;
        throw new Error("again");
      });
    }
    assertEquals((await ends.passive.closed).graceful, false);
    assertEquals([done, ends.passive.statistics.errors.get("RDMA handler")], [3, 3]);
  });

  test("messages that no handler ever takes end the connection, not the memory", async (stage) => {
    await using ends = await connectEnds(stage, { passive: { receiveCreditMax: 5 } });
    for (let n = 0; n < 10; n++) ends.active.send(pattern(1));
    assertMatch((await ends.passive.closed).error?.message ?? "", "no handler: 5 messages are kept: set onMessage");
  });

  test("a wire cut in the middle of a message ends both, flushes all, and gives everything back", async (stage) => {
    await using ends = await connectEnds(stage, { wire: (address) => stage.wire(address) });
    using target = stage.active.register(100_000, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    using source = stage.passive.register(100_000, 0);
    const { active, passive } = ends;
    let statuses = 0;
    const { address: remoteAddress, remoteKey } = target;
    for (let n = 0; n < 20; n++) {
      active.send(pattern(500_000));
      const work = { opcode: Opcode.WRITE, region: source, offset: 0, length: 100_000, remoteAddress, remoteKey };
      passive.postRdma(work, () => statuses++);
      if (!active.writable) break;
    }
    passive.onMessage = () => stage.cut();
    const [one, other] = await Promise.all([active.closed, passive.closed]);
    assertEquals([one.graceful, other.graceful], [false, false]);
    assert(one.error instanceof VerbenaError && other.error instanceof VerbenaError);
    assert(statuses > 0);
    assertThrows(() => active.send(pattern(1)), VerbsError, "closed");
  });

  test("nobody listens: the error is the provider's", async (stage) => {
    const listener = await stage.passive.listen({ hostname: "127.0.0.1", port: 0 });
    await listener.close();
    const error = await assertRejects(() => connectSmbDirect(stage.active, listener.address), VerbsError);
    assertEquals(error.code, "refused");
  });
}
