/**
 * The sending half of a stream: turns posted work and answers to the peer's Reads into FPDUs. No I/O: it fills the
 * buffers it is given and is told when they were written out.
 *
 * @module
 */
import { isAnswered, Opcode, Status } from "../rdma/completion.ts";
import { crc32c, crc32cOf } from "../rdma/crc32c.ts";
import type { EndpointStatistics } from "../rdma/statistics.ts";
import type { Agreement } from "./negotiation.ts";
import { type CompletionQueue, ResponseSlot, Ring, SendSlot } from "./queues.ts";
import { type Cause, Causes, encodeTerminate, StreamFault } from "./terminate.ts";
import {
  ATOMIC_REQUEST_SIZE,
  ATOMIC_RESPONSE_SIZE,
  AtomicOperation,
  FPDU_CRC_SIZE,
  FPDU_LENGTH_SIZE,
  fpduSize,
  IMMEDIATE_SIZE,
  putTagged,
  putUntagged,
  Queue,
  Rdmap,
  READ_REQUEST_SIZE,
  TAGGED_HEADER_SIZE,
  UNTAGGED_HEADER_SIZE,
} from "./wire.ts";

/** The STag of ready-to-receive frames, which name no memory; some hardware faults on 0. */
export const RTR_STAG = 1;

/** Payload of so many bytes is handed to an {@linkcode Outlet} from where it lies; to copy less than that costs less. */
const LONG_PAYLOAD = 32 * 1024;
/** Bytes that go through an outlet before others have their turn. */
const OUTLET_SIZE = 2 * 1024 * 1024;

