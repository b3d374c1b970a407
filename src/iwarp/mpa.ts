/**
 * MPA's connection set-up frames (RFC 5044 §7.1, enhanced by RFC 6581): encode, decode, and agree on parameters.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** Bytes before the private data of a request or reply. */
export const MPA_HEADER_SIZE = 20;
/** The most private data a frame may carry (RFC 5044 §7.1). */
export const MPA_MAX_PRIVATE_DATA = 512;
/** The most a user may add: what Linux siw takes without wrapping its own length, less the enhanced set-up's four bytes. */
export const MPA_MAX_USER_DATA = 248;
/** IRD or ORD "not negotiated" (RFC 6581 §4.1); also the field's mask. */
export const MPA_DEPTH_UNKNOWN = 0x3fff;

const REQUEST_KEY = new TextEncoder().encode("MPA ID Req Frame");
const REPLY_KEY = new TextEncoder().encode("MPA ID Rep Frame");

const MARKERS = 0x80;
const CRC = 0x40;
const REJECT = 0x20;
const ENHANCED = 0x10;

const PEER_TO_PEER = 0x8000; // in the IRD word
const RTR_SEND = 0x4000; // in the IRD word
const RTR_WRITE = 0x8000; // in the ORD word
const RTR_READ = 0x4000; // in the ORD word

/** The enhanced set-up's parameters (RFC 6581 §4.1). */
export interface MpaEnhanced {
  /** Inbound RDMA Reads its sender can hold, or {@linkcode MPA_DEPTH_UNKNOWN}. */
  ird: number;
  /** Outbound RDMA Reads its sender wants, or {@linkcode MPA_DEPTH_UNKNOWN}. */
  ord: number;
  /** Peer-to-peer: the initiator promises a ready-to-receive frame. */
  peerToPeer: boolean;
  /** A zero-length Send may be (request) or is to be (reply) that frame. */
  rtrSend: boolean;
  /** A zero-length RDMA Write likewise. */
  rtrWrite: boolean;
  /** A zero-length RDMA Read likewise. */
  rtrRead: boolean;
}

/** A request or reply frame. */
export interface MpaFrame {
  /** Its sender wants markers in the stream it receives. */
  markers: boolean;
  /** Its sender wants CRCs. */
  crc: boolean;
  /** A reply that refuses the connection. */
  reject: boolean;
  /** 0 … 255 as found; 1 and 2 are defined. */
  revision: number;
  /** Present where the S flag is set. */
  enhanced?: MpaEnhanced;
  /** The user's private data, without the enhanced set-up's four bytes. */
  privateData: Uint8Array;
}

/** Which of the two frames. */
export type MpaKind = "request" | "reply";

/** The frame's bytes. Throws RangeError when the private data is longer than {@linkcode MPA_MAX_USER_DATA}. */
export function encodeMpaFrame(kind: MpaKind, frame: MpaFrame): Uint8Array<ArrayBuffer> {
  if (frame.privateData.length > MPA_MAX_USER_DATA) {
    throw new RangeError(`private data of ${frame.privateData.length} bytes: at most ${MPA_MAX_USER_DATA} fit`);
  }
  const enhancedSize = frame.enhanced === undefined ? 0 : 4;
  const bytes = new Uint8Array(MPA_HEADER_SIZE + enhancedSize + frame.privateData.length);
  const view = new DataView(bytes.buffer);
  bytes.set(kind === "request" ? REQUEST_KEY : REPLY_KEY);
  bytes[16] = (frame.markers ? MARKERS : 0) | (frame.crc ? CRC : 0) | (frame.reject ? REJECT : 0) |
    (frame.enhanced === undefined ? 0 : ENHANCED);
  bytes[17] = frame.revision;
  view.setUint16(18, enhancedSize + frame.privateData.length);
  if (frame.enhanced !== undefined) {
    const { ird, ord, peerToPeer, rtrSend, rtrWrite, rtrRead } = frame.enhanced;
    view.setUint16(20, (peerToPeer ? PEER_TO_PEER : 0) | (rtrSend ? RTR_SEND : 0) | Math.min(ird, MPA_DEPTH_UNKNOWN));
    view.setUint16(22, (rtrWrite ? RTR_WRITE : 0) | (rtrRead ? RTR_READ : 0) | Math.min(ord, MPA_DEPTH_UNKNOWN));
  }
  bytes.set(frame.privateData, MPA_HEADER_SIZE + enhancedSize);
  return bytes;
}

/**
 * Reads a frame from the start of a stream.
 *
 * @returns The frame and its size in bytes, or undefined while more bytes are needed. Private data is a copy.
 * Throws WireError as soon as the bytes so far cannot become a frame.
 */
export function decodeMpaFrame(kind: MpaKind, bytes: Uint8Array): { frame: MpaFrame; size: number } | undefined {
  const key = kind === "request" ? REQUEST_KEY : REPLY_KEY;
  for (let at = 0; at < Math.min(key.length, bytes.length); at++) {
    if (bytes[at] !== key[at]) throw new WireError("mpa", `${kind} key, byte ${at}`, bytes[at] ?? 0);
  }
  if (bytes.length < MPA_HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint8(16);
  const revision = view.getUint8(17);
  const dataSize = view.getUint16(18);
  if (revision < 1 || revision > 2) throw new WireError("mpa", "revision, 1 or 2 are known", revision);
  if (dataSize > MPA_MAX_PRIVATE_DATA) throw new WireError("mpa", "private data length, at most 512", dataSize);
  const enhanced = (flags & ENHANCED) !== 0 && revision === 2;
  if (enhanced && dataSize < 4) throw new WireError("mpa", "enhanced private data length, at least 4", dataSize);
  const size = MPA_HEADER_SIZE + dataSize;
  if (bytes.length < size) return undefined;
  const frame: MpaFrame = {
    markers: (flags & MARKERS) !== 0,
    crc: (flags & CRC) !== 0,
    reject: (flags & REJECT) !== 0,
    revision,
    privateData: bytes.slice(MPA_HEADER_SIZE + (enhanced ? 4 : 0), size),
  };
  if (enhanced) frame.enhanced = decodeEnhanced(view.getUint16(20), view.getUint16(22));
  return { frame, size };
}

function decodeEnhanced(irdWord: number, ordWord: number): MpaEnhanced {
  return {
    ird: irdWord & MPA_DEPTH_UNKNOWN,
    ord: ordWord & MPA_DEPTH_UNKNOWN,
    peerToPeer: (irdWord & PEER_TO_PEER) !== 0,
    rtrSend: (irdWord & RTR_SEND) !== 0,
    rtrWrite: (ordWord & RTR_WRITE) !== 0,
    rtrRead: (ordWord & RTR_READ) !== 0,
  };
}
