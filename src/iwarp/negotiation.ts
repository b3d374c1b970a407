/**
 * What the two ends of an iWARP connection agree on while it is set up (RFC 5044 §7, RFC 6581). No I/O: frames in,
 * frames and an {@linkcode Agreement} out.
 *
 * @module
 */
import { VerbsError, WireError } from "../rdma/errors.ts";
import { printable } from "../rdma/private_data.ts";
import { MPA_DEPTH_UNKNOWN, type MpaEnhanced, type MpaFrame } from "./mpa.ts";

/** The frame by which an initiator shows that it is ready to receive (RFC 6581 §4.2). */
export type ReadyToReceive = "none" | "send" | "write" | "read";

/** What this side wants of a connection. */
export interface MpaWishes {
  /** CRCs on every FPDU; used if either side wants them. */
  crc: boolean;
  /** RDMA Reads outstanding in each direction. */
  readDepth: number;
  /** MPA revision to ask for; 1 knows neither IRD and ORD nor ready-to-receive frames. */
  revision: 1 | 2;
  /** The user's private data. */
  privateData: Uint8Array;
}

/** What both sides will do. */
export interface Agreement {
  /** Whether FPDUs carry CRCs. */
  readonly crc: boolean;
  /** RDMA Reads the peer may have outstanding here. */
  readonly ird: number;
  /** RDMA Reads this side may have outstanding. */
  readonly ord: number;
  /** The ready-to-receive frame that opens the initiator's stream. */
  readonly readyToReceive: ReadyToReceive;
  /** The peer's private data. */
  readonly privateData: Uint8Array;
}

/** An initiator's request. */
export function requestFrame(wishes: MpaWishes): MpaFrame {
  const frame: MpaFrame = {
    markers: false,
    crc: wishes.crc,
    reject: false,
    revision: wishes.revision,
    privateData: wishes.privateData,
  };
  if (wishes.revision === 2) {
    frame.enhanced = {
      ird: wishes.readDepth,
      ord: wishes.readDepth,
      // Hardware insists on peer-to-peer and takes either frame; siw takes the Write (RFC 6581 §4.2).
      peerToPeer: true,
      rtrSend: false,
      rtrWrite: true,
      rtrRead: true,
    };
  }
  return frame;
}

// A peer of revision 1 does not say how many Reads it will have outstanding: hold as many as any stack issues.
const UNANNOUNCED_READS = 128;

/** What an initiator makes of the reply to its request. Throws VerbsError `rejected`, WireError. */
export function agreeAsInitiator(wishes: MpaWishes, reply: MpaFrame, peer: string): Agreement {
  if (reply.reject) {
    const words = printable(reply.privateData);
    throw new VerbsError(`connect ${peer}`, "rejected", words === "" ? "the peer refused the connection" : words);
  }
  if (reply.markers) throw new WireError("mpa", "reply flags, markers were not offered", "M");
  const crc = wishes.crc || reply.crc;
  if (wishes.revision === 2 && reply.enhanced !== undefined) {
    const { ird, ord } = reply.enhanced;
    return {
      crc,
      ird: depth(wishes.readDepth, ord),
      ord: depth(wishes.readDepth, ird),
      readyToReceive: readyToReceive(reply.enhanced),
      privateData: reply.privateData,
    };
  }
  return {
    crc,
    ird: UNANNOUNCED_READS,
    ord: wishes.readDepth,
    readyToReceive: "none",
    privateData: reply.privateData,
  };
}

/** A responder's reply to a request, and what it commits to. Throws WireError when the request asks for markers. */
export function agreeAsResponder(wishes: MpaWishes, request: MpaFrame): { reply: MpaFrame; agreement: Agreement } {
  if (request.markers) throw new WireError("mpa", "request flags, markers are not supported", "M");
  const crc = wishes.crc || request.crc;
  const reply: MpaFrame = {
    markers: false,
    crc,
    reject: false,
    revision: request.revision,
    privateData: wishes.privateData,
  };
  let ird = UNANNOUNCED_READS;
  let ord = wishes.readDepth;
  let ready: ReadyToReceive = "none";
  if (request.enhanced !== undefined) {
    ird = depth(wishes.readDepth, request.enhanced.ord);
    ord = depth(wishes.readDepth, request.enhanced.ird);
    ready = request.enhanced.peerToPeer ? readyToReceive(request.enhanced) : "none";
    reply.enhanced = {
      ird,
      ord,
      peerToPeer: ready !== "none",
      rtrSend: ready === "send",
      rtrWrite: ready === "write",
      rtrRead: ready === "read",
    };
  }
  return { reply, agreement: { crc, ird, ord, readyToReceive: ready, privateData: request.privateData } };
}

/** A reply that refuses `request`. */
export function rejectFrame(request: MpaFrame, privateData: Uint8Array): MpaFrame {
  const frame: MpaFrame = { markers: false, crc: request.crc, reject: true, revision: request.revision, privateData };
  if (request.enhanced !== undefined) {
    frame.enhanced = { ird: 0, ord: 0, peerToPeer: false, rtrSend: false, rtrWrite: false, rtrRead: false };
  }
  return frame;
}

function depth(own: number, peer: number): number {
  return peer === MPA_DEPTH_UNKNOWN ? own : Math.min(own, peer);
}

// Of several offered the Write: it needs no answer and no read queue.
function readyToReceive(enhanced: MpaEnhanced): ReadyToReceive {
  if (enhanced.rtrWrite) return "write";
  if (enhanced.rtrRead) return "read";
  return enhanced.rtrSend ? "send" : "none";
}
