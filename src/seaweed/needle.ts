/**
 * Needles as a `.dat` file stores them: a header of sixteen bytes, a body of `size` bytes, a footer with the checksum
 * and, since version 3, the time of the append, and one to eight bytes of padding.
 *
 * Decoding fills objects that the caller keeps, with numbers only: it is done for every read.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";
import type { NeedleVersion } from "./superblock.ts";
import { timeToLiveMinutes } from "./ttl.ts";

/** Bytes of a needle's header: cookie, key, size. */
export const NEEDLE_HEADER_SIZE = 16;
/** Needles begin at multiples of this. */
export const NEEDLE_ALIGNMENT = 8;
/** Bytes of `dataSize` in front of the data, since version 2. */
export const DATA_SIZE_BYTES = 4;
/** The most that can follow the data: flags, name, mime, modification time, time to live, pairs, footer. */
export const LARGEST_TAIL: number = 1 + 256 + 256 + 5 + 2 + 2 + 65_535 + 12;

/** Flags of a needle, since version 2. */
export const NeedleFlag = {
  /** The data is gzip. */
  COMPRESSED: 0x01,
  /** A name follows. */
  NAME: 0x02,
  /** A media type follows. */
  MIME: 0x04,
  /** The modification time follows. */
  LAST_MODIFIED: 0x08,
  /** A time to live follows. */
  TTL: 0x10,
  /** A JSON object of further pairs follows. */
  PAIRS: 0x20,
  /** The data is a list of other needles, as `cm=true` uploads made. */
  CHUNK_MANIFEST: 0x80,
} as const;

/** A needle's first sixteen bytes. */
export class NeedleHeader {
  /** The cookie, unsigned. */
  cookie = 0;
  /** Upper half of the key, unsigned. */
  keyHigh = 0;
  /** Lower half of the key, unsigned. */
  keyLow = 0;
  /** Bytes of the body, signed as stored. */
  size = 0;
}

/** Decodes the header at `offset`, which must have sixteen bytes; a RangeError otherwise is the caller's defect. */
export function decodeNeedleHeader(view: DataView, offset: number, header: NeedleHeader): void {
  header.cookie = view.getUint32(offset);
  header.keyHigh = view.getUint32(offset + 4);
  header.keyLow = view.getUint32(offset + 8);
  header.size = view.getInt32(offset + 12);
}

/** Bytes of checksum and append time. */
export function needleFooterSize(version: NeedleVersion): number {
  return version === 3 ? 12 : 4;
}

/** Bytes of header, body and footer, without the padding. */
export function needleRecordSize(size: number, version: NeedleVersion): number {
  return NEEDLE_HEADER_SIZE + size + needleFooterSize(version);
}

/** Bytes a needle takes in the file: padded to a multiple of eight by one to eight bytes, never none. */
export function needleDiskSize(size: number, version: NeedleVersion): number {
  const record = needleRecordSize(size, version);
  return record + NEEDLE_ALIGNMENT - record % NEEDLE_ALIGNMENT;
}

/** What stands after a needle's data. Offsets count from the start of the bytes that were decoded. */
export class NeedleTail {
  /** An or of {@linkcode NeedleFlag}; 0 in version 1. */
  flags = 0;
  /** Where the name begins, */
  nameOffset = 0;
  /** and how many bytes it has. */
  nameLength = 0;
  /** Where the media type begins, */
  mimeOffset = 0;
  /** and how many bytes it has. */
  mimeLength = 0;
  /** Seconds since 1970; 0 where there is none. */
  lastModified = 0;
  /** Count of the time to live, */
  ttlCount = 0;
  /** and its unit, see {@linkcode TimeToLive}. */
  ttlUnit = 0;
  /** Where the pairs begin, */
  pairsOffset = 0;
  /** and how many bytes they have. */
  pairsLength = 0;
  /** CRC-32C of the data as stored: raw since SeaweedFS 3.09, masked before. */
  checksum = 0;
  /** Upper half of the append time in nanoseconds since 1970; 0 before version 3. */
  appendedHigh = 0;
  /** Lower half. */
  appendedLow = 0;
}

/**
 * Decodes what stands after the data: flags and what they announce, and the footer. Throws WireError when a length
 * leads out of the body.
 *
 * @param start Where the flags stand; where the footer stands if the body ends with its data.
 * @param footer Where the body ends and the footer begins. The footer must lie within `view`.
 */
