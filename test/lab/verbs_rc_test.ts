/**
 * Reliable connections of the verbs over the kernel's software RoCE device: every operation, and how each fails.
 *
 * @module
 */
import { ibv_wc_flags, ibv_wc_opcode } from "../../ffi/mod.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import { type LocalMemory } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { HELLO, nothingIsLeft, Pair, type Side, SIZE } from "./verbs_pair.ts";

const OPCODE = ibv_wc_opcode;

await testWith(["rxe"], "RC: a Send gathers two pieces, and the receive scatters into two", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  a.region.bytes.set(HELLO);
  b.queuePair.postReceive(b.receives.receive(1).into(b.region, 0, 4).into(b.region, 100, 60));
  a.post((batch) => batch.send(2).from(a.region, 0, 6).from(a.region, 6, HELLO.length - 6));
  assertEquals(await a.outcome(), [2, "success"]);
  const { id, status, opcode, length } = await b.next();
  assertEquals([id, status, opcode, length], [1, "success", OPCODE.IBV_WC_RECV, HELLO.length]);
  assertEquals(b.region.bytes.slice(0, 5), Uint8Array.of(...HELLO.slice(0, 4), 0));
  assertEquals(b.region.bytes.slice(100, 100 + HELLO.length - 4), HELLO.slice(4));
});

await testWith(["rxe"], "RC: messages of no bytes, and of several packets", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  a.region.bytes.set(Uint8Array.from({ length: 5_001 }, (_, index) => index % 251));
  b.receive(1, 0, 0);
  b.receive(2, 0, SIZE);
  a.post((batch) => batch.send(3).send(4).from(a.region, 0, 5_001));
  assertEquals([await a.outcome(), await a.outcome()], [[3, "success"], [4, "success"]]);
  assertEquals([(await b.next()).length, (await b.next()).length], [0, 5_001]);
  assertEquals(b.region.bytes.slice(0, 5_001), a.region.bytes.slice(0, 5_001));
});

await testWith(["rxe"], "RC: inline bytes are taken when they are posted; identifiers have 53 bits", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  b.receive(Number.MAX_SAFE_INTEGER, 0, 64);
  a.post((batch) => batch.send(2 ** 40 + 1).inline(HELLO));
  assertEquals(await a.outcome(), [2 ** 40 + 1, "success"]);
  assertEquals(await b.outcome(), [Number.MAX_SAFE_INTEGER, "success"]);
  assertEquals(b.region.bytes.slice(0, HELLO.length), HELLO);
  assertThrows(() => a.post((batch) => batch.send(3).inline(new Uint8Array(65))), RangeError, "room for 64");
});

await testWith(["rxe"], "RC: an RDMA Write lands where it is told, and an RDMA Read fetches from there", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  a.region.bytes.set(HELLO);
  a.post((batch) => batch.write(1, b.region.address + 4_000n, b.region.remoteKey).from(a.region, 0, HELLO.length));
  assertEquals(await a.outcome(), [1, "success"]);
  assertEquals(b.region.bytes.slice(4_000, 4_000 + HELLO.length), HELLO);
  a.post((batch) => batch.read(2, b.region.address + 4_000n, b.region.remoteKey).from(a.region, 5_000, HELLO.length));
  const { id, status, opcode } = await a.next();
  assertEquals([id, status, opcode], [2, "success", OPCODE.IBV_WC_RDMA_READ]);
  assertEquals(a.region.bytes.slice(5_000, 5_000 + HELLO.length), HELLO);
});

await testWith(["rxe"], "RC: immediate data comes with a Send and with an RDMA Write", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  b.receive(1, 0, 64);
  b.receive(2, 64, 64);
  a.post((batch) =>
    batch.sendWithImmediate(3, 0x0102_0304).inline(HELLO)
      .writeWithImmediate(4, b.region.address + 128n, b.region.remoteKey, 0xfffe_fdfc).from(a.region, 0, 8)
  );
  assertEquals([await a.outcome(), await a.outcome()], [[3, "success"], [4, "success"]]);
  const [sent, written] = [await b.next(), await b.next()];
  assertEquals([sent.opcode, sent.immediate], [OPCODE.IBV_WC_RECV, 0x0102_0304]);
  assertEquals([written.opcode, written.immediate], [OPCODE.IBV_WC_RECV_RDMA_WITH_IMM, 0xfffe_fdfc]);
  for (const each of [sent, written]) assert((each.flags & ibv_wc_flags.IBV_WC_WITH_IMM) !== 0);
});

