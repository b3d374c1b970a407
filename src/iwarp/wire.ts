/**
 * The bytes of an open stream: MPA's FPDUs, DDP's segment headers, RDMAP's opcodes and Read Requests (RFC 5044 §4,
 * RFC 5041 §4, RFC 5040 §4), immediate data and atomics (RFC 7306). Everything is big-endian but the CRC.
 *
 * @module
 */

/** MPA's length field in front of a ULPDU. */
export const FPDU_LENGTH_SIZE = 2;
/** The CRC behind it. */
export const FPDU_CRC_SIZE = 4;
/** DDP and RDMAP header of a tagged segment (RFC 5041 §4.2). */
export const TAGGED_HEADER_SIZE = 14;
/** DDP and RDMAP header of an untagged segment (RFC 5041 §4.3). */
export const UNTAGGED_HEADER_SIZE = 18;
/** Payload of an RDMA Read Request (RFC 5040 §4.4). */
export const READ_REQUEST_SIZE = 28;
/** Immediate data (RFC 7306 §6.2). */
export const IMMEDIATE_SIZE = 8;
/** Payload of an Atomic Request (RFC 7306 §5.2.1). */
export const ATOMIC_REQUEST_SIZE = 52;
/** Payload of an Atomic Response (RFC 7306 §5.2.2). */
export const ATOMIC_RESPONSE_SIZE = 12;
/** The longest ULPDU that MPA's 16-bit length can say. */
export const MAX_ULPDU_SIZE = 0xffff;

/** RDMAP's opcodes (RFC 5040 §4.1, RFC 7306 §4.1). */
export const Rdmap = {
  /** Tagged: RDMA Write. */
  WRITE: 0,
  /** Untagged, queue 1: RDMA Read Request. */
  READ_REQUEST: 1,
  /** Tagged: RDMA Read Response. */
  READ_RESPONSE: 2,
  /** Untagged, queue 0. */
  SEND: 3,
  /** Send with Invalidate. */
  SEND_INVALIDATE: 4,
  /** Send with Solicited Event. */
  SEND_SOLICITED: 5,
  /** Send with Solicited Event and Invalidate. */
  SEND_SOLICITED_INVALIDATE: 6,
  /** Untagged, queue 2. */
  TERMINATE: 7,
  /** Untagged, queue 0. */
  IMMEDIATE: 8,
  /** Immediate Data with Solicited Event. */
  IMMEDIATE_SOLICITED: 9,
  /** Untagged, queue 1. */
  ATOMIC_REQUEST: 10,
  /** Untagged, queue 3. */
  ATOMIC_RESPONSE: 11,
} as const;

/** The operations of Atomic Requests (RFC 7306 §10.1). */
export const AtomicOperation = {
  /** Adds, within fields that the mask marks the ends of. */
  FETCH_ADD: 0,
  /** Exchanges masked bits if others, masked too, are as expected. */
  COMPARE_SWAP: 2,
} as const;

/** DDP's untagged queues (RFC 5040 §4.1, RFC 7306 §4.1). */
export const Queue = {
  /** Sends and immediate data. */
  SEND: 0,
  /** RDMA Read Requests and Atomic Requests. */
  READ_REQUEST: 1,
  /** Terminate. */
  TERMINATE: 2,
  /** Atomic Responses. */
  ATOMIC_RESPONSE: 3,
} as const;

/** The bit of a segment's first byte that marks it as tagged (RFC 5041 §4.2). */
export const TAGGED = 0x80;
const LAST = 0x40;
const DDP_VERSION = 1;
const RDMAP_VERSION = 0x40;

/** Bytes an FPDU of this ULPDU takes on the stream: length, ULPDU, padding to four, CRC (RFC 5044 §4.1). */
export function fpduSize(ulpduSize: number): number {
  return ((FPDU_LENGTH_SIZE + ulpduSize + 3) & ~3) + FPDU_CRC_SIZE;
}

/** A parsed segment header; one object is filled over and over. */
export class Segment {
  /** Whether it names its buffer by STag, or by queue. */
  tagged = false;
  /** Last of its message. */
  last = false;
  /** DDP's version field; 1 is right. */
  ddpVersion = 0;
  /** RDMAP's version field; 1 is right. */
  rdmapVersion = 0;
  /** One of {@linkcode Rdmap}, or anything up to 15. */
  opcode = 0;
  /** Tagged: the buffer. Untagged Sends with Invalidate: what to withdraw. */
  stag = 0;
  /** Tagged offset, upper half. */
  offsetHigh = 0;
  /** Tagged offset, lower half. */
  offsetLow = 0;
  /** Untagged: queue number. */
  queue = 0;
  /** Untagged: message sequence number. */
  sequence = 0;
  /** Untagged: offset within the message. */
  messageOffset = 0;
  /** Size of this header. */
  headerSize = 0;
}

/**
 * Parses the header at `at`, in a ULPDU of `size` bytes that lies within the view.
 *
 * @returns False when the ULPDU is too short for its own header; `segment` then says only `tagged`.
 */
export function parseSegment(view: DataView, at: number, size: number, segment: Segment): boolean {
  if (size < 2) return false;
  const ddp = view.getUint8(at);
  const rdmap = view.getUint8(at + 1);
  segment.tagged = (ddp & TAGGED) !== 0;
  segment.last = (ddp & LAST) !== 0;
  segment.ddpVersion = ddp & 0x03;
  segment.rdmapVersion = rdmap >>> 6;
  segment.opcode = rdmap & 0x0f;
  segment.headerSize = segment.tagged ? TAGGED_HEADER_SIZE : UNTAGGED_HEADER_SIZE;
  if (size < segment.headerSize) return false;
  segment.stag = view.getUint32(at + 2);
  if (segment.tagged) {
    segment.offsetHigh = view.getUint32(at + 6);
    segment.offsetLow = view.getUint32(at + 10);
  } else {
    segment.queue = view.getUint32(at + 6);
    segment.sequence = view.getUint32(at + 10);
    segment.messageOffset = view.getUint32(at + 14);
  }
  return true;
}

/** Writes a tagged header. */
export function putTagged(
  view: DataView,
  at: number,
  opcode: number,
  last: boolean,
  stag: number,
  offsetHigh: number,
  offsetLow: number,
): void {
  view.setUint8(at, TAGGED | (last ? LAST : 0) | DDP_VERSION);
  view.setUint8(at + 1, RDMAP_VERSION | opcode);
  view.setUint32(at + 2, stag);
  view.setUint32(at + 6, offsetHigh);
  view.setUint32(at + 10, offsetLow);
}

/** Writes an untagged header; `stag` is 0 but for Sends with Invalidate. */
export function putUntagged(
  view: DataView,
  at: number,
  opcode: number,
  last: boolean,
  stag: number,
  queue: number,
  sequence: number,
  messageOffset: number,
): void {
  view.setUint8(at, (last ? LAST : 0) | DDP_VERSION);
  view.setUint8(at + 1, RDMAP_VERSION | opcode);
  view.setUint32(at + 2, stag);
  view.setUint32(at + 6, queue);
  view.setUint32(at + 10, sequence);
  view.setUint32(at + 14, messageOffset);
}