export function decodeNeedleTail(
  view: DataView,
  start: number,
  footer: number,
  version: NeedleVersion,
  tail: NeedleTail,
): void {
  tail.flags =
    tail.nameLength =
    tail.mimeLength =
    tail.pairsLength =
      0;
  tail.nameOffset = tail.mimeOffset = tail.pairsOffset = footer;
  tail.lastModified = tail.ttlCount = tail.ttlUnit = 0;
  if (version !== 1 && start < footer) decodeAttributes(view, start, footer, tail);
  tail.checksum = view.getUint32(footer);
  tail.appendedHigh = version === 3 ? view.getUint32(footer + 4) : 0;
  tail.appendedLow = version === 3 ? view.getUint32(footer + 8) : 0;
}

/** A body may end early after any attribute: weed reads such needles, and so must we. */
function decodeAttributes(view: DataView, start: number, end: number, tail: NeedleTail): void {
  let at = start;
  const flags = tail.flags = view.getUint8(at++);
  if (flags & NeedleFlag.NAME && at < end) {
    tail.nameLength = view.getUint8(at);
    tail.nameOffset = at + 1;
    at = within(tail.nameOffset + tail.nameLength, end, "name");
  }
  if (flags & NeedleFlag.MIME && at < end) {
    tail.mimeLength = view.getUint8(at);
    tail.mimeOffset = at + 1;
    at = within(tail.mimeOffset + tail.mimeLength, end, "mime");
  }
  if (flags & NeedleFlag.LAST_MODIFIED && at < end) {
    at = within(at + 5, end, "last modified");
    tail.lastModified = view.getUint8(at - 5) * 0x1_0000_0000 + view.getUint32(at - 4);
  }
  if (flags & NeedleFlag.TTL && at < end) {
    at = within(at + 2, end, "ttl");
    tail.ttlCount = view.getUint8(at - 2);
    tail.ttlUnit = view.getUint8(at - 1);
  }
  if (flags & NeedleFlag.PAIRS && at < end) {
    tail.pairsOffset = within(at + 2, end, "pairs");
    tail.pairsLength = view.getUint16(at);
    within(tail.pairsOffset + tail.pairsLength, end, "pairs");
  }
}

function within(at: number, end: number, field: string): number {
  if (at > end) throw new WireError("needle", `${field} within the body, which ends at ${end}`, at);
  return at;
}

/**
 * Bytes of data in a body of `size` bytes that begins with `dataSize`. Throws WireError when they do not fit.
 *
 * @param dataSize The body's first four bytes; not looked at in version 1, where all the body is data.
 */
export function needleDataSize(size: number, dataSize: number, version: NeedleVersion): number {
  if (size < 0) throw new WireError("needle", "size of at least 0", size);
  if (version === 1 || size === 0) return size;
  if (dataSize + DATA_SIZE_BYTES > size) {
    throw new WireError("needle", `data size within the body of ${size} bytes`, dataSize);
  }
  return dataSize;
}

/** Where the data begins, counted from the header. */
export function needleDataOffset(version: NeedleVersion): number {
  return version === 1 ? NEEDLE_HEADER_SIZE : NEEDLE_HEADER_SIZE + DATA_SIZE_BYTES;
}

/**
 * When the needle ceases to be served, in milliseconds since 1970; Infinity if never. As in the volume server that
 * takes a time to live and a modification time, and counts from the append (weed/storage/volume_read.go).
 */
export function needleExpiry(tail: NeedleTail): number {
  const minutes = (tail.flags & NeedleFlag.TTL) === 0 ? 0 : timeToLiveMinutes(tail.ttlCount, tail.ttlUnit);
  if (minutes === 0 || (tail.flags & NeedleFlag.LAST_MODIFIED) === 0) return Infinity;
  return (tail.appendedHigh * 0x1_0000_0000 + tail.appendedLow) / 1e6 + minutes * 60_000;
}

/** The checksum as SeaweedFS before 3.09 stored it. */
export function maskChecksum(crc: number): number {
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}

/** Whether `stored` stands for data whose CRC-32C is `crc`, raw or masked. */
export function checksumMatches(stored: number, crc: number): boolean {
  return stored === crc || stored === maskChecksum(crc);
}
