/**
 * One iWARP connection, after its set-up, without I/O: bytes and work requests in, bytes and completions out. The
 * endpoint around it moves the bytes.
 *
 * @module
 */
import { type Completion, Opcode, Status } from "../rdma/completion.ts";
import { reasonOf, type VerbenaError, VerbsError, WireError } from "../rdma/errors.ts";
import type { MemoryRegion } from "../rdma/memory.ts";
import type { Closure, SendWork } from "../rdma/provider.ts";
import { EndpointStatistics } from "../rdma/statistics.ts";
import { checkReceive, checkSend, foreignRegion, queueFull } from "../rdma/work_checks.ts";
import type { Agreement } from "./negotiation.ts";
import { CompletionQueue, type SendSlot } from "./queues.ts";
import { Receiver } from "./receiver.ts";
import { IwarpRegion, type StagTable } from "./region.ts";
import { Sender } from "./sender.ts";
import { Causes, Layer, StreamFault, type Termination } from "./terminate.ts";
import { Rdmap } from "./wire.ts";

/** How a connection is made. */
export interface ConnectionOptions {
  /** Accepted the connection, and so may not send before the peer has. */
  responder: boolean;
  /** Slots of the send queue. */
  sendDepth: number;
  /** Slots of the receive queue. */
  receiveDepth: number;
  /** Whether the peer's immediate data is taken. */
  immediate: boolean;
  /** The longest ULPDU to make, in bytes. */
  ulpduSize: number;
  /** For error messages: `10.0.0.1:18515`. */
  peer: string;
}

/** The machine. */
export class IwarpConnection {
  /** Counters, kept in place. */
  readonly statistics = new EndpointStatistics();
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #completions: CompletionQueue;
  readonly #table: StagTable;
  readonly #options: ConnectionOptions;
  readonly #readsAllowed: boolean;
  #sendsHeld = 0; // posted and not yet polled
  #receivesHeld = 0;
  #closure: Closure | undefined;

