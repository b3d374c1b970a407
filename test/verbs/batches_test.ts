/**
 * Work requests and completions, byte by byte as C lays them out.
 *
 * @module
 */
import { libc, viewAt } from "../../ffi/mod.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { ReceiveBatch, SendBatch, WorkCompletions, workStatusText } from "../../src/verbs/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";

libc(); // opened here, for the sanitizer holds an open library against the test that opened it

const REGION = { at: 0x7f12_3456_7000, length: 4_096, localKey: 0xfedc_ba98 };

/** The `index`-th `struct ibv_send_wr` of a batch, 128 bytes. */
const sendRequest = (batch: SendBatch, index: number): DataView => viewAt(batch.address + BigInt(index * 128), 128);

/** A request's pieces of memory: address, length and key of each. */
function pieces(request: DataView, countAt: number): [number, number, number][] {
  const count = request.getInt32(countAt, true);
  if (count === 0) return [];
  const list = viewAt(request.getBigUint64(16, true), count * 16);
  return Array.from({ length: count }, (_, index) => [
    Number(list.getBigUint64(index * 16, true)),
    list.getUint32(index * 16 + 8, true),
    list.getUint32(index * 16 + 12, true),
  ]);
}

Deno.test("requests of a send batch are linked in order, each with its identifier, pieces and flags", () => {
  using batch = new SendBatch(3, { maxEntries: 2 });
  batch.send(2 ** 53 - 1).from(REGION, 16, 32).from(REGION, 100, 0)
    .write(7, 0xffff_8000_1234_5678n, 0x89ab_cdef).from(REGION).flags(1)
    .read(8, 64n, 5);
  assertEquals(batch.count, 3);
  const [first, second, third] = [0, 1, 2].map((index) => sendRequest(batch, index)) as [DataView, DataView, DataView];
  assertEquals([first, second, third].map((request) => request.getBigUint64(8, true)), [
    batch.address + 128n,
    batch.address + 256n,
    0n,
  ]);
  assertEquals([first, second, third].map((request) => request.getBigUint64(0, true)), [2n ** 53n - 1n, 7n, 8n]);
  assertEquals([first, second, third].map((request) => request.getInt32(28, true)), [2, 0, 4]);
  assertEquals([first, second, third].map((request) => request.getUint32(32, true)), [2, 1, 2]);
  assertEquals(pieces(first, 24), [[REGION.at + 16, 32, REGION.localKey], [REGION.at + 100, 0, REGION.localKey]]);
  assertEquals(pieces(second, 24), [[REGION.at, 4_096, REGION.localKey]]);
  assertEquals(pieces(third, 24), []);
  assertEquals([second.getBigUint64(40, true), second.getUint32(48, true)], [0xffff_8000_1234_5678n, 0x89ab_cdef]);
  assertEquals([third.getBigUint64(40, true), third.getUint32(48, true)], [64n, 5]);
});

Deno.test("a batch filled again has nothing left of what was in it", () => {
  using batch = new SendBatch(2, { inlineSize: 16 });
  batch.sendWithImmediate(1, 5).inline(Uint8Array.of(1, 2, 3)).send(2).from(REGION);
  batch.reset().write(3, 1n, 2);
  assertEquals(batch.count, 1);
  const request = sendRequest(batch, 0);
  assertEquals(request.getBigUint64(8, true), 0n);
  assertEquals([request.getInt32(24, true), request.getInt32(28, true), request.getUint32(32, true)], [0, 0, 2]);
});

Deno.test("immediate data is in network order; keys to withdraw are where every library looks for them", () => {
  using batch = new SendBatch(4);
  batch.sendWithImmediate(1, 0x0102_0304).writeWithImmediate(2, 16n, 9, 0xf1f2_f3f4)
    .sendWithInvalidate(3, 0x1122_3344).localInvalidate(4, 0x5566_7788);
  const [send, write, invalidate, local] = [0, 1, 2, 3].map((index) => sendRequest(batch, index)) as DataView[];
  assertEquals([send?.getInt32(28, true), send?.getUint32(36)], [3, 0x0102_0304]);
  assertEquals([write?.getInt32(28, true), write?.getUint32(36)], [1, 0xf1f2_f3f4]);
  assertEquals([write?.getBigUint64(40, true), write?.getUint32(48, true)], [16n, 9]);
  assertEquals([invalidate?.getInt32(28, true), invalidate?.getUint32(36, true)], [9, 0x1122_3344]);
  assertEquals(invalidate?.getUint32(48, true), 0x1122_3344);
  assertEquals([local?.getInt32(28, true), local?.getUint32(36, true)], [7, 0x5566_7788]);
});

