/**
 * Shared receive queues, completion queues and the changes of state of the verbs over the kernel's software RoCE device.
 *
 * @module
 */
import { ibv_send_flags } from "../../ffi/mod.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import { type ProtectionDomain, readinessIdle, ReceiveBatch, type SharedReceiveQueue } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { HELLO, introduce, nextEvent, nothingIsLeft, Pair, resources, rxe, Side, SIZE } from "./verbs_pair.ts";

/** A shared receive queue with `count` receives of 64 bytes, each in its own place of a region of the same domain. */
function fill(domain: ProtectionDomain, count: number): SharedReceiveQueue {
  const shared = domain.createSharedReceiveQueue({ depth: count });
  const region = domain.register(count * 64, Access.LOCAL_WRITE);
  using batch = new ReceiveBatch(count);
  for (let id = 0; id < count; id++) batch.receive(id).into(region, id * 64, 64);
  shared.postReceive(batch);
  return shared;
}

await testWith(
  ["rxe"],
  "a shared receive queue serves two queue pairs, and has no receive to post to either",
  async () => {
    using domain = rxe().allocateProtectionDomain();
    const sharedReceiveQueue = fill(domain, 4);
    using first = new Pair({}, { sharedReceiveQueue }, domain);
    using second = new Pair({}, { sharedReceiveQueue }, domain);
    const ids: number[] = [];
    for (const pair of [first, second, second, first]) {
      pair.a.post((batch) => batch.send(7).inline(HELLO));
      assertEquals(await pair.a.outcome(), [7, "success"]);
      const { id, status, length } = await pair.b.next();
      assertEquals([status, length], ["success", HELLO.length]);
      ids.push(id);
    }
    assertEquals(ids, [0, 1, 2, 3], "each takes the oldest");
    const refused = assertThrows(() => first.b.receive(9, 0, 8), VerbsError, "posted to its shared receive queue");
    assertEquals(refused.code, "EINVAL");
    first.a.post((batch) => batch.send(8).inline(HELLO));
    assertEquals(await first.a.outcome(), [8, "rnr retry exc err"], "it is empty");
  },
);

await testWith(["rxe"], "a shared receive queue says once that it runs low", async () => {
  using domain = rxe().allocateProtectionDomain();
  const sharedReceiveQueue = fill(domain, 4);
  using pair = new Pair({}, { sharedReceiveQueue }, domain);
  sharedReceiveQueue.setLimit(3);
  assertEquals(sharedReceiveQueue.query().limit, 3);
  for (let count = 0; count < 3; count++) {
    pair.a.post((batch) => batch.send(count).inline(HELLO));
    assertEquals((await pair.b.next()).id, count);
  }
  const { name, sharedReceiveQueue: named } = await nextEvent();
  assertEquals(name, "srq limit reached");
  assert(named === sharedReceiveQueue, "the event names the queue");
  assertEquals(sharedReceiveQueue.query().limit, 0);
  assertEquals(rxe().takeAsyncEvent(), undefined);
});

await testWith(["rxe"], "a shared receive queue grows, and is full when it is full", () => {
  using domain = rxe().allocateProtectionDomain();
  const shared = fill(domain, 4);
  const { depth, entries } = shared.query();
  assert(depth >= 4 && entries >= 1);
  shared.resize(depth * 2 + 1);
  assert(shared.query().depth > depth * 2);
  using region = domain.register(64, Access.LOCAL_WRITE);
  using batch = new ReceiveBatch(1_024);
  for (let id = 0; id < 1_024; id++) batch.receive(id).into(region);
  const full = assertThrows(() => shared.postReceive(batch), VerbsError, "the queue is full");
  assertEquals([full.code, batch.refusedIndex], ["ENOMEM", shared.query().depth - 4]);
  const limit = assertThrows(() => shared.setLimit(1_000_000), VerbsError);
  assertEquals([limit.call, limit.code], ["ibv_modify_srq(limit 1000000)", "EINVAL"]);
  return Promise.resolve();
});

await testWith(
  ["rxe"],
  "a queue pair with a shared receive queue that goes to ERR says that it takes no more",
  async () => {
    using domain = rxe().allocateProtectionDomain();
    const sharedReceiveQueue = fill(domain, 4);
    using pair = new Pair({}, { sharedReceiveQueue }, domain);
    pair.b.queuePair.modify({ state: "ERR" });
    const { name, queuePair } = await nextEvent();
    assertEquals(name, "qp last wqe reached");
    assert(queuePair === pair.b.queuePair, "the event names the queue pair");
  },
);

