/**
 * Asynchronous events of the kernel's software RoCE device, and waiting for them. What a send queue that is
 * drained and a shared receive queue tell is in verbs_queues_test.ts.
 *
 * @module
 */
import { ibv_port_state } from "../../ffi/mod.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { asyncEventText, openDevice, readinessIdle } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { run } from "../interop/process.ts";
import { nextEvent, nothingIsLeft, Pair, rxe, Side } from "./verbs_pair.ts";

await testWith(["rxe"], "a completion queue that more completes on than it holds says that it is broken", async () => {
  using completionQueue = rxe().createCompletionQueue({ entries: 1 });
  using pair = new Pair();
  using side = new Side(pair.domain, { sendQueue: completionQueue });
  side.queuePair.modify({ state: "INIT", partitionKeyIndex: 0, port: 1, access: 0 });
  for (let id = 0; id <= completionQueue.entries; id++) side.receive(id, 0, 8);
  side.queuePair.modify({ state: "ERR" });
  const event = await nextEvent();
  assertEquals(event.name, "cq err");
  assert(event.completionQueue === completionQueue, "the event names the queue");
  assertEquals(await side.outcome(), [0, "wr flush err"]);
});

await testWith(["rxe"], "a port says that its interface goes down, and comes up", async () => {
  assertEquals(rxe().takeAsyncEvent(), undefined);
  const told = async (): Promise<[string, number | undefined]> => {
    const { name, port } = await nextEvent();
    return [name, port];
  };
  try {
    await run("ip", ["link", "set", "dummy0", "down"]);
    assertEquals(await told(), ["port err", 1]);
    assertEquals(rxe().queryPort(1).state, ibv_port_state.IBV_PORT_DOWN);
  } finally {
    await run("ip", ["link", "set", "dummy0", "up"]);
  }
  assertEquals(await told(), ["port active", 1]);
  assertEquals(rxe().queryPort(1).state, ibv_port_state.IBV_PORT_ACTIVE);
  while (rxe().takeAsyncEvent() !== undefined); // of GIDs, which come and go with the interface's IPv6 address
});

await testWith(["rxe"], "events of what is gone meanwhile are not there any more", async () => {
  using other = openDevice("rxe0");
  {
    using domain = other.allocateProtectionDomain();
    using sendQueue = other.createCompletionQueue({ entries: 16 });
    using sharedReceiveQueue = domain.createSharedReceiveQueue({ depth: 4 });
    using queuePair = domain.createQueuePair({ sendQueue, sharedReceiveQueue });
    queuePair.modify({ state: "INIT", partitionKeyIndex: 0, port: 1, access: 0 });
    queuePair.modify({ state: "ERR" });
    const event = await other.nextAsyncEvent(AbortSignal.timeout(20_000));
    assertEquals(event.name, "qp last wqe reached");
    using twin = domain.createQueuePair({ sendQueue, sharedReceiveQueue });
    twin.modify({ state: "INIT", partitionKeyIndex: 0, port: 1, access: 0 });
    twin.modify({ state: "ERR" });
  }
  assertEquals(other.takeAsyncEvent(), undefined);
  await readinessIdle();
});

await testWith(["rxe"], "waiting for an event ends with its signal, and with its device", async () => {
  const stop = new AbortController();
  const waiting = rxe().nextAsyncEvent(stop.signal);
  stop.abort(new TypeError("enough"));
  await assertRejects(() => waiting, TypeError, "enough");
  const other = openDevice("rxe0");
  const last = other.nextAsyncEvent();
  other[Symbol.dispose]();
  assertEquals((await assertRejects(() => last, VerbsError)).code, "disposed");
  assertEquals(assertThrows(() => other.takeAsyncEvent(), VerbsError).code, "disposed");
  assertEquals(asyncEventText(99), "event 99");
  await readinessIdle();
});

await nothingIsLeft();
