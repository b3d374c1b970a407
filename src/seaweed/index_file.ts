/**
 * Index files, `.idx`: a log of entries, the last one of a key counts. Entries have 16 bytes, or 17 where weed was built
 * for volumes above 32 GiB: key, offset in units of eight bytes, size. A negative size, or no offset, is a tombstone.
 *
 * @module
 */
import type { NeedleMap } from "./needle_map.ts";

/** Bytes of an entry: 16 with offsets of four bytes, 17 with offsets of five. */
export type IndexEntrySize = 16 | 17;

/** The size that tombstones bear. */
export const TOMBSTONE_SIZE: number = -1;

/** One entry. */
export interface IndexEntry {
  /** The needle's key. */
  key: bigint;
  /** Where the needle, or its tombstone, begins in the `.dat`, in bytes; 0 is a tombstone without one. */
  offset: number;
  /** The size in the needle's header; below 0 a tombstone. */
  size: number;
}

/**
 * Takes every whole entry of `bytes` into `map` and returns how many bytes that were; a partial entry at the end is what
 * an append in progress looks like, and is left for later.
 */
export function applyIndexEntries(bytes: Uint8Array, entrySize: IndexEntrySize, map: NeedleMap): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.byteLength - bytes.byteLength % entrySize;
  const wide = entrySize === 17;
  for (let at = 0; at < end; at += entrySize) {
    map.set(
      view.getInt32(at),
      view.getInt32(at + 4),
      view.getInt32(at + 8),
      wide ? view.getUint8(at + 12) : 0,
      view.getInt32(at + entrySize - 4),
    );
  }
  return end;
}

/** Decodes the entry at `offset`, which must have `entrySize` bytes. */
export function decodeIndexEntry(view: DataView, offset: number, entrySize: IndexEntrySize): IndexEntry {
  const high = entrySize === 17 ? view.getUint8(offset + 12) : 0; // the fifth byte is the highest, and comes last
  return {
    key: view.getBigUint64(offset),
    offset: (high * 0x1_0000_0000 + view.getUint32(offset + 8)) * 8,
    size: view.getInt32(offset + entrySize - 4),
  };
}

/** Encodes an entry. The offset must be a multiple of eight that the entry's width can hold. */
export function encodeIndexEntry(entry: IndexEntry, entrySize: IndexEntrySize): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(entrySize);
  const view = new DataView(bytes.buffer);
  const units = entry.offset / 8;
  view.setBigUint64(0, entry.key);
  view.setUint32(8, units % 0x1_0000_0000);
  if (entrySize === 17) view.setUint8(12, Math.floor(units / 0x1_0000_0000));
  view.setInt32(entrySize - 4, entry.size);
  return bytes;
}

/** How many entries of either end are looked at to find out their size. */
const SAMPLE = 8;

/**
 * Finds out whether entries have 16 or 17 bytes. Entries that the `.dat` bears out weigh most, then what the `.vif`
 * says, then the length of the file.
 *
 * @param head The first bytes of the index, at most those of the sample are looked at.
 * @param length Bytes of the whole index.
 * @param declared `bytesOffset` of the `.vif`, 4 or 5; 0 when it says nothing.
 * @param holds Whether the `.dat` holds such a needle where the entry says so.
 */
export function detectIndexEntrySize(
  head: Uint8Array,
  length: number,
  declared: number,
  holds: (entry: IndexEntry) => boolean,
): IndexEntrySize {
  const scores = ([16, 17] as const).map((size) => {
    let score = sampleScore(head, size, holds) * 4;
    if (declared === size - 12) score += 2;
    if (length % size === 0) score += 1;
    return { size, score };
  });
  const [narrow, wide] = scores as [typeof scores[number], typeof scores[number]];
  return wide.score > narrow.score ? 17 : 16;
}

function sampleScore(head: Uint8Array, size: IndexEntrySize, holds: (entry: IndexEntry) => boolean): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  let score = 0;
  for (let index = 0; index < SAMPLE && (index + 1) * size <= head.byteLength; index++) {
    const entry = decodeIndexEntry(view, index * size, size);
    if (entry.offset > 0 && holds(entry)) score++;
  }
  return score;
}
