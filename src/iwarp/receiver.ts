/**
 * The receiving half of a stream: checks each FPDU before a byte of it is placed, places it, completes what it ends.
 * No I/O: it is given bytes, and throws a {@linkcode StreamFault} at the first that must not be.
 *
 * @module
 */
import { Opcode, Status } from "../rdma/completion.ts";
import { crc32cOf } from "../rdma/crc32c.ts";
import { Access } from "../rdma/memory.ts";
import type { EndpointStatistics } from "../rdma/statistics.ts";
import { compareSwap, fetchAdd, loadHalf, store } from "./atomic.ts";
import type { Agreement } from "./negotiation.ts";
import { type CompletionQueue, ReceiveSlot, Ring, type SendSlot } from "./queues.ts";
import type { IwarpRegion, StagTable } from "./region.ts";
import { RTR_STAG, type Sender } from "./sender.ts";
import { Causes, decodeTerminate, StreamFault, type Termination } from "./terminate.ts";
import {
  ATOMIC_REQUEST_SIZE,
  ATOMIC_RESPONSE_SIZE,
  AtomicOperation,
  FPDU_CRC_SIZE,
  FPDU_LENGTH_SIZE,
  fpduSize,
  IMMEDIATE_SIZE,
  parseSegment,
  Queue,
  Rdmap,
  READ_REQUEST_SIZE,
  Segment,
  TAGGED,
  TAGGED_HEADER_SIZE,
  UNTAGGED_HEADER_SIZE,
} from "./wire.ts";

/**
 * A segment of at least so many bytes that names its own place may be placed piece by piece, as it comes; shorter ones are
 * not worth the trouble.
 */
const LONG_ULPDU = 8_192;
/** In place of where a payload lies: it lies where it belongs already. */
const IN_PLACE = -1;

/** What the receiving half needs to know. */
export interface ReceiverOptions {
  /** Slots of the receive queue. */
  receiveDepth: number;
  /** Whether this side accepted the connection. */
  responder: boolean;
  /** Whether immediate data is taken. */
  immediate: boolean;
}

/** The receiving half. */
export class Receiver {
  /** Posted receives; `head` is the next to be filled. */
  readonly queue: Ring<ReceiveSlot>;
  /** The peer's Terminate, once it came. */
  termination: Termination | undefined;
  /** Where the FPDU under work begins and how long its ULPDU is: what a Terminate quotes. */
  faultAt = 0;
  /** See {@linkcode faultAt}. */
  faultSize = 0;

  readonly #sender: Sender;
  readonly #table: StagTable;
  readonly #completions: CompletionQueue;
  readonly #statistics: EndpointStatistics;
  readonly #crc: boolean;
  readonly #ird: number;
  readonly #immediate: boolean;
  readonly #segment = new Segment();
  // The long segment under way, of which a part has been placed: what is left of it.
  readonly #rest = new Segment();
  readonly #restHeader = new Uint8Array(TAGGED_HEADER_SIZE);
  #restSize = 0; // payload still to come
  #restLast = false;
  #trailer = 0; // padding and CRC behind it
  #rtrSendExpected: boolean;
  #sendSequence = 1;
  #readSequence = 1; // of Read and Atomic Requests
  #atomicSequence = 1; // of Atomic Responses
  #messageOffset = 0; // of the Send under way
  #messageOpcode = 0; // likewise; all its segments bear the same
  #sendOpen = false; // its last segment is still to come
  #writeOpen = false; // likewise of an RDMA Write
  #bytes = new Uint8Array(0) as Uint8Array;
  #view = new DataView(this.#bytes.buffer);

  /** Starts in front of the stream's first FPDU. */
  constructor(
    options: ReceiverOptions,
    agreement: Agreement,
    sender: Sender,
    table: StagTable,
    completions: CompletionQueue,
    statistics: EndpointStatistics,
  ) {
    this.queue = new Ring(options.receiveDepth, () => new ReceiveSlot());
    this.#sender = sender;
    this.#table = table;
    this.#completions = completions;
    this.#statistics = statistics;
    this.#crc = agreement.crc;
    this.#ird = agreement.ird;
    this.#immediate = options.immediate;
    this.#rtrSendExpected = options.responder && agreement.readyToReceive === "send";
  }

