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
import type { Agreement } from "./negotiation.ts";
import { type CompletionQueue, ReceiveSlot, Ring } from "./queues.ts";
import type { IwarpRegion, StagTable } from "./region.ts";
import { RTR_STAG, type Sender } from "./sender.ts";
import { Causes, decodeTerminate, StreamFault, type Termination } from "./terminate.ts";
import {
  FPDU_CRC_SIZE,
  FPDU_LENGTH_SIZE,
  fpduSize,
  parseSegment,
  Queue,
  Rdmap,
  READ_REQUEST_SIZE,
  Segment,
  TAGGED_HEADER_SIZE,
  UNTAGGED_HEADER_SIZE,
} from "./wire.ts";

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
  readonly #segment = new Segment();
  #rtrSendExpected: boolean;
  #sendSequence = 1;
  #readSequence = 1;
  #messageOffset = 0; // of the Send under way
  #messageOpcode = 0; // likewise; all its segments bear the same
  #sendOpen = false; // its last segment is still to come
  #writeOpen = false; // likewise of an RDMA Write
  #bytes = new Uint8Array(0) as Uint8Array;
  #view = new DataView(this.#bytes.buffer);

  /** Starts in front of the stream's first FPDU. */
  constructor(
    receiveDepth: number,
    agreement: Agreement,
    responder: boolean,
    sender: Sender,
    table: StagTable,
    completions: CompletionQueue,
    statistics: EndpointStatistics,
  ) {
    this.queue = new Ring(receiveDepth, () => new ReceiveSlot());
    this.#sender = sender;
    this.#table = table;
    this.#completions = completions;
    this.#statistics = statistics;
    this.#crc = agreement.crc;
    this.#ird = agreement.ird;
    this.#rtrSendExpected = responder && agreement.readyToReceive === "send";
  }

  /**
   * Takes every whole FPDU within `[from, to)` of `bytes`.
   *
   * @returns Where the first incomplete one begins. Throws StreamFault; `faultAt` and `faultSize` then tell the frame.
   */
  receive(bytes: Uint8Array, from: number, to: number): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    let at = from;
    while (this.termination === undefined && to - at >= FPDU_LENGTH_SIZE) {
      const ulpduSize = this.#view.getUint16(at);
      const size = fpduSize(ulpduSize);
      if (to - at < size) break;
      this.#take(at, ulpduSize, size);
      at += size;
    }
    return at;
  }

  /** Whether the stream stands within a Send or an RDMA Write whose last segment is still to come. */
  get midMessage(): boolean {
    return this.#sendOpen || this.#writeOpen;
  }

  /** Completes every posted receive, the first with `status`, the rest as flushed. */
  flush(status: Status): void {
    while (this.queue.length > 0) {
      const slot = this.queue.at(this.queue.head++);
      this.#completions.push(slot.id, Opcode.RECEIVE, status, 0, 0);
      slot.region = undefined;
      status = Status.FLUSHED;
    }
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
    if (queue > Queue.TERMINATE) throw new StreamFault(Causes.QUEUE, queue);
    if (opcode >= Rdmap.SEND && opcode <= Rdmap.SEND_SOLICITED_INVALIDATE && queue === Queue.SEND) {
      this.#placeSend(segment, payload, length);
    } else if (opcode === Rdmap.READ_REQUEST && queue === Queue.READ_REQUEST) {
      this.#takeReadRequest(segment, payload, length);
    } else if (opcode === Rdmap.TERMINATE && queue === Queue.TERMINATE) {
      this.termination = decodeTerminate(this.#bytes.slice(payload, payload + length));
    } else {
      throw new StreamFault(Causes.OPCODE, opcode);
    }
  }

  #placeWrite(segment: Segment, payload: number, length: number): void {
    this.#writeOpen = !segment.last;
    if (length === 0) return; // names no memory (RFC 5040 §5.2.1); also the ready-to-receive frame
    const region = this.#table.lookup(segment.stag);
    if (region === undefined || !region.valid) throw new StreamFault(Causes.TAGGED_STAG, segment.stag);
    if ((region.access & Access.REMOTE_WRITE) === 0) throw new StreamFault(Causes.ACCESS, segment.stag);
    if (segment.offsetHigh !== region.addressHigh || segment.offsetLow + length > region.length) {
      throw new StreamFault(Causes.TAGGED_BOUNDS, `${segment.offsetHigh}:${segment.offsetLow}+${length}`);
    }
    this.#place(region, segment.offsetLow, payload, length);
    this.#statistics.placedBytes += length;
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
    if (sender.reads.length === 0) throw new StreamFault(Causes.OPCODE, segment.opcode);
    const slot = sender.queue.at(sender.reads.at(sender.reads.head).position);
    const region = slot.region as IwarpRegion;
    // The response must be the oldest Read's, in order, and neither shorter nor longer than was asked.
    if (segment.stag !== slot.sinkStag) throw new StreamFault(Causes.TAGGED_STAG, segment.stag);
    const expected = slot.offset + slot.moved;
    const fits = segment.offsetHigh === region.addressHigh && segment.offsetLow === expected &&
      slot.moved + length <= slot.length && segment.last === (slot.moved + length === slot.length);
    if (!fits) throw new StreamFault(Causes.TAGGED_BOUNDS, `${segment.offsetHigh}:${segment.offsetLow}+${length}`);
    this.#place(region, expected, payload, length);
    slot.moved += length;
    if (!segment.last) return;
    slot.done = true;
    sender.reads.head++;
    sender.retire();
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
    if (segment.sequence !== this.#readSequence) throw new StreamFault(Causes.SEQUENCE, segment.sequence);
    if (segment.messageOffset !== 0) throw new StreamFault(Causes.MESSAGE_OFFSET, segment.messageOffset);
    if (!segment.last || length !== READ_REQUEST_SIZE) throw new StreamFault(Causes.OPERATION, length);
    const responses = this.#sender.responses;
    const view = this.#view;
    const size = view.getUint32(payload + 12);
    if (responses.length >= (size === 0 ? responses.capacity : this.#ird)) {
      throw new StreamFault(Causes.OPERATION, `more than ${this.#ird} RDMA Reads`);
    }
    const stag = view.getUint32(payload + 16);
    const region = size === 0
      ? undefined
      : this.#readable(stag, view.getUint32(payload + 20), view.getUint32(payload + 24), size);
    this.#readSequence = (this.#readSequence + 1) >>> 0;
    const slot = responses.push();
    slot.region = region;
    slot.sourceStag = stag;
    slot.offset = size === 0 ? 0 : view.getUint32(payload + 24);
    slot.length = size;
    slot.sinkStag = view.getUint32(payload);
    slot.sinkHigh = view.getUint32(payload + 4);
    slot.sinkLow = view.getUint32(payload + 8);
    slot.moved = 0;
  }

  #readable(stag: number, high: number, low: number, size: number): IwarpRegion {
    const region = this.#table.lookup(stag);
    if (region === undefined || !region.valid) throw new StreamFault(Causes.READ_STAG, stag);
    if ((region.access & Access.REMOTE_READ) === 0) throw new StreamFault(Causes.ACCESS, stag);
    if (high !== region.addressHigh || low + size > region.length) {
      throw new StreamFault(Causes.READ_BOUNDS, `${high}:${low}+${size}`);
    }
    return region;
  }

  #place(region: IwarpRegion, offset: number, payload: number, length: number): void {
    if (length === 0) return;
    if (offset + length > region.bytes.length) {
      throw new StreamFault(Causes.LOCAL, "a region disposed while work used it");
    }
    region.bytes.set(this.#bytes.subarray(payload, payload + length), offset);
  }

  /** The header of the segment under work, with its payload where that is a Read Request: for a Terminate. */
  faultHeader(): Uint8Array {
    const { faultAt, faultSize } = this;
    if (faultSize < TAGGED_HEADER_SIZE) return new Uint8Array(0);
    const tagged = ((this.#bytes[faultAt] ?? 0) & 0x80) !== 0;
    let size = tagged ? TAGGED_HEADER_SIZE : UNTAGGED_HEADER_SIZE;
    const isRead = !tagged && ((this.#bytes[faultAt + 1] ?? 0) & 0x0f) === Rdmap.READ_REQUEST;
    if (isRead && faultSize >= size + READ_REQUEST_SIZE) size += READ_REQUEST_SIZE;
    return faultSize < size ? new Uint8Array(0) : this.#bytes.slice(faultAt, faultAt + size);
  }
}

function invalidates(opcode: number): boolean {
  return opcode === Rdmap.SEND_INVALIDATE || opcode === Rdmap.SEND_SOLICITED_INVALIDATE;
}
