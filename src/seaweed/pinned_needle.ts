/**
 * A needle found in a volume and pinned to the bytes it has there.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import { crc32c } from "../rdma/crc32c.ts";
import { reasonOf, WireError } from "../rdma/errors.ts";
import { type FileId, formatFileId } from "./file_id.ts";
import type { InflatedCache } from "./inflated_cache.ts";
import {
  checksumMatches,
  decodeNeedleHeader,
  decodeNeedleTail,
  LARGEST_TAIL,
  NEEDLE_HEADER_SIZE,
  needleDataOffset,
  needleDataSize,
  needleExpiry,
  NeedleFlag,
  needleFooterSize,
  NeedleHeader,
  needleRecordSize,
  NeedleTail,
} from "./needle.ts";
import { NeedleError } from "./needle_error.ts";
import type { VolumeSnapshot } from "./volume_snapshot.ts";

/**
 * Needles up to this many bytes are read whole, with one system call, and their checksum is verified whatever the range:
 * that costs 7 µs at most, and saves the look at header and footer after each read.
 */
export const SMALL_RECORD = 16 * 1024;

/** What needles of one store share. */
export class NeedleContext {
  /** The record read last. */
  readonly record: Uint8Array<ArrayBuffer> = new Uint8Array(Math.max(SMALL_RECORD, LARGEST_TAIL));
  /** The same bytes as numbers. */
  readonly view: DataView = new DataView(this.record.buffer);
  /** The needle whose record it is, checksum verified. */
  holder: Needle | undefined;
  /** Times a needle was inflated. */
  inflations = 0;
  /** Checksums verified. */
  checksums = 0;

  /** Takes the ceilings. */
  constructor(
    /** Inflated needles kept. */ readonly inflated: InflatedCache,
    /** The most bytes a needle may have when inflated. */ readonly largestInflated: number,
  ) {}
}

/** What a needle bears besides its data. */
export interface NeedleMetadata {
  /** File name; empty if none. */
  readonly name: string;
  /** Media type; empty if none. */
  readonly mime: string;
  /** A JSON object of further pairs; empty if none. */
  readonly pairs: string;
}

// Filled and read within one call, never across calls.
const header = new NeedleHeader();
const tail = new NeedleTail();

/**
 * A needle as it was when {@linkcode Store.open} found it. Its bytes cannot be another's: each read verifies the checksum,
 * or that header and footer are still what they were, and otherwise throws NeedleError `changing`; open it again then.
 */
export class Needle {
  /** Bytes of the data, uncompressed. */
  dataSize = 0;
  /** Bytes of the data as stored. */
  storedSize = 0;
  /**
   * CRC-32C of the data as stored, raw. SeaweedFS before 3.09 stored it masked, which shows only when it is computed:
   * until then this is the number as stored. See {@linkcode checksumMatches}.
   */
  storedChecksum = 0;
  /** Whether the data is stored as gzip. */
  compressed = false;
  /** Seconds since 1970; 0 if it does not say. */
  lastModified = 0;
  readonly #context: NeedleContext;
  readonly #snapshot: VolumeSnapshot;
  readonly #id: FileId;
  readonly #keyHigh: number;
  readonly #keyLow: number;
  readonly #offset: number;
  readonly #size: number;
  #footerChecksum = 0;
  #appendedHigh = 0;
  #appendedLow = 0;

  /**
   * Not for callers of {@linkcode Store.open}. A needle is not pinned until {@linkcode pin} said so.
   *
   * @param offset Where the index says it begins.
   * @param size The size its header must bear.
   */
  constructor(
    context: NeedleContext,
    snapshot: VolumeSnapshot,
    id: FileId,
    offset: number,
    size: number,
  ) {
    this.#context = context;
    this.#snapshot = snapshot;
    this.#id = id;
    this.#keyHigh = Number(id.key >> 32n);
    this.#keyLow = Number(id.key & 0xffff_ffffn);
    this.#offset = offset;
    this.#size = size;
  }

