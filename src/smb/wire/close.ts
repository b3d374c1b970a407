/**
 * CLOSE and FLUSH (MS-SMB2 2.2.15 to 2.2.18).
 *
 * @module
 */
import { Reader, Writer } from "./cursor.ts";

/** Asks CLOSE for the file's last attributes; in a response: they are there. */
export const CLOSE_POSTQUERY = 1;

/** The file as it was closed; all 0 unless flags say {@linkcode CLOSE_POSTQUERY}. Times are FILETIMEs, sizes bytes. */
export interface CloseResponse {
  /** 0 or {@linkcode CLOSE_POSTQUERY}. */
  readonly flags: number;
  /** When it was created. */
  readonly creationTime: bigint;
  /** When it was last read. */
  readonly lastAccessTime: bigint;
  /** When it was last written. */
  readonly lastWriteTime: bigint;
  /** When its data or attributes last changed. */
  readonly changeTime: bigint;
  /** Bytes set aside for it. */
  readonly allocationSize: number;
  /** Bytes in it. */
  readonly endOfFile: number;
  /** FileAttributes. */
  readonly attributes: number;
}

/** Writes the body of a CLOSE request and returns the message's length. */
export function encodeCloseRequest(view: DataView, at: number, fileId: Uint8Array, flags = 0): number {
  const writer = Writer.ofBody(view, at, 24);
  writer.u16(flags);
  writer.u32(0);
  writer.id(fileId);
  return writer.length;
}

/**
 * Reads a CLOSE response.
 *
 * @throws WireError when it does not hold.
 */
export function decodeCloseResponse(view: DataView, at: number, length: number): CloseResponse {
  const reader = Reader.ofBody("CLOSE response", view, at, length, 60);
  const flags = reader.u16();
  reader.skip(4);
  return {
    flags,
    creationTime: reader.u64(),
    lastAccessTime: reader.u64(),
    lastWriteTime: reader.u64(),
    changeTime: reader.u64(),
    allocationSize: reader.size("AllocationSize"),
    endOfFile: reader.size("EndofFile"),
    attributes: reader.u32(),
  };
}

/** Writes the body of a FLUSH request and returns the message's length; {@linkcode decodeEmpty} reads the response. */
export function encodeFlushRequest(view: DataView, at: number, fileId: Uint8Array): number {
  const writer = Writer.ofBody(view, at, 24);
  writer.zero(6);
  writer.id(fileId);
  return writer.length;
}
