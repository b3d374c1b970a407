/**
 * Two queue pairs of rxe0 that speak with each other, each with its own completion queue and memory.
 *
 * @module
 */
import { ibv_access_flags } from "../../ffi/mod.ts";
import { Access } from "../../src/rdma/memory.ts";
import {
  type AsyncEvent,
  chooseGid,
  type CompletionQueue,
  type Context,
  type MemoryRegion,
  openDevice,
  type ProtectionDomain,
  type QueuePair,
  type QueuePairOptions,
  readinessIdle,
  ReceiveBatch,
  SendBatch,
  WorkCompletions,
  workStatusText,
} from "../../src/verbs/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { capable, testWith } from "../capabilities.ts";
import { run } from "../interop/process.ts";

// Opened once and before the tests: a library stays open, and the sanitizer would hold that against the test.
const device = await capable("rxe") ? openDevice("rxe0") : undefined;
const resourcesBefore = device === undefined ? "" : await resources("rxe0");

/** The queue key of every datagram here. */
export const QUEUE_KEY = 0x1122;
/** Everything a region of these tests may be used for. */
export const EVERY_RIGHT = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ |
  ibv_access_flags.IBV_ACCESS_REMOTE_ATOMIC | ibv_access_flags.IBV_ACCESS_MW_BIND;
/** Bytes of a side's memory. */
export const SIZE = 8_192;
/** What most messages say. */
export const HELLO: Uint8Array<ArrayBuffer> = new TextEncoder().encode("hello, queue pair");

/** rxe0, open. */
export function rxe(): Context {
  assert(device !== undefined, "rxe0 is there");
  return device;
}

/** The GID that both sides have. */
export function ownGid(): { gid: Uint8Array<ArrayBuffer>; gidIndex: number } {
  const chosen = chooseGid(rxe().gids(1));
  assert(chosen !== undefined, "rxe0 has a GID");
  return { gid: Uint8Array.from(chosen.gid), gidIndex: chosen.index };
}

/** What the kernel counts of a device's objects, `pd 1 cq 1 qp 1 cm_id 0 mr 0 srq 0`: all but open devices, which librdmacm keeps. */
export async function resources(name: string): Promise<string> {
  return (await run("rdma", ["resource", "show", name])).replace(/^.*?: /, "").replace(/ ctx \d+/, "").trim();
}

/** Declares the last test of a file. */
export async function nothingIsLeft(): Promise<void> {
  await testWith(["rxe"], "these tests leave nothing on the device", async () => {
    assertEquals(await resources("rxe0"), resourcesBefore);
  });
}

/** The next asynchronous event of rxe0. */
export async function nextEvent(): Promise<AsyncEvent> {
  const event = await rxe().nextAsyncEvent(AbortSignal.timeout(20_000));
  await readinessIdle();
  return event;
}

/** A completion, as it was polled. */
export interface Completion {
  readonly id: number;
  readonly status: string;
  readonly opcode: number;
  readonly length: number;
  readonly flags: number;
  readonly immediate: number;
  readonly invalidatedKey: number;
  readonly source: number;
}

/** The next completion of a queue, polled into room for one. */
export async function nextCompletion(queue: CompletionQueue, room: WorkCompletions): Promise<Completion> {
  const deadline = performance.now() + 20_000;
  while (queue.poll(room) === 0) {
    assert(performance.now() < deadline, "a completion comes within 20 s");
    await new Promise((resolve) => setTimeout(resolve));
  }
  return {
    id: room.id(0),
    status: workStatusText(room.status(0)),
    opcode: room.opcode(0),
    length: room.byteLength(0),
    flags: room.flags(0),
    immediate: room.immediate(0),
    invalidatedKey: room.invalidatedKey(0),
    source: room.sourceQueuePair(0),
  };
}

/** What a side may be made with. */
export type SideOptions = Partial<QueuePairOptions> & { readonly access?: number };

