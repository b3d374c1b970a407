/**
 * The loops that measure over an endpoint. They make nothing for a message: requests are written before, and posted again
 * and again.
 *
 * @module
 */
import { Opcode } from "../rdma/completion.ts";
import type { Endpoint, SendWork } from "../rdma/provider.ts";
import type { Role } from "./channel.ts";
import { EndpointLoop } from "./endpoint_loop.ts";
import type { EndpointMemory } from "./endpoint_memory.ts";
import type { Keys } from "./keys.ts";
import { RECEIVE_DEPTH } from "./layout.ts";
import type { Loops } from "./measure.ts";

/** Latency of Sends and Writes: one message goes there and back at a time. */
abstract class PingPong extends EndpointLoop {
  /** When each message left, milliseconds. */
  readonly times: Float64Array<ArrayBuffer>;
  protected posted = 0;
  protected received = 0;
  #sent = 0;
  readonly #lead: number; // messages that leave before one has come
  readonly #work: SendWork;

  constructor(endpoint: Endpoint, memory: EndpointMemory, peer: Keys, first: boolean) {
    super(endpoint, memory);
    this.times = new Float64Array(memory.sizes.iterations);
    this.#lead = first ? 1 : 0;
    this.#work = memory.work(peer);
  }

  protected override get progress(): number {
    return this.posted + this.received + this.#sent;
  }

  /** Makes the next message ready. */
  protected prepare(): void {}

  protected override completed(opcode: Opcode): void {
    if (opcode === Opcode.RECEIVE) this.received++;
    else this.#sent++;
  }

  protected override advance(): boolean {
    const { iterations } = this.memory.sizes;
    if (this.posted < iterations && this.#sent === this.posted && this.posted < this.received + this.#lead) {
      this.times[this.posted] = performance.now();
      this.prepare();
      this.endpoint.postSend(this.#work);
      this.posted++;
    }
    return this.received === iterations && this.#sent === iterations;
  }
}

/** Latency of Sends. The client's is the first. */
class SendPingPong extends PingPong {
  #receives = 0;

  constructor(endpoint: Endpoint, memory: EndpointMemory, role: Role, peer: Keys) {
    super(endpoint, memory, peer, role === "client");
  }

  /** Posts the first receives. */
  postReceives(): void {
    while (this.#receives < Math.min(RECEIVE_DEPTH, this.memory.sizes.iterations)) this.#postReceive();
  }

  protected override completed(opcode: Opcode): void {
    super.completed(opcode);
    if (opcode === Opcode.RECEIVE && this.#receives < this.memory.sizes.iterations) this.#postReceive();
  }

  #postReceive(): void {
    const { region, layout, sizes } = this.memory;
    this.endpoint.postReceive(1, region, layout.peersHalf, sizes.size);
    this.#receives++;
  }
}

/**
 * Latency of Writes: each side sees in its memory that the other's has come, by its last byte. The server's is the first.
 *
 * Nothing tells of a Write that came, and over iWARP it is this process that places it: between two looks at the memory
 * the event loop turns, and what that takes is part of the latency.
 */
class WritePingPong extends PingPong {
  readonly #bytes: Uint8Array;
  readonly #leaving: number;
  readonly #coming: number;

  constructor(endpoint: Endpoint, memory: EndpointMemory, role: Role, peer: Keys) {
    super(endpoint, memory, peer, role === "server");
    const { region, layout, sizes } = memory;
    this.#bytes = region.bytes;
    this.#leaving = sizes.size - 1;
    this.#coming = layout.peersHalf + sizes.size - 1;
  }

  protected override prepare(): void {
    this.#bytes[this.#leaving] = this.posted + 1;
  }

