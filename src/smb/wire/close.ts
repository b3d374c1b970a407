/**
 * CLOSE and FLUSH (MS-SMB2 2.2.15 to 2.2.18).
 *
 * @module
 */
import { Reader, Writer } from "./cursor.ts";
import { type FileNetworkOpen, takeNetworkOpen } from "./network_open.ts";

/** Asks CLOSE for the file's last attributes; in a response: they are there. */
export const CLOSE_POSTQUERY = 1;

/** The file as it was closed; all 0 unless flags say {@linkcode CLOSE_POSTQUERY}. Times are FILETIMEs, sizes bytes. */
export interface CloseResponse extends FileNetworkOpen {
  /** 0 or {@linkcode CLOSE_POSTQUERY}. */
  readonly flags: number;
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
  return { flags, ...takeNetworkOpen(reader, "EndofFile") };
}

/** Writes the body of a FLUSH request and returns the message's length; {@linkcode decodeEmpty} reads the response. */
export function encodeFlushRequest(view: DataView, at: number, fileId: Uint8Array): number {
  const writer = Writer.ofBody(view, at, 24);
  writer.zero(6);
  writer.id(fileId);
  return writer.length;
}
