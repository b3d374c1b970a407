/**
 * What MessagePack may hold in the engine's messages, checked before a general decoder sees it.
 *
 * The decoder knows extensions of its own: records, structured clones with references, regular expressions. A peer could
 * use them to make a short message unfold into gigabytes, so nothing passes here but nil, booleans, numbers, strings,
 * arrays and maps.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** Arrays and maps within one another, at most; a message has three. */
const MAX_DEPTH = 8;
/** Elements of one array, and entries of one map; a message has eleven at most. */
const MAX_ENTRIES = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true });

// Where the keys of each open map begin and end, a row for each depth: filled and read within one call.
const keyStarts = new Int32Array((MAX_DEPTH + 1) * MAX_ENTRIES);
const keyEnds = new Int32Array((MAX_DEPTH + 1) * MAX_ENTRIES);

/**
 * Throws WireError unless `bytes` are one whole value: no extension, strings in UTF-8, keys that are strings and differ,
 * at most 64 entries a map or array and eight of those within one another.
 */
export function checkMessagePack(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = checkValue(bytes, view, 0, 0);
  if (end !== bytes.length) throw refusal("bytes behind the message", bytes.length - end);
}

function refusal(field: string, value: number | string): WireError {
  return new WireError("engine", `MessagePack: ${field}`, value);
}

/** Checks the value at `at`, and returns where the next one begins. */
function checkValue(bytes: Uint8Array, view: DataView, at: number, depth: number): number {
  const token = byteAt(bytes, at);
  const next = at + 1;
  if (token < 0x80 || token >= 0xe0) return next; // small integers
  if (token < 0x90) return checkMap(bytes, view, next, token & 0x0f, depth);
  if (token < 0xa0) return checkArray(bytes, view, next, token & 0x0f, depth);
  if (token < 0xc0) return checkString(bytes, next, token & 0x1f);
  if (token >= 0xc4 && token <= 0xc6 || token >= 0xd9) { // binary, strings, arrays and maps with a length of their own
    const width = LENGTH_WIDTHS[token - 0xc4] ?? 0;
    const length = readLength(bytes, view, next, width);
    const start = next + width;
    if (token <= 0xc6) return within(bytes, start, length);
    if (token <= 0xdb) return checkString(bytes, start, length);
    if (token <= 0xdd) return checkArray(bytes, view, start, length, depth);
    return checkMap(bytes, view, start, length, depth);
  }
  const size = SCALAR_SIZES[token - 0xc0] ?? -1;
  if (size < 0) throw refusal("type", `0x${token.toString(16)}`);
  return within(bytes, next, size);
}

/** Bytes behind the tokens 0xc0 … 0xd3: nil, false, true, floats and integers; -1 for what is not allowed or not a scalar. */
const SCALAR_SIZES = [0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

/** Bytes of the length behind the tokens 0xc4 … 0xc6 and 0xd9 … 0xdf. */
const LENGTH_WIDTHS = [1, 2, 4, ...new Array<number>(18).fill(0), 1, 2, 4, 2, 4, 2, 4];

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw refusal("ends early, bytes", bytes.length);
  return byte;
}

function within(bytes: Uint8Array, start: number, length: number): number {
  if (length > bytes.length - start) throw refusal("ends early, bytes", bytes.length);
  return start + length;
}

function readLength(bytes: Uint8Array, view: DataView, at: number, width: number): number {
  within(bytes, at, width);
  return width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at);
}

function checkString(bytes: Uint8Array, start: number, length: number): number {
  const end = within(bytes, start, length);
  for (let at = start; at < end; at++) {
    if ((bytes[at] as number) < 0x80) continue;
    try {
      utf8.decode(bytes.subarray(start, end));
      return end;
    } catch {
      throw refusal("string that is not UTF-8, bytes", length);
    }
  }
  return end;
}

function open(length: number, depth: number): void {
  if (depth >= MAX_DEPTH) throw refusal("depth", depth + 1);
  if (length > MAX_ENTRIES) throw refusal("entries", length);
}

function checkArray(bytes: Uint8Array, view: DataView, start: number, length: number, depth: number): number {
  open(length, depth);
  let at = start;
  for (let index = 0; index < length; index++) at = checkValue(bytes, view, at, depth + 1);
  return at;
}

function checkMap(bytes: Uint8Array, view: DataView, first: number, length: number, depth: number): number {
  open(length, depth);
  const row = depth * MAX_ENTRIES;
  let at = first;
  for (let index = 0; index < length; index++) {
    const start = keyContent(byteAt(bytes, at), at);
    const end = checkValue(bytes, view, at, depth + 1);
    keyStarts[row + index] = start;
    keyEnds[row + index] = end;
    for (let other = row; other < row + index; other++) {
      if (sameBytes(bytes, start, end, keyStarts[other] as number, keyEnds[other] as number)) {
        throw refusal("key that comes twice, at byte", at);
      }
    }
    at = checkValue(bytes, view, end, depth + 1);
  }
  return at;
}

/** Where the bytes of the string at `at` begin. */
function keyContent(token: number, at: number): number {
  if (token >= 0xa0 && token < 0xc0) return at + 1;
  if (token >= 0xd9 && token <= 0xdb) return at + 1 + (LENGTH_WIDTHS[token - 0xc4] as number);
  throw refusal("key of type", `0x${token.toString(16)}`);
}

function sameBytes(bytes: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  const length = end - start;
  if (length !== otherEnd - otherStart) return false;
  for (let index = 0; index < length; index++) if (bytes[start + index] !== bytes[otherStart + index]) return false;
  return true;
}
