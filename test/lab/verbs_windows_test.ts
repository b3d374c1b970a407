/**
 * Memory windows and withdrawn keys of the verbs over the kernel's software RoCE device.
 *
 * @module
 */
import { ibv_wc_flags, ibv_wc_opcode } from "../../ffi/mod.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import type { MemoryWindow } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { HELLO, nothingIsLeft, Pair, type Side, SIZE } from "./verbs_pair.ts";

/** Rxe gives programs the kernel's number of the flag `IBV_WC_WITH_INV`, which is this one's of theirs. */
const WITH_INVALIDATION = ibv_wc_flags.IBV_WC_IP_CSUM_OK;

/** 64 bytes of a side's region, from `offset`, to be written. */
function opening({ region }: Side, offset: number) {
  return { region, offset, length: 64, access: Access.REMOTE_WRITE };
}

/** Binds a type 2 window of `side`; its key. */
async function bindSecond(side: Side, opened: MemoryWindow, offset: number): Promise<number> {
  const key = opened.nextKey;
  side.post((batch) => batch.bindWindow(1, opened, key, opening(side, offset)));
  const { id, status, opcode } = await side.next();
  assertEquals([id, status, opcode], [1, "success", ibv_wc_opcode.IBV_WC_BIND_MW]);
  opened.setKey(key);
  return key;
}

await testWith(["rxe"], "a type 1 window is bound by a verb of its own, and opens what it is told", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  using opened = pair.domain.allocateMemoryWindow(1);
  const earlier = opened.remoteKey;
  opened.bind(b.queuePair, 1, opening(b, 1_024));
  assert(opened.remoteKey !== earlier, "it has another key at once");
  assertEquals(await b.outcome(), [1, "success"]);
  a.post((batch) => batch.write(2, b.region.address + 1_024n, opened.remoteKey).inline(HELLO));
  assertEquals(await a.outcome(), [2, "success"]);
  assertEquals(b.region.bytes.slice(1_024, 1_024 + HELLO.length), HELLO);
  a.post((batch) => batch.read(3, b.region.address + 1_024n, opened.remoteKey).from(a.region, 0, 8));
  assertEquals(await a.outcome(), [3, "rem access err"], "it may be written, not read");
});

await testWith(["rxe"], "a window's key is no good for what is outside its region", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  using opened = pair.domain.allocateMemoryWindow(1);
  opened.bind(b.queuePair, 1, opening(b, SIZE - 64));
  assertEquals(await b.outcome(), [1, "success"]);
  // rxe compares with the region's bounds alone: what is before the opened, but in the region, it lets pass
  a.post((batch) => batch.write(2, b.region.address + BigInt(SIZE - 4), opened.remoteKey).inline(HELLO));
  assertEquals(await a.outcome(), [2, "rem access err"]);
});

await testWith(["rxe"], "a type 1 window is bound anew under another key, and to nothing", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  using opened = pair.domain.allocateMemoryWindow(1);
  opened.bind(b.queuePair, 1, opening(b, 0));
  const first = opened.remoteKey;
  opened.bind(b.queuePair, 2, opening(b, 512));
  const second = opened.remoteKey;
  opened.bind(b.queuePair, 3, { ...opening(b, 0), length: 0 });
  for (const id of [1, 2, 3]) assertEquals(await b.outcome(), [id, "success"]);
  assertEquals(new Set([first, second, opened.remoteKey]).size, 3);
  a.post((batch) => batch.write(4, b.region.address, opened.remoteKey).inline(HELLO));
  assertEquals(await a.outcome(), [4, "rem access err"]);
});

await testWith(
  ["rxe"],
  "a type 2 window is bound by a work request, and a Send of the peer's withdraws its key",
  async () => {
    using pair = new Pair();
    const { a, b } = pair;
    using opened = pair.domain.allocateMemoryWindow(2);
    const key = await bindSecond(b, opened, 0);
    b.receive(2, 512, 64);
    a.post((batch) => batch.write(3, b.region.address, key).inline(HELLO).sendWithInvalidate(4, key).inline(HELLO));
    assertEquals([await a.outcome(), await a.outcome()], [[3, "success"], [4, "success"]]);
    const { id, flags, length, invalidatedKey } = await b.next();
    assertEquals([id, length, invalidatedKey], [2, HELLO.length, key]);
    assertEquals(flags, ibv_wc_flags.IBV_WC_GRH | WITH_INVALIDATION);
    assertEquals(b.region.bytes.slice(0, HELLO.length), HELLO);
    const again = await bindSecond(b, opened, 128);
    assert(again !== key);
    a.post((batch) => batch.write(5, b.region.address + 128n, again).inline(HELLO));
    a.post((batch) => batch.write(6, b.region.address, key).inline(HELLO));
    assertEquals([await a.outcome(), await a.outcome()], [[5, "success"], [6, "rem access err"]]);
  },
);