Deno.test("atomics carry their operands", () => {
  using batch = new SendBatch(2);
  batch.compareAndSwap(1, 0x1000n, 7, 11n, 2n ** 64n - 1n).from(REGION, 0, 8).fetchAndAdd(2, 0x2000n, 8, 13n);
  const [swap, add] = [sendRequest(batch, 0), sendRequest(batch, 1)];
  assertEquals([swap.getInt32(28, true), add.getInt32(28, true)], [5, 6]);
  assertEquals([40, 48, 56].map((at) => swap.getBigUint64(at, true)), [0x1000n, 11n, 2n ** 64n - 1n]);
  assertEquals([40, 48].map((at) => add.getBigUint64(at, true)), [0x2000n, 13n]);
  assertEquals([swap.getUint32(64, true), add.getUint32(64, true)], [7, 8]);
});

Deno.test("inline bytes are copied into the batch, piece after piece", () => {
  using batch = new SendBatch(2, { maxEntries: 2, inlineSize: 8 });
  const bytes = Uint8Array.of(1, 2, 3);
  batch.send(1).send(2).inline(bytes).inline(Uint8Array.of(4, 5)).flags(4);
  bytes.fill(0);
  const request = sendRequest(batch, 1);
  assertEquals(request.getUint32(32, true), 8 | 4, "inline stays, whatever the other flags");
  const copied = pieces(request, 24);
  assertEquals(copied.map(([, length]) => length), [3, 2]);
  const contents = copied.map(([at, length]) => [...new Uint8Array(viewAt(BigInt(at), length).buffer)]);
  assertEquals(contents, [[1, 2, 3], [4, 5]]);
  assertThrows(
    () => batch.reset().send(1).inline(new Uint8Array(9)),
    RangeError,
    "9 inline bytes: this request has room for 8",
  );
});

Deno.test("a batch takes what it has room for, and no more", () => {
  using batch = new SendBatch(1, { inlineSize: 8 });
  assertThrows(() => batch.from(REGION), RangeError);
  assertThrows(() => batch.flags(2), RangeError, "name an operation first");
  batch.send(1).from(REGION, 0, 1);
  assertThrows(() => batch.from(REGION, 0, 1), RangeError, "room for 1 pieces of memory");
  assertThrows(() => batch.send(2), RangeError, "a batch of 1 work requests is full");
  assertThrows(() => batch.reset().send(1).from(REGION, 4_000, 97), RangeError, "range [4000, +97)");
});

Deno.test("a request has its bytes inline, or from regions, not both", () => {
  using batch = new SendBatch(1, { maxEntries: 2, inlineSize: 8 });
  const bytes = Uint8Array.of(1);
  assertThrows(() => batch.send(1).from(REGION, 0, 1).inline(bytes), RangeError, "not both");
  assertThrows(() => batch.reset().send(1).inline(bytes).from(REGION, 0, 1), RangeError, "not both");
});

Deno.test("datagrams must all be addressed before they are posted", () => {
  using batch = new SendBatch(2);
  const handle = { handle: 0x1234n, disposed: false } as Parameters<SendBatch["to"]>[0];
  batch.send(1).to(handle, 17, 0x1111_1111).to(handle, 18, 0x2222_2222);
  batch.ensureAlive("post", true);
  const request = sendRequest(batch, 0);
  assertEquals([request.getBigUint64(40, true), request.getUint32(48, true), request.getUint32(52, true)], [
    0x1234n,
    18,
    0x2222_2222,
  ]);
  batch.send(2);
  assertEquals(assertThrows(() => batch.ensureAlive("post", true), VerbsError).code, "EINVAL");
  batch.ensureAlive("post", false);
});