await testWith(["rxe"], "arming, looking once more and sleeping loses no completion in 300 rounds", async () => {
  using channel = rxe().createCompletionChannel();
  using queue = rxe().createCompletionQueue({ entries: 64, channel });
  using pair = new Pair({}, { sendQueue: queue });
  const { a, b } = pair;
  let slept = 0;
  for (let round = 0; round < 300; round++) {
    b.receive(round, 0, 64);
    queue.requestNotification();
    a.post((batch) => batch.send(round).inline(HELLO));
    while (queue.poll(b.completions) === 0) {
      await channel.wait(AbortSignal.timeout(20_000));
      while (channel.take() !== undefined) slept++;
      queue.requestNotification();
    }
    assertEquals(b.completions.id(0), round);
    assertEquals(await a.outcome(), [round, "success"]);
  }
  assert(slept > 0, "some of them were slept for");
  await readinessIdle();
});

await testWith(
  ["rxe"],
  "one channel tells of several queues, each by name; events that nobody took go with their queue",
  async () => {
    using channel = rxe().createCompletionChannel();
    const queues = [1, 2].map(() => rxe().createCompletionQueue({ entries: 64, channel }));
    using pair = new Pair();
    const sides = queues.map((sendQueue) => new Side(pair.domain, { sendQueue }));
    for (const { queuePair } of sides) {
      queuePair.modify({ state: "INIT", partitionKeyIndex: 0, port: 1, access: 0 });
    }
    const [first, second] = sides;
    assert(first !== undefined && second !== undefined);
    for (const side of [second, first]) {
      side.completionQueue.requestNotification();
      side.receive(1, 0, 8);
      side.queuePair.modify({ state: "ERR" });
      await channel.wait(AbortSignal.timeout(20_000));
      if (side === second) assert(channel.take() === second.completionQueue);
    }
    for (const side of sides) side[Symbol.dispose]();
    assertEquals(channel.take(), undefined);
    await readinessIdle();
  },
);

await testWith(["rxe"], "a queue armed for solicited completions sleeps through others", async () => {
  using channel = rxe().createCompletionChannel();
  using queue = rxe().createCompletionQueue({ entries: 64, channel });
  using pair = new Pair({}, { sendQueue: queue });
  const { a, b } = pair;
  b.receive(1, 0, 64);
  b.receive(2, 0, 64);
  queue.requestNotification(true);
  a.post((batch) => batch.send(3).inline(HELLO));
  assertEquals(await b.outcome(), [1, "success"]);
  assertEquals(channel.take(), undefined);
  a.post((batch) =>
    batch.send(4).inline(HELLO).flags(ibv_send_flags.IBV_SEND_SIGNALED | ibv_send_flags.IBV_SEND_SOLICITED)
  );
  assertEquals(await b.outcome(), [2, "success"]);
  await channel.wait(AbortSignal.timeout(20_000));
  assert(channel.take() === queue);
  await readinessIdle();
});

await testWith(["rxe"], "a wait for completions ends with its signal, and with its channel", async () => {
  const channel = rxe().createCompletionChannel();
  const stop = new AbortController();
  const waiting = channel.wait(stop.signal);
  stop.abort(new TypeError("enough"));
  await assertRejects(() => waiting, TypeError, "enough");
  const again = channel.wait();
  channel[Symbol.dispose]();
  await again;
  assertEquals(assertThrows(() => channel.take(), VerbsError).code, "disposed");
  await readinessIdle();
});

await testWith(["rxe"], "a completion queue grows and keeps what is in it", async () => {
  using queue = rxe().createCompletionQueue({ entries: 16 });
  using pair = new Pair({}, { sendQueue: queue });
  const { a, b } = pair;
  for (const id of [1, 2]) b.receive(id, 0, 64);
  a.post((batch) => batch.send(3).inline(HELLO).send(4).inline(HELLO));
  assertEquals([await a.outcome(), await a.outcome()], [[3, "success"], [4, "success"]]);
  queue.resize(500);
  assert(queue.entries >= 500);
  assertEquals([await b.outcome(), await b.outcome()], [[1, "success"], [2, "success"]]);
  const none = assertThrows(() => rxe().createCompletionQueue({ entries: 1_000_000 }), VerbsError);
  assertEquals([none.call, none.code], ["ibv_create_cq(1000000 entries)", "EINVAL"]);
});

