/**
 * RDMAP's Terminate message (RFC 5040 §4.8): what went wrong, at which layer, with the header of the frame at fault.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";
import { READ_REQUEST_SIZE, TAGGED_HEADER_SIZE, UNTAGGED_HEADER_SIZE } from "./wire.ts";

/** The layers a Terminate can name. */
export const Layer = {
  /** RFC 5040. */
  RDMAP: 0,
  /** RFC 5041. */
  DDP: 1,
  /** MPA, the lower layer protocol; RFC 5044 §8. */
  LLP: 2,
} as const;

/** A reason to terminate a stream: layer, error type and error code of RFC 5040 §4.8 and RFC 5041 §8.2, with its words. */
export interface Cause {
  /** One of {@linkcode Layer}. */
  readonly layer: number;
  /** Error type within the layer, 0 … 15. */
  readonly type: number;
  /** Error code within the type, 0 … 255. */
  readonly code: number;
  /** For people and for counters. */
  readonly words: string;
}

function cause(layer: number, type: number, code: number, words: string): Cause {
  return { layer, type, code, words };
}

/** Every cause this stack emits, and those it can name when a peer does. */
export const Causes = {
  /** A local failure that says nothing about the peer. */
  LOCAL: cause(Layer.RDMAP, 0, 0, "local catastrophic error"),
  /** The STag of an RDMA Read's source is not one of ours. */
  READ_STAG: cause(Layer.RDMAP, 1, 0, "read of an invalid STag"),
  /** An RDMA Read outside the region. */
  READ_BOUNDS: cause(Layer.RDMAP, 1, 1, "read outside the region"),
  /** The region does not give the right that was used. */
  ACCESS: cause(Layer.RDMAP, 1, 2, "access right violation"),
  /** The STag belongs to another stream. */
  READ_STREAM: cause(Layer.RDMAP, 1, 3, "STag not associated with this stream"),
  /** The offset of an RDMA Read's source wraps. */
  READ_WRAP: cause(Layer.RDMAP, 1, 4, "wrap of the read's offset"),
  /** A Send with Invalidate named a region that was not offered for it. */
  INVALIDATE: cause(Layer.RDMAP, 1, 9, "STag cannot be invalidated"),
  /** RDMAP version other than 1. */
  RDMAP_VERSION: cause(Layer.RDMAP, 2, 5, "invalid RDMAP version"),
  /** An opcode that has no place here. */
  OPCODE: cause(Layer.RDMAP, 2, 6, "unexpected opcode"),
  /** The stream's state is lost. */
  STREAM: cause(Layer.RDMAP, 2, 7, "catastrophic error of the stream"),
  /** The peer's device or process is lost. */
  GLOBAL: cause(Layer.RDMAP, 2, 8, "catastrophic error beyond the stream"),
  /** Anything else about the request: more Reads than agreed, a malformed Read. */
  OPERATION: cause(Layer.RDMAP, 2, 0xff, "remote operation error"),
  /** The STag of a tagged message is not one of ours. */
  TAGGED_STAG: cause(Layer.DDP, 1, 0, "invalid STag"),
  /** Outside the region. */
  TAGGED_BOUNDS: cause(Layer.DDP, 1, 1, "base or bounds violation"),
  /** Another stream's. */
  TAGGED_STREAM: cause(Layer.DDP, 1, 2, "STag not associated with this DDP stream"),
  /** The tagged offset wraps. */
  TAGGED_WRAP: cause(Layer.DDP, 1, 3, "tagged offset wrap"),
  /** DDP version other than 1, in a tagged segment. */
  TAGGED_VERSION: cause(Layer.DDP, 1, 4, "invalid DDP version"),
  /** No such untagged queue. */
  QUEUE: cause(Layer.DDP, 2, 1, "invalid queue number"),
  /** No receive was posted for it. */
  NO_BUFFER: cause(Layer.DDP, 2, 2, "no buffer available"),
  /** Not the next message. */
  SEQUENCE: cause(Layer.DDP, 2, 3, "message sequence number out of range"),
  /** Not the next segment. */
  MESSAGE_OFFSET: cause(Layer.DDP, 2, 4, "invalid message offset"),
  /** Longer than the receive posted for it. */
  TOO_LONG: cause(Layer.DDP, 2, 5, "message too long for the buffer"),
  /** DDP version other than 1, in an untagged segment. */
  UNTAGGED_VERSION: cause(Layer.DDP, 2, 6, "invalid DDP version"),
  /** The TCP connection is gone. */
  LLP_LOST: cause(Layer.LLP, 0, 1, "TCP connection lost"),
  /** An FPDU's CRC does not match. */
  CRC: cause(Layer.LLP, 0, 2, "CRC mismatch"),
  /** An FPDU's length does not fit what it carries. */
  LENGTH: cause(Layer.LLP, 0, 3, "ULPDU length mismatch"),
  /** A request or reply of the set-up that is malformed. */
  SETUP: cause(Layer.LLP, 0, 4, "invalid MPA request or reply"),
  /** A local failure of the lower layer (RFC 6581 §8). */
  LLP_LOCAL: cause(Layer.LLP, 0, 5, "local catastrophic error of MPA"),
  /** The reply allows fewer RDMA Reads than its reader needs (RFC 6581 §8). */
  READ_DEPTH: cause(Layer.LLP, 0, 6, "insufficient IRD"),
  /** The reply names no ready-to-receive frame that its reader has (RFC 6581 §8). */
  READY_TO_RECEIVE: cause(Layer.LLP, 0, 7, "no matching ready-to-receive frame"),
} as const satisfies Record<string, Cause>;

