/**
 * A volume as it is now: its `.dat` and `.idx` held open as a pair, and the needle map read from the latter.
 *
 * Weed goes on writing while we read, and takes no lock. What keeps a snapshot right:
 *
 * - Needles are appended to the `.dat` first, to the `.idx` then: what the index names is there.
 * - A vacuum writes new files and renames `.dat` first, `.idx` second, between a `.cpc` marker's coming and going. While
 *   the `.dat`'s path leads to the file that is open here, no swap has begun; when it does not, both are opened anew, and
 *   never as a mixed pair. Held open, an inode's number cannot come to stand for another file.
 * - A failed append cuts the `.dat` back, and later appends reuse the place. That is the one change ever made to bytes
 *   already written, and whoever reads through a snapshot checks the needle's header and footer for it.
 *
 * @module
 */
import { reasonOf, SystemError } from "../rdma/errors.ts";
import { applyIndexEntries, detectIndexEntrySize, type IndexEntry, type IndexEntrySize } from "./index_file.ts";
import { decodeNeedleHeader, NEEDLE_HEADER_SIZE, NeedleHeader } from "./needle.ts";
import { NeedleError } from "./needle_error.ts";
import { NeedleMap } from "./needle_map.ts";
import { decodeSuperblock, type Superblock, SUPERBLOCK_SIZE } from "./superblock.ts";
import type { VolumeFiles } from "./volume_files.ts";
import { LARGEST_VOLUME_INFO, parseVolumeInfo, type VolumeInfo } from "./volume_info.ts";

/** How often to try for a pair of files that belong together, before a volume is said to be changing. */
const PAIR_ATTEMPTS = 4;
/** Entries of the index read at once. */
const ENTRIES_AT_ONCE = 65_536;
/** Whoever may write to a file: weed leaves volumes alone that nobody may write to. */
const ANY_WRITE = 0o222;
/** Bytes of the index looked at to find out the size of its entries. */
const SAMPLE_BYTES = 17 * 8;

let generations = 0;

/** What can be told of a volume without reading its index. */
export interface VolumeGlance {
  /** Version of its needles. */
  readonly version: number;
  /** Bytes of its `.dat`. */
  readonly dataBytes: number;
  /** Entries of its index: one for each needle, and one more for each that was overwritten or deleted. */
  readonly entries: number;
  /** Whether weed takes no writes for it. */
  readonly readOnly: boolean;
}

/** One pair of open files. Close it with {@linkcode Symbol.dispose}; reads then report the volume as changing. */
export class VolumeSnapshot implements Disposable {
  /** Tells this snapshot from every other of this process. */
  readonly generation: number = ++generations;
  /** The superblock. */
  readonly superblock: Superblock;
  /** Bytes of an entry of the index. */
  readonly entrySize: IndexEntrySize;
  /** Where the needles lie. */
  readonly map: NeedleMap;
  #closed = false;
  #indexed = 0;
  #dataBytes: number;
  /** Too few entries, and no `.vif`, to be sure of their size: look again when there are more. */
  readonly #tentative: boolean;
  readonly #last: Uint8Array;
  readonly #files: VolumeFiles;
  readonly #pair: Pair;

  private constructor(files: VolumeFiles, pair: Pair, reserve: (bytes: number) => void) {
    this.#files = files;
    this.#pair = pair;
    this.#dataBytes = pair.dataInfo.size;
    this.superblock = readSuperblock(files, pair.data);
    const info = readVolumeInfo(files);
    this.entrySize = readEntrySize(pair, info);
    this.#tentative = info === undefined && pair.indexInfo.size < SAMPLE_BYTES;
    const entries = Math.floor(pair.indexInfo.size / this.entrySize);
    reserve(NeedleMap.bytesFor(entries, this.entrySize === 17));
    this.map = new NeedleMap(entries, this.entrySize === 17);
    this.#last = new Uint8Array(this.entrySize);
    this.#readIndex(pair.indexInfo.size);
  }

