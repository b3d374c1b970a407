/**
 * MessagePack as the engine's messages have it, decoded and checked in one go.
 *
 * General decoders know extensions of their own: records, structured clones with references, regular expressions. A peer
 * could use them to make a short message unfold into gigabytes, so nothing is decoded here but nil, booleans, numbers,
 * strings, binary, arrays and maps.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** Arrays and maps within one another, at most; a message has three. */
const MAX_DEPTH = 8;
/** Elements of one array, and entries of one map; a message has twelve at most. */
const MAX_ENTRIES = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Strings that come again and again: they are found by their bytes, and need not be made each time. */
export class KnownStrings {
  readonly #byLength: { readonly text: string; readonly bytes: Uint8Array }[][] = [];

  /** Knows these. */
  constructor(texts: Iterable<string>) {
    const encoder = new TextEncoder();
    for (const text of new Set(texts)) {
      const bytes = encoder.encode(text);
      (this.#byLength[bytes.length] ??= []).push({ text, bytes });
    }
  }

  /** The string that `length` bytes at `start` are, where it is known. */
  find(bytes: Uint8Array, start: number, length: number): string | undefined {
    const candidates = this.#byLength[length];
    if (candidates === undefined) return undefined;
    for (const candidate of candidates) {
      let at = 0;
      while (at < length && candidate.bytes[at] === bytes[start + at]) at++;
      if (at === length) return candidate.text;
    }
    return undefined;
  }
}

/**
 * The one value that `bytes` are: nil as null, 64-bit integers as bigints and all other numbers as numbers, binary as a
 * view of `bytes`, maps as Maps. Throws WireError for extensions, strings that are not UTF-8, keys that are no strings or
 * come twice, more than 64 entries a map or array or eight of those within one another, and bytes missing or left over.
 */
export function decodeMessagePack(bytes: Uint8Array, known: KnownStrings): unknown {
  const decoder = new Decoder(bytes, known);
  const value = decoder.value(0);
  if (decoder.at !== bytes.length) throw refusal("bytes behind the message", bytes.length - decoder.at);
  return value;
}

function refusal(field: string, value: number | string): WireError {
  return new WireError("engine", `MessagePack: ${field}`, value);
}

class Decoder {
  /** The next byte. */
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #known: KnownStrings;

  constructor(bytes: Uint8Array, known: KnownStrings) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#known = known;
  }

  /** Takes the next value, which lies in so many arrays and maps. */
  value(depth: number): unknown {
    const token = this.#view.getUint8(this.#take(1));
    if (token < 0x80) return token;
    if (token < 0x90) return this.#map(token & 0x0f, depth);
    if (token < 0xa0) return this.#array(token & 0x0f, depth);
    if (token < 0xc0) return this.#string(token & 0x1f);
    if (token >= 0xe0) return token - 0x100;
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#binary(this.#length(1 << token - 0xc4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#length(1 << token - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(2 << token - 0xdc), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#length(2 << token - 0xde), depth);
      default:
        return this.#number(token);
    }
  }

  #number(token: number): number | bigint {
    const view = this.#view;
    switch (token) {
      case 0xca:
        return view.getFloat32(this.#take(4));
      case 0xcb:
        return view.getFloat64(this.#take(8));
      case 0xcc:
        return view.getUint8(this.#take(1));
      case 0xcd:
        return view.getUint16(this.#take(2));
      case 0xce:
        return view.getUint32(this.#take(4));
      case 0xcf:
        return view.getBigUint64(this.#take(8));
      case 0xd0:
        return view.getInt8(this.#take(1));
      case 0xd1:
        return view.getInt16(this.#take(2));
      case 0xd2:
        return view.getInt32(this.#take(4));
      case 0xd3:
        return view.getBigInt64(this.#take(8));
      default:
        throw refusal("type", `0x${token.toString(16)}`);
    }
  }

  /** Goes beyond the next `count` bytes, and says where they begin. */
  #take(count: number): number {
    const start = this.at;
    if (count > this.#bytes.length - start) throw refusal("ends early, bytes", this.#bytes.length);
    this.at = start + count;
    return start;
  }

  #length(width: number): number {
    const at = this.#take(width);
    return width === 1 ? this.#view.getUint8(at) : width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #binary(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  #string(length: number): string {
    const start = this.#take(length);
    return this.#known.find(this.#bytes, start, length) ?? this.#text(this.#bytes.subarray(start, start + length));
  }

  #text(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes);
    } catch {
      throw refusal("string that is not UTF-8, bytes", bytes.length);
    }
  }

  #array(length: number, depth: number): unknown[] {
    open(length, depth);
    const values: unknown[] = [];
    for (let index = 0; index < length; index++) values.push(this.value(depth + 1));
    return values;
  }

  #map(length: number, depth: number): Map<string, unknown> {
    open(length, depth);
    const entries = new Map<string, unknown>();
    for (let index = 0; index < length; index++) {
      const at = this.at;
      const key = this.#key();
      if (entries.has(key)) throw refusal("key that comes twice, at byte", at);
      entries.set(key, this.value(depth + 1));
    }
    return entries;
  }

  #key(): string {
    const token = this.#view.getUint8(this.#take(1));
    if (token >= 0xa0 && token < 0xc0) return this.#string(token & 0x1f);
    if (token >= 0xd9 && token <= 0xdb) return this.#string(this.#length(1 << token - 0xd9));
    throw refusal("key of type", `0x${token.toString(16)}`);
  }
}

function open(length: number, depth: number): void {
  if (depth >= MAX_DEPTH) throw refusal("depth", depth + 1);
  if (length > MAX_ENTRIES) throw refusal("entries", length);
}
