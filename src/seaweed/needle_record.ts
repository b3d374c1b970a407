/**
 * Whole needles, encoded and decoded in one piece: for writers, tools and tests. Reads go through
 * {@linkcode Needle} instead, which never holds more than it must.
 *
 * @module
 */
import { crc32c } from "../rdma/crc32c.ts";
import { WireError } from "../rdma/errors.ts";
import {
  checksumMatches,
  DATA_SIZE_BYTES,
  decodeNeedleHeader,
  decodeNeedleTail,
  NEEDLE_HEADER_SIZE,
  needleDataOffset,
  needleDataSize,
  needleDiskSize,
  NeedleFlag,
  NeedleHeader,
  needleRecordSize,
  NeedleTail,
} from "./needle.ts";
import type { NeedleVersion } from "./superblock.ts";
import type { TimeToLive } from "./ttl.ts";

/** A needle with everything it bears. */
export interface NeedleRecord {
  /** Its key. */
  key: bigint;
  /** Its cookie. */
  cookie: number;
  /** The data as stored: gzip where `compressed`. */
  data: Uint8Array;
  /** Whether the data is gzip. */
  compressed?: boolean;
  /** Whether the data is a chunk manifest. */
  chunkManifest?: boolean;
  /** File name, at most 255 bytes. */
  name?: Uint8Array;
  /** Media type, at most 255 bytes. */
  mime?: Uint8Array;
  /** Seconds since 1970, at most 40 bits. */
  lastModified?: number;
  /** Time to live. */
  ttl?: TimeToLive;
  /** A JSON object, at most 65,535 bytes. */
  pairs?: Uint8Array;
  /** Nanoseconds since 1970, of version 3. */
  appendedNanoseconds?: bigint;
}

/** The largest `size` a needle's header can hold. */
const LARGEST_SIZE = 0x7fff_ffff;

function flagsOf(record: NeedleRecord): number {
  return (record.compressed ? NeedleFlag.COMPRESSED : 0) | (record.name ? NeedleFlag.NAME : 0) |
    (record.mime ? NeedleFlag.MIME : 0) | (record.lastModified === undefined ? 0 : NeedleFlag.LAST_MODIFIED) |
    (record.ttl ? NeedleFlag.TTL : 0) | (record.pairs ? NeedleFlag.PAIRS : 0) |
    (record.chunkManifest ? NeedleFlag.CHUNK_MANIFEST : 0);
}

function checkLength(field: string, length: number, most: number): number {
  if (length > most) throw new WireError("needle", `${field} of at most ${most} bytes`, length);
  return length;
}

function bodySize(record: NeedleRecord, version: NeedleVersion): number {
  const data = record.data.byteLength;
  if (version === 1 || data === 0) return checkLength("data", data, LARGEST_SIZE);
  let size = DATA_SIZE_BYTES + data + 1;
  if (record.name) size += 1 + checkLength("name", record.name.byteLength, 255);
  if (record.mime) size += 1 + checkLength("mime", record.mime.byteLength, 255);
  if (record.lastModified !== undefined) size += 5;
  if (record.ttl) size += 2;
  if (record.pairs) size += 2 + checkLength("pairs", record.pairs.byteLength, 65_535);
  return checkLength("body", size, LARGEST_SIZE);
}

/**
 * Encodes a needle with its padding, as a `.dat` file holds it. An empty needle has no body, so that its attributes are
 * lost, as with the volume server. Throws WireError when a part is too long for its length.
 *
 * @param checksum Stored instead of the data's raw CRC-32C: a masked one, say.
 */
export function encodeNeedle(
  record: NeedleRecord,
  version: NeedleVersion,
  checksum = crc32c(record.data),
): Uint8Array<ArrayBuffer> {
  const size = bodySize(record, version);
  const bytes = new Uint8Array(needleDiskSize(size, version));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, record.cookie);
  view.setBigUint64(4, record.key);
  view.setInt32(12, size);
  if (version === 1) bytes.set(record.data, NEEDLE_HEADER_SIZE);
  else if (size > 0) encodeBody(record, bytes, view);
  view.setUint32(NEEDLE_HEADER_SIZE + size, checksum);
  if (version === 3) view.setBigUint64(NEEDLE_HEADER_SIZE + size + 4, record.appendedNanoseconds ?? 0n);
  return bytes;
}

