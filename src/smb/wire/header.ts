/**
 * The 64 bytes before every SMB2 message (MS-SMB2 2.2.1), in their synchronous and asynchronous form.
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import { HEADER_LENGTH, putSize } from "./cursor.ts";

export { HEADER_LENGTH, ID_LENGTH } from "./cursor.ts";

/** Where the header's 16-byte signature is; encoders leave zeros there. */
export const SIGNATURE_OFFSET = 48;
/** Bytes of the signature. */
export const SIGNATURE_LENGTH = 16;
/** The MessageId of what answers no request, such as a break: all ones on the wire. */
export const UNSOLICITED: number = -1;
/** The SessionId and TreeId that follow the message before in a related chain: all ones. */
export const RELATED_ID = 0xffff_ffff_ffff_ffffn;
/** The TreeId of a related request: all ones. */
export const RELATED_TREE = 0xffff_ffff;
/** Bytes of payload one credit pays for (MS-SMB2 3.1.5.2). */
export const CREDIT_BYTES = 65_536;

const PROTOCOL_ID = 0x424d_53fe;

/** What a message asks for or answers (MS-SMB2 2.2.1.2). */
export const Command = {
  /** Agree on a dialect. */
  NEGOTIATE: 0,
  /** Log on. */
  SESSION_SETUP: 1,
  /** Log off. */
  LOGOFF: 2,
  /** Reach a share. */
  TREE_CONNECT: 3,
  /** Leave it. */
  TREE_DISCONNECT: 4,
  /** Open or create a file. */
  CREATE: 5,
  /** Close it. */
  CLOSE: 6,
  /** Bring it to stable storage. */
  FLUSH: 7,
  /** Read from it. */
  READ: 8,
  /** Write to it. */
  WRITE: 9,
  /** Lock or unlock ranges of it. */
  LOCK: 10,
  /** Control it or the file system. */
  IOCTL: 11,
  /** Give up on a request; has no response. */
  CANCEL: 12,
  /** Ask whether the server is there. */
  ECHO: 13,
  /** List a directory. */
  QUERY_DIRECTORY: 14,
  /** Hear of changes to a directory. */
  CHANGE_NOTIFY: 15,
  /** Ask for attributes. */
  QUERY_INFO: 16,
  /** Change them. */
  SET_INFO: 17,
  /** An oplock or lease is broken, or that is acknowledged. */
  OPLOCK_BREAK: 18,
} as const;

const NAMES = Object.keys(Command);

/** The command's name, for logs and errors. */
export function commandName(command: number): string {
  return NAMES[command] ?? `command ${command}`;
}

/** The header's flags (MS-SMB2 2.2.1.2). */
export const HeaderFlag = {
  /** A response, or a server's own message. */
  RESPONSE: 0x1,
  /** AsyncId stands in place of TreeId. */
  ASYNC: 0x2,
  /** Belongs to the message before in its chain, and uses its session, tree and file. */
  RELATED: 0x4,
  /** Bears a signature. */
  SIGNED: 0x8,
  /** The mask of the priority, three bits, dialect 3.1.1. */
  PRIORITY: 0x70,
  /** A DFS path. */
  DFS: 0x1000_0000,
  /** Sent again after the first answer was lost. */
  REPLAY: 0x2000_0000,
} as const;

/** A header; one object is decoded into and encoded from again and again. */
export class Header {
  /** Credits the request uses up; 0 in dialect 2.0.2. */
  creditCharge = 0;
  /** The NTSTATUS of a response; of a request in dialect 3.x the ChannelSequence, at most 65,535. */
  status = 0;
  /** One of {@linkcode Command}. */
  command = 0;
  /** Credits a request asks for, or a response grants. */
  credits = 0;
  /** {@linkcode HeaderFlag}s. */
  flags = 0;
  /** Bytes from this header to the next one of a compound chain; 0 in the last. */
  nextCommand = 0;
  /** The request's number. {@linkcode UNSOLICITED} also stands for whatever a double does not hold. */
  messageId = 0;
  /** Names a request that the server answers later; only with {@linkcode HeaderFlag.ASYNC}. */
  asyncId = 0n;
  /** Reserved: 0, or 0xFEFF of old clients. */
  processId = 0;
  /** The share. */
  treeId = 0;
  /** The session. */
  sessionId = 0n;
}

