/**
 * The loops that measure over verbs. They make nothing while they run: requests are written before, completions are read
 * where C writes them.
 *
 * @module
 */
import { ibv_send_flags, ibv_wc_status } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import { type CompletionQueue, ReceiveBatch, SendBatch, WorkCompletions, workStatusText } from "../verbs/mod.ts";
import type { Role } from "./channel.ts";
import type { Keys } from "./keys.ts";
import { RECEIVE_DEPTH } from "./layout.ts";
import { Loop } from "./loop.ts";
import type { Loops } from "./measure.ts";
import type { VerbsLink } from "./verbs_link.ts";

const { IBV_SEND_SIGNALED, IBV_SEND_INLINE } = ibv_send_flags;

/** Completions looked at in one call. */
const POLL_BATCH = 16;
/** Looks without a result between two looks at the clock. */
const LOOKS = 64;
/** Of so many requests one is signalled, where many are under way. */
const SIGNAL_INTERVAL = 64;

/** A request that does the plan's operation on the link's memory, to be posted again and again. */
function request(link: VerbsLink, peer: Keys, signalled: boolean): SendBatch {
  const { verb } = link.plan;
  const batch = new SendBatch(1);
  if (verb === "send") batch.send(1);
  else if (verb === "write") batch.write(1, peer.address, peer.remoteKey);
  else batch.read(1, peer.address, peer.remoteKey);
  batch.from(link.region, 0, link.sizes.size);
  return batch.flags((signalled ? IBV_SEND_SIGNALED : 0) | (link.inline ? IBV_SEND_INLINE : 0));
}

/** A loop that posts and polls. */
abstract class VerbsLoop extends Loop implements Disposable {
  protected readonly resources = new DisposableStack();
  readonly #completions: WorkCompletions;

  constructor(protected readonly link: VerbsLink, batch: number) {
    super();
    this.#completions = this.resources.use(new WorkCompletions(batch));
  }

  /** Gives its memory back. */
  [Symbol.dispose](): void {
    this.resources.dispose();
  }

  /** How many completions came, all of them successes. Throws VerbsError for another. */
  protected poll(queue: CompletionQueue): number {
    const count = queue.poll(this.#completions);
    for (let index = 0; index < count; index++) {
      const status = this.#completions.status(index);
      if (status !== ibv_wc_status.IBV_WC_SUCCESS) this.#fail(status);
    }
    return count;
  }

  /** Waits for one completion at most until `until`; whether it came. */
  protected spin(queue: CompletionQueue, until: number): boolean {
    for (;;) {
      for (let look = 0; look < LOOKS; look++) if (this.poll(queue) > 0) return true;
      if (performance.now() > until) return false;
    }
  }

  #fail(status: number): never {
    const { name } = this.link.plan;
    throw new VerbsError(name, workStatusText(status), `after ${this.progress} steps of ${this.link.sizes.iterations}`);
  }
}

/** Latency of Sends and Writes: one message goes there and back at a time. */
abstract class PingPong extends VerbsLoop {
  /** When each message left, milliseconds. */
  readonly times: Float64Array<ArrayBuffer>;
  protected posted = 0;
  protected received = 0;
  #completed = 0;
  readonly #first: boolean;

  constructor(link: VerbsLink, first: boolean, protected readonly batch: SendBatch) {
    super(link, 1);
    this.resources.use(batch);
    this.times = new Float64Array(link.sizes.iterations);
    this.#first = first;
  }

  protected override get progress(): number {
    return this.posted + this.received + this.#completed;
  }

  /** Waits for the peer's next message at most until `until`; whether it came. */
  protected abstract await(until: number): boolean;

  /** Makes the next message ready. */
  protected prepare(): void {}

  protected override slice(until: number): boolean {
    const { queuePair, sendQueue, sizes: { iterations } } = this.link;
    for (;;) {
      if (this.#completed < this.posted) {
        if (!this.spin(sendQueue, until)) return false;
        this.#completed++;
      }
      if (this.received < this.posted + (this.#first ? 0 : 1) && this.received < iterations) {
        if (!this.await(until)) return false;
        this.received++;
      }
      if (this.posted === iterations) return true;
      const now = performance.now();
      if (now > until) return false;
      this.times[this.posted] = now - this.paused;
      this.prepare();
      queuePair.postSend(this.batch);
      this.posted++;
    }
  }
}

/** Latency of Sends. The client's is the first. */
export class SendPingPong extends PingPong {
  readonly #receive: ReceiveBatch;
  #receives = 0;