  /**
   * Takes every whole FPDU within `[from, to)` of `bytes`, and without CRCs what there is of a long tagged one.
   *
   * @returns Where what was not taken begins. Throws StreamFault; `faultAt` and `faultSize` then tell the frame.
   */
  receive(bytes: Uint8Array, from: number, to: number): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    let at = this.#takeRest(from, to);
    while (this.termination === undefined && to - at >= FPDU_LENGTH_SIZE) {
      const ulpduSize = this.#view.getUint16(at);
      const size = fpduSize(ulpduSize);
      if (to - at < size) return this.#begin(at, to, ulpduSize);
      this.#take(at, ulpduSize, size);
      at += size;
    }
    return at;
  }

  /** Whether the stream stands within a Send or an RDMA Write whose last segment is still to come. */
  get midMessage(): boolean {
    return this.#sendOpen || this.#writeOpen || this.#trailer > 0;
  }

  /**
   * Where the bytes belong that come next, if those are the rest of a long segment: they may be put there, and told by
   * {@linkcode placed}, before anything else is done.
   */
  get window(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#restSize === 0) return undefined;
    const rest = this.#rest;
    rest.last = this.#restLast;
    const { bytes } = this.#targetOf(rest, this.#restSize) ?? {};
    const end = rest.offsetLow + this.#restSize;
    return bytes === undefined || end > bytes.length ? undefined : bytes.subarray(rest.offsetLow, end);
  }

  /** So many bytes were put at the start of {@linkcode window}. */
  placed(count: number): void {
    this.#takePiece(IN_PLACE, count);
  }

  /** Bytes behind the rest of a long segment that belong to it: padding and CRC. */
  get trailer(): number {
    return this.#trailer;
  }

  /** Completes every posted receive, the first with `status`, the rest as flushed. */
  flush(status: Status): void {
    while (this.queue.length > 0) {
      const slot = this.queue.at(this.queue.head++);
      this.#completions.push(slot.id, Opcode.RECEIVE, status, 0);
      slot.region = undefined;
      status = Status.FLUSHED;
    }
  }

  // A long segment of which only a part is there. What is wrong with it shows when the whole is.
  #begin(at: number, to: number, ulpduSize: number): number {
    const payload = at + FPDU_LENGTH_SIZE + TAGGED_HEADER_SIZE;
    const start = at + FPDU_LENGTH_SIZE;
    if (this.#crc || ulpduSize < LONG_ULPDU || to < payload || ((this.#bytes[start] ?? 0) & TAGGED) === 0) return at;
    const rest = this.#rest;
    parseSegment(this.#view, start, ulpduSize, rest);
    const size = ulpduSize - TAGGED_HEADER_SIZE;
    if (rest.ddpVersion !== 1 || rest.rdmapVersion !== 1 || this.#targetOf(rest, size) === undefined) return at;
    this.#sender.release();
    this.faultAt = IN_PLACE;
    this.faultSize = ulpduSize;
    this.#restHeader.set(this.#bytes.subarray(start, payload));
    this.#restLast = rest.last;
    this.#restSize = size;
    this.#trailer = fpduSize(ulpduSize) - FPDU_LENGTH_SIZE - ulpduSize;
    return this.#takeRest(payload, to);
  }

  #takeRest(from: number, to: number): number {
    if (this.#restSize > 0) {
      const length = Math.min(this.#restSize, to - from);
      if (length > 0) this.#takePiece(from, length);
      from += length;
    }
    if (this.#restSize > 0) return from;
    const skipped = Math.min(this.#trailer, to - from);
    this.#trailer -= skipped;
    return from + skipped;
  }

  // To whom it is addressed it is a segment of its own.
  #takePiece(payload: number, length: number): void {
    const rest = this.#rest;
    this.#restSize -= length;
    rest.last = this.#restLast && this.#restSize === 0;
    this.#takeTagged(rest, payload, length);
    rest.offsetLow += length;
  }

  #take(at: number, ulpduSize: number, size: number): void {
    this.faultAt = at + FPDU_LENGTH_SIZE;
    this.faultSize = ulpduSize;
    if (this.#crc) {
      const found = this.#view.getUint32(at + size - FPDU_CRC_SIZE, true);
      if (found !== crc32cOf(this.#bytes, at, at + size - FPDU_CRC_SIZE)) {
        this.faultSize = 0; // nothing in the frame can be believed, its header included
        throw new StreamFault(Causes.CRC, found);
      }
    }
    const segment = this.#segment;
    if (!parseSegment(this.#view, at + FPDU_LENGTH_SIZE, ulpduSize, segment)) {
      throw new StreamFault(Causes.LENGTH, ulpduSize);
    }
    if (segment.ddpVersion !== 1) {
      throw new StreamFault(segment.tagged ? Causes.TAGGED_VERSION : Causes.UNTAGGED_VERSION, segment.ddpVersion);
    }
    if (segment.rdmapVersion !== 1) throw new StreamFault(Causes.RDMAP_VERSION, segment.rdmapVersion);
    this.#sender.release();
    const payload = at + FPDU_LENGTH_SIZE + segment.headerSize;
    const length = ulpduSize - segment.headerSize;
    if (segment.tagged) this.#takeTagged(segment, payload, length);
    else this.#takeUntagged(segment, payload, length);
  }

  #takeTagged(segment: Segment, payload: number, length: number): void {
    if (segment.opcode === Rdmap.WRITE) this.#placeWrite(segment, payload, length);
    else if (segment.opcode === Rdmap.READ_RESPONSE) this.#placeReadResponse(segment, payload, length);
    else throw new StreamFault(Causes.OPCODE, segment.opcode);
  }

  #takeUntagged(segment: Segment, payload: number, length: number): void {
    const { opcode, queue } = segment;
    if (queue > Queue.ATOMIC_RESPONSE) throw new StreamFault(Causes.QUEUE, queue);
    if (opcode >= Rdmap.SEND && opcode <= Rdmap.SEND_SOLICITED_INVALIDATE && queue === Queue.SEND) {
      this.#placeSend(segment, payload, length);
    } else if (opcode === Rdmap.READ_REQUEST && queue === Queue.READ_REQUEST) {
      this.#takeReadRequest(segment, payload, length);
    } else if (opcode === Rdmap.ATOMIC_REQUEST && queue === Queue.READ_REQUEST) {
      this.#takeAtomicRequest(segment, payload, length);
    } else if (opcode === Rdmap.ATOMIC_RESPONSE && queue === Queue.ATOMIC_RESPONSE) {
      this.#placeAtomicResponse(segment, payload, length);
    } else if (this.#immediate && isImmediate(opcode) && queue === Queue.SEND) {
      this.#takeImmediate(segment, payload, length);
    } else if (opcode === Rdmap.TERMINATE && queue === Queue.TERMINATE) {
      this.termination = decodeTerminate(this.#bytes.slice(payload, payload + length));
    } else {
      throw new StreamFault(Causes.OPCODE, opcode);
    }
  }

  #placeWrite(segment: Segment, payload: number, length: number): void {
    this.#writeOpen = !segment.last;
    if (length === 0) return; // names no memory (RFC 5040 §5.2.1); also the ready-to-receive frame
    this.#place(this.#writable(segment, length), segment.offsetLow, payload, length);
    this.#statistics.placedBytes += length;
  }

  #writable(segment: Segment, length: number): IwarpRegion {
    const region = this.#table.lookup(segment.stag);
    if (region === undefined || !region.valid) throw new StreamFault(Causes.TAGGED_STAG, segment.stag);
    if ((region.access & Access.REMOTE_WRITE) === 0) throw new StreamFault(Causes.ACCESS, segment.stag);
    if (segment.offsetHigh !== region.addressHigh || segment.offsetLow + length > region.length) {
      throw new StreamFault(Causes.TAGGED_BOUNDS, `${segment.offsetHigh}:${segment.offsetLow}+${length}`);
    }
    return region;
  }

  #placeReadResponse(segment: Segment, payload: number, length: number): void {
    const sender = this.#sender;
    if (sender.rtrReadPending) {
      if (segment.stag !== RTR_STAG || length !== 0 || !segment.last) {
        throw new StreamFault(Causes.TAGGED_STAG, segment.stag);
      }
      sender.rtrReadPending = false;
      return;
    }
    const slot = this.#awaited(segment, length);
    this.#place(slot.region as IwarpRegion, segment.offsetLow, payload, length);
    slot.moved += length;
    if (segment.last) this.#completeAnswered(slot);
  }

  #awaited(segment: Segment, length: number): SendSlot {
    const slot = this.#oldestAnswered();
    if (slot?.opcode !== Opcode.READ) throw new StreamFault(Causes.OPCODE, segment.opcode);
    const region = slot.region as IwarpRegion;
    // The response must be the oldest Read's, in order, and neither shorter nor longer than was asked.
    if (segment.stag !== slot.sinkStag) throw new StreamFault(Causes.TAGGED_STAG, segment.stag);
    const expected = slot.offset + slot.moved;
    const fits = segment.offsetHigh === region.addressHigh && segment.offsetLow === expected &&
      slot.moved + length <= slot.length && segment.last === (slot.moved + length === slot.length);
    if (!fits) throw new StreamFault(Causes.TAGGED_BOUNDS, `${segment.offsetHigh}:${segment.offsetLow}+${length}`);
    return slot;
  }

  // The region that a whole segment belongs to, if there is nothing wrong with it.
  #targetOf(segment: Segment, length: number): IwarpRegion | undefined {
    try {
      if (segment.opcode === Rdmap.WRITE) return this.#writable(segment, length);
      if (segment.opcode !== Rdmap.READ_RESPONSE || this.#sender.rtrReadPending) return undefined;
      return this.#awaited(segment, length).region;
    } catch (error) {
      if (error instanceof StreamFault) return undefined;
      throw error;
    }
  }

  #placeAtomicResponse(segment: Segment, payload: number, length: number): void {
    const slot = this.#sender.rtrReadPending ? undefined : this.#oldestAnswered();
    if (slot === undefined || slot.opcode === Opcode.READ) throw new StreamFault(Causes.OPCODE, segment.opcode);
    this.#checkWhole(segment, this.#atomicSequence, length, ATOMIC_RESPONSE_SIZE);
    const view = this.#view;
    const identifier = view.getUint32(payload);
    if (identifier !== slot.sinkStag) {
      throw new StreamFault(Causes.OPERATION, `request ${identifier} for ${slot.sinkStag}`);
    }
    const { bytes } = slot.region as IwarpRegion;
    if (slot.offset + slot.length > bytes.length) throw disposedInUse();
    store(bytes, slot.offset, view.getUint32(payload + 4), view.getUint32(payload + 8));
    this.#atomicSequence = (this.#atomicSequence + 1) >>> 0;
    this.#completeAnswered(slot);
  }

  #oldestAnswered(): SendSlot | undefined {
    const { queue, reads } = this.#sender;
    return reads.length === 0 ? undefined : queue.at(reads.at(reads.head).position);
  }

  #completeAnswered(slot: SendSlot): void {
    slot.done = true;
    this.#sender.reads.head++;
    this.#sender.retire();
  }

  // A message that has one segment of a certain size.
  #checkWhole(segment: Segment, sequence: number, length: number, size: number): void {
    if (segment.sequence !== sequence) throw new StreamFault(Causes.SEQUENCE, segment.sequence);
    if (segment.messageOffset !== 0) throw new StreamFault(Causes.MESSAGE_OFFSET, segment.messageOffset);
    if (!segment.last || length !== size) throw new StreamFault(Causes.OPERATION, length);
  }

  #placeSend(segment: Segment, payload: number, length: number): void {
    if (segment.sequence !== this.#sendSequence) throw new StreamFault(Causes.SEQUENCE, segment.sequence);
    if (segment.messageOffset !== this.#messageOffset) {
      throw new StreamFault(Causes.MESSAGE_OFFSET, segment.messageOffset);
    }
    if (this.#sendOpen && segment.opcode !== this.#messageOpcode) {
      throw new StreamFault(Causes.OPCODE, segment.opcode);
    }
    if (this.#rtrSendExpected) {
      this.#rtrSendExpected = false;
      if (length === 0 && segment.last && segment.opcode === Rdmap.SEND) {
        this.#sendSequence++;
        return;
      }
    }
    if (this.queue.length === 0) throw new StreamFault(Causes.NO_BUFFER, segment.sequence);
    const slot = this.queue.at(this.queue.head);
    const end = this.#messageOffset + length;
    if (end > slot.length) throw new StreamFault(Causes.TOO_LONG, end);
    const withdrawn = segment.last && invalidates(segment.opcode) ? this.#offered(segment.stag) : undefined;
    this.#place(slot.region as IwarpRegion, slot.offset + this.#messageOffset, payload, length);
    this.#sendOpen = !segment.last;
    if (!segment.last) {
      this.#messageOffset = end;
      this.#messageOpcode = segment.opcode;
      return;
    }
    withdrawn?.invalidate();
    this.#completeReceive(slot, end, withdrawn === undefined ? 0 : segment.stag);
  }

  #takeImmediate(segment: Segment, payload: number, length: number): void {
    if (this.#sendOpen) throw new StreamFault(Causes.OPCODE, segment.opcode);
    this.#checkWhole(segment, this.#sendSequence, length, IMMEDIATE_SIZE);
    this.#rtrSendExpected = false;
    if (this.queue.length === 0) throw new StreamFault(Causes.NO_BUFFER, segment.sequence);
    const slot = this.queue.at(this.queue.head++);
    this.#sendSequence = (this.#sendSequence + 1) >>> 0;
    slot.region = undefined;
    this.#statistics.receives++;
    const immediate = this.#view.getUint32(payload);
    this.#completions.push(slot.id, Opcode.RECEIVE_IMMEDIATE, Status.SUCCESS, 0, 0, immediate);
  }

  #offered(stag: number): IwarpRegion {
    const region = this.#table.lookup(stag);
    if (region !== undefined && region.valid && (region.access & Access.REMOTE_INVALIDATE) !== 0) return region;
    throw new StreamFault(Causes.INVALIDATE, stag);
  }

  #completeReceive(slot: ReceiveSlot, length: number, invalidatedKey: number): void {
    this.#sendSequence = (this.#sendSequence + 1) >>> 0;
    this.#messageOffset = 0;
    this.queue.head++;
    slot.region = undefined;
    this.#statistics.receives++;
    this.#statistics.receiveBytes += length;
    this.#completions.push(slot.id, Opcode.RECEIVE, Status.SUCCESS, length, invalidatedKey);
  }

  #takeReadRequest(segment: Segment, payload: number, length: number): void {
    this.#checkWhole(segment, this.#readSequence, length, READ_REQUEST_SIZE);
    const view = this.#view;
    const size = view.getUint32(payload + 12);
    this.#checkReadDepth(size === 0 ? this.#sender.responses.capacity : this.#ird);
    const stag = view.getUint32(payload + 16);
    const region = size === 0
      ? undefined
      : this.#reachable(stag, view.getUint32(payload + 20), view.getUint32(payload + 24), size, Access.REMOTE_READ);
    this.#readSequence = (this.#readSequence + 1) >>> 0;
    const slot = this.#sender.responses.push();
    slot.atomic = false;
    slot.region = region;
    slot.sourceStag = stag;
    slot.offset = size === 0 ? 0 : view.getUint32(payload + 24);
    slot.length = size;
    slot.sinkStag = view.getUint32(payload);
    slot.sinkHigh = view.getUint32(payload + 4);
    slot.sinkLow = view.getUint32(payload + 8);
    slot.moved = 0;
  }

  // Carried out here and now, in the order of the stream; its answer waits for those of the Reads before it.
  #takeAtomicRequest(segment: Segment, payload: number, length: number): void {
    this.#checkWhole(segment, this.#readSequence, length, ATOMIC_REQUEST_SIZE);
    const view = this.#view;
    const half = (at: number): number => view.getUint32(payload + at);
    const operation = half(0) & 0x0f;
    if (operation !== AtomicOperation.FETCH_ADD && operation !== AtomicOperation.COMPARE_SWAP) {
      throw new StreamFault(Causes.OPERATION, `atomic operation ${operation}`);
    }
    this.#checkReadDepth(this.#ird);
    const low = half(16);
    const { bytes } = this.#reachable(half(8), half(12), low, 8, Access.REMOTE_ATOMIC);
    if ((low & 7) !== 0) throw new StreamFault(Causes.STREAM, `an atomic at offset ${low}, no multiple of 8`);
    this.#readSequence = (this.#readSequence + 1) >>> 0;
    const slot = this.#sender.responses.push();
    slot.atomic = true;
    slot.moved = 0;
    slot.sinkStag = half(4);
    slot.sinkHigh = loadHalf(bytes, low + 4);
    slot.sinkLow = loadHalf(bytes, low);
    if (operation === AtomicOperation.FETCH_ADD) fetchAdd(bytes, low, half(20), half(24), half(28), half(32));
    else compareSwap(bytes, low, half(20), half(24), half(28), half(32), half(36), half(40), half(44), half(48));
  }

  #checkReadDepth(depth: number): void {
    if (this.#sender.responses.length < depth) return;
    throw new StreamFault(Causes.OPERATION, `more than ${this.#ird} RDMA Reads and atomics`);
  }

  #reachable(stag: number, high: number, low: number, size: number, right: number): IwarpRegion {
    const region = this.#table.lookup(stag);
    if (region === undefined || !region.valid) throw new StreamFault(Causes.READ_STAG, stag);
    if ((region.access & right) === 0) throw new StreamFault(Causes.ACCESS, stag);
    if (high !== region.addressHigh || low + size > region.length) {
      throw new StreamFault(Causes.READ_BOUNDS, `${high}:${low}+${size}`);
    }
    return region;
  }

  #place(region: IwarpRegion, offset: number, payload: number, length: number): void {
    if (length === 0) return;
    if (offset + length > region.bytes.length) throw disposedInUse();
    if (payload === IN_PLACE) return;
    region.bytes.set(this.#bytes.subarray(payload, payload + length), offset);
  }

  /** The header of the segment under work, with its payload where that is a Read Request: for a Terminate. */
  faultHeader(): Uint8Array {
    const { faultAt, faultSize } = this;
    if (faultSize < TAGGED_HEADER_SIZE) return new Uint8Array(0);
    if (faultAt === IN_PLACE) return this.#restHeader.slice();
    const tagged = ((this.#bytes[faultAt] ?? 0) & TAGGED) !== 0;
    let size = tagged ? TAGGED_HEADER_SIZE : UNTAGGED_HEADER_SIZE;
    const isRead = !tagged && ((this.#bytes[faultAt + 1] ?? 0) & 0x0f) === Rdmap.READ_REQUEST;
    if (isRead && faultSize >= size + READ_REQUEST_SIZE) size += READ_REQUEST_SIZE;
    return faultSize < size ? new Uint8Array(0) : this.#bytes.slice(faultAt, faultAt + size);
  }
}

function disposedInUse(): StreamFault {
  return new StreamFault(Causes.LOCAL, "a region disposed while work used it");
}

function isImmediate(opcode: number): boolean {
  return opcode === Rdmap.IMMEDIATE || opcode === Rdmap.IMMEDIATE_SOLICITED;
}

function invalidates(opcode: number): boolean {
  return opcode === Rdmap.SEND_INVALIDATE || opcode === Rdmap.SEND_SOLICITED_INVALIDATE;
}