function encodeBody(record: NeedleRecord, bytes: Uint8Array, view: DataView): void {
  view.setUint32(NEEDLE_HEADER_SIZE, record.data.byteLength);
  let at = NEEDLE_HEADER_SIZE + DATA_SIZE_BYTES;
  bytes.set(record.data, at);
  at += record.data.byteLength;
  view.setUint8(at++, flagsOf(record));
  for (const part of [record.name, record.mime]) {
    if (part === undefined) continue;
    view.setUint8(at, part.byteLength);
    bytes.set(part, at + 1);
    at += 1 + part.byteLength;
  }
  if (record.lastModified !== undefined) {
    view.setUint8(at, Math.floor(record.lastModified / 0x1_0000_0000));
    view.setUint32(at + 1, record.lastModified % 0x1_0000_0000);
    at += 5;
  }
  if (record.ttl) {
    view.setUint8(at, record.ttl.count);
    view.setUint8(at + 1, record.ttl.unit);
    at += 2;
  }
  if (record.pairs) {
    view.setUint16(at, record.pairs.byteLength);
    bytes.set(record.pairs, at + 2);
  }
}

/**
 * Decodes the needle at the start of `bytes`; its parts are views of them. Throws WireError when it does not lie within
 * them, contradicts itself or fails its checksum, raw or masked.
 */
export function decodeNeedle(bytes: Uint8Array, version: NeedleVersion): NeedleRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < NEEDLE_HEADER_SIZE) throw new WireError("needle", "16 bytes of header", bytes.byteLength);
  const header = new NeedleHeader();
  decodeNeedleHeader(view, 0, header);
  const { size } = header;
  if (size < 0 || needleRecordSize(size, version) > bytes.byteLength) {
    throw new WireError("needle", `size within the ${bytes.byteLength} bytes given`, size);
  }
  const dataSize = needleDataSize(size, size > 3 ? view.getUint32(NEEDLE_HEADER_SIZE) : 0, version);
  const dataOffset = needleDataOffset(version);
  const footer = NEEDLE_HEADER_SIZE + size;
  const data = size === 0 ? bytes.subarray(0, 0) : bytes.subarray(dataOffset, dataOffset + dataSize);
  const tail = new NeedleTail();
  decodeNeedleTail(view, size === 0 ? footer : dataOffset + dataSize, footer, version, tail);
  if (data.byteLength > 0 && !checksumMatches(tail.checksum, crc32c(data))) {
    throw new WireError("needle", `checksum ${crc32c(data)}`, tail.checksum);
  }
  return recordOf(header, tail, data, bytes, version);
}

function recordOf(
  header: NeedleHeader,
  tail: NeedleTail,
  data: Uint8Array,
  bytes: Uint8Array,
  version: NeedleVersion,
): NeedleRecord {
  const part = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  const record: NeedleRecord = {
    key: BigInt(header.keyHigh) << 32n | BigInt(header.keyLow),
    cookie: header.cookie,
    data,
  };
  const { flags } = tail;
  if (flags & NeedleFlag.COMPRESSED) record.compressed = true;
  if (flags & NeedleFlag.CHUNK_MANIFEST) record.chunkManifest = true;
  if (flags & NeedleFlag.NAME) record.name = part(tail.nameOffset, tail.nameLength);
  if (flags & NeedleFlag.MIME) record.mime = part(tail.mimeOffset, tail.mimeLength);
  if (flags & NeedleFlag.LAST_MODIFIED) record.lastModified = tail.lastModified;
  if (flags & NeedleFlag.TTL) record.ttl = { count: tail.ttlCount, unit: tail.ttlUnit };
  if (flags & NeedleFlag.PAIRS) record.pairs = part(tail.pairsOffset, tail.pairsLength);
  if (version === 3) record.appendedNanoseconds = BigInt(tail.appendedHigh) << 32n | BigInt(tail.appendedLow);
  return record;
}