/** A violation found in the peer's stream: the exception that ends it. */
export class StreamFault extends WireError {
  static {
    this.prototype.name = "StreamFault";
  }

  /**
   * Names the cause and the value found.
   *
   * @param value What was found in the frame.
   */
  constructor(/** What a Terminate will say. */ readonly reason: Cause, value: number | string) {
    super(["rdmap", "ddp", "mpa"][reason.layer] ?? "iwarp", reason.words, value);
  }
}

const HAS_LENGTH = 0x80;
const HAS_DDP_HEADER = 0x40;
const HAS_RDMAP_HEADER = 0x20;
/** An untagged header with a Read Request behind it. */
const LONGEST_HEADER = UNTAGGED_HEADER_SIZE + READ_REQUEST_SIZE;

/**
 * The payload of a Terminate message, in the RFC's form.
 *
 * @param header The DDP and RDMAP header of the segment at fault, with a Read Request's payload where it was one; empty when none is known.
 * @param ulpduSize The segment's ULPDU size in bytes.
 */
export function encodeTerminate(reason: Cause, header: Uint8Array, ulpduSize: number): Uint8Array<ArrayBuffer> {
  const ddpSize = header.length === 0 ? 0 : ((header[0] ?? 0) & 0x80) !== 0 ? TAGGED_HEADER_SIZE : UNTAGGED_HEADER_SIZE;
  const bytes = new Uint8Array(4 + (header.length === 0 ? 0 : 2 + header.length));
  bytes[0] = reason.layer << 4 | reason.type;
  bytes[1] = reason.code;
  if (header.length > 0) {
    bytes[2] = HAS_LENGTH | HAS_DDP_HEADER | (header.length > ddpSize ? HAS_RDMAP_HEADER : 0);
    bytes[4] = ulpduSize >>> 8;
    bytes[5] = ulpduSize;
    bytes.set(header, 6);
  }
  return bytes;
}

/** What a peer's Terminate says. */
export interface Termination {
  /** The cause, from {@linkcode Causes} where it is known. */
  readonly cause: Cause;
  /** The four control bytes as they came, in hexadecimal. */
  readonly control: string;
  /** Header of the frame at fault in hexadecimal, empty if not sent. */
  readonly frame: string;
}

/**
 * Reads a Terminate's payload. Linux siw on little-endian machines swaps the nibbles of the first byte and puts the
 * three header flags into the low bits of the third: flags in the high bits mean the RFC's form, in the low bits
 * siw's. Without flags the two cannot be told apart: the cause is the RFC's, and its words name siw's beside it where
 * siw's makes sense.
 *
 * Throws WireError when it is shorter than its control word.
 */
export function decodeTerminate(bytes: Uint8Array): Termination {
  if (bytes.length < 4) throw new WireError("rdmap", "terminate length, at least 4", bytes.length);
  const [first = 0, code = 0, flags = 0] = bytes;
  const standard = (flags & 0xe0) !== 0;
  const swapped = !standard && (flags & 0x07) !== 0;
  const [high, low] = [first >>> 4, first & 0x0f];
  const cause = swapped ? nameCause(low, high, code) : nameCause(high, low, code);
  const hasLength = (flags & (swapped ? 0x01 : HAS_LENGTH)) !== 0;
  const hasHeader = (flags & (swapped ? 0x02 : HAS_DDP_HEADER)) !== 0;
  const header = bytes.subarray(hasLength ? 6 : 4);
  return {
    cause: standard || swapped ? cause : withOtherReading(cause, low, high),
    control: bytes.subarray(0, 4).toHex(),
    frame: hasHeader ? header.subarray(0, LONGEST_HEADER).toHex() : "",
  };
}

function knownCause(layer: number, type: number, code: number): Cause | undefined {
  return Object.values(Causes).find((c) => c.layer === layer && c.type === type && c.code === code);
}

function nameCause(layer: number, type: number, code: number): Cause {
  return knownCause(layer, type, code) ?? cause(layer, type, code, `layer ${layer} type ${type} code ${code}`);
}

function withOtherReading(standard: Cause, layer: number, type: number): Cause {
  const other = knownCause(layer, type, standard.code);
  if (other === undefined || layer === type) return standard;
  return { ...standard, words: `${standard.words}; or, as Linux siw writes it, ${other.words}` };
}
