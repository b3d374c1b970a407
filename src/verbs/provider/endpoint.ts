/**
 * A connected endpoint over a queue pair of the connection manager's.
 *
 * @module
 */
import { ibv_wc_opcode, ibv_wc_status } from "../../../ffi/mod.ts";
import { formatAddress } from "../../rdma/address.ts";
import { type Completion, Opcode, opcodeText, Status, statusText } from "../../rdma/completion.ts";
import { CapabilityError, reasonOf, type VerbenaError, VerbsError } from "../../rdma/errors.ts";
import type { MemoryRegion as RegionContract } from "../../rdma/memory.ts";
import type { Closure, Endpoint, EndpointOptions, RdmaAddress, SendWork } from "../../rdma/provider.ts";
import { EndpointStatistics } from "../../rdma/statistics.ts";
import { checkReceive, checkSend, foreignRegion, queueFull } from "../../rdma/work_checks.ts";
import type { CompletionQueue } from "../completion_queue.ts";
import type { ConnectionEvent } from "../connection/connection_event.ts";
import type { ConnectionId } from "../connection/connection_id.ts";
import { MemoryRegion } from "../memory_region.ts";
import type { QueuePair } from "../queue_pair.ts";
import { workStatusText } from "../work_completions.ts";
import type { QueueOwner } from "./delivery.ts";
import type { EndpointResources } from "./endpoint_resources.ts";
import { EndpointWork, type WorkSlots } from "./work_slots.ts";

/** How long close() waits by default, and a connection that is over for its peer and its device; milliseconds. */
const LINGER = 1_000;
/** Marks the identifiers of receives; the rest of one is its slot. */
const RECEIVE = 0x8000_0000;
/** How long a peer without a receive has this side wait before it tries again: 0.64 ms, as a code of InfiniBand's. */
const RNR_TIMER = 12;

/** The endpoint. */
export class VerbsEndpoint implements Endpoint, QueueOwner {
  /** `verbs:rxe0`. */
  readonly transport: string;
  /** Counters. What the peer's own Writes and Reads moved here the device does not tell. */
  readonly statistics = new EndpointStatistics();
  /** Fulfilled when the queue pair is gone and every completion can be polled. */
  readonly closed: Promise<Closure>;
  /** Its completion queue. */
  readonly queue: CompletionQueue;
  /** Told when completions wait. */
  onCompletions: (() => void) | undefined;

  readonly #resources: EndpointResources;
  readonly #id: ConnectionId;
  readonly #queuePair: QueuePair;
  readonly #work: EndpointWork;
  readonly #closed = Promise.withResolvers<Closure>();
  readonly #immediate: boolean; // the peer's is taken
  readonly #hungUp = Promise.withResolvers<void>(); // the connection manager has seen the end
  readonly #single: SendWork[] = []; // a list for what is posted by itself
  #local: RdmaAddress = NOWHERE;
  #remote: RdmaAddress = NOWHERE;
  #privateData = new Uint8Array(0);
  #readsAllowed = false;
  #settled: (() => void) | undefined; // told when the device has nothing outstanding of what is waited for
  #closing: Promise<void> | undefined;
  #hangUp: Promise<void> | undefined; // what an iWARP device flushed is followed by the end
  #flushedSends = 0; // by an iWARP device whose connection ended
  #closure: Closure | undefined; // how it ends, from the moment nothing is posted any more
  #started = false;

  /** Makes queue and queue pair. Throws VerbsError. */
  constructor(resources: EndpointResources, id: ConnectionId, settings: Pick<Required<EndpointOptions>, Settings>) {
    const { sendDepth, receiveDepth, immediate } = settings;
    this.#immediate = immediate;
    this.#resources = resources;
    this.#id = id;
    this.transport = resources.transport;
    this.closed = this.#closed.promise;
    this.#work = new EndpointWork(sendDepth, receiveDepth);
    const { channel } = resources.delivery;
    const entries = sendDepth + receiveDepth;
    this.queue = resources.domain.context.createCompletionQueue({ entries, channel });
    try {
      this.#queuePair = id.createQueuePair(resources.domain, { sendQueue: this.queue, sendDepth, receiveDepth });
    } catch (error) {
      this.queue[Symbol.dispose]();
      throw error;
    }
  }

