/**
 * What perftest's two sides tell each other before anything else.
 *
 * @module
 */
import { ibv_mtu } from "../../ffi/mod.ts";
import { WireError } from "../rdma/errors.ts";

/** Bytes of a version. */
export const VERSION_SIZE = 16;
/** Bytes of a number. */
export const NUMBER_SIZE = 4;
/** Bytes of an MTU. */
export const MTU_SIZE = 2;

/**
 * The release whose protocol is spoken here. Those from 6.28 on exchange their settings, too, with each other, and refuse
 * a peer whose settings they do not know; to those before that, and from 5.70 on, they speak as here.
 */
export const VERSION = "6.06";
const OLDEST = 5.7;

/** The block that small messages go round in, unless the peer's is greater: a page. */
export const CYCLE_SIZE = 4_096;
/** The greatest such block that a peer may have. */
const MAX_CYCLE_SIZE = 1 << 21;
/** The distance between them, unless the peer's is greater. */
export const CACHE_LINE_SIZE = 64;
const MAX_CACHE_LINE_SIZE = 4_096;

/** A version as its 16 bytes. */
export function encodeVersion(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(VERSION_SIZE);
  new TextEncoder().encodeInto(VERSION, bytes);
  return bytes;
}

/** Reads a peer's version. Throws WireError for one that is none, or too old. */
export function decodeVersion(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const text = new TextDecoder("latin1").decode(end < 0 ? bytes : bytes.subarray(0, end));
  if (!/^\d{1,3}\.\d{1,4}/.test(text)) throw new WireError("perftest", "version", JSON.stringify(text));
  if (parseFloat(text) < OLDEST) throw new WireError("perftest", `version, ${OLDEST.toFixed(2)} or newer`, text);
  return text;
}

/** A number as 4 bytes. */
export function encodeNumber(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(NUMBER_SIZE);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

/** The greater of this side's block and the peer's. Throws WireError for one beyond 2 MiB. */
export function decodeCycleSize(bytes: Uint8Array<ArrayBuffer>): number {
  return greater(bytes, "cycle buffer", CYCLE_SIZE, MAX_CYCLE_SIZE);
}

/** The greater of this side's distance and the peer's. Throws WireError for one beyond a page. */
export function decodeCacheLineSize(bytes: Uint8Array<ArrayBuffer>): number {
  return greater(bytes, "cache line", CACHE_LINE_SIZE, MAX_CACHE_LINE_SIZE);
}

function greater(bytes: Uint8Array<ArrayBuffer>, name: string, own: number, most: number): number {
  const value = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
  if (value < 0 || value > most) throw new WireError("perftest", `${name} size`, value);
  return Math.max(value, own);
}

/** An MTU, of `ibv_mtu`, as a digit and a NUL. */
export function encodeMtu(mtu: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(48 + mtu, 0);
}

/** The lesser of this side's MTU and the peer's. Throws WireError for what is no `ibv_mtu`. */
export function decodeMtu(bytes: Uint8Array, own: number): number {
  const value = (bytes[0] ?? 0) - 48;
  if (value >= ibv_mtu.IBV_MTU_256 && value <= ibv_mtu.IBV_MTU_4096) return Math.min(value, own);
  throw new WireError("perftest", "MTU", bytes[0] ?? 0);
}
