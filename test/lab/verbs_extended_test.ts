/**
 * Extended completion queues and queue pairs of the verbs over the kernel's software RoCE device.
 *
 * @module
 */
import {
  ibv_create_cq_wc_flags,
  ibv_qp_create_send_ops_flags,
  ibv_send_flags,
  ibv_wc_flags,
  ibv_wc_opcode,
} from "../../ffi/mod.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import {
  type ExtendedCompletionQueue,
  type ExtendedQueuePair,
  GRH_SIZE,
  type QueuePairType,
  workStatusText,
} from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { capable, testWith } from "../capabilities.ts";
import { HELLO, introduce, nothingIsLeft, ownGid, Pair, QUEUE_KEY, rxe, SIZE } from "./verbs_pair.ts";

const OPCODE = ibv_wc_opcode;
const ATOMIC_WRITE = ibv_qp_create_send_ops_flags.IBV_QP_EX_WITH_ATOMIC_WRITE;

// The functions of each kind are a library to Deno, which stays open: the sanitizer would hold that against a test.
if (await capable("rxe")) {
  using domain = rxe().allocateProtectionDomain();
  using sendQueue = rxe().createExtendedCompletionQueue({ entries: 16 });
  rxe().createExtendedCompletionQueue({ entries: 16, fields: 0 })[Symbol.dispose]();
  for (const options of [{}, { operations: ATOMIC_WRITE }, { type: "UD" as const }]) {
    domain.createExtendedQueuePair({ sendQueue, ...options });
  }
}

/** Begins to read a queue, once there is something to read. */
async function begin(queue: ExtendedCompletionQueue): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!queue.start()) {
    assert(performance.now() < deadline, "a completion comes within 20 s");
    await new Promise((resolve) => setTimeout(resolve));
  }
}

await testWith(["rxe"], "an extended completion queue reads completions one at a time", async () => {
  using queue = rxe().createExtendedCompletionQueue({ entries: 16 });
  using pair = new Pair({ sendQueue: queue }, {});
  const { a, b } = pair;
  assertEquals(queue.start(), false);
  for (const id of [1, 2, 3]) b.receive(id, 0, 64);
  a.post((batch) => batch.send(4).inline(HELLO).send(2 ** 52).inline(HELLO).sendWithImmediate(6, 1).inline(HELLO));
  for (const id of [1, 2, 3]) assertEquals(await b.outcome(), [id, "success"]);
  const read: number[][] = [];
  while (read.length < 3) {
    await begin(queue);
    do read.push([queue.id, queue.status, queue.opcode, queue.queuePair, queue.byteLength]); while (queue.next());
    queue.end();
  }
  const rest = [0, OPCODE.IBV_WC_SEND, a.queuePair.number, HELLO.length];
  assertEquals(read, [[4, ...rest], [2 ** 52, ...rest], [6, ...rest]]);
  assertEquals([queue.start(), queue.start()], [false, false], "each was read once");
});

await testWith(["rxe"], "an extended completion queue shows what a receive brought, and how work failed", async () => {
  using queue = rxe().createExtendedCompletionQueue({ entries: 16 });
  using pair = new Pair({}, { sendQueue: queue });
  const { a, b } = pair;
  b.receive(1, 0, 64);
  b.receive(2, 0, 64);
  a.post((batch) => batch.sendWithImmediate(3, 0xfffe_fdfc).inline(HELLO));
  await begin(queue);
  assertEquals([queue.id, queue.opcode, queue.immediate], [1, OPCODE.IBV_WC_RECV, 0xfffe_fdfc]);
  assertEquals(queue.flags, ibv_wc_flags.IBV_WC_GRH | ibv_wc_flags.IBV_WC_WITH_IMM);
  queue.end();
  b.queuePair.modify({ state: "ERR" });
  await begin(queue);
  assertEquals([queue.id, workStatusText(queue.status), queue.vendorError], [2, "wr flush err", 0]);
  queue.end();
});

await testWith(
  ["rxe"],
  "an extended completion queue is read in the order start, next, end, and no other",
  async () => {
    const queue = rxe().createExtendedCompletionQueue({ entries: 16 });
    using pair = new Pair({ sendQueue: queue }, {});
    const { a, b } = pair;
    const code = (use: () => unknown): string => assertThrows(use, VerbsError).code;
    b.receive(1, 0, 64);
    a.post((batch) => batch.send(2).inline(HELLO));
    for (const use of [() => queue.id, () => queue.next(), () => queue.end()]) assertEquals(code(use), "EINVAL");
    await begin(queue);
    for (const use of [() => queue.start(), () => queue.poll(a.completions), () => queue.resize(32)]) {
      assertEquals(code(use), "EBUSY");
    }
    assertEquals(code(() => queue.timestamp), "EOPNOTSUPP", "it was not asked for");
    assertEquals(queue.next(), false);
    assertEquals([code(() => queue.status), code(() => queue.next()), code(() => queue.start())], [
      "EINVAL",
      "EINVAL",
      "EBUSY",
    ]);
    queue.end();
    assertEquals(queue.start(), false);
    b.receive(3, 0, 64);
    a.post((batch) => batch.send(4).inline(HELLO));
    await begin(queue);
    queue[Symbol.dispose]();
    assertEquals(code(() => queue.id), "disposed");
  },
);