  /** Starts a connection that agreed on `agreement`. */
  constructor(options: ConnectionOptions, agreement: Agreement, table: StagTable) {
    this.#options = options;
    this.#table = table;
    this.#readsAllowed = agreement.ord > 0;
    this.#completions = new CompletionQueue(options.sendDepth + options.receiveDepth);
    const senderOptions = { ...options, held: options.responder };
    this.#sender = new Sender(senderOptions, agreement, this.#completions, this.statistics);
    this.#receiver = new Receiver(
      options,
      agreement,
      this.#sender,
      table,
      this.#completions,
      this.statistics,
    );
  }

  /** Set once the stream is over for one reason or another; every completion is then there. */
  get closure(): Closure | undefined {
    return this.#closure;
  }

  /** Whether {@linkcode transmit} would give bytes now. */
  get pending(): boolean {
    return this.#sender.pending;
  }

  /** Whether all posted sends have left and been answered. */
  get idle(): boolean {
    return this.#sender.idle;
  }

  /** Whether the peer owes an answer. */
  get owed(): boolean {
    return this.#sender.owed;
  }

  /** See {@linkcode Sender.stalled}. */
  stalled(): boolean {
    return this.#sender.stalled();
  }

  /** Asks the peer for a sign of life: see {@linkcode Sender.probe}. */
  probe(): void {
    this.#sender.probe();
  }

  /** The peer may be sent to: see {@linkcode Sender.release}. */
  release(): void {
    this.#sender.release();
  }

  /** Completions waiting to be polled. */
  get completionCount(): number {
    return this.#completions.length;
  }

  /** Send queue slots free. */
  get sendSlots(): number {
    return this.#options.sendDepth - this.#sendsHeld;
  }

  /** See {@linkcode Endpoint.postReceive}. */
  postReceive(id: number, region: MemoryRegion, offset: number, length: number): void {
    const own = this.#ownRegion(region, "postReceive");
    checkReceive(own, offset, length);
    if (this.#receivesHeld >= this.#options.receiveDepth) throw queueFull("postReceive", this.#options.receiveDepth);
    this.#receivesHeld++;
    if (this.#closure !== undefined) return this.#completions.push(id, Opcode.RECEIVE, Status.FLUSHED, 0);
    const slot = this.#receiver.queue.push();
    slot.id = id;
    slot.region = own;
    slot.offset = offset;
    slot.length = length;
  }

  /** See {@linkcode Endpoint.postSend}. */
  postSend(work: SendWork | readonly SendWork[]): void {
    if (Array.isArray(work)) {
      if (work.length > this.sendSlots) throw queueFull("postSend", this.#options.sendDepth);
      for (const one of work) this.#checkSend(one);
      for (const one of work) this.#enqueue(one);
      return;
    }
    if (this.sendSlots === 0) throw queueFull("postSend", this.#options.sendDepth);
    this.#checkSend(work as SendWork);
    this.#enqueue(work as SendWork);
  }

  /** See {@linkcode Endpoint.poll}. */
  poll(out: Completion[]): number {
    const count = this.#completions.poll(out);
    for (let index = 0; index < count; index++) {
      if (out[index]?.opcode === Opcode.RECEIVE) this.#receivesHeld--;
      else this.#sendsHeld--;
    }
    return count;
  }

  /** Takes the whole FPDUs within `[from, to)` and returns where the rest begins. Never throws: a violation ends the stream. */
  receive(bytes: Uint8Array, from: number, to: number): number {
    if (this.#closure !== undefined) return to;
    try {
      const rest = this.#receiver.receive(bytes, from, to);
      if (this.#receiver.termination !== undefined) this.#terminated(this.#receiver.termination);
      return rest;
    } catch (error) {
      this.#receiveFailed(error);
      return to;
    }
  }

  /** See {@linkcode Receiver.window}. */
  get window(): Uint8Array<ArrayBuffer> | undefined {
    return this.#closure === undefined ? this.#receiver.window : undefined;
  }

  /** See {@linkcode Receiver.placed}. Never throws. */
  placed(count: number): void {
    try {
      this.#receiver.placed(count);
    } catch (error) {
      this.#receiveFailed(error);
    }
  }

  /** See {@linkcode Receiver.trailer}. */
  get trailer(): number {
    return this.#receiver.trailer;
  }

  /** Fills `into` with whole FPDUs; see {@linkcode Sender.transmit}. Never throws. */
  transmit(into: Uint8Array<ArrayBuffer>): number {
    try {
      return this.#sender.transmit(into);
    } catch (error) {
      if (!(error instanceof StreamFault)) throw error;
      this.#fault(error, new Uint8Array(0), 0);
      return this.#sender.transmit(into);
    }
  }

  /** The peer ended its half of the TCP stream, `remainder` bytes into an FPDU. */
  peerClosed(remainder: number): void {
    const midMessage = this.#receiver.midMessage;
    if (remainder === 0 && !midMessage && this.idle) {
      this.#end({ graceful: true });
    } else {
      const where = remainder > 0
        ? `${remainder} bytes into an FPDU`
        : midMessage
        ? "within a message"
        : "with work under way";
      this.lose(new VerbsError(this.#call, "lost", `the peer closed the connection ${where}`));
    }
  }

  /** The TCP connection broke. */
  lose(error: VerbenaError): void {
    if (this.#closure !== undefined) return;
    this.statistics.errors.add(error instanceof VerbsError ? error.code : reasonOf(error));
    this.#end({ graceful: false, error });
  }

  /** This side ends the connection; what is queued is flushed. */
  close(): void {
    this.#end({ graceful: true });
  }

  get #call(): string {
    return `connection with ${this.#options.peer}`;
  }

  #receiveFailed(error: unknown): void {
    if (error instanceof StreamFault) this.#fault(error, this.#receiver.faultHeader(), this.#receiver.faultSize);
    else if (error instanceof WireError) this.lose(error);
    else throw error;
  }

  #terminated(termination: Termination): void {
    const { cause, control, frame } = termination;
    const detail = `${cause.words} (control ${control}${frame === "" ? "" : `, frame ${frame}`})`;
    this.statistics.errors.add(`terminated by peer: ${cause.words}`);
    const error = new VerbsError(this.#call, "terminated by peer", detail);
    this.#end({ graceful: false, error }, { read: readStatusOf(termination) });
  }

  #fault(fault: StreamFault, header: Uint8Array, ulpduSize: number): void {
    this.statistics.errors.add(fault.reason.words);
    const error = new VerbsError(this.#call, "terminated", fault.message);
    this.#end({ graceful: false, error }, statusesOf(fault, header));
    this.#sender.terminate(fault.reason, header, ulpduSize);
  }

  #end(closure: Closure, statuses: EndStatuses = {}): void {
    if (this.#closure !== undefined) return;
    this.#closure = closure;
    this.#sender.flush(statuses.read ?? Status.FLUSHED, statuses.send ?? Status.FLUSHED);
    this.#receiver.flush(statuses.receive ?? Status.FLUSHED);
  }

  #ownRegion(region: MemoryRegion, call: string): IwarpRegion {
    if (region instanceof IwarpRegion && region.belongsTo(this.#table)) return region;
    throw foreignRegion(call);
  }

  #checkSend(work: SendWork): void {
    this.#ownRegion(work.region, "postSend");
    checkSend(work, this.#readsAllowed);
  }

  #enqueue(work: SendWork): void {
    this.#sendsHeld++;
    if (this.#closure !== undefined) return this.#completions.push(work.id, work.opcode, Status.FLUSHED, 0);
    fill(this.#sender.queue.push(), work);
  }
}

/** Statuses of the requests that the end of the stream is about; all others are flushed. */
interface EndStatuses {
  /** The oldest Read or atomic under way. */
  read?: Status;
  /** The request that was being sent. */
  send?: Status;
  /** The oldest posted receive. */
  receive?: Status;
}

// What a peer's Terminate says of our oldest Read or atomic: nothing, where it quotes another frame than its request, or
// where it quotes none and speaks of a lower layer.
function readStatusOf({ cause, frame }: Termination): Status {
  const opcode = parseInt(frame[3] ?? "", 16);
  const isAboutRead = frame === ""
    ? cause.layer === Layer.RDMAP
    : opcode === Rdmap.READ_REQUEST || opcode === Rdmap.ATOMIC_REQUEST;
  if (!isAboutRead) return Status.FLUSHED;
  return cause.layer === Layer.RDMAP && cause.type === 1 ? Status.REMOTE_ACCESS : Status.REMOTE_OPERATION;
}

// A fault without a header was met while sending, or in a frame of which nothing can be believed.
function statusesOf({ reason }: StreamFault, header: Uint8Array): EndStatuses {
  const isLocal = reason === Causes.LOCAL;
  if (header.length === 0) return isLocal ? { send: Status.LOCAL_PROTECTION } : {};
  const opcode = (header[1] ?? 0) & 0x0f;
  if (opcode === Rdmap.READ_RESPONSE || opcode === Rdmap.ATOMIC_RESPONSE) {
    return { read: isLocal ? Status.LOCAL_PROTECTION : Status.BAD_RESPONSE };
  }
  if (reason === Causes.TOO_LONG) return { receive: Status.LOCAL_LENGTH };
  return isLocal ? { receive: Status.LOCAL_PROTECTION } : {};
}

function fill(slot: SendSlot, work: SendWork): void {
  const address = work.remoteAddress ?? 0n;
  slot.id = work.id;
  slot.opcode = work.opcode;
  slot.region = work.region as IwarpRegion;
  slot.offset = work.offset;
  slot.length = work.length;
  slot.remoteHigh = Number(address >> 32n);
  slot.remoteLow = Number(address & 0xffff_ffffn);
  slot.remoteKey = work.remoteKey ?? 0;
  slot.moved = 0;
  slot.sinkStag = 0;
  slot.done = false;
  slot.immediate = work.immediate ?? 0;
  if (work.opcode === Opcode.FETCH_ADD || work.opcode === Opcode.COMPARE_SWAP) fillAtomic(slot, work);
}

function fillAtomic(slot: SendSlot, { opcode, add = 0n, compare = 0n, swap = 0n }: SendWork): void {
  const value = opcode === Opcode.FETCH_ADD ? add : swap;
  slot.valueHigh = Number(value >> 32n);
  slot.valueLow = Number(value & 0xffff_ffffn);
  const expected = opcode === Opcode.FETCH_ADD ? 0n : compare;
  slot.compareHigh = Number(expected >> 32n);
  slot.compareLow = Number(expected & 0xffff_ffffn);
}