await testWith(["rxe"], "a type 2 window is withdrawn by its own side", async () => {
  using pair = new Pair();
  const { a, b } = pair;
  using opened = pair.domain.allocateMemoryWindow(2);
  const key = await bindSecond(b, opened, 0);
  b.post((batch) => batch.localInvalidate(2, key));
  const { id, status, opcode } = await b.next();
  assertEquals([id, status, opcode], [2, "success", ibv_wc_opcode.IBV_WC_LOCAL_INV]);
  a.post((batch) => batch.write(3, b.region.address, key).inline(HELLO));
  assertEquals(await a.outcome(), [3, "rem access err"]);
});

await testWith(["rxe"], "a window goes before the region it is bound to, and before its domain", async () => {
  using pair = new Pair();
  const { b } = pair;
  const bound = pair.domain.allocateMemoryWindow(2);
  const unbound = pair.domain.allocateMemoryWindow(1);
  await bindSecond(b, bound, 0);
  b.region[Symbol.dispose]();
  assertEquals([bound.disposed, unbound.disposed], [true, false]);
  assertEquals(assertThrows(() => bound.remoteKey, VerbsError).code, "disposed");
  pair[Symbol.dispose]();
  assertEquals(unbound.disposed, true);
});

await testWith(["rxe"], "a type 2 window opens nothing to other queue pairs", async () => {
  using pair = new Pair();
  using other = new Pair({}, {}, pair.domain);
  using opened = pair.domain.allocateMemoryWindow(2);
  const key = await bindSecond(pair.b, opened, 0);
  other.a.post((batch) => batch.write(2, pair.b.region.address, key).inline(HELLO));
  assertEquals(await other.a.outcome(), [2, "rem access err"]);
});

await testWith(["rxe"], "a binding that may not be breaks its queue pair", async (t) => {
  // rxe flushes every request of a queue pair that it moves to ERR itself, the one that was wrong included
  await t.step("to a region that may not be bound", async () => {
    using pair = new Pair({}, { access: Access.LOCAL_WRITE | Access.REMOTE_WRITE });
    const { b } = pair;
    using opened = pair.domain.allocateMemoryWindow(1);
    opened.bind(b.queuePair, 1, opening(b, 0));
    assertEquals([await b.outcome(), b.queuePair.query().state], [[1, "wr flush err"], "ERR"]);
  });
  await t.step("of a type 2 window that is bound", async () => {
    using pair = new Pair();
    const { b } = pair;
    using opened = pair.domain.allocateMemoryWindow(2);
    await bindSecond(b, opened, 0);
    b.post((batch) => batch.bindWindow(2, opened, opened.nextKey, opening(b, 64)));
    assertEquals([await b.outcome(), b.queuePair.query().state], [[2, "wr flush err"], "ERR"]);
  });
});

await testWith(["rxe"], "a region's own key is withdrawn by nobody", async (t) => {
  await t.step("its own side", async () => {
    using pair = new Pair();
    pair.b.post((batch) => batch.localInvalidate(1, pair.b.region.remoteKey));
    assertEquals(await pair.b.outcome(), [1, "wr flush err"]);
  });
  await t.step("a Send of the peer's, which the peer takes for sent", async () => {
    using pair = new Pair();
    const { a, b } = pair;
    b.receive(1, 0, 64);
    a.post((batch) => batch.sendWithInvalidate(2, b.region.remoteKey).inline(HELLO));
    assertEquals(await a.outcome(), [2, "success"]);
    assertEquals([await b.outcome(), b.queuePair.query().state], [[1, "rem inv req err"], "ERR"]);
  });
});

await testWith(["rxe"], "bindings out of bounds and of the wrong type are refused before the library is asked", () => {
  using pair = new Pair();
  const { b } = pair;
  using first = pair.domain.allocateMemoryWindow(1);
  using second = pair.domain.allocateMemoryWindow(2);
  const outside = opening(b, SIZE - 63);
  assertThrows(() => first.bind(b.queuePair, 1, outside), RangeError);
  assertThrows(() => b.post((batch) => batch.bindWindow(1, second, second.nextKey, outside)), RangeError);
  const wrong = assertThrows(() => second.bind(b.queuePair, 1, opening(b, 0)), VerbsError, "SendBatch.bindWindow");
  assertEquals(wrong.code, "EINVAL");
  b.region[Symbol.dispose]();
  assertEquals([first.disposed, second.disposed], [false, false], "none was bound");
  return Promise.resolve();
});

await nothingIsLeft();