  /** This side. */
  get local(): RdmaAddress {
    return this.#local;
  }

  /** The other side. */
  get remote(): RdmaAddress {
    return this.#remote;
  }

  /** The peer's private data. */
  get privateData(): Uint8Array {
    return this.#privateData;
  }

  /** Free slots of the send queue. */
  get sendSlots(): number {
    return this.#work.sends.free;
  }

  /** The connection stands: from now on completions are delivered. `reads` is how many this side may have under way. */
  start(privateData: Uint8Array<ArrayBuffer>, reads: number): void {
    this.#local = this.#id.local ?? NOWHERE;
    this.#remote = this.#id.remote ?? NOWHERE;
    this.#privateData = privateData;
    this.#readsAllowed = reads > 0;
    this.#started = true;
    this.#resources.delivery.add(this);
  }

  /** The queue pair can send: has the device wait for late receives for a sensible time, where it waits at all. */
  tune(): void {
    if (!this.#resources.iwarp) this.#queuePair.modify({ state: "RTS", minRnrTimer: RNR_TIMER });
  }

  /** An endpoint whose set-up failed before {@linkcode start}. */
  abandon(error: VerbenaError): void {
    if (this.#closure !== undefined) return;
    this.#closure = { graceful: false, error };
    this.#release();
  }

  /** Posts a receive. */
  postReceive(id: number, region: RegionContract, offset: number, length: number): void {
    const own = this.#ownRegion(region, "postReceive");
    checkReceive(own, offset, length);
    const { receives } = this.#work;
    if (receives.free === 0) throw queueFull("postReceive", receives.depth);
    const slot = receives.push(id, Opcode.RECEIVE, 0);
    if (this.#closure !== undefined) return this.#flushLater(receives, slot);
    try {
      const batch = this.#resources.receiveBatch.reset().receive(slot + RECEIVE).into(own, offset, length);
      this.#queuePair.postReceive(batch);
    } catch (error) {
      this.#refused(receives, slot, error);
    }
  }

  /** Posts sends, by one call of the device's. */
  postSend(work: SendWork | readonly SendWork[]): void {
    if (Array.isArray(work)) return this.#postAll(work);
    this.#single[0] = work as SendWork;
    this.#postAll(this.#single);
  }

  /** See {@linkcode Endpoint.peerReady}: here nothing waits for that. */
  peerReady(): void {}

  /** Polls completions. */
  poll(out: Completion[]): number {
    const count = this.#work.take(out, 0);
    if (count === out.length || !this.#started || this.queue.disposed || !this.#pollQueue()) return count;
    return count + this.#work.take(out, count);
  }

  /** See {@linkcode QueueOwner.drain}. */
  drain(): boolean {
    if (!this.#pollQueue()) return false;
    this.#notify();
    return true;
  }

  /** What the connection manager has to say. */
  onEvent(event: ConnectionEvent): void {
    if (event.type === "DISCONNECTED") {
      this.#hungUp.resolve();
      this.#peerLeft();
    } else if (event.type === "DEVICE_REMOVAL") {
      this.#hungUp.resolve();
      this.#end({ graceful: false, error: new VerbsError(this.#call, "lost", "the RDMA device is gone") });
    }
  }

  /** Closes: see {@linkcode Endpoint.close}. */
  close(options: { linger?: number } = {}): Promise<void> {
    return this.#closing ??= this.#close(options.linger ?? LINGER);
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #call(): string {
    return `connection with ${formatAddress(this.#remote)}`;
  }

  #ownRegion(region: RegionContract, call: string): MemoryRegion {
    if (region instanceof MemoryRegion && region.domain === this.#resources.domain && !region.disposed) return region;
    throw foreignRegion(call);
  }

  #postAll(works: readonly SendWork[]): void {
    const { sends } = this.#work;
    if (works.length > sends.free) throw queueFull("postSend", sends.depth);
    for (const work of works) this.#check(work);
    const batch = this.#resources.sendBatch(works.length).reset();
    const over = this.#closure !== undefined;
    let first = 0;
    for (let index = 0; index < works.length; index++) {
      const work = works[index] as SendWork;
      const slot = sends.push(work.id, work.opcode, work.length);
      if (index === 0) first = slot;
      if (over) this.#flushLater(sends, slot);
      else this.#fill(batch, slot, work);
    }
    if (over || works.length === 0) return;
    try {
      this.#queuePair.postSend(batch);
    } catch (error) {
      for (let index = batch.refusedIndex; index < works.length; index++) {
        this.#refused(sends, (first + index) % sends.depth, error);
      }
    }
    this.#resources.delivery.expect(this);
  }

  #check(work: SendWork): void {
    this.#ownRegion(work.region, "postSend");
    checkSend(work, this.#readsAllowed);
    const { opcode } = work;
    const { immediate, atomics } = this.#resources.capabilities;
    if (opcode === Opcode.SEND_INVALIDATE) throw this.#incapable("Send with Invalidate; send without, and rotate keys");
    if (opcode === Opcode.WRITE_IMMEDIATE && !immediate) throw this.#incapable("immediate data; write, then send");
    if (opcode >= Opcode.FETCH_ADD && !atomics) throw this.#incapable("atomics");
  }

  #incapable(what: string): CapabilityError {
    return new CapabilityError(`postSend: ${this.transport} has no ${what}`);
  }

  #fill(batch: ReturnType<EndpointResources["sendBatch"]>, slot: number, work: SendWork): void {
    const { opcode, length, remoteAddress = 0n, remoteKey = 0, immediate = 0, add = 0n, compare = 0n, swap = 0n } =
      work;
    if (opcode === Opcode.SEND) batch.send(slot);
    else if (opcode === Opcode.WRITE) batch.write(slot, remoteAddress, remoteKey);
    else if (opcode === Opcode.READ) batch.read(slot, remoteAddress, remoteKey);
    else if (opcode === Opcode.FETCH_ADD) batch.fetchAndAdd(slot, remoteAddress, remoteKey, add);
    else if (opcode === Opcode.COMPARE_SWAP) batch.compareAndSwap(slot, remoteAddress, remoteKey, compare, swap);
    else batch.writeWithImmediate(slot, remoteAddress, remoteKey, immediate);
    // To some hardware a piece of 0 bytes is one of 2 GiB; a Read must have its piece.
    if (length > 0 || opcode === Opcode.READ) batch.from(work.region as MemoryRegion, work.offset, length);
  }

  // The end has come: the request completes at once, but not from within this call.
  #flushLater(queue: WorkSlots, slot: number): void {
    this.#work.complete(queue, slot, Status.FLUSHED, 0);
    queueMicrotask(() => this.#notify());
  }

  // What the device does not take although there is room for it has no connection any more.
  #refused(queue: WorkSlots, slot: number, error: unknown): void {
    this.#flushLater(queue, slot);
    if (!(error instanceof VerbsError)) throw error;
    this.#end({ graceful: false, error: new VerbsError(this.#call, "lost", error.message) });
  }

  // Moves what the device completed into the slots; whether there was anything.
  #pollQueue(): boolean {
    const { completions } = this.#resources;
    let total = 0;
    for (let count = completions.capacity; count === completions.capacity; total += count) {
      count = this.queue.poll(completions);
      for (let index = 0; index < count; index++) {
        const id = completions.shortId(index);
        const status = completions.status(index);
        if (status !== ibv_wc_status.IBV_WC_SUCCESS) this.#failed(id, status);
        else if (id < RECEIVE) this.#sent(id);
        else if (completions.opcode(index) === ibv_wc_opcode.IBV_WC_RECV_RDMA_WITH_IMM) {
          this.#receivedImmediate(id - RECEIVE, completions.immediate(index));
        } else this.#received(id - RECEIVE, completions.byteLength(index));
      }
    }
    if (total > 0 && this.#settled !== undefined) this.#settled();
    return total > 0;
  }

  #received(slot: number, length: number): void {
    this.#work.complete(this.#work.receives, slot, Status.SUCCESS, length);
    this.statistics.receives++;
    this.statistics.receiveBytes += length;
  }