await testWith(["rxe"], "RC: atomics return the old value and set the new one", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  const { address, remoteKey, view } = b.region;
  view.setBigUint64(8, 40n, true);
  a.post((batch) => batch.fetchAndAdd(1, address + 8n, remoteKey, 2n).from(a.region, 0, 8));
  assertEquals(await a.outcome(), [1, "success"]);
  a.post((batch) => batch.compareAndSwap(2, address + 8n, remoteKey, 42n, 2n ** 63n).from(a.region, 8, 8));
  assertEquals(await a.outcome(), [2, "success"]);
  a.post((batch) => batch.compareAndSwap(3, address + 8n, remoteKey, 42n, 1n).from(a.region, 16, 8));
  assertEquals(await a.outcome(), [3, "success"]);
  assertEquals([0, 8, 16].map((at) => a.region.view.getBigUint64(at, true)), [40n, 42n, 2n ** 63n]);
  assertEquals(view.getBigUint64(8, true), 2n ** 63n, "the last one did not compare");
});

await testWith(["rxe"], "RC: an unsignalled request has a completion only where it fails", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  const { address, remoteKey } = b.region;
  a.post((batch) =>
    batch.write(1, address, remoteKey).inline(HELLO).flags(0).write(2, address, remoteKey).inline(HELLO)
  );
  assertEquals(await a.outcome(), [2, "success"]);
  a.post((batch) => batch.write(3, address, remoteKey ^ 0xff00).inline(HELLO).flags(0));
  assertEquals(await a.outcome(), [3, "rem access err"]);
});

/** Memory under a key that is none. */
function keyless({ region }: Side): LocalMemory {
  return { at: region.at, length: SIZE, localKey: region.localKey ^ 0xff00 };
}

const READABLE = { access: Access.LOCAL_WRITE | Access.REMOTE_READ };

/** What is wrong, how it ends, what is posted, and how the peer is made. */
const FAULTS: readonly [string, string, (pair: Pair) => void, { access: number }?][] = [
  // rxe flushes every request of a queue pair that it moves to ERR itself, the one that was wrong included
  [
    "a Send from a local key that is none",
    "wr flush err",
    ({ a }) => a.post((batch) => batch.send(1).from(keyless(a), 0, 8)),
  ],
  [
    "an RDMA Read to a local key that is none",
    "loc prot err",
    ({ a, b }) => a.post((batch) => batch.read(1, b.region.address, b.region.remoteKey).from(keyless(a), 0, 8)),
  ],
  [
    "an atomic to a local key that is none",
    "loc prot err",
    ({ a, b }) =>
      a.post((batch) => batch.fetchAndAdd(1, b.region.address, b.region.remoteKey, 1n).from(keyless(a), 0, 8)),
  ],
  [
    "a remote key that is none",
    "rem access err",
    ({ a, b }) => a.post((batch) => batch.write(1, b.region.address, b.region.remoteKey ^ 0xff00).from(a.region, 0, 8)),
  ],
  [
    "a Write to what may only be read",
    "rem access err",
    ({ a, b }) => a.post((batch) => batch.write(1, b.region.address, b.region.remoteKey).from(a.region, 0, 8)),
    READABLE,
  ],
  [
    "an atomic on what may only be read",
    "rem access err",
    ({ a, b }) =>
      a.post((batch) => batch.fetchAndAdd(1, b.region.address, b.region.remoteKey, 1n).from(a.region, 0, 8)),
    READABLE,
  ],
  [
    "a Read of what may not be read",
    "rem access err",
    ({ a, b }) => a.post((batch) => batch.read(1, b.region.address, b.region.remoteKey).from(a.region, 0, 8)),
    { access: 1 },
  ],
  [
    "a Write past the region's end",
    "rem access err",
    ({ a, b }) =>
      a.post((batch) => batch.write(1, b.region.address + BigInt(SIZE - 4), b.region.remoteKey).from(a.region, 0, 8)),
  ],
  [
    "a Read from before its start",
    "rem access err",
    ({ a, b }) => a.post((batch) => batch.read(1, b.region.address - 1n, b.region.remoteKey).from(a.region, 0, 8)),
  ],
  ["a Write that the peer's queue pair does not allow", "rem inv req err", ({ a, b }) => {
    b.queuePair.modify({ access: Access.REMOTE_READ });
    a.post((batch) => batch.write(1, b.region.address, b.region.remoteKey).from(a.region, 0, 8));
  }],
  ["a Send without a receive", "rnr retry exc err", ({ a }) => a.post((batch) => batch.send(1).from(a.region, 0, 8))],
];