  /**
   * Reads what the needle says of itself. Undefined when all is well, else what does not fit the index, which may be
   * damage or a change under way. Throws NeedleError for what is certain: `cookie`, `expired`, `unsupported`.
   */
  pin(nowMs: number): string | undefined {
    const { version } = this.#snapshot.superblock;
    const misfit = this.#readRecord();
    if (misfit !== undefined) return misfit;
    if (header.cookie !== this.#id.cookie) throw this.#error("cookie", "it bears another cookie");
    if (tail.flags & NeedleFlag.CHUNK_MANIFEST) {
      throw this.#error(
        "unsupported",
        "it is a chunk manifest, a list of other needles: read it from the volume server",
      );
    }
    if (nowMs >= needleExpiry(tail)) throw this.#error("expired", "its time to live is over");
    this.lastModified = tail.lastModified;
    this.compressed = (tail.flags & NeedleFlag.COMPRESSED) !== 0 && this.storedSize > 0;
    this.#footerChecksum = tail.checksum;
    this.#appendedHigh = tail.appendedHigh;
    this.#appendedLow = tail.appendedLow;
    this.dataSize = this.storedSize;
    if (needleRecordSize(this.#size, version) <= SMALL_RECORD) this.#context.holder = this;
    else this.storedChecksum = tail.checksum;
    if (this.compressed) this.dataSize = this.#inflate().byteLength;
    return undefined;
  }

  /**
   * Fills `into` with the uncompressed bytes from `offset` on, straight from the file unless the needle is compressed or
   * small. Throws NeedleError `range` when that leads past the data, `changing` when the volume changed so that the bytes
   * cannot be vouched for, `corrupt` when the whole data was read and fails its checksum.
   */
  read(offset: number, into: Uint8Array): void {
    const length = into.byteLength;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > this.dataSize) {
      throw this.#error("range", `bytes ${offset} to ${offset + length} of ${this.dataSize}`);
    }
    if (length === 0) return;
    if (this.compressed) {
      into.set(this.#inflate().subarray(offset, offset + length));
    } else if (this.#holdsRecord()) {
      const start = needleDataOffset(this.#snapshot.superblock.version) + offset;
      into.set(this.#context.record.subarray(start, start + length));
    } else {
      this.#readData(offset, into);
      if (length === this.dataSize) this.#verify(into);
      else if (!this.#stillThere()) throw this.#changing();
    }
  }

  /** Name, media type and pairs. Throws NeedleError `changing`. */
  metadata(): NeedleMetadata {
    const { version } = this.#snapshot.superblock;
    const start = NEEDLE_HEADER_SIZE + (version === 1 ? 0 : 4) + this.storedSize;
    const { record, view } = this.#context;
    if (this.storedSize === 0) return { name: "", mime: "", pairs: "" };
    const length = needleRecordSize(this.#size, version) - start;
    this.#context.holder = undefined;
    if (!this.#snapshot.read(this.#offset + start, record.subarray(0, length))) throw this.#changing();
    const footer = length - needleFooterSize(version);
    decodeNeedleTail(view, footer, footer, version, tail);
    if (!this.#sameFooter()) throw this.#changing();
    decodeNeedleTail(view, 0, footer, version, tail);
    const text = (at: number, size: number): string => new TextDecoder().decode(record.subarray(at, at + size));
    return {
      name: text(tail.nameOffset, tail.nameLength),
      mime: text(tail.mimeOffset, tail.mimeLength),
      pairs: text(tail.pairsOffset, tail.pairsLength),
    };
  }

  /** Reads a small record whole, of a large one header and tail, into {@linkcode header} and {@linkcode tail}. */
  #readRecord(): string | undefined {
    const { version } = this.#snapshot.superblock;
    const { record, view } = this.#context;
    const length = needleRecordSize(this.#size, version);
    const small = length <= SMALL_RECORD;
    const first = small ? length : NEEDLE_HEADER_SIZE + 4;
    this.#context.holder = undefined;
    if (!this.#snapshot.read(this.#offset, record.subarray(0, first))) return "the .dat ends before it does";
    decodeNeedleHeader(view, 0, header);
    if (header.keyHigh !== this.#keyHigh || header.keyLow !== this.#keyLow || header.size !== this.#size) {
      return "the .dat has another needle there";
    }
    try {
      const dataSize = needleDataSize(this.#size, this.#size > 3 ? view.getUint32(NEEDLE_HEADER_SIZE) : 0, version);
      this.storedSize = dataSize;
      const start = this.#size === 0 ? NEEDLE_HEADER_SIZE : needleDataOffset(version) + dataSize;
      return small ? this.#checkSmall(start) : this.#readTail(start, length);
    } catch (error) {
      if (error instanceof WireError) return reasonOf(error);
      throw error;
    }
  }

  #checkSmall(start: number): string | undefined {
    const { record, view } = this.#context;
    const { version } = this.#snapshot.superblock;
    decodeNeedleTail(view, start, NEEDLE_HEADER_SIZE + this.#size, version, tail);
    const crc = this.#checksum(record.subarray(start - this.storedSize, start));
    if (this.storedSize > 0 && !checksumMatches(tail.checksum, crc)) return "it fails its checksum";
    this.storedChecksum = crc;
    return undefined;
  }

  #readTail(start: number, end: number): string | undefined {
    const { record, view } = this.#context;
    const { version } = this.#snapshot.superblock;
    const length = end - start;
    if (length > LARGEST_TAIL) return `${length} bytes follow its data`;
    if (!this.#snapshot.read(this.#offset + start, record.subarray(0, length))) return "the .dat ends before it does";
    decodeNeedleTail(view, 0, length - needleFooterSize(version), version, tail);
    return undefined;
  }

  /** Whether the shared record is this needle's, after reading it again where another needle took its place. */
  #holdsRecord(): boolean {
    if (this.#context.holder === this) return true;
    if (needleRecordSize(this.#size, this.#snapshot.superblock.version) > SMALL_RECORD) return false;
    if (this.#readRecord() !== undefined || !this.#sameFooter()) throw this.#changing();
    this.#context.holder = this;
    return true;
  }

  #readData(offset: number, into: Uint8Array): void {
    const start = this.#offset + needleDataOffset(this.#snapshot.superblock.version);
    if (!this.#snapshot.read(start + offset, into)) throw this.#changing();
  }

  #checksum(bytes: Uint8Array): number {
    this.#context.checksums++;
    return crc32c(bytes);
  }

  /** Verifies the whole of the stored data; bytes that a change under way mixed up fail it, too. */
  #verify(stored: Uint8Array): void {
    const crc = this.#checksum(stored);
    if (!checksumMatches(this.#footerChecksum, crc)) {
      throw this.#stillThere() ? this.#error("corrupt", "its data fails its checksum") : this.#changing();
    }
    this.storedChecksum = crc;
  }

  /** Whether header and footer are what they were: the append time in the footer is unique within a volume. */
  #stillThere(): boolean {
    const { version } = this.#snapshot.superblock;
    const { record, view } = this.#context;
    this.#context.holder = undefined;
    if (!this.#snapshot.read(this.#offset, record.subarray(0, NEEDLE_HEADER_SIZE))) return false;
    decodeNeedleHeader(view, 0, header);
    if (
      header.cookie !== this.#id.cookie || header.keyHigh !== this.#keyHigh || header.keyLow !== this.#keyLow ||
      header.size !== this.#size
    ) return false;
    const footer = needleFooterSize(version);
    if (!this.#snapshot.read(this.#offset + NEEDLE_HEADER_SIZE + this.#size, record.subarray(0, footer))) return false;
    decodeNeedleTail(view, 0, 0, version, tail);
    return this.#sameFooter();
  }

  #sameFooter(): boolean {
    return tail.checksum === this.#footerChecksum && tail.appendedHigh === this.#appendedHigh &&
      tail.appendedLow === this.#appendedLow;
  }

  /** The uncompressed data, from the cache or inflated anew after its checksum was verified. */
  #inflate(): Uint8Array {
    const { inflated } = this.#context;
    const place = `${this.#snapshot.generation}:${this.#offset}`;
    const kept = inflated.get(place);
    if (
      kept?.checksum === this.#footerChecksum && kept.appendedHigh === this.#appendedHigh &&
      kept.appendedLow === this.#appendedLow
    ) return kept.bytes;
    const bytes = this.#gunzip(this.#storedData());
    inflated.set(place, {
      bytes,
      checksum: this.#footerChecksum,
      appendedHigh: this.#appendedHigh,
      appendedLow: this.#appendedLow,
    });
    return bytes;
  }

  #storedData(): Uint8Array {
    if (this.storedSize > this.#context.largestInflated) throw this.#tooLarge();
    const stored = new Uint8Array(this.storedSize);
    this.#readData(0, stored);
    this.#verify(stored);
    return stored;
  }

  #gunzip(stored: Uint8Array): Uint8Array {
    this.#context.inflations++;
    try {
      return gunzipSync(stored, { maxOutputLength: this.#context.largestInflated });
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw this.#tooLarge();
      throw this.#error("corrupt", `its gzip does not inflate: ${reasonOf(error)}`);
    }
  }

  #tooLarge(): NeedleError {
    return this.#error("unsupported", `it inflates to more than ${this.#context.largestInflated} bytes`);
  }

  #changing(): NeedleError {
    return this.#error("changing", "the volume changed while it was read");
  }

  #error(code: NeedleError["code"], reason: string): NeedleError {
    return new NeedleError(code, `needle ${formatFileId(this.#id)}: ${reason}`);
  }
}