  #receivedImmediate(slot: number, immediate: number): void {
    const { receives } = this.#work;
    if (this.#immediate) {
      receives.turnImmediate(slot, immediate);
      return this.#received(slot, 0);
    }
    this.#work.complete(receives, slot, Status.FLUSHED, 0);
    const reason = "the peer sent immediate data, which was not asked for";
    this.#end({ graceful: false, error: new VerbsError(this.#call, "terminated", reason) });
  }

  #sent(slot: number): void {
    const { statistics } = this;
    const { sends } = this.#work;
    const length = sends.length(slot);
    const opcode = sends.opcode(slot);
    this.#work.complete(sends, slot, Status.SUCCESS, length);
    if (opcode === Opcode.SEND) {
      statistics.sends++;
      statistics.sendBytes += length;
    } else if (opcode === Opcode.WRITE || opcode === Opcode.WRITE_IMMEDIATE) {
      statistics.writes++;
      statistics.writeBytes += length;
    } else if (opcode === Opcode.READ) {
      statistics.reads++;
      statistics.readBytes += length;
    } else statistics.atomics++;
  }

  #failed(id: number, workStatus: number): void {
    const isReceive = id >= RECEIVE;
    const queue = isReceive ? this.#work.receives : this.#work.sends;
    const slot = isReceive ? id - RECEIVE : id;
    const status = statusOf(workStatus, isReceive);
    const opcode = queue.opcode(slot);
    this.#work.complete(queue, slot, status, 0);
    if (this.#closure !== undefined) return;
    if (workStatus === ibv_wc_status.IBV_WC_WR_FLUSH_ERR && this.#resources.iwarp) return this.#flushed(isReceive);
    const call = isReceive
      ? `receive from ${formatAddress(this.#remote)}`
      : `${opcodeText(opcode)} to ${formatAddress(this.#remote)}`;
    // Work that is flushed while the connection stands: the queue pair broke under what the peer did.
    const error = workStatus === ibv_wc_status.IBV_WC_WR_FLUSH_ERR
      ? new VerbsError(this.#call, "terminated", "the peer asked for what it may not have, or broke the protocol")
      : new VerbsError(call, codeOf(workStatus, status), workStatusText(workStatus));
    this.#end({ graceful: false, error });
  }

  // An iWARP device flushes when TCP's connection ends, and tells how it ended, if at all, later.
  #flushed(isReceive: boolean): void {
    if (!isReceive) this.#flushedSends++;
    this.#hangUp ??= this.#untilHungUp().then(() => this.#peerLeft());
  }

  #notify(): void {
    if (this.#work.ready === 0) return;
    try {
      this.onCompletions?.();
    } catch (error) {
      const reason = `onCompletions threw: ${reasonOf(error)}`;
      this.#end({ graceful: false, error: new VerbsError(this.#call, "handler", reason) });
    }
  }

  // The peer hung up: in the ordinary way, or because something broke on the way there, which the queue pair's state
  // tells, or with work of ours under way.
  #peerLeft(): void {
    if (this.#closure !== undefined) return;
    this.drain();
    if (this.#closure !== undefined) return;
    if (!this.#resources.iwarp && this.#queuePair.query().state === "ERR") {
      const reason = "the peer asked for what it may not have, or broke the protocol";
      return this.#end({ graceful: false, error: new VerbsError(this.#call, "terminated", reason) });
    }
    const unfinished = this.#work.sends.outstanding + this.#flushedSends;
    if (unfinished === 0) return this.#end({ graceful: true });
    const reason = `the peer closed the connection with ${unfinished} requests under way`;
    this.#end({ graceful: false, error: new VerbsError(this.#call, "lost", reason) });
  }

  async #close(linger: number): Promise<void> {
    if (this.#closure === undefined) {
      const { sends } = this.#work;
      await this.#settle(() => sends.outstanding === 0 || this.#closure !== undefined, linger);
      if (sends.outstanding === 0) {
        this.#end({ graceful: true });
      } else {
        const reason = `what was posted did not leave within ${linger} ms`;
        this.#end({ graceful: false, error: new VerbsError(this.#call, "timeout", reason) });
      }
    }
    await this.closed;
  }

  // Nothing is posted from now on; the device flushes what it has, and the peer is told.
  #end(closure: Closure): void {
    if (this.#closure !== undefined) return;
    this.#closure = closure;
    if (closure.error instanceof VerbsError) this.statistics.errors.add(closure.error.code);
    this.#settled?.();
    try {
      this.#id.disconnect();
    } catch {
      // it was over already
    }
    this.#windUp();
  }

  async #windUp(): Promise<void> {
    await this.#untilHungUp();
    const { sends, receives } = this.#work;
    await this.#settle(() => sends.outstanding + receives.outstanding === 0, LINGER);
    this.#release();
  }

  async #untilHungUp(): Promise<void> {
    const timer = setTimeout(() => this.#hungUp.resolve(), LINGER);
    await this.#hungUp.promise;
    clearTimeout(timer);
  }

  // Waits until `done` holds, at most `limit` milliseconds; looks whenever completions come.
  async #settle(done: () => boolean, limit: number): Promise<void> {
    if (done()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limit);
    const look = this.#settled = (): void => {
      if (done()) resolve();
    };
    await promise;
    if (this.#settled === look) this.#settled = undefined;
    clearTimeout(timer);
  }

  // Gives everything back. Once the queue pair is gone, the device touches no buffer.
  #release(): void {
    const { delivery, dispatcher } = this.#resources;
    delivery.remove(this);
    dispatcher.forget(this.#id);
    if (this.#started) this.#pollQueue();
    this.#queuePair[Symbol.dispose]();
    this.#work.flush();
    this.queue[Symbol.dispose]();
    this.#id[Symbol.dispose]();
    this.#notify();
    this.#closed.resolve(this.#closure ?? { graceful: true });
  }
}