/** Where bytes can leave at once, from memory of any kind. */
export interface Outlet {
  /** Takes what it can without waiting, from the start of `bytes`; how many that are, 0 or less where it is none. More will follow. */
  send(bytes: Uint8Array<ArrayBuffer>): number;
}

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
  readonly #crc: boolean;
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
  #outlet: (() => Outlet | undefined) | undefined;
  #outletRoom = 0; // bytes that may still go through the outlet
  #kept = 0; // bytes at the start of `into` that end an FPDU which has left
  #into = new Uint8Array(0);
  #view = new DataView(this.#into.buffer);

  /** Starts with empty queues; an initiator that agreed to a ready-to-receive frame sends it first. */
  constructor(
    options: SenderOptions,
    agreement: Agreement,
    completions: CompletionQueue,
    statistics: EndpointStatistics,
  ) {
    this.#completions = completions;
    this.#statistics = statistics;
    this.#crc = agreement.crc;
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
   * Fills `into`, which has room for one of the longest at least, with whole FPDUs; returns the bytes used, which are to
   * leave before the next call. What they carry is copied, so Sends and Writes complete here. Long ones go through the
   * outlet, where there is one, up to what it does not take, which `into` then begins with.
   *
   * Throws StreamFault when memory was withdrawn under its work; another call then gives what ends the stream.
   */
  transmit(into: Uint8Array<ArrayBuffer>, outlet?: () => Outlet | undefined): number {
    if (into !== this.#into) {
      this.#into = into;
      this.#view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    }
    this.#outlet = outlet;
    this.#outletRoom = OUTLET_SIZE;
    let at = this.#kept;
    if (this.#terminate !== undefined) {
      at = this.#emitUntagged(
        at,
        Rdmap.TERMINATE,
        0,
        Queue.TERMINATE,
        1,
        0,
        true,
        this.#terminate,
        0,
        this.#terminate.length,
      );
      this.#terminate = undefined;
    }
    const longest = fpduSize(this.#ulpduSize);
    while (this.pending && this.#outletRoom > 0 && into.length - at >= longest) at = this.#emitNext(at);
    this.#kept = 0;
    this.retire();
    return at;
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
  #emitNext(at: number): number {
    if (this.#ready !== "none") return this.#emitReadyToReceive(at);
    const own = this.#sendable();
    const answer = this.responses.length > 0 ? this.responses.at(this.responses.head) : undefined;
    const ownTurn = own !== undefined && (own.moved > 0 || !this.#answerNext);
    if (answer !== undefined && (answer.moved > 0 || !ownTurn)) return this.#emitResponse(at, answer);
    if (own === undefined) return at;
    switch (own.opcode) {
      case Opcode.READ:
        return this.#emitRead(at, own);
      case Opcode.WRITE:
        return this.#emitWrite(at, own);
      case Opcode.WRITE_IMMEDIATE:
        return own.moved < own.length ? this.#emitWrite(at, own) : this.#emitImmediate(at, own);
      case Opcode.FETCH_ADD:
      case Opcode.COMPARE_SWAP:
        return this.#emitAtomic(at, own);
      default:
        return this.#emitSend(at, own);
    }
  }

  #emitReadyToReceive(at: number): number {
    const kind = this.#ready;
    this.#ready = "none";
    const none = this.#into;
    if (kind === "write") return this.#emitTagged(at, Rdmap.WRITE, RTR_STAG, 0, 0, true, none, 0, 0);
    if (kind === "send") {
      return this.#emitUntagged(at, Rdmap.SEND, 0, Queue.SEND, this.#sendSequence++, 0, true, none, 0, 0);
    }
    this.rtrReadPending = true;
    return this.#emitReadRequest(at, RTR_STAG, 0, 0, 0, RTR_STAG, 0, 0);
  }

  #emitWrite(at: number, slot: SendSlot): number {
    const size = Math.min(slot.length - slot.moved, this.#ulpduSize - TAGGED_HEADER_SIZE);
    const last = slot.moved + size === slot.length;
    const low = slot.remoteLow + slot.moved;
    const high = (slot.remoteHigh + (low > 0xffff_ffff ? 1 : 0)) >>> 0;
    const bytes = (slot.region as NonNullable<typeof slot.region>).bytes;
    at = this.#emitTagged(
      at,
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
    return at;
  }

  // 32 bits as InfiniBand has them, and as many that are reserved, which is how Chelsio's hardware does it.
  #emitImmediate(at: number, slot: SendSlot): number {
    const payload = at + FPDU_LENGTH_SIZE + UNTAGGED_HEADER_SIZE;
    this.#view.setUint32(payload, slot.immediate);
    this.#view.setUint32(payload + 4, 0);
    const sequence = this.#sendSequence;
    this.#sendSequence = (sequence + 1) >>> 0;
    this.#advance(slot, 0, true);
    return this.#sealUntagged(at, Rdmap.IMMEDIATE, Queue.SEND, sequence, IMMEDIATE_SIZE);
  }

  #emitSend(at: number, slot: SendSlot): number {
    const size = Math.min(slot.length - slot.moved, this.#ulpduSize - UNTAGGED_HEADER_SIZE);
    const last = slot.moved + size === slot.length;
    const invalidates = slot.opcode === Opcode.SEND_INVALIDATE;
    const opcode = invalidates ? Rdmap.SEND_INVALIDATE : Rdmap.SEND;
    const bytes = (slot.region as NonNullable<typeof slot.region>).bytes;
    const stag = invalidates ? slot.remoteKey : 0;
    const from = slot.offset + slot.moved;
    at = this.#emitUntagged(at, opcode, stag, Queue.SEND, this.#sendSequence, slot.moved, last, bytes, from, size);
    if (last) this.#sendSequence = (this.#sendSequence + 1) >>> 0;
    this.#advance(slot, size, last);
    return at;
  }

  #emitRead(at: number, slot: SendSlot): number {
    const region = slot.region as NonNullable<typeof slot.region>;
    slot.sinkStag = region.remoteKey;
    this.reads.push().position = this.#next++;
    this.#answerNext = true;
    const { addressHigh } = region;
    const { remoteKey, remoteHigh, remoteLow, length, offset, sinkStag } = slot;
    return this.#emitReadRequest(at, sinkStag, addressHigh, offset, length, remoteKey, remoteHigh, remoteLow);
  }

  #emitAtomic(at: number, slot: SendSlot): number {
    const payload = at + FPDU_LENGTH_SIZE + UNTAGGED_HEADER_SIZE;
    const view = this.#view;
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
    return this.#sealUntagged(at, Rdmap.ATOMIC_REQUEST, Queue.READ_REQUEST, sequence, ATOMIC_REQUEST_SIZE);
  }

  #emitReadRequest(
    at: number,
    sinkStag: number,
    sinkHigh: number,
    sinkLow: number,
    size: number,
    sourceStag: number,
    sourceHigh: number,
    sourceLow: number,
  ): number {
    const payload = at + FPDU_LENGTH_SIZE + UNTAGGED_HEADER_SIZE;
    const view = this.#view;
    view.setUint32(payload, sinkStag);
    view.setUint32(payload + 4, sinkHigh);
    view.setUint32(payload + 8, sinkLow);
    view.setUint32(payload + 12, size);
    view.setUint32(payload + 16, sourceStag);
    view.setUint32(payload + 20, sourceHigh);
    view.setUint32(payload + 24, sourceLow);
    const sequence = this.#readSequence;
    this.#readSequence = (sequence + 1) >>> 0;
    return this.#sealUntagged(at, Rdmap.READ_REQUEST, Queue.READ_REQUEST, sequence, READ_REQUEST_SIZE);
  }

  #emitResponse(at: number, slot: ResponseSlot): number {
    if (slot.atomic) return this.#emitAtomicResponse(at, slot);
    const region = slot.region; // none where nothing is read
    if (region !== undefined && (slot.sourceStag !== region.remoteKey || !region.valid)) {
      throw new StreamFault(Causes.READ_STAG, slot.sourceStag);
    }
    const bytes = region === undefined ? this.#into : region.bytes;
    const size = Math.min(slot.length - slot.moved, this.#ulpduSize - TAGGED_HEADER_SIZE);
    const last = slot.moved + size === slot.length;
    const low = slot.sinkLow + slot.moved;
    const high = (slot.sinkHigh + (low > 0xffff_ffff ? 1 : 0)) >>> 0;
    const from = slot.offset + slot.moved;
    at = this.#emitTagged(at, Rdmap.READ_RESPONSE, slot.sinkStag, high, low >>> 0, last, bytes, from, size);
    slot.moved += size;
    this.#statistics.servedBytes += size;
    if (last) {
      this.#answerNext = false;
      slot.region = undefined;
      this.responses.head++;
    }
    return at;
  }

  #emitAtomicResponse(at: number, slot: ResponseSlot): number {
    const payload = at + FPDU_LENGTH_SIZE + UNTAGGED_HEADER_SIZE;
    this.#view.setUint32(payload, slot.sinkStag);
    this.#view.setUint32(payload + 4, slot.sinkHigh);
    this.#view.setUint32(payload + 8, slot.sinkLow);
    const sequence = this.#atomicSequence;
    this.#atomicSequence = (sequence + 1) >>> 0;
    this.#statistics.servedAtomics++;
    this.#answerNext = false;
    this.responses.head++;
    return this.#sealUntagged(at, Rdmap.ATOMIC_RESPONSE, Queue.ATOMIC_RESPONSE, sequence, ATOMIC_RESPONSE_SIZE);
  }

  #advance(slot: SendSlot, size: number, last: boolean): void {
    slot.moved += size;
    if (!last) return;
    slot.done = true; // its bytes are copied: the buffer is the user's again
    this.#next++;
    this.#answerNext = true;
  }

  #emitTagged(
    at: number,
    opcode: number,
    stag: number,
    high: number,
    low: number,
    last: boolean,
    bytes: Uint8Array<ArrayBuffer>,
    from: number,
    size: number,
  ): number {
    putTagged(this.#view, at + FPDU_LENGTH_SIZE, opcode, last, stag, high, low);
    const outlet = size < LONG_PAYLOAD ? undefined : this.#outlet?.();
    if (outlet !== undefined) return this.#sendPayload(outlet, at, bytes, from, size);
    this.#copy(bytes, from, size, at + FPDU_LENGTH_SIZE + TAGGED_HEADER_SIZE);
    return this.#seal(at, TAGGED_HEADER_SIZE + size);
  }

  #emitUntagged(
    at: number,
    opcode: number,
    stag: number,
    queue: number,
    sequence: number,
    offset: number,
    last: boolean,
    bytes: Uint8Array,
    from: number,
    size: number,
  ): number {
    putUntagged(this.#view, at + FPDU_LENGTH_SIZE, opcode, last, stag, queue, sequence, offset);
    this.#copy(bytes, from, size, at + FPDU_LENGTH_SIZE + UNTAGGED_HEADER_SIZE);
    return this.#seal(at, UNTAGGED_HEADER_SIZE + size);
  }

  // Hands the outlet all there is up to the header of a tagged segment, and its payload; what it does not take, and what
  // comes behind, is left at the start of the buffer.
  #sendPayload(outlet: Outlet, at: number, bytes: Uint8Array<ArrayBuffer>, from: number, size: number): number {
    checkPresent(bytes, from, size);
    const into = this.#into;
    const view = this.#view;
    const header = at + FPDU_LENGTH_SIZE + TAGGED_HEADER_SIZE;
    const ulpduSize = TAGGED_HEADER_SIZE + size;
    const padding = fpduSize(ulpduSize) - FPDU_LENGTH_SIZE - ulpduSize - FPDU_CRC_SIZE;
    const payload = bytes.subarray(from, from + size);
    view.setUint16(at, ulpduSize);
    const crc = this.#crc ? crc32c(PADDING[padding] as Uint8Array, crc32c(payload, crc32cOf(into, at, header))) : 0;
    const left = header - Math.max(0, outlet.send(into.subarray(0, header)));
    const sent = left > 0 ? 0 : Math.max(0, outlet.send(payload));
    into.copyWithin(0, header - left, header);
    into.set(payload.subarray(sent), left);
    const end = left + size - sent + padding + FPDU_CRC_SIZE;
    into.fill(0, end - FPDU_CRC_SIZE - padding, end);
    view.setUint32(end - FPDU_CRC_SIZE, crc, true);
    this.#kept = end;
    this.#outletRoom = sent < size ? 0 : this.#outletRoom - size;
    return end;
  }

  #copy(bytes: Uint8Array, from: number, size: number, to: number): void {
    checkPresent(bytes, from, size);
    if (size > 0) this.#into.set(bytes.subarray(from, from + size), to);
  }

  // A message of one segment, whose payload is in place.
  #sealUntagged(at: number, opcode: number, queue: number, sequence: number, size: number): number {
    putUntagged(this.#view, at + FPDU_LENGTH_SIZE, opcode, true, 0, queue, sequence, 0);
    return this.#seal(at, UNTAGGED_HEADER_SIZE + size);
  }

  // Length in front, zeroed padding and CRC behind.
  #seal(at: number, ulpduSize: number): number {
    this.#view.setUint16(at, ulpduSize);
    const end = at + fpduSize(ulpduSize);
    this.#into.fill(0, at + FPDU_LENGTH_SIZE + ulpduSize, end);
    if (this.#crc) {
      this.#view.setUint32(end - FPDU_CRC_SIZE, crc32cOf(this.#into, at, end - FPDU_CRC_SIZE), true);
    }
    return end;
  }
}

/** Zeros between a ULPDU and its CRC, by how many. */
const PADDING: readonly Uint8Array[] = [0, 1, 2, 3].map((length) => new Uint8Array(length));

// A region disposed under its own work has no bytes left; what lies in the buffer must not leave in their place.
function checkPresent(bytes: Uint8Array, from: number, size: number): void {
  if (from + size > bytes.length) throw new StreamFault(Causes.LOCAL, "a region disposed while work used it");
}