  /**
   * Opens the files of a volume and reads its index; undefined when its `.dat` is gone. Throws NeedleError `changing`
   * during a vacuum's swap, `unsupported` and `corrupt`.
   *
   * @param reserve Called with the bytes the needle map will take, before it is made; may throw.
   */
  static open(files: VolumeFiles, reserve: (bytes: number) => void): VolumeSnapshot | undefined {
    const pair = openPair(files);
    if (pair === undefined) return undefined;
    try {
      return new VolumeSnapshot(files, pair, reserve);
    } catch (error) {
      closePair(pair);
      throw error;
    }
  }

  /** Looks at the files of a volume; undefined when its `.dat` is gone. Throws as {@linkcode open} does. */
  static glance(files: VolumeFiles): VolumeGlance | undefined {
    const pair = openPair(files);
    if (pair === undefined) return undefined;
    try {
      const info = readVolumeInfo(files);
      return {
        version: readSuperblock(files, pair.data).version,
        dataBytes: pair.dataInfo.size,
        entries: Math.floor(pair.indexInfo.size / readEntrySize(pair, info)),
        readOnly: info?.readOnly === true || pair.dataInfo.mode !== null && (pair.dataInfo.mode & ANY_WRITE) === 0,
      };
    } finally {
      closePair(pair);
    }
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes of the `.dat` when last looked at. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /**
   * Takes in what was appended to the index. False when the files are no longer the ones open here, or the index was
   * rewritten: then a new snapshot is needed.
   */
  refresh(): boolean {
    if (this.#closed) return false;
    const index = fileInfo(`${this.#files.indexBase}.idx`);
    if (index === undefined || !sameFile(index, this.#pair.indexInfo)) return false;
    // the .dat second: it is renamed first, so that finding the old one says that both were the old ones
    const data = fileInfo(`${this.#files.base}.dat`);
    if (data === undefined || !sameFile(data, this.#pair.dataInfo)) return false;
    this.#dataBytes = data.size;
    if (index.size < this.#indexed) return false;
    if (this.#tentative && index.size !== this.#pair.indexInfo.size) return false;
    return index.size - this.#indexed < this.entrySize || this.#readIndex(index.size - this.#indexed);
  }

  /** Fills `into` from the `.dat`; false when the file ends before. */
  read(position: number, into: Uint8Array): boolean {
    return !this.#closed && readExactly(this.#pair.data, position, into);
  }

  /** Closes both files. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closePair(this.#pair);
  }

  /** Reads whole entries up to the end of the index. False when the last entry read before is not there any more. */
  #readIndex(expected: number): boolean {
    const { index } = this.#pair;
    const before = this.#indexed === 0 ? 0 : this.entrySize;
    const buffer = new Uint8Array(Math.min(expected + before + this.entrySize, ENTRIES_AT_ONCE * this.entrySize));
    let first = before > 0;
    let position = this.#indexed - before;
    for (;;) {
      const count = readUpTo(index, position, buffer);
      if (first && !startsWith(buffer.subarray(0, count), this.#last)) return false;
      const skip = first ? before : 0;
      const applied = skip + applyIndexEntries(buffer.subarray(skip, count), this.entrySize, this.map);
      first = false;
      if (applied === 0) return true;
      position += applied;
      this.#indexed = position;
      this.#last.set(buffer.subarray(applied - this.entrySize, applied));
    }
  }
}

interface Pair {
  readonly data: Deno.FsFile;
  readonly index: Deno.FsFile;
  readonly dataInfo: Deno.FileInfo;
  readonly indexInfo: Deno.FileInfo;
}

function closePair(pair: Pair): void {
  pair.data.close();
  pair.index.close();
}

/** What is at a path, itself and not where a link there leads; undefined when nothing is. */
function fileInfo(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new NeedleError("changing", `stat ${path}: ${reasonOf(error)}`);
  }
}

function sameFile(one: Deno.FileInfo, other: Deno.FileInfo): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

/** Opens both files of a volume so that they belong together; undefined when there is no `.dat`. */
function openPair(files: VolumeFiles): Pair | undefined {
  for (let attempt = 0; attempt < PAIR_ATTEMPTS; attempt++) {
    const dataPath = `${files.base}.dat`;
    const indexPath = `${files.indexBase}.idx`;
    const data = openFile(dataPath);
    if (data === undefined) return undefined;
    const index = openFile(indexPath);
    if (index === undefined) {
      data.close();
      throw new NeedleError("unsupported", `volume ${files.id}: ${indexPath} is missing: \`weed fix\` makes it anew`);
    }
    const pair = { data, index, dataInfo: data.statSync(), indexInfo: index.statSync() };
    const swapping = swapUnderWay(files);
    const [dataNow, indexNow] = [fileInfo(dataPath), fileInfo(indexPath)];
    const same = dataNow !== undefined && indexNow !== undefined && sameFile(dataNow, pair.dataInfo) &&
      sameFile(indexNow, pair.indexInfo);
    if (same && !swapping) return pair;
    closePair(pair);
    if (swapping) break;
  }
  throw new NeedleError("changing", `volume ${files.id}: its files are being replaced, as a vacuum does at its end`);
}

function openFile(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      throw new NeedleError("unsupported", `open ${path}: ${reasonOf(error)}: give this user the right to read it`);
    }
    throw new NeedleError("changing", `open ${path}: ${reasonOf(error)}`);
  }
}

/** Whether a vacuum has renamed, or may have, one file and not yet the other; releases before the marker had none. */
function swapUnderWay(files: VolumeFiles): boolean {
  return fileInfo(`${files.base}.cpc`) !== undefined ||
    fileInfo(`${files.indexBase}.cpx`) !== undefined && fileInfo(`${files.base}.cpd`) === undefined;
}

function readUpTo(file: Deno.FsFile, position: number, into: Uint8Array): number {
  let filled = 0;
  try {
    file.seekSync(position, Deno.SeekMode.Start);
    while (filled < into.byteLength) {
      const count = file.readSync(filled === 0 ? into : into.subarray(filled));
      if (count === null || count === 0) break;
      filled += count;
    }
  } catch (error) {
    const { code = "EIO" } = error as { code?: string };
    throw new SystemError(`pread of ${into.byteLength} bytes at ${position}`, code, reasonOf(error));
  }
  return filled;
}

function readExactly(file: Deno.FsFile, position: number, into: Uint8Array): boolean {
  return readUpTo(file, position, into) === into.byteLength;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.byteLength >= start.byteLength && start.every((byte, at) => bytes[at] === byte);
}

function readSuperblock(files: VolumeFiles, data: Deno.FsFile): Superblock {
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  if (!readExactly(data, 0, bytes)) {
    throw new NeedleError("changing", `volume ${files.id}: ${files.base}.dat has no superblock yet`);
  }
  try {
    return decodeSuperblock(bytes);
  } catch (error) {
    throw new NeedleError("corrupt", `volume ${files.id}: ${files.base}.dat: ${reasonOf(error)}`);
  }
}

/** Reads the `.vif`. One that cannot be parsed counts as none, as for weed, which rewrites it in place. */
function readVolumeInfo(files: VolumeFiles): VolumeInfo | undefined {
  for (const base of new Set([files.base, files.indexBase])) {
    let info: VolumeInfo | undefined;
    try {
      const path = `${base}.vif`;
      const { isFile, size } = Deno.lstatSync(path);
      if (isFile && size <= LARGEST_VOLUME_INFO) info = parseVolumeInfo(Deno.readTextFileSync(path));
    } catch {
      continue;
    }
    if (info === undefined) continue;
    if (info.remoteFiles === 0) return info;
    throw new NeedleError("unsupported", `volume ${files.id}: its data is on a remote tier, as ${base}.vif says`);
  }
  return undefined;
}

function readEntrySize(pair: Pair, info: VolumeInfo | undefined): IndexEntrySize {
  const head = new Uint8Array(SAMPLE_BYTES);
  const count = readUpTo(pair.index, 0, head);
  const bytes = new Uint8Array(NEEDLE_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  const header = new NeedleHeader();
  const holds = (entry: IndexEntry): boolean => {
    if (entry.offset > pair.dataInfo.size || !readExactly(pair.data, entry.offset, bytes)) return false;
    decodeNeedleHeader(view, 0, header);
    const key = BigInt(header.keyHigh) << 32n | BigInt(header.keyLow);
    return key === entry.key && header.size === Math.max(entry.size, 0);
  };
  return detectIndexEntrySize(head.subarray(0, count), pair.indexInfo.size, info?.bytesOffset ?? 0, holds);
}
