import { Opcode, Status } from "../../src/rdma/completion.ts";
import type { SendWork } from "../../src/rdma/provider.ts";
import { TransferQueue } from "../../src/smbdirect/transfers.ts";
import { assertEquals } from "../assert.ts";
import { MemoryDomain, MemoryNetwork } from "./memory_domain.ts";

const region = new MemoryDomain(new MemoryNetwork()).register(1000, 0);
const write = (length: number) => (
  { opcode: Opcode.WRITE, region, offset: 10, length, remoteAddress: 0x1_0000_0000n, remoteKey: 7 }
);

/** All pieces that can be posted now. */
function pieces(queue: TransferQueue): SendWork[] {
  const works = [];
  while (queue.ready) {
    const work: SendWork = { id: -1, opcode: Opcode.SEND, region, offset: 0, length: 0 };
    queue.next(work);
    works.push(work);
  }
  return works;
}

Deno.test("a transfer is cut into pieces that go on from each other on both sides", () => {
  const queue = new TransferQueue(8, 8, 400);
  queue.push(write(900), () => {});
  assertEquals(pieces(queue).map(({ offset, length, remoteAddress }) => [offset, length, remoteAddress]), [
    [10, 400, 0x1_0000_0000n],
    [410, 400, 0x1_0000_0190n],
    [810, 100, 0x1_0000_0320n],
  ]);
});

Deno.test("a transfer of nothing is one piece", () => {
  const queue = new TransferQueue(8, 8, 400);
  queue.push(write(0), () => {});
  assertEquals(pieces(queue).map(({ length }) => length), [0]);
});

Deno.test("pieces wait for room, and postedThrough for the last piece", () => {
  const queue = new TransferQueue(2, 8, 400);
  queue.push(write(900), () => {});
  const [first] = pieces(queue) as [SendWork];
  assertEquals([queue.accepted, queue.postedThrough], [1, 0]);
  queue.complete(first.id, Status.SUCCESS);
  assertEquals([pieces(queue).length, queue.postedThrough], [1, 1]);
});

Deno.test("done is called once, after the last piece, with the first status that is not SUCCESS", () => {
  const queue = new TransferQueue(8, 8, 400);
  const statuses: Status[] = [];
  queue.push(write(900), (status) => statuses.push(status));
  const [first, second, third] = pieces(queue) as [SendWork, SendWork, SendWork];
  queue.complete(first.id, Status.SUCCESS);
  queue.complete(second.id, Status.REMOTE_ACCESS);
  assertEquals(statuses, []);
  queue.complete(third.id, Status.FLUSHED);
  queue.complete(third.id, Status.FLUSHED); // nobody's any more
  assertEquals([statuses, queue.unfinished], [[Status.REMOTE_ACCESS], 0]);
});

Deno.test("flush() ends what is under way before what waits", () => {
  const queue = new TransferQueue(1, 8, 400);
  const order: [string, Status][] = [];
  queue.push(write(900), (status) => order.push(["under way", status]));
  queue.push(write(900), (status) => order.push(["waiting", status]));
  pieces(queue);
  queue.flush();
  assertEquals(order, [["under way", Status.FLUSHED], ["waiting", Status.FLUSHED]]);
  assertEquals([queue.unfinished, queue.ready], [0, false]);
});