  /** Makes it ready; {@linkcode postReceives} comes before the peer sends. */
  constructor(link: VerbsLink, role: Role, peer: Keys) {
    super(link, role === "client", request(link, peer, true));
    this.#receive = this.resources.use(new ReceiveBatch(1));
    this.#receive.receive(1).into(link.region, link.peersHalf, link.sizes.size);
  }

  /** Posts the first receives. */
  postReceives(): void {
    const { queuePair, sizes } = this.link;
    for (; this.#receives < Math.min(RECEIVE_DEPTH, sizes.iterations); this.#receives++) {
      queuePair.postReceive(this.#receive);
    }
  }

  protected override await(until: number): boolean {
    const { queuePair, receiveQueue, sizes } = this.link;
    if (!this.spin(receiveQueue, until)) return false;
    if (this.#receives < sizes.iterations) {
      queuePair.postReceive(this.#receive);
      this.#receives++;
    }
    return true;
  }
}

/**
 * Latency of Writes: each side sees in its memory that the other's has come, by its last byte. The server's is the first.
 */
export class WritePingPong extends PingPong {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #leaving: number;
  readonly #coming: number;

  /** Makes it ready. */
  constructor(link: VerbsLink, role: Role, peer: Keys) {
    super(link, role === "server", request(link, peer, true));
    this.#bytes = link.region.bytes;
    this.#leaving = link.sizes.size - 1;
    this.#coming = link.peersHalf + link.sizes.size - 1;
  }

  protected override prepare(): void {
    this.#bytes[this.#leaving] = this.posted + 1;
  }

  // The device writes this memory, so that it must be looked at each time: Atomics sees to that.
  protected override await(until: number): boolean {
    const expected = (this.received + 1) & 0xff;
    for (;;) {
      for (let look = 0; look < 16 * LOOKS; look++) {
        if (Atomics.load(this.#bytes, this.#coming) === expected) return true;
      }
      if (performance.now() > until) return false;
    }
  }
}

/** Latency of Reads, which the client alone posts. */
export class ReadLoop extends VerbsLoop {
  /** When each request was posted, milliseconds. */
  readonly times: Float64Array<ArrayBuffer>;
  readonly #batch: SendBatch;
  #posted = 0;
  #completed = 0;

  /** Makes it ready. */
  constructor(link: VerbsLink, peer: Keys) {
    super(link, 1);
    this.times = new Float64Array(link.sizes.iterations);
    this.#batch = this.resources.use(request(link, peer, true));
  }

  protected override get progress(): number {
    return this.#posted + this.#completed;
  }

  protected override slice(until: number): boolean {
    const { queuePair, sendQueue, sizes: { iterations } } = this.link;
    for (;;) {
      if (this.#completed < this.#posted) {
        if (!this.spin(sendQueue, until)) return false;
        this.#completed++;
      }
      if (this.#posted === iterations) return true;
      const now = performance.now();
      if (now > until) return false;
      this.times[this.#posted] = now - this.paused;
      queuePair.postSend(this.#batch);
      this.#posted++;
    }
  }
}

/** Bandwidth of what the client posts. */
export class StreamLoop extends VerbsLoop {
  /** How long it took, milliseconds. */
  elapsed = 0;
  readonly #signalled: SendBatch;
  readonly #silent: SendBatch;
  readonly #interval: number;
  readonly #credits: Int32Array<ArrayBuffer> | undefined;
  #started = 0;
  #posted = 0;
  #completed = 0;

  /** Makes it ready. */
  constructor(link: VerbsLink, peer: Keys) {
    super(link, POLL_BATCH);
    this.#signalled = this.resources.use(request(link, peer, true));
    this.#silent = this.resources.use(request(link, peer, false));
    this.#interval = Math.max(1, Math.min(SIGNAL_INTERVAL, link.sizes.depth >> 1));
    this.#credits = link.needsCredits ? new Int32Array(link.region.bytes.buffer, link.credits, 1) : undefined;
  }

  protected override get progress(): number {
    return this.#posted + this.#completed;
  }

  protected override slice(until: number): boolean {
    const { sendQueue, sizes: { iterations } } = this.link;
    if (this.#posted === 0) this.#started = this.now();
    for (let looks = 0;; looks++) {
      this.#post();
      const count = this.poll(sendQueue);
      if (count > 0) this.#completed = Math.min(iterations, this.#completed + count * this.#interval);
      if (this.#completed === iterations) {
        this.elapsed = this.now() - this.#started;
        return true;
      }
      if (looks % LOOKS === 0 && performance.now() > until) return false;
    }
  }

  #post(): void {
    const { queuePair, sizes: { iterations, depth } } = this.link;
    let room = Math.min(depth - (this.#posted - this.#completed), iterations - this.#posted);
    // the peer tells how many it has received; it has posted so many more
    if (this.#credits !== undefined) {
      room = Math.min(room, Atomics.load(this.#credits, 0) + RECEIVE_DEPTH - 1 - this.#posted);
    }
    for (; room > 0; room--) {
      const signalled = ++this.#posted % this.#interval === 0 || this.#posted === iterations;
      queuePair.postSend(signalled ? this.#signalled : this.#silent);
    }
  }
}

/** Bandwidth of Sends, as their receiver sees it. */
export class ReceiveLoop extends VerbsLoop {
  /** How long it took from the first to the last, milliseconds. */
  elapsed = 0;
  readonly #receives: ReceiveBatch;
  readonly #credit: SendBatch | undefined;
  #posted = 0;
  #received = 0;
  #started = 0;
  #told = 0; // receives that the peer was told of
  #telling = 0;

  /** Makes it ready; {@linkcode postReceives} comes before the peer sends. */
  constructor(link: VerbsLink, peer: Keys) {
    super(link, POLL_BATCH);
    this.#receives = this.resources.use(new ReceiveBatch(POLL_BATCH));
    if (!link.needsCredits) return;
    this.#credit = this.resources.use(new SendBatch(1));
    this.#credit.write(1, peer.address, peer.remoteKey).from(link.region, 0, 4);
  }

  protected override get progress(): number {
    return this.#received;
  }

  /** Posts the first receives. */
  postReceives(): void {
    while (this.#posted < Math.min(RECEIVE_DEPTH, this.link.sizes.iterations)) this.#post(POLL_BATCH);
  }

  protected override slice(until: number): boolean {
    const { receiveQueue, sizes: { iterations } } = this.link;
    for (let looks = 0;; looks++) {
      const count = this.poll(receiveQueue);
      if (count > 0) {
        if (this.#received === 0) this.#started = this.now();
        this.#received += count;
        this.#post(count);
      }
      if (this.#credit !== undefined) this.#tell(this.#credit);
      if (this.#received === iterations && this.#telling === 0) {
        this.elapsed = this.now() - this.#started;
        return true;
      }
      if (looks % LOOKS === 0 && performance.now() > until) return false;
    }
  }

  #post(count: number): void {
    const { queuePair, region, peersHalf, sizes: { size, iterations } } = this.link;
    const room = Math.min(count, iterations - this.#posted, RECEIVE_DEPTH - (this.#posted - this.#received));
    this.#receives.reset();
    for (let each = 0; each < room; each++) this.#receives.receive(1).into(region, peersHalf, size);
    queuePair.postReceive(this.#receives);
    this.#posted += room;
  }

  // Writes how many have come into the peer's memory, each time that a part of the receives is used up.
  #tell(credit: SendBatch): void {
    const { queuePair, region, sendQueue } = this.link;
    if (this.#telling > 0) this.#telling -= this.poll(sendQueue);
    if (this.#telling > 0 || this.#received - this.#told < RECEIVE_DEPTH / 4) return;
    this.#told = this.#received;
    region.view.setUint32(0, this.#told, true);
    queuePair.postSend(credit);
    this.#telling++;
  }
}

/** The loops of a link, for the course of a test. */
export function verbsLoops(link: VerbsLink, role: Role, peer: Keys): Loops {
  return {
    sendPingPong: () => new SendPingPong(link, role, peer),
    writePingPong: () => new WritePingPong(link, role, peer),
    read: () => new ReadLoop(link, peer),
    stream: () => new StreamLoop(link, peer),
    receive: () => new ReceiveLoop(link, peer),
  };
}
