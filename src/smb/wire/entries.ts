/**
 * Lists whose entries each say how far the next one is: directories, changes, network interfaces.
 *
 * @module
 */
import { Reader } from "./cursor.ts";

/**
 * The entries of a list, each from the start of its fixed fields, NextEntryOffset read. Every step goes on by at least
 * `fixed` bytes, so that a list ends.
 *
 * @throws WireError when an entry does not lie within `bytes`.
 */
export function* entriesOf(what: string, bytes: Uint8Array, fixed: number): Generator<Reader, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const reader = new Reader(what, view, at, bytes.length - at);
    const next = reader.u32();
    yield reader;
    if (next === 0) return;
    if (next < fixed || at + next >= bytes.length) reader.fail("NextEntryOffset is an entry within the list", next);
    at += next;
  }
}