type Settings = "sendDepth" | "receiveDepth" | "immediate";

const NOWHERE: RdmaAddress = { hostname: "", port: 0 };
const TOO_SHORT: readonly number[] = [
  ibv_wc_status.IBV_WC_LOC_LEN_ERR,
  ibv_wc_status.IBV_WC_LOC_QP_OP_ERR,
  ibv_wc_status.IBV_WC_REM_INV_REQ_ERR,
];

// The contract's statuses are verbs'; of the others, those of a transport that gave up say that nobody knows what the
// peer saw. Of a receive only its length can be wrong: rxe tells that in the words of a request that makes no sense.
function statusOf(status: number, isReceive: boolean): Status {
  const S = ibv_wc_status;
  if (isReceive) {
    if (TOO_SHORT.includes(status)) return Status.LOCAL_LENGTH;
    return status === S.IBV_WC_WR_FLUSH_ERR ? Status.FLUSHED : Status.LOCAL_PROTECTION;
  }
  switch (status) {
    case S.IBV_WC_LOC_LEN_ERR:
      return Status.LOCAL_LENGTH;
    case S.IBV_WC_LOC_QP_OP_ERR:
    case S.IBV_WC_LOC_PROT_ERR:
    case S.IBV_WC_LOC_ACCESS_ERR:
      return Status.LOCAL_PROTECTION;
    case S.IBV_WC_BAD_RESP_ERR:
      return Status.BAD_RESPONSE;
    case S.IBV_WC_REM_INV_REQ_ERR:
      return Status.REMOTE_INVALID_REQUEST;
    case S.IBV_WC_REM_ACCESS_ERR:
      return Status.REMOTE_ACCESS;
    case S.IBV_WC_REM_OP_ERR:
    case S.IBV_WC_REM_ABORT_ERR:
      return Status.REMOTE_OPERATION;
    default:
      return Status.FLUSHED;
  }
}

function codeOf(workStatus: number, status: Status): string {
  return status === Status.FLUSHED && workStatus !== ibv_wc_status.IBV_WC_WR_FLUSH_ERR ? "lost" : statusText(status);
}
