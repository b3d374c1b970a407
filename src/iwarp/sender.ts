/**
 * The sending half of a stream: turns posted work and answers to the peer's Reads into FPDUs. No I/O: it fills the
 * buffers it is given and is told when they were written out.
 *
 * @module
 */
import { isAnswered, Opcode, Status } from "../rdma/completion.ts";
import type { EndpointStatistics } from "../rdma/statistics.ts";
import { FpduWriter } from "./fpdu_writer.ts";
import type { Agreement } from "./negotiation.ts";
import { type CompletionQueue, ResponseSlot, Ring, SendSlot } from "./queues.ts";
import { type Cause, Causes, encodeTerminate, StreamFault } from "./terminate.ts";
import {
  ATOMIC_REQUEST_SIZE,
  ATOMIC_RESPONSE_SIZE,
  AtomicOperation,
  fpduSize,
  IMMEDIATE_SIZE,
  Queue,
  Rdmap,
  READ_REQUEST_SIZE,
  TAGGED_HEADER_SIZE,
  UNTAGGED_HEADER_SIZE,
} from "./wire.ts";

/** The STag of ready-to-receive frames, which name no memory; some hardware faults on 0. */
export const RTR_STAG = 1;

const NOTHING = new Uint8Array(0);

/** What the sending half needs to know. */
export interface SenderOptions {
  /** Slots of the send queue. */
  sendDepth: number;
  /** The longest ULPDU to make, in bytes. */
  ulpduSize: number;
  /** Whether nothing may leave before the peer's first FPDU: true of a responder. */
  held: boolean;
}

/** The sending half. */
export class Sender {
  /** Posted work that has not completed; `head` is the oldest. */
  readonly queue: Ring<SendSlot>;
  /** The peer's Reads and atomics to answer. */
  readonly responses: Ring<ResponseSlot>;
  /** Positions in `queue` of Reads and atomics under way, oldest first. */
  readonly reads: Ring<{ position: number }>;
  /** A Read of nothing is under way: to show readiness to receive, or to ask for a sign of life. */
  rtrReadPending = false;

  readonly #completions: CompletionQueue;
  readonly #statistics: EndpointStatistics;
  readonly #writer: FpduWriter;
  readonly #ord: number;
  readonly #ulpduSize: number;
  #ready: Agreement["readyToReceive"];
  #held: boolean;
  #next = 0; // position in `queue` of the first request not yet wholly sent
  #answerNext = false; // whose turn it is
  #sendSequence = 1;
  #readSequence = 1; // of Read and Atomic Requests
  #atomicSequence = 1; // of Atomic Responses
  #terminate: Uint8Array | undefined;
  #seenHead = -1; // when it was last asked for progress
  #seenMoved = -1;
  #ended = false;

  /** Starts with empty queues; an initiator that agreed to a ready-to-receive frame sends it first. */
  constructor(
    options: SenderOptions,
    agreement: Agreement,
    completions: CompletionQueue,
    statistics: EndpointStatistics,
  ) {
    this.#completions = completions;
    this.#statistics = statistics;
    this.#writer = new FpduWriter(agreement.crc);
    this.#ord = agreement.ord;
    this.#ulpduSize = options.ulpduSize;
    this.#held = options.held;
    this.#ready = options.held ? "none" : agreement.readyToReceive;
    this.queue = new Ring(options.sendDepth, () => new SendSlot());
    this.responses = new Ring(Math.max(1, agreement.ird), () => new ResponseSlot());
    this.reads = new Ring(Math.max(1, agreement.ord), () => ({ position: 0 }));
  }