await testWith(
  ["rxe"],
  "an extended completion queue can be polled as a plain one; what rxe cannot read it refuses",
  async () => {
    using queue = rxe().createExtendedCompletionQueue({ entries: 16, fields: 0 });
    using pair = new Pair({ sendQueue: queue }, {});
    const { a, b } = pair;
    b.receive(1, 0, 64);
    a.post((batch) => batch.send(2).inline(HELLO));
    assertEquals(await a.outcome(), [2, "success"]);
    const timestamps = ibv_create_cq_wc_flags.IBV_WC_EX_WITH_COMPLETION_TIMESTAMP;
    const refused = assertThrows(
      () => rxe().createExtendedCompletionQueue({ entries: 16, fields: timestamps }),
      VerbsError,
    );
    assertEquals([refused.call, refused.code], ["ibv_create_cq_ex(rxe0, 16 entries)", "EOPNOTSUPP"]);
  },
);

/** A pair of which `a` is extended. */
class ExtendedPair extends Pair {
  readonly extended: ExtendedQueuePair;

  constructor(type: QueuePairType = "RC", operations?: number) {
    super({ type });
    const { a, b, domain } = this;
    this.extended = domain.createExtendedQueuePair({
      type,
      sendQueue: a.completionQueue,
      sendDepth: 16,
      sendEntries: 2,
      inlineSize: 64,
      ...(operations === undefined ? {} : { operations }),
    });
    b.queuePair.modify({ state: "RESET" });
    introduce(this.extended, b.queuePair);
  }
}

await testWith(["rxe"], "an extended queue pair posts a list request by request, or drops it", async () => {
  using pair = new ExtendedPair();
  const { a, b, extended } = pair;
  const { address, remoteKey } = b.region;
  b.receive(1, 0, 64);
  b.receive(2, 64, 64);
  a.region.bytes.set(HELLO);
  extended.startRequests().send(7).from(a.region, 0, 8).abort();
  extended.startRequests()
    .write(3, address + 256n, remoteKey).from(a.region, 0, HELLO.length)
    .sendWithImmediate(4, 0x0102_0304).inline(HELLO)
    .writeWithImmediate(5, address + 512n, remoteKey, 9).fromPieces([
      { region: a.region, offset: 0, length: 5 },
      { region: a.region, offset: 7, length: 5 },
    ])
    .read(6, address + 256n, remoteKey).from(a.region, 1_024, HELLO.length)
    .post();
  for (const id of [3, 4, 5, 6]) assertEquals(await a.outcome(), [id, "success"]);
  const [sent, written] = [await b.next(), await b.next()];
  assertEquals([sent.id, sent.immediate, sent.length], [1, 0x0102_0304, HELLO.length]);
  assertEquals([written.id, written.immediate], [2, 9]);
  assertEquals(b.region.bytes.slice(0, HELLO.length), HELLO);
  assertEquals(b.region.bytes.slice(256, 256 + HELLO.length), HELLO);
  assertEquals(a.region.bytes.slice(1_024, 1_024 + HELLO.length), HELLO);
});

await testWith(
  ["rxe"],
  "an extended queue pair has atomics, bindings and withdrawals, and takes plain batches",
  async () => {
    using pair = new ExtendedPair();
    const { a, b, extended } = pair;
    const { address, remoteKey } = b.region;
    b.region.view.setBigUint64(0, 40n, true);
    extended.startRequests()
      .fetchAndAdd(1, address, remoteKey, 2n).from(a.region, 0, 8)
      .compareAndSwap(2, address, remoteKey, 42n, 2n ** 63n).from(a.region, 8, 8)
      .post();
    assertEquals([await a.outcome(), await a.outcome()], [[1, "success"], [2, "success"]]);
    assertEquals([0, 8].map((at) => a.region.view.getBigUint64(at, true)), [40n, 42n]);
    assertEquals(b.region.view.getBigUint64(0, true), 2n ** 63n);
    using opened = pair.domain.allocateMemoryWindow(2);
    const key = opened.nextKey;
    const binding = { region: a.region, offset: 0, length: 64, access: Access.REMOTE_WRITE };
    extended.startRequests().bindWindow(3, opened, key, binding).post();
    assertEquals(await a.outcome(), [3, "success"]);
    b.post((batch) => batch.write(4, a.region.address, key).inline(HELLO));
    assertEquals(await b.outcome(), [4, "success"]);
    assertEquals(a.region.bytes.slice(0, HELLO.length), HELLO);
    extended.startRequests().localInvalidate(5, key).post();
    assertEquals(await a.outcome(), [5, "success"]);
    b.receive(6, 0, 64);
    a.sends.reset().send(7).inline(HELLO);
    extended.postSend(a.sends);
    assertEquals([await a.outcome(), await b.outcome()], [[7, "success"], [6, "success"]]);
  },
);