await testWith(["rxe"], "changes of state that there are not are refused before the kernel is asked", () => {
  using pair = new Pair();
  using side = new Side(pair.domain);
  const { queuePair } = side;
  const refusal = (attributes: Parameters<typeof queuePair.modify>[0]): string =>
    assertThrows(() => queuePair.modify(attributes), VerbsError).message;
  assertEquals(
    refusal({ state: "RTS" }),
    "ibv_modify_qp(RC, RESET to RTS): EINVAL: a queue pair in RESET goes to RESET, INIT, not to RTS",
  );
  assertEquals(
    refusal({ state: "INIT", port: 1, access: 0, queueKey: 1 }),
    "ibv_modify_qp(RC, RESET to INIT): EINVAL: missing partitionKeyIndex; not taken here: queueKey",
  );
  assertEquals(queuePair.state, "RESET");
  const early = assertThrows(() => side.receive(1, 0, 8), VerbsError, "a state that takes none");
  assertEquals(early.code, "EINVAL");
  const { state, destination, sendPacketNumber, retryCount } = pair.a.queuePair.query();
  assertEquals([state, destination, sendPacketNumber, retryCount], ["RTS", pair.b.queuePair.number, 7, 7]);
  return Promise.resolve();
});

await testWith(["rxe"], "a send queue drains, says so, sends nothing, and goes on", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  a.queuePair.modify({ state: "SQD" });
  const { name, queuePair } = await nextEvent();
  assertEquals(name, "sq drained");
  assert(queuePair === a.queuePair);
  b.receive(1, 0, 64);
  a.post((batch) => batch.send(2).inline(HELLO));
  assertEquals([a.queuePair.query().state, b.completionQueue.poll(b.completions)], ["SQD", 0]);
  a.queuePair.modify({ state: "RTS" });
  b.receive(3, 64, 64);
  a.post((batch) => batch.send(4).inline(HELLO)); // rxe looks at a send queue when something is posted to it
  assertEquals([await a.outcome(), await a.outcome()], [[2, "success"], [4, "success"]]);
  assertEquals([await b.outcome(), await b.outcome()], [[1, "success"], [3, "success"]]);
});

await testWith(["rxe"], "a queue pair that broke goes through RESET and speaks again", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  a.queuePair.modify({ state: "ERR" });
  for (const { queuePair } of [a, b]) queuePair.modify({ state: "RESET" });
  introduce(a.queuePair, b.queuePair);
  b.receive(1, 0, 64);
  a.post((batch) => batch.send(2).inline(HELLO));
  assertEquals([await a.outcome(), await b.outcome()], [[2, "success"], [1, "success"]]);
});

await testWith(["rxe"], "disposing in any order leaves nothing in the kernel, and what is gone says so", async () => {
  const before = await resources("rxe0");
  const domain = rxe().allocateProtectionDomain();
  const queue = rxe().createCompletionQueue({ entries: 16 });
  const queuePair = domain.createQueuePair({ sendQueue: queue });
  const region = domain.register(SIZE, Access.LOCAL_WRITE);
  const { bytes } = region;
  assert(await resources("rxe0") !== before);
  queue[Symbol.dispose]();
  assertEquals([queuePair.disposed, region.disposed], [true, false], "the queue pair used the queue");
  domain[Symbol.dispose]();
  domain[Symbol.dispose]();
  assertEquals([region.disposed, bytes.length], [true, 0], "no view shows memory that is gone");
  assertEquals(await resources("rxe0"), before);
  for (
    const use of [
      () => domain.register(1, 0),
      () => queuePair.modify({ state: "ERR" }),
      () => queuePair.query(),
      () => queue.requestNotification(),
      () => domain.createQueuePair({ sendQueue: queue }),
    ]
  ) assertEquals(assertThrows(use, VerbsError).code, "disposed");
  using other = rxe().allocateProtectionDomain();
  assertEquals(assertThrows(() => other.createQueuePair({ sendQueue: queue }), VerbsError).code, "disposed");
});

await nothingIsLeft();