  /** Whether {@linkcode transmit} would give bytes now. */
  get pending(): boolean {
    if (this.#terminate !== undefined) return true;
    if (this.#ended || this.#held) return false;
    if (this.#ready !== "none" || this.responses.length > 0) return true;
    return this.#sendable() !== undefined;
  }

  /** Whether all that was posted has been sent and answered. */
  get idle(): boolean {
    return this.queue.length === 0 && this.responses.length === 0;
  }

  /** Whether the peer owes an answer. */
  get owed(): boolean {
    return this.rtrReadPending || this.reads.length > 0;
  }

  /** Whether the oldest posted request stands where it stood when this was last asked. */
  stalled(): boolean {
    const { head } = this.queue;
    const moved = this.queue.length === 0 ? -1 : this.queue.at(head).moved;
    const stalled = moved >= 0 && head === this.#seenHead && moved === this.#seenMoved;
    this.#seenHead = head;
    this.#seenMoved = moved;
    return stalled;
  }

  /**
   * Asks for a sign of life, if nothing else is to be sent and no answer is owed: by an RDMA Read of nothing, or where
   * Reads are not allowed by a Write of nothing, which TCP at least must acknowledge.
   */
  probe(): void {
    if (this.#ended || this.#held || this.pending || this.owed) return;
    this.#ready = this.#ord > 0 ? "read" : "write";
  }

  /** The peer's first FPDU arrived, or it is known otherwise that the peer can take ours: a responder may send (RFC 5044 §7.1.2). */
  release(): void {
    this.#held = false;
  }

  /** Sends a Terminate as the last thing, in place of all that waits (RFC 5040 §4.8). */
  terminate(cause: Cause, header: Uint8Array, ulpduSize: number): void {
    this.#ended = true;
    // A responder that was never allowed to speak ends the stream without a word.
    if (!this.#held) this.#terminate = encodeTerminate(cause, header, ulpduSize);
  }

  /**
   * Fills `into`, which has room for one of the longest at least, with whole FPDUs; returns the bytes used. What they
   * carry is copied, so Sends and Writes complete here. Throws StreamFault when memory was withdrawn under its work.
   */
  transmit(into: Uint8Array<ArrayBuffer>): number {
    const writer = this.#writer;
    writer.begin(into);
    const terminate = this.#terminate;
    if (terminate !== undefined) {
      writer.untagged(Rdmap.TERMINATE, 0, Queue.TERMINATE, 1, 0, true, terminate, 0, terminate.length);
      this.#terminate = undefined;
    }
    const longest = fpduSize(this.#ulpduSize);
    while (this.pending && writer.fits(longest)) this.#emitNext();
    this.retire();
    return writer.size;
  }

  /** Completes, in order, what is done. */
  retire(): void {
    while (this.queue.length > 0 && this.queue.at(this.queue.head).done) {
      const slot = this.queue.at(this.queue.head++);
      this.#count(slot);
      this.#completions.push(slot.id, slot.opcode, Status.SUCCESS, slot.length);
      slot.region = undefined;
    }
  }

  /**
   * Completes all that is left as failed: the oldest Read or atomic under way with `readStatus`, the request that was being sent
   * with `nextStatus`, the rest as flushed.
   */
  flush(readStatus: Status, nextStatus: Status): void {
    const read = this.reads.length > 0 ? this.reads.at(this.reads.head).position : -1;
    while (this.queue.length > 0) {
      const position = this.queue.head++;
      const slot = this.queue.at(position);
      const status = position === read ? readStatus : position === this.#next ? nextStatus : Status.FLUSHED;
      this.#completions.push(slot.id, slot.opcode, status, 0);
      slot.region = undefined;
    }
    this.#next = this.queue.head;
    this.reads.head = this.reads.tail;
    this.responses.head = this.responses.tail;
    this.#ended = true;
  }

  #count(slot: SendSlot): void {
    const statistics = this.#statistics;
    if (slot.opcode === Opcode.WRITE || slot.opcode === Opcode.WRITE_IMMEDIATE) {
      statistics.writes++;
      statistics.writeBytes += slot.length;
    } else if (slot.opcode === Opcode.READ) {
      statistics.reads++;
      statistics.readBytes += slot.length;
    } else if (isAnswered(slot.opcode)) {
      statistics.atomics++;
    } else {
      statistics.sends++;
      statistics.sendBytes += slot.length;
    }
  }

  // What is answered waits for one of the peer's inbound slots, and holds what is behind it: work leaves in order.
  #sendable(): SendSlot | undefined {
    if (this.#next >= this.queue.tail) return undefined;
    const slot = this.queue.at(this.#next);
    if (!isAnswered(slot.opcode)) return slot;
    return this.reads.length + (this.rtrReadPending ? 1 : 0) >= this.#ord ? undefined : slot;
  }

  // Answers and own work take turns at message boundaries, so that neither starves the other.
  #emitNext(): void {
    if (this.#ready !== "none") return this.#emitReadyToReceive();
    const own = this.#sendable();
    const answer = this.responses.length > 0 ? this.responses.at(this.responses.head) : undefined;
    const ownTurn = own !== undefined && (own.moved > 0 || !this.#answerNext);
    if (answer !== undefined && (answer.moved > 0 || !ownTurn)) return this.#emitResponse(answer);
    if (own === undefined) return;
    switch (own.opcode) {
      case Opcode.READ:
        return this.#emitRead(own);
      case Opcode.WRITE:
        return this.#emitWrite(own);
      case Opcode.WRITE_IMMEDIATE:
        return own.moved < own.length ? this.#emitWrite(own) : this.#emitImmediate(own);
      case Opcode.FETCH_ADD:
      case Opcode.COMPARE_SWAP:
        return this.#emitAtomic(own);
      default:
        return this.#emitSend(own);
    }
  }

  #emitReadyToReceive(): void {
    const kind = this.#ready;
    this.#ready = "none";
    if (kind === "write") return this.#writer.tagged(Rdmap.WRITE, RTR_STAG, 0, 0, true, NOTHING, 0, 0);
    if (kind === "send") {
      return this.#writer.untagged(Rdmap.SEND, 0, Queue.SEND, this.#sendSequence++, 0, true, NOTHING, 0, 0);
    }
    this.rtrReadPending = true;
    this.#emitReadRequest(RTR_STAG, 0, 0, 0, RTR_STAG, 0, 0);
  }

  #emitWrite(slot: SendSlot): void {
    const size = Math.min(slot.length - slot.moved, this.#ulpduSize - TAGGED_HEADER_SIZE);
    const last = slot.moved + size === slot.length;
    const low = slot.remoteLow + slot.moved;
    const high = (slot.remoteHigh + (low > 0xffff_ffff ? 1 : 0)) >>> 0;
    const bytes = (slot.region as NonNullable<typeof slot.region>).bytes;
    this.#writer.tagged(
      Rdmap.WRITE,
      slot.remoteKey,
      high,
      low >>> 0,
      last,
      bytes,
      slot.offset + slot.moved,
      size,
    );
    this.#advance(slot, size, last && slot.opcode === Opcode.WRITE);
  }

  // 32 bits as InfiniBand has them, and as many that are reserved, which is how Chelsio's hardware does it.
  #emitImmediate(slot: SendSlot): void {
    const { view, payloadAt: payload } = this.#writer;
    view.setUint32(payload, slot.immediate);
    view.setUint32(payload + 4, 0);
    const sequence = this.#sendSequence;
    this.#sendSequence = (sequence + 1) >>> 0;
    this.#advance(slot, 0, true);
    this.#writer.whole(Rdmap.IMMEDIATE, Queue.SEND, sequence, IMMEDIATE_SIZE);
  }

  #emitSend(slot: SendSlot): void {
    const size = Math.min(slot.length - slot.moved, this.#ulpduSize - UNTAGGED_HEADER_SIZE);
    const last = slot.moved + size === slot.length;
    const invalidates = slot.opcode === Opcode.SEND_INVALIDATE;
    const opcode = invalidates ? Rdmap.SEND_INVALIDATE : Rdmap.SEND;
    const bytes = (slot.region as NonNullable<typeof slot.region>).bytes;
    const stag = invalidates ? slot.remoteKey : 0;
    const from = slot.offset + slot.moved;
    this.#writer.untagged(opcode, stag, Queue.SEND, this.#sendSequence, slot.moved, last, bytes, from, size);
    if (last) this.#sendSequence = (this.#sendSequence + 1) >>> 0;
    this.#advance(slot, size, last);
  }

  #emitRead(slot: SendSlot): void {
    const region = slot.region as NonNullable<typeof slot.region>;
    slot.sinkStag = region.remoteKey;
    this.reads.push().position = this.#next++;
    this.#answerNext = true;
    const { addressHigh } = region;
    const { remoteKey, remoteHigh, remoteLow, length, offset, sinkStag } = slot;
    this.#emitReadRequest(sinkStag, addressHigh, offset, length, remoteKey, remoteHigh, remoteLow);
  }

  #emitAtomic(slot: SendSlot): void {
    const { view, payloadAt: payload } = this.#writer;
    const sequence = this.#readSequence;
    this.#readSequence = (sequence + 1) >>> 0;
    this.reads.push().position = this.#next++;
    this.#answerNext = true;
    slot.sinkStag = sequence;
    const swaps = slot.opcode === Opcode.COMPARE_SWAP;
    view.setUint32(payload, swaps ? AtomicOperation.COMPARE_SWAP : AtomicOperation.FETCH_ADD);
    view.setUint32(payload + 4, sequence);
    view.setUint32(payload + 8, slot.remoteKey);
    view.setUint32(payload + 12, slot.remoteHigh);
    view.setUint32(payload + 16, slot.remoteLow);
    view.setUint32(payload + 20, slot.valueHigh);
    view.setUint32(payload + 24, slot.valueLow);
    view.setInt32(payload + 28, swaps ? -1 : 0); // all bits are exchanged; the sum is one field
    view.setInt32(payload + 32, swaps ? -1 : 0);
    view.setUint32(payload + 36, slot.compareHigh);
    view.setUint32(payload + 40, slot.compareLow);
    view.setInt32(payload + 44, -1);
    view.setInt32(payload + 48, -1);
    this.#writer.whole(Rdmap.ATOMIC_REQUEST, Queue.READ_REQUEST, sequence, ATOMIC_REQUEST_SIZE);
  }

  #emitReadRequest(
    sinkStag: number,
    sinkHigh: number,
    sinkLow: number,
    size: number,
    sourceStag: number,
    sourceHigh: number,
    sourceLow: number,
  ): void {
    const { view, payloadAt: payload } = this.#writer;
    view.setUint32(payload, sinkStag);
    view.setUint32(payload + 4, sinkHigh);
    view.setUint32(payload + 8, sinkLow);
    view.setUint32(payload + 12, size);
    view.setUint32(payload + 16, sourceStag);
    view.setUint32(payload + 20, sourceHigh);
    view.setUint32(payload + 24, sourceLow);
    const sequence = this.#readSequence;
    this.#readSequence = (sequence + 1) >>> 0;
    this.#writer.whole(Rdmap.READ_REQUEST, Queue.READ_REQUEST, sequence, READ_REQUEST_SIZE);
  }

  #emitResponse(slot: ResponseSlot): void {
    if (slot.atomic) return this.#emitAtomicResponse(slot);
    const region = slot.region; // none where nothing is read
    if (region !== undefined && (slot.sourceStag !== region.remoteKey || !region.valid)) {
      throw new StreamFault(Causes.READ_STAG, slot.sourceStag);
    }
    const bytes = region === undefined ? NOTHING : region.bytes;
    const size = Math.min(slot.length - slot.moved, this.#ulpduSize - TAGGED_HEADER_SIZE);
    const last = slot.moved + size === slot.length;
    const low = slot.sinkLow + slot.moved;
    const high = (slot.sinkHigh + (low > 0xffff_ffff ? 1 : 0)) >>> 0;
    const from = slot.offset + slot.moved;
    this.#writer.tagged(Rdmap.READ_RESPONSE, slot.sinkStag, high, low >>> 0, last, bytes, from, size);
    slot.moved += size;
    this.#statistics.servedBytes += size;
    if (last) {
      this.#answerNext = false;
      slot.region = undefined;
      this.responses.head++;
    }
  }

  #emitAtomicResponse(slot: ResponseSlot): void {
    const { view, payloadAt: payload } = this.#writer;
    view.setUint32(payload, slot.sinkStag);
    view.setUint32(payload + 4, slot.sinkHigh);
    view.setUint32(payload + 8, slot.sinkLow);
    const sequence = this.#atomicSequence;
    this.#atomicSequence = (sequence + 1) >>> 0;
    this.#statistics.servedAtomics++;
    this.#answerNext = false;
    this.responses.head++;
    this.#writer.whole(Rdmap.ATOMIC_RESPONSE, Queue.ATOMIC_RESPONSE, sequence, ATOMIC_RESPONSE_SIZE);
  }

  #advance(slot: SendSlot, size: number, last: boolean): void {
    slot.moved += size;
    if (!last) return;
    slot.done = true; // its bytes are copied: the buffer is the user's again
    this.#next++;
    this.#answerNext = true;
  }
}
