/**
 * The verbs over the kernel's software iWARP device: what it has, and how it says what it has not.
 *
 * @module
 */
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import { type Context, openDevice, ReceiveBatch } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { capable, testWith } from "../capabilities.ts";

// Opened once and before the tests: a library stays open, and the sanitizer would hold that against the test.
const device = await capable("siw") ? openDevice("siw0") : undefined;

function siw(): Context {
  assert(device !== undefined, "siw0 is there");
  return device;
}

await testWith(["siw"], "queue pairs of an iWARP device are connected by rdma_cm alone", () => {
  using domain = siw().allocateProtectionDomain();
  using queue = siw().createCompletionQueue({ entries: 16 });
  using queuePair = domain.createQueuePair({ sendQueue: queue, receiveDepth: 0 });
  for (const state of ["RTR", "RTS"] as const) {
    const error = assertThrows(() => queuePair.modify({ state }), VerbsError, "connected by rdma_cm alone");
    assertEquals(error.code, "EOPNOTSUPP");
  }
  return Promise.resolve();
});

await testWith(["siw"], "what siw has not is refused with the call's name, and leaves nothing behind", () => {
  using domain = siw().allocateProtectionDomain();
  const refused: [string, () => unknown][] = [
    ["ibv_create_ah", () => domain.createAddressHandle({ port: 1 })],
    ["ibv_alloc_mw(type 1)", () => domain.allocateMemoryWindow(1)],
    ["ibv_create_cq_ex(siw0, 16 entries)", () => siw().createExtendedCompletionQueue({ entries: 16 })],
  ];
  for (const [call, attempt] of refused) {
    const error = assertThrows(attempt, VerbsError);
    assertEquals([error.call, error.code], [call, "EOPNOTSUPP"]);
  }
  assertEquals(domain.childCount, 0);
  return Promise.resolve();
});

await testWith(["siw"], "a receive wants memory, if only of no bytes; a full queue says so", () => {
  using domain = siw().allocateProtectionDomain();
  using queue = siw().createCompletionQueue({ entries: 16 });
  using queuePair = domain.createQueuePair({ sendQueue: queue, receiveDepth: 2 });
  using region = domain.register(64, Access.LOCAL_WRITE);
  using batch = new ReceiveBatch(1_024);
  const bare = assertThrows(
    () => queuePair.postReceive(batch.receive(1)),
    VerbsError,
    "none where the device wants one",
  );
  assertEquals([bare.code, batch.refusedIndex], ["EINVAL", 0]);
  batch.reset();
  for (let id = 0; id < 1_024; id++) batch.receive(id).into(region, 0, 0);
  const full = assertThrows(() => queuePair.postReceive(batch), VerbsError, "the queue is full");
  assertEquals(full.code, "ENOMEM");
  assert(batch.refusedIndex >= 2, "as many as were asked for are taken");
  return Promise.resolve();
});

await testWith(["siw"], "a shared receive queue takes receives, and cannot say how it is", () => {
  using domain = siw().allocateProtectionDomain();
  using shared = domain.createSharedReceiveQueue({ depth: 4 });
  using region = domain.register(64, Access.LOCAL_WRITE);
  using batch = new ReceiveBatch(2);
  shared.postReceive(batch.receive(1).into(region).receive(2).into(region));
  assertEquals(assertThrows(() => shared.query(), VerbsError).code, "EOPNOTSUPP");
  return Promise.resolve();
});