/** Writes the header's 64 bytes at `at`, the signature zero, and returns their count. */
export function encodeHeader(view: DataView, at: number, header: Header): number {
  view.setUint32(at, PROTOCOL_ID, true);
  view.setUint16(at + 4, HEADER_LENGTH, true);
  view.setUint16(at + 6, header.creditCharge, true);
  view.setUint32(at + 8, header.status, true);
  view.setUint16(at + 12, header.command, true);
  view.setUint16(at + 14, header.credits, true);
  view.setUint32(at + 16, header.flags, true);
  view.setUint32(at + 20, header.nextCommand, true);
  if (header.messageId === UNSOLICITED) {
    view.setUint32(at + 24, 0xffff_ffff, true);
    view.setUint32(at + 28, 0xffff_ffff, true);
  } else putSize(view, at + 24, header.messageId);
  if ((header.flags & HeaderFlag.ASYNC) !== 0) view.setBigUint64(at + 32, header.asyncId, true);
  else {
    view.setUint32(at + 32, header.processId, true);
    view.setUint32(at + 36, header.treeId, true);
  }
  view.setBigUint64(at + 40, header.sessionId, true);
  for (let i = 0; i < SIGNATURE_LENGTH; i += 4) view.setUint32(at + SIGNATURE_OFFSET + i, 0, true);
  return HEADER_LENGTH;
}

/**
 * Reads the header of the message at `at` into `out`. Whether it is a response, and to what, is the caller's to check.
 *
 * @param length Bytes there are from `at` on, to the end of the chain.
 * @throws WireError when it is short, no SMB2, of an unknown command, or its NextCommand is not possible.
 */
export function decodeHeader(view: DataView, at: number, length: number, out: Header): void {
  if (length < HEADER_LENGTH || at < 0 || at + length > view.byteLength) {
    throw new WireError("smb2", "length of a message is at least 64", length);
  }
  const protocol = view.getUint32(at, true);
  if (protocol !== PROTOCOL_ID) throw new WireError("smb2", "ProtocolId is 0xFE 'SMB'", protocol);
  const size = view.getUint16(at + 4, true);
  if (size !== HEADER_LENGTH) throw new WireError("smb2", "StructureSize of a header is 64", size);
  out.creditCharge = view.getUint16(at + 6, true);
  out.status = view.getUint32(at + 8, true);
  out.command = view.getUint16(at + 12, true);
  out.credits = view.getUint16(at + 14, true);
  out.flags = view.getUint32(at + 16, true);
  out.nextCommand = view.getUint32(at + 20, true);
  const high = view.getUint32(at + 28, true);
  out.messageId = high < 0x20_0000 ? high * 0x1_0000_0000 + view.getUint32(at + 24, true) : UNSOLICITED;
  const async = (out.flags & HeaderFlag.ASYNC) !== 0;
  out.asyncId = async ? view.getBigUint64(at + 32, true) : 0n;
  out.processId = async ? 0 : view.getUint32(at + 32, true);
  out.treeId = async ? 0 : view.getUint32(at + 36, true);
  out.sessionId = view.getBigUint64(at + 40, true);
  if (out.command > Command.OPLOCK_BREAK) throw new WireError("smb2", "Command is at most 18", out.command);
  checkNext(out.nextCommand, length);
}

/** Refuses a NextCommand that is not aligned, or leaves no room for a header on either side of it. */
function checkNext(next: number, length: number): void {
  if (next === 0) return;
  if (next % 8 !== 0) throw new WireError("smb2", "NextCommand is a multiple of 8", next);
  if (next < HEADER_LENGTH || next + HEADER_LENGTH > length) {
    throw new WireError("smb2", "NextCommand is a header within the chain", next);
  }
}

/** The credits a request costs that sends or asks for `bytes` of payload, whichever is more (MS-SMB2 3.1.5.2). */
export function creditChargeOf(bytes: number): number {
  return 1 + Math.floor((Math.max(bytes, 1) - 1) / CREDIT_BYTES);
}
