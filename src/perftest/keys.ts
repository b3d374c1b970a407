/**
 * What perftest's two sides must know of each other to connect queue pairs and to reach each other's memory: as text over
 * TCP, and as a struct over a connection of rdma_cm.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** One side. */
export interface Keys {
  /** The port's local identifier, on InfiniBand. */
  lid: number;
  /** RDMA Reads that it takes at once. */
  reads: number;
  /** The number of its queue pair, 24 bits. */
  queuePair: number;
  /** The packet number that it starts to send with, 24 bits. */
  packetNumber: number;
  /** The key to its memory. */
  remoteKey: number;
  /** Where its memory is. */
  address: bigint;
  /** Its GID; of text, undefined where no global route is meant. */
  gid: Uint8Array<ArrayBuffer> | undefined;
}

/** Keys of nobody: where an exchange is but a signal. */
export const NO_KEYS: Readonly<Keys> = {
  lid: 0,
  reads: 0,
  queuePair: 0,
  packetNumber: 0,
  remoteKey: 0,
  address: 0n,
  gid: undefined,
};

/** Bytes of a line without GID. */
const PLAIN_LINE_SIZE = 59;
/** Bytes of a line with GID. */
const GID_LINE_SIZE = 108;
/** Bytes of the struct. */
export const KEY_STRUCT_SIZE = 56;
const GID_SIZE = 16;

/** Bytes of a line: both sides have a GID in it, or neither. */
export function keyLineSize(withGid: boolean): number {
  return withGid ? GID_LINE_SIZE : PLAIN_LINE_SIZE;
}

/** The keys as a line. Throws RangeError for a number that does not fit its word: C's parsers would overrun. */
export function encodeKeyLine(keys: Readonly<Keys>): Uint8Array<ArrayBuffer> {
  const words = [
    hexadecimal(keys.lid, 4),
    hexadecimal(keys.reads, 4),
    hexadecimal(keys.queuePair, 6),
    hexadecimal(keys.packetNumber, 6),
    hexadecimal(keys.remoteKey, 8),
    hexadecimal(keys.address, 16),
    ...Array.from(keys.gid ?? [], (byte) => hexadecimal(byte, 2)),
    hexadecimal(0, 8), // the number of a shared receive queue
  ];
  const bytes = new Uint8Array(keyLineSize(keys.gid !== undefined)); // a NUL, or more, at the end
  new TextEncoder().encodeInto(words.join(":") + (keys.gid === undefined ? "" : ":"), bytes);
  return bytes;
}

/** Words of a line before the GID: their names, and how many bits they may have. */
const WORDS: readonly [string, number][] = [
  ["lid", 16],
  ["reads", 16],
  ["queue pair", 24],
  ["packet number", 24],
  ["remote key", 32],
  ["address", 64],
];

/** Reads a line. Throws WireError that names the word that is wrong. */
export function decodeKeyLine(bytes: Uint8Array, withGid: boolean): Keys {
  const end = bytes.indexOf(0);
  const words = new TextDecoder("latin1").decode(end < 0 ? bytes : bytes.subarray(0, end)).split(":");
  const wanted = WORDS.length + 1 + (withGid ? GID_SIZE + 1 : 0); // the last ends with a colon
  if (words.length !== wanted) throw new WireError("perftest", `words of a key line, ${wanted}`, words.length);
  const [lid, reads, queuePair, packetNumber, remoteKey] = WORDS.slice(0, 5).map(([name, bits], index) =>
    Number(parseWord(words[index] ?? "", name, bits))
  ) as [number, number, number, number, number];
  const address = parseWord(words[5] ?? "", "address", 64);
  const gid = withGid
    ? Uint8Array.from(words.slice(6, 6 + GID_SIZE), (word) => Number(parseWord(word, "GID", 8)))
    : undefined;
  return { lid, reads, queuePair, packetNumber, remoteKey, address, gid };
}

function parseWord(word: string, name: string, bits: number): bigint {
  const value = /^[0-9a-f]{1,16}$/.test(word) ? BigInt(`0x${word}`) : undefined;
  if (value === undefined || value >> BigInt(bits) !== 0n) {
    throw new WireError("perftest", `${name} of a key line`, JSON.stringify(word));
  }
  return value;
}

function hexadecimal(value: number | bigint, digits: number): string {
  const word = value.toString(16).padStart(digits, "0");
  if (word.length > digits) throw new RangeError(`${value} has more than ${digits} hexadecimal digits`);
  return word;
}

/** The keys as the struct, in network byte order. */
export function encodeKeyStruct(keys: Readonly<Keys>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(KEY_STRUCT_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, keys.lid);
  view.setUint32(4, keys.reads);
  view.setUint32(8, keys.queuePair);
  view.setUint32(12, keys.packetNumber);
  view.setUint32(16, keys.remoteKey);
  view.setBigUint64(24, keys.address);
  if (keys.gid !== undefined) bytes.set(keys.gid, 32);
  return bytes;
}

/** Reads the struct. Throws WireError for a number that has too many bits. */
export function decodeKeyStruct(bytes: Uint8Array<ArrayBuffer>): Keys {
  const view = new DataView(bytes.buffer, bytes.byteOffset, KEY_STRUCT_SIZE);
  const field = (offset: number, name: string, bits: number): number => {
    const value = view.getUint32(offset);
    if (value >= 2 ** bits) throw new WireError("perftest", name, value);
    return value;
  };
  return {
    lid: field(0, "lid", 16),
    reads: field(4, "reads", 16),
    queuePair: field(8, "queue pair", 24),
    packetNumber: field(12, "packet number", 24),
    remoteKey: view.getUint32(16),
    address: view.getBigUint64(24),
    gid: bytes.slice(32, 32 + GID_SIZE),
  };
}