await testWith(
  ["rxe"],
  "what is wrong with a request of a list is said as it is made, as it is posted, or as it completes",
  async () => {
    using pair = new ExtendedPair();
    const { a, b, extended } = pair;
    const { address, remoteKey } = b.region;
    const code = (use: () => unknown): string => assertThrows(use, VerbsError).code;
    {
      using list = extended.startRequests();
      assertEquals(code(() => list.from(a.region)), "EINVAL", "no operation");
      list.send(1).inline(HELLO);
      assertEquals(code(() => list.inline(HELLO)), "EINVAL", "it has its bytes");
      assertEquals(code(() => list.atomicWrite(2, address, remoteKey, new Uint8Array(8))), "EOPNOTSUPP");
      assertThrows(() => list.send(3).from(a.region, SIZE - 7, 8), RangeError);
      assertEquals(code(() => extended.startRequests()), "EBUSY");
      a.sends.reset().send(4).inline(HELLO);
      assertEquals(code(() => extended.postSend(a.sends)), "EBUSY");
    }
    assertEquals(code(() => extended.startRequests().send(5).inline(new Uint8Array(600)).post()), "ENOSPC");
    const tooMany = extended.startRequests();
    for (let id = 0; id < 1_024; id++) tooMany.write(id, address, remoteKey).from(a.region, 0, 8);
    assertEquals(code(() => tooMany.post()), "ENOSPC");
    extended.startRequests().fetchAndAdd(6, address + 1n, remoteKey, 1n).from(a.region, 0, 8).post();
    assertEquals(await a.outcome(), [6, "rem inv req err"], "misaligned: the library does not look at it here");
    extended.startRequests().send(7, ibv_send_flags.IBV_SEND_SIGNALED).inline(HELLO).post();
    assertEquals(await a.outcome(), [7, "wr flush err"]);
  },
);

await testWith(["rxe"], "an atomic write changes eight bytes at once, where it was asked for", async () => {
  using pair = new ExtendedPair("RC", ATOMIC_WRITE);
  const { a, b, extended } = pair;
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  extended.startRequests().atomicWrite(1, b.region.address + 8n, b.region.remoteKey, bytes).post();
  assertEquals(await a.outcome(), [1, "success"]);
  assertEquals(b.region.bytes.slice(8, 16), bytes);
  const list = extended.startRequests();
  assertThrows(() => list.atomicWrite(2, b.region.address, b.region.remoteKey, new Uint8Array(7)), RangeError, "8");
  assertEquals(assertThrows(() => list.send(3), VerbsError).code, "EOPNOTSUPP", "only the atomic write was asked for");
  list.abort();
});

await testWith(["rxe"], "an extended queue pair addresses datagrams", async () => {
  using pair = new ExtendedPair("UD");
  const { a, b, extended } = pair;
  using ahead = pair.domain.createAddressHandle({ port: 1, ...ownGid() });
  b.receive(1, 0, 128);
  b.receive(2, 128, 128);
  a.region.bytes.set(HELLO);
  const { number } = b.queuePair;
  extended.startRequests()
    .send(3).to(ahead, number, QUEUE_KEY).inline(HELLO)
    .send(4).to(ahead, number, QUEUE_KEY).from(a.region, 0, HELLO.length)
    .post();
  assertEquals([await a.outcome(), await a.outcome()], [[3, "success"], [4, "success"]]);
  assertEquals([await b.outcome(), await b.outcome()], [[1, "success"], [2, "success"]]);
  for (const at of [0, 128]) {
    assertEquals(b.region.bytes.slice(at + GRH_SIZE, at + GRH_SIZE + HELLO.length), HELLO);
  }
  using list = extended.startRequests();
  const bare = assertThrows(() => list.send(5).inline(HELLO), VerbsError, "no address handle");
  assertEquals(bare.code, "EINVAL");
});

await nothingIsLeft();
