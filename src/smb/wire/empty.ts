/**
 * Bodies that say nothing: LOGOFF, TREE_DISCONNECT, ECHO and CANCEL both ways, and the responses to FLUSH and LOCK
 * (MS-SMB2 2.2.7, 2.2.8, 2.2.11, 2.2.12, 2.2.18, 2.2.27 to 2.2.30). SET_INFO's response has even less.
 *
 * @module
 */
import { Reader, Writer } from "./cursor.ts";

/** Writes an empty body and returns the message's length, 68. */
export function encodeEmpty(view: DataView, at: number): number {
  const writer = Writer.ofBody(view, at, 4);
  writer.u16(0);
  return writer.length;
}

/**
 * Checks an empty body.
 *
 * @throws WireError when it is short or of another size.
 */
export function decodeEmpty(view: DataView, at: number, length: number): void {
  Reader.ofBody("an empty message", view, at, length, 4).u16();
}

/**
 * Checks the body of a SET_INFO response, which is its StructureSize alone.
 *
 * @throws WireError when it is short or of another size.
 */
export function decodeSetInfoResponse(view: DataView, at: number, length: number): void {
  Reader.ofBody("SET_INFO response", view, at, length, 2);
}
