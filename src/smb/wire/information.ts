/**
 * QUERY_INFO and SET_INFO: attributes of files and file systems, one class at a time (MS-SMB2 2.2.37 to 2.2.40).
 *
 * @module
 */
import { checkFits, Reader, Writer } from "./cursor.ts";

/** What the information is of. */
export const InfoType = {
  /** A file. */
  FILE: 1,
  /** A file system. */
  FILE_SYSTEM: 2,
  /** A security descriptor. */
  SECURITY: 3,
  /** Quotas. */
  QUOTA: 4,
} as const;

/** Classes of information on a file (MS-FSCC 2.4). */
export const FileClass = {
  /** Times and attributes. */
  BASIC: 4,
  /** Sizes and links. */
  STANDARD: 5,
  /** The file's id. */
  INTERNAL: 6,
  /** Bytes of extended attributes. */
  EA: 7,
  /** Rights of this open. */
  ACCESS: 8,
  /** A new name. */
  RENAME: 10,
  /** A further name. */
  LINK: 11,
  /** To be deleted, or not. */
  DISPOSITION: 13,
  /** The current offset. */
  POSITION: 14,
  /** How it was opened. */
  MODE: 16,
  /** How its buffers are to be aligned. */
  ALIGNMENT: 17,
  /** The most of these at once. */
  ALL: 18,
  /** Bytes set aside. */
  ALLOCATION: 19,
  /** Bytes in it. */
  END_OF_FILE: 20,
  /** Times, sizes and attributes. */
  NETWORK_OPEN: 34,
  /** To be deleted as POSIX does. */
  DISPOSITION_EX: 64,
} as const;

/** Classes of information on a file system (MS-FSCC 2.5). */
export const FileSystemClass = {
  /** Its label and serial number. */
  VOLUME: 1,
  /** How much there is and is free. */
  SIZE: 3,
  /** What it can do. */
  ATTRIBUTE: 5,
  /** How much there is, and is free to whom. */
  FULL_SIZE: 7,
} as const;

/** Where SET_INFO's information starts, from the header. */
const SET_OFFSET = 96;
/** Where QUERY_INFO's input starts, from the header. */
const QUERY_OFFSET = 104;

/** What to ask. */
export interface QueryInfoRequest {
  /** The open file, 16 bytes. */
  readonly fileId: Uint8Array;
  /** One of {@linkcode InfoType}. */
  readonly infoType: number;
  /** One of {@linkcode FileClass} or {@linkcode FileSystemClass}. */
  readonly infoClass: number;
  /** The most bytes of the answer. */
  readonly maxOutput: number;
  /** Which parts of a security descriptor; else 0. */
  readonly additional: number;
  /** What is asked in particular, such as which extended attributes; else nothing. */
  readonly input: Uint8Array;
}

/** What to change. */
export interface SetInfoRequest {
  /** The open file, 16 bytes. */
  readonly fileId: Uint8Array;
  /** One of {@linkcode InfoType}. */
  readonly infoType: number;
  /** One of {@linkcode FileClass}. */
  readonly infoClass: number;
  /** Which parts of a security descriptor; else 0. */
  readonly additional: number;
  /** The information. */
  readonly information: Uint8Array;
}

/** Writes the body of a QUERY_INFO request and returns the message's length. */
export function encodeQueryInfoRequest(view: DataView, at: number, request: QueryInfoRequest): number {
  checkFits("InfoType", request.infoType, 0xff);
  checkFits("FileInfoClass", request.infoClass, 0xff);
  const { input } = request;
  const writer = Writer.ofBody(view, at, 41);
  writer.u8(request.infoType);
  writer.u8(request.infoClass);
  writer.u32(request.maxOutput);
  writer.u16(input.length === 0 ? 0 : QUERY_OFFSET);
  writer.u16(0);
  writer.u32(input.length);
  writer.u32(request.additional);
  writer.u32(0);
  writer.id(request.fileId);
  writer.bytes(input);
  return writer.length;
}

/**
 * Writes the body of a SET_INFO request and returns the message's length; {@linkcode decodeSetInfoResponse} reads the
 * answer.
 */
export function encodeSetInfoRequest(view: DataView, at: number, request: SetInfoRequest): number {
  checkFits("InfoType", request.infoType, 0xff);
  checkFits("FileInfoClass", request.infoClass, 0xff);
  const writer = Writer.ofBody(view, at, 33);
  writer.u8(request.infoType);
  writer.u8(request.infoClass);
  writer.u32(request.information.length);
  writer.u16(SET_OFFSET);
  writer.u16(0);
  writer.u32(request.additional);
  writer.id(request.fileId);
  writer.bytes(request.information);
  return writer.length;
}

/**
 * The output, a view, of a response to QUERY_INFO, QUERY_DIRECTORY or CHANGE_NOTIFY: they are alike.
 *
 * @param asked The most bytes asked for, which the output must not exceed.
 * @throws WireError when it does not hold.
 */
export function decodeOutputResponse(view: DataView, at: number, length: number, asked: number): Uint8Array {
  const reader = Reader.ofBody("query response", view, at, length, 9);
  const offset = reader.u16();
  const size = reader.u32();
  if (size > asked) reader.fail("OutputBufferLength is no more than asked for", size);
  return reader.block(offset, size, "the output");
}