/** One of the two. */
export class Side implements Disposable {
  readonly completionQueue: CompletionQueue;
  readonly queuePair: QueuePair;
  readonly region: MemoryRegion;
  readonly sends: SendBatch = new SendBatch(16, { maxEntries: 2, inlineSize: 64 });
  readonly receives: ReceiveBatch = new ReceiveBatch(16, 2);
  readonly completions: WorkCompletions = new WorkCompletions(1);

  constructor(readonly domain: ProtectionDomain, options: SideOptions = {}) {
    const { access = EVERY_RIGHT, ...rest } = options;
    this.completionQueue = options.sendQueue ?? rxe().createCompletionQueue({ entries: 64 });
    this.queuePair = domain.createQueuePair({
      sendQueue: this.completionQueue,
      sendDepth: 16,
      receiveDepth: 16,
      sendEntries: 2,
      receiveEntries: 2,
      inlineSize: 64,
      ...rest,
    });
    this.region = domain.register(SIZE, access);
  }

  /** Posts what `fill` puts into a batch. */
  post(fill: (batch: SendBatch) => void): void {
    fill(this.sends.reset());
    this.queuePair.postSend(this.sends);
  }

  /** Posts a receive into `length` bytes at `offset` of the memory. */
  receive(id: number, offset: number, length: number): void {
    this.queuePair.postReceive(this.receives.reset().receive(id).into(this.region, offset, length));
  }

  /** The next completion. */
  next(): Promise<Completion> {
    return nextCompletion(this.completionQueue, this.completions);
  }

  /** The identifier and the status of the next completion. */
  async outcome(): Promise<[number, string]> {
    const { id, status } = await this.next();
    return [id, status];
  }

  [Symbol.dispose](): void {
    this.queuePair[Symbol.dispose]();
    this.region[Symbol.dispose]();
    this.completionQueue[Symbol.dispose]();
    for (const each of [this.sends, this.receives, this.completions]) each[Symbol.dispose]();
  }
}

/** Two sides that are connected, or with datagrams ready to send. */
export class Pair implements Disposable {
  readonly a: Side;
  readonly b: Side;

  constructor(
    a: SideOptions = {},
    b: SideOptions = a,
    readonly domain: ProtectionDomain = rxe().allocateProtectionDomain(),
  ) {
    this.a = new Side(domain, a);
    this.b = new Side(domain, b);
    introduce(this.a.queuePair, this.b.queuePair);
  }

  [Symbol.dispose](): void {
    for (const side of [this.a, this.b]) side[Symbol.dispose]();
    this.domain[Symbol.dispose]();
  }
}

/** Brings two queue pairs up, facing each other. */
export function introduce(one: QueuePair, other: QueuePair): void {
  bringUp(one, other.number);
  bringUp(other, one.number);
}

// Takes a queue pair from RESET to RTS, facing queue pair `destination` of rxe0.
function bringUp(queuePair: QueuePair, destination: number): void {
  const path = { port: 1, ...ownGid() };
  const initial = { state: "INIT", partitionKeyIndex: 0, port: 1 } as const;
  const packets = { receivePacketNumber: 7, pathMtu: 3, destination };
  switch (queuePair.type) {
    case "RC":
      queuePair.modify({ ...initial, access: EVERY_RIGHT & ~ibv_access_flags.IBV_ACCESS_MW_BIND });
      queuePair.modify({ state: "RTR", path, ...packets, maxReadAtomicDestination: 1, minRnrTimer: 1 });
      queuePair.modify({
        state: "RTS",
        timeout: 14,
        retryCount: 7,
        rnrRetry: 1,
        sendPacketNumber: 7,
        maxReadAtomic: 1,
      });
      break;
    case "UC":
      queuePair.modify({ ...initial, access: Access.REMOTE_WRITE });
      queuePair.modify({ state: "RTR", path, ...packets });
      queuePair.modify({ state: "RTS", sendPacketNumber: 7 });
      break;
    case "UD":
      queuePair.modify({ ...initial, queueKey: QUEUE_KEY });
      queuePair.modify({ state: "RTR" });
      queuePair.modify({ state: "RTS", sendPacketNumber: 7 });
  }
}