await testWith(["rxe"], "RC: what may not be fails, and what comes after it is flushed", async (t) => {
  for (const [name, status, post, peer = {}] of FAULTS) {
    await t.step(name, async () => {
      using pair = new Pair({}, peer);
      const { a } = pair;
      post(pair);
      assertEquals(await a.outcome(), [1, status]);
      assertEquals(a.queuePair.query().state, "ERR");
      assertEquals(a.queuePair.state, "ERR");
      a.post((batch) => batch.send(2).from(a.region, 0, 8));
      assertEquals(await a.outcome(), [2, "wr flush err"]);
    });
  }
});

await testWith(["rxe"], "RC: a receive that cannot take its message fails on both sides", async (t) => {
  await t.step("a message longer than the receive", async () => {
    using pair = new Pair();
    const { a, b } = pair;
    b.receive(1, 0, 4);
    b.receive(3, 0, 64);
    a.post((batch) => batch.send(2).inline(HELLO));
    assertEquals(await a.outcome(), [2, "rem op err"]); // other devices say rem inv req err, and loc len err
    assertEquals(await b.outcome(), [1, "loc qp op err"]);
    assertEquals(await b.outcome(), [3, "wr flush err"]);
    assertEquals(b.queuePair.query().state, "ERR");
  });
  await t.step("a receive under a key that is none", async () => {
    using pair = new Pair();
    const { a, b } = pair;
    b.queuePair.postReceive(b.receives.receive(1).into(keyless(b), 0, 64));
    a.post((batch) => batch.send(2).inline(HELLO));
    assertEquals(await a.outcome(), [2, "rem op err"]);
    assertEquals(await b.outcome(), [1, "loc qp op err"]);
  });
});

await testWith(["rxe"], "RC: a queue pair that goes to ERR flushes its receives in order", async () => {
  using pair = new Pair();
  const { b } = pair;
  for (const id of [1, 2, 3]) b.receive(id, 0, 4);
  b.queuePair.modify({ state: "ERR" });
  for (const id of [1, 2, 3]) assertEquals(await b.outcome(), [id, "wr flush err"]);
});

await testWith(["rxe"], "RC: a request that no queue takes is refused as it is posted", () => {
  using pair = new Pair();
  const { a, b } = pair;
  const { address, remoteKey } = b.region;
  const misaligned = assertThrows(
    () =>
      a.post((batch) => batch.send(1).inline(HELLO).fetchAndAdd(2, address + 1n, remoteKey, 1n).from(a.region, 0, 8)),
    VerbsError,
    "an atomic of other than 8 aligned bytes",
  );
  assertEquals([misaligned.call, misaligned.code, a.sends.refusedIndex], ["ibv_post_send(2 requests)", "EINVAL", 1]);
  b.receives.reset();
  for (let id = 0; id < 16; id++) b.receives.receive(id).into(b.region, 0, 8);
  let taken = 0;
  const full = assertThrows(
    () => {
      for (; taken < 1_024; taken += 16) b.queuePair.postReceive(b.receives);
    },
    VerbsError,
    "the queue is full",
  );
  assertEquals(full.code, "ENOMEM");
  assert(taken + b.receives.refusedIndex >= 16, "as many as were asked for are taken");
  return Promise.resolve();
});

await nothingIsLeft();
