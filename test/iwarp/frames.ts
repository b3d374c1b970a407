/**
 * FPDUs written and read by hand, from the RFCs and not from src/iwarp: what a peer that is not ours would send.
 *
 * @module
 */
import { crc32c } from "../../src/rdma/crc32c.ts";
import { assertEquals, hex } from "../assert.ts";

/** All of them, one behind the other. */
export function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Bytes in hexadecimal. */
export function digits(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** 32 bits, most significant first, in hexadecimal. */
export function u32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

/** A ULPDU as MPA frames it: length, padding (zero unless told), CRC (or zero in its place). */
export function fpdu(ulpdu: Uint8Array, crc = true, padding = 0): Uint8Array<ArrayBuffer> {
  const padded = (2 + ulpdu.length + 3) & ~3;
  const bytes = new Uint8Array(padded + 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ulpdu.length);
  bytes.set(ulpdu, 2);
  bytes.fill(padding, 2 + ulpdu.length, padded);
  if (crc) view.setUint32(padded, crc32c(bytes.subarray(0, padded)), true);
  return bytes;
}

/** What a segment's header says; all that is left out is right for a whole, single-segment message. */
export interface Header {
  opcode: number;
  last?: boolean;
  ddpVersion?: number;
  rdmapVersion?: number;
  stag?: number;
  address?: bigint;
  queue?: number;
  sequence?: number;
  messageOffset?: number;
}

function controls(header: Header, tagged: boolean): number {
  const ddp = (tagged ? 0x80 : 0) | (header.last === false ? 0 : 0x40) | (header.ddpVersion ?? 1);
  const rdmap = (header.rdmapVersion ?? 1) << 6 | header.opcode;
  return ddp << 8 | rdmap;
}

/** A tagged segment (RFC 5041 §4.2). */
export function tagged(header: Header, payload: Uint8Array = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(14 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, controls(header, true));
  view.setUint32(2, header.stag ?? 0);
  view.setBigUint64(6, header.address ?? 0n);
  bytes.set(payload, 14);
  return bytes;
}

/** An untagged segment (RFC 5041 §4.3). */
export function untagged(header: Header, payload: Uint8Array = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
  const { stag = 0, queue = 0, sequence = 1, messageOffset = 0 } = header;
  const bytes = new Uint8Array(18 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, controls(header, false));
  [stag, queue, sequence, messageOffset].forEach((value, at) => view.setUint32(2 + 4 * at, value));
  bytes.set(payload, 18);
  return bytes;
}

/** A Read Request's payload (RFC 5040 §4.4). */
export function readRequest(
  sink: { stag: number; address: bigint },
  size: number,
  source: { stag: number; address: bigint },
): Uint8Array<ArrayBuffer> {
  const address = (value: bigint) => value.toString(16).padStart(16, "0");
  return hex(u32(sink.stag) + address(sink.address) + u32(size) + u32(source.stag) + address(source.address));
}

/** The ULPDUs of a stream that must consist of whole FPDUs; lengths, padding and CRCs are checked. */
export function ulpdusOf(stream: Uint8Array, crc = true): Uint8Array[] {
  const found: Uint8Array[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  let at = 0;
  while (at < stream.length) {
    const length = view.getUint16(at);
    const ulpdu = stream.slice(at + 2, at + 2 + length);
    const expected = fpdu(ulpdu, crc);
    assertEquals(digits(stream.subarray(at, at + expected.length)), digits(expected));
    found.push(ulpdu);
    at += expected.length;
  }
  return found;
}

/** An Atomic Request's payload (RFC 7306 §5.2.1). */
export function atomicRequest(
  operation: number,
  identifier: number,
  target: { stag: number; address: bigint },
  { value, mask, compare, compareMask }: { value: bigint; mask: bigint; compare: bigint; compareMask: bigint },
): Uint8Array<ArrayBuffer> {
  const words = [target.address, value, mask, compare, compareMask].map((word) => word.toString(16).padStart(16, "0"));
  return hex(u32(operation) + u32(identifier) + u32(target.stag) + words.join(""));
}

/** An Atomic Response's payload (RFC 7306 §5.2.2). */
export function atomicResponse(identifier: number, value: bigint): Uint8Array<ArrayBuffer> {
  return hex(u32(identifier) + value.toString(16).padStart(16, "0"));
}