  // Another provider's device writes this memory, so that it must be looked at each time: Atomics sees to that.
  protected override advance(): boolean {
    if (this.received < this.memory.sizes.iterations) {
      if (Atomics.load(this.#bytes, this.#coming) === ((this.received + 1) & 0xff)) this.received++;
      this.advanceLater();
    }
    return super.advance();
  }
}

/** Latency of Reads, which the client alone posts. */
class ReadLoop extends EndpointLoop {
  /** When each request was posted, milliseconds. */
  readonly times: Float64Array<ArrayBuffer>;
  readonly #work: SendWork;
  #posted = 0;
  #completed = 0;

  constructor(endpoint: Endpoint, memory: EndpointMemory, peer: Keys) {
    super(endpoint, memory);
    this.times = new Float64Array(memory.sizes.iterations);
    this.#work = memory.work(peer);
  }

  protected override get progress(): number {
    return this.#posted + this.#completed;
  }

  protected override completed(): void {
    this.#completed++;
  }

  protected override advance(): boolean {
    const { iterations } = this.memory.sizes;
    if (this.#posted < iterations && this.#completed === this.#posted) {
      this.times[this.#posted] = performance.now();
      this.endpoint.postSend(this.#work);
      this.#posted++;
    }
    return this.#completed === iterations;
  }
}

/**
 * Bandwidth of what the client posts. Over iWARP Sends and Writes complete when they are on their way, so that the last
 * of them may not have arrived when the clock stops; perftest's programs measure no other way.
 */
class StreamLoop extends EndpointLoop {
  /** How long it took, milliseconds. */
  elapsed = 0;
  readonly #work: SendWork;
  readonly #credits: Int32Array | undefined;
  #started = 0;
  #posted = 0;
  #completed = 0;

  constructor(endpoint: Endpoint, memory: EndpointMemory, peer: Keys) {
    super(endpoint, memory);
    const { region: { bytes }, layout, hasCredits } = memory;
    this.#work = memory.work(peer);
    if (hasCredits) this.#credits = new Int32Array(bytes.buffer, bytes.byteOffset + layout.credits, 1);
  }

  protected override get progress(): number {
    return this.#posted + this.#completed;
  }

  protected override completed(): void {
    this.#completed++;
  }

  protected override advance(): boolean {
    const { iterations, depth } = this.memory.sizes;
    if (this.#posted === 0) this.#started = performance.now();
    const wanted = Math.min(this.#completed + depth, iterations);
    const allowed = Math.min(wanted, this.#creditLimit);
    for (; this.#posted < allowed; this.#posted++) this.endpoint.postSend(this.#work);
    if (allowed < wanted) this.advanceLater(); // credits come without a completion
    if (this.#completed < iterations) return false;
    this.elapsed = performance.now() - this.#started;
    return true;
  }

  // The peer tells how many it has received; it has posted so many more.
  get #creditLimit(): number {
    return this.#credits === undefined ? Infinity : Atomics.load(this.#credits, 0) + RECEIVE_DEPTH - 1;
  }
}

/** Bandwidth of Sends, as their receiver sees it. */
class ReceiveLoop extends EndpointLoop {
  /** How long it took from the first to the last, milliseconds. */
  elapsed = 0;
  readonly #credit: SendWork;
  readonly #leaving: DataView;
  #posted = 0;
  #received = 0;
  #started = 0;
  #told = 0; // receives that the peer was told of
  #telling = false;

  constructor(endpoint: Endpoint, memory: EndpointMemory, peer: Keys) {
    super(endpoint, memory);
    const { region: { bytes } } = memory;
    this.#leaving = new DataView(bytes.buffer, bytes.byteOffset, 4);
    this.#credit = { ...memory.work(peer), opcode: Opcode.WRITE, length: 4 };
  }

  /** Posts the first receives. */
  postReceives(): void {
    while (this.#posted < Math.min(RECEIVE_DEPTH, this.memory.sizes.iterations)) this.#postReceive();
  }

  protected override get progress(): number {
    return this.#received;
  }

  protected override completed(opcode: Opcode): void {
    if (opcode !== Opcode.RECEIVE) {
      this.#telling = false;
      return;
    }
    if (this.#received === 0) this.#started = performance.now();
    this.#received++;
    if (this.#posted < this.memory.sizes.iterations) this.#postReceive();
  }

  protected override advance(): boolean {
    if (!this.#telling && this.#received - this.#told >= RECEIVE_DEPTH / 4) this.#tell();
    if (this.#received < this.memory.sizes.iterations || this.#telling) return false;
    this.elapsed = performance.now() - this.#started;
    return true;
  }

  #postReceive(): void {
    const { region, layout, sizes } = this.memory;
    this.endpoint.postReceive(1, region, layout.peersHalf, sizes.size);
    this.#posted++;
  }

  // Writes how many have come into the peer's memory, each time that a part of the receives is used up.
  #tell(): void {
    this.#told = this.#received;
    this.#leaving.setUint32(0, this.#told, true);
    this.endpoint.postSend(this.#credit);
    this.#telling = true;
  }
}

/** The loops of an endpoint, for the course of a test. */
export function endpointLoops(endpoint: Endpoint, memory: EndpointMemory, role: Role, peer: Keys): Loops {
  return {
    sendPingPong: () => new SendPingPong(endpoint, memory, role, peer),
    writePingPong: () => new WritePingPong(endpoint, memory, role, peer),
    read: () => new ReadLoop(endpoint, memory, peer),
    stream: () => new StreamLoop(endpoint, memory, peer),
    receive: () => new ReceiveLoop(endpoint, memory, peer),
  };
}