Deno.test("what names something gone cannot be posted", () => {
  using batch = new SendBatch(1);
  const handle = { handle: 1n, disposed: false };
  batch.send(1).to(handle as Parameters<SendBatch["to"]>[0], 17, 0);
  handle.disposed = true;
  assertEquals(assertThrows(() => batch.ensureAlive("post", true), VerbsError).code, "disposed");
  batch.reset().ensureAlive("post", true);
  assertThrows(() => batch.send(1).from({ ...REGION, disposed: true }), VerbsError, "disposed");
});

Deno.test("the index of the request that C refused is read from where C leaves its address", () => {
  using batch = new SendBatch(3);
  batch.send(1).send(2).send(3);
  const refused = viewAt(batch.refusedAddress, 8);
  refused.setBigUint64(0, batch.address + 128n, true);
  assertEquals(batch.refusedIndex, 1);
  refused.setBigUint64(0, 0n, true);
  assertEquals(batch.refusedIndex, 3, "none is named: all were taken");
});

Deno.test("receives are linked in order, each with its identifier and pieces", () => {
  using batch = new ReceiveBatch(3, 2);
  batch.receive(1).into(REGION, 0, 64).into(REGION, 64, 32).receive(2 ** 40).receive(3).into(REGION, 4_096, 0);
  const requests = [0, 1, 2].map((index) => viewAt(batch.address + BigInt(index * 32), 32));
  assertEquals(requests.map((request) => request.getBigUint64(0, true)), [1n, 2n ** 40n, 3n]);
  assertEquals(requests.map((request) => request.getBigUint64(8, true)), [
    batch.address + 32n,
    batch.address + 64n,
    0n,
  ]);
  assertEquals(requests.map((request) => pieces(request, 24)), [
    [[REGION.at, 64, REGION.localKey], [REGION.at + 64, 32, REGION.localKey]],
    [],
    [[REGION.at + 4_096, 0, REGION.localKey]],
  ]);
  assertThrows(() => batch.receive(4), RangeError, "a batch of 3 receives is full");
  assertThrows(() => batch.into(REGION, 4_096, 1), RangeError);
  viewAt(batch.refusedAddress, 8).setBigUint64(0, batch.address + 64n, true);
  assertEquals(batch.refusedIndex, 2);
});

Deno.test("completions are read from C's structs", () => {
  using completions = new WorkCompletions(2);
  const view = viewAt(completions.addressOf(1), 48);
  view.setBigUint64(0, 2n ** 40n + 5n, true);
  view.setInt32(8, 10, true);
  view.setInt32(12, 129, true);
  view.setUint32(16, 0x77, true);
  view.setUint32(20, 4_000_000_000, true);
  view.setUint32(24, 0x0102_0304);
  view.setUint32(28, 17, true);
  view.setUint32(32, 18, true);
  view.setUint32(36, 3, true);
  assertEquals([completions.id(1), completions.shortId(1)], [2 ** 40 + 5, 5]);
  assertEquals([completions.status(1), workStatusText(completions.status(1))], [10, "rem access err"]);
  assertEquals([completions.opcode(1), completions.vendorError(1)], [129, 0x77]);
  assertEquals(completions.byteLength(1), 4_000_000_000);
  assertEquals([completions.immediate(1), completions.invalidatedKey(1)], [0x0102_0304, 0x0403_0201]);
  assertEquals([completions.queuePair(1), completions.sourceQueuePair(1), completions.flags(1)], [17, 18, 3]);
  assertEquals([completions.id(0), completions.status(0)], [0, 0]);
  assertEquals(workStatusText(99), "status 99");
});

Deno.test("disposed batches and completions are not handed to C", () => {
  const [send, receive, completions] = [new SendBatch(1), new ReceiveBatch(1), new WorkCompletions(1)];
  send.send(1);
  for (const each of [send, receive, completions]) {
    each[Symbol.dispose]();
    each[Symbol.dispose]();
    assertEquals(assertThrows(() => each.ensureAlive("post", false), VerbsError).code, "disposed");
  }
  for (const add of [() => send.send(1), () => receive.receive(1)]) {
    assertEquals(assertThrows(add, VerbsError).code, "disposed");
  }
});
