/**
 * The volumes of a machine, read beside the volume server that owns them.
 *
 * @module
 */
import { Counters } from "../rdma/statistics.ts";
import { type FileId, formatFileId } from "./file_id.ts";
import { InflatedCache } from "./inflated_cache.ts";
import { NeedleError } from "./needle_error.ts";
import { type Needle, NeedleContext } from "./pinned_needle.ts";
import type { NeedleEntry } from "./needle_page.ts";
import { Volume, type VolumeDescription, type VolumeSummary } from "./volume.ts";
import { checkDirectories, listVolumes, type VolumeDirectory, type VolumeFiles } from "./volume_files.ts";

/** The ceilings of a {@linkcode Store}. */
export interface StoreOptions {
  /** Volumes held open at once, two file descriptors each. Default 256. */
  openVolumes?: number;
  /** Bytes that all needle maps together may take, about 22 a needle. Default 1 GiB. */
  indexBytes?: number;
  /** Bytes of inflated needles kept. Default 64 MiB. */
  inflatedBytes?: number;
  /** The most bytes a needle may have when inflated. Default 64 MiB. */
  largestInflated?: number;
}

/** What a store has done. */
export interface StoreStatistics {
  /** Needles opened. */
  readonly opened: number;
  /** Needles refused, by {@linkcode NeedleErrorCode}. */
  readonly refused: Readonly<Record<string, number>>;
  /** Times a volume's files were opened and its index read. */
  readonly loads: number;
  /** Times the directories were listed. */
  readonly listings: number;
  /** Times a needle was inflated. */
  readonly inflations: number;
  /** Checksums verified. */
  readonly checksums: number;
  /** Volumes open now. */
  readonly openVolumes: number;
  /** Bytes of their needle maps. */
  readonly indexBytes: number;
  /** Bytes of inflated needles kept now. */
  readonly inflatedBytes: number;
}

/** How long an unknown volume stays unknown before the directories are listed again, in milliseconds. */
const UNKNOWN_FOR = 1000;
/** How long a listing is good for, so that volumes that came twice or were erasure-coded are noticed. */
const LISTING_FOR = 10_000;

/** Bytes of needle maps that are made for one {@linkcode Store.describe}: four million needles or so. */
const DESCRIBED_INDEX_BYTES = 128 * 1024 ** 2;

/** Reads needles from the volumes in some directories. It writes nothing and locks nothing. */
export class Store implements Disposable {
  readonly #refused = new Counters();
  readonly #directories: VolumeDirectory[];
  readonly #context: NeedleContext;
  readonly #mostOpen: number;
  readonly #mostIndexBytes: number;
  readonly #reserve = (bytes: number): void => this.#makeRoom(bytes);
  #volumes = new Map<number, Volume>();
  #listedAt = -Infinity;
  #listings = 0;
  #questions = 0;
  #opened = 0;
  #loads = 0;

  /**
   * Takes the directories; volumes in them are found when first asked for. Throws ConfigError when one is no directory.
   *
   * @param directories Each a path, or a path and where its indices are.
   */
  constructor(directories: readonly (string | VolumeDirectory)[], options: StoreOptions = {}) {
    this.#directories = checkDirectories(directories);
    this.#mostOpen = options.openVolumes ?? 256;
    this.#mostIndexBytes = options.indexBytes ?? 1024 ** 3;
    const inflated = new InflatedCache(options.inflatedBytes ?? 64 * 1024 ** 2);
    this.#context = new NeedleContext(inflated, options.largestInflated ?? 64 * 1024 ** 2);
  }

  /**
   * Finds a needle, as of now: what weed appended, overwrote or deleted before this call is honoured. Throws NeedleError.
   *
   * @param nowMs Milliseconds since 1970, for times to live.
   */
  open(id: FileId, nowMs: number): Needle {
    try {
      const needle = this.#find(id, nowMs);
      this.#opened++;
      return needle;
    } catch (error) {
      if (error instanceof NeedleError) this.#refused.add(error.code);
      throw error;
    }
  }

  /** What volumes there are, by id; the directories are listed anew. */
  volumes(nowMs: number): VolumeSummary[] {
    this.#list(nowMs);
    return [...this.#volumes.values()].map((volume) => volume.summary()).sort((a, b) => a.id - b.id);
  }

  /**
   * The volumes that are served and whose id is greater than `after`, ascending, at most `limit`. Their needles are counted
   * as long as that closes no volume that is in use, and takes no longer than reading some millions of index entries.
   */
  describe(after: number, limit: number, nowMs: number): { volumes: VolumeDescription[]; more: boolean } {
    if (Math.abs(nowMs - this.#listedAt) >= UNKNOWN_FOR) this.#list(nowMs);
    const served = [...this.#volumes.values()].filter(({ files }) => files.id > after && files.refused === undefined);
    let left = DESCRIBED_INDEX_BYTES;
    const reserve = (bytes: number): void => {
      const open = [...this.#volumes.values()].filter((volume) => volume.isOpen).length;
      if (bytes > left || open >= this.#mostOpen || this.#indexBytes() + bytes > this.#mostIndexBytes) {
        throw new NeedleError("unsupported", `a needle map of ${bytes} bytes is not made to count needles`);
      }
      left -= bytes;
    };
    const volumes: VolumeDescription[] = [];
    for (const volume of served.sort((a, b) => a.files.id - b.files.id)) {
      if (volumes.length === limit) return { volumes, more: true };
      const description = volume.describe(reserve);
      if (description !== undefined) volumes.push(description);
    }
    return { volumes, more: false };
  }

  /**
   * The needles of a volume that are not deleted and whose keys are greater than `after`, ascending, at most `limit`; all
   * from the first where `after` is below 0. Those whose time to live is over are among them until a vacuum. Throws
   * NeedleError.
   */
  async needles(
    volume: number,
    after: bigint,
    limit: number,
    nowMs: number,
  ): Promise<{ needles: NeedleEntry[]; more: boolean }> {
    for (const fresh of [LISTING_FOR, UNKNOWN_FOR]) { // files that went away are perhaps in another directory
      const age = Math.abs(nowMs - this.#listedAt);
      if (age >= fresh || !this.#volumes.has(volume) && age >= UNKNOWN_FOR) this.#list(nowMs);
      const found = this.#volumes.get(volume);
      if (found === undefined) break;
      found.lastUsed = ++this.#questions;
      const page = await found.needles(after, limit, this.#reserve);
      if (page !== undefined) return page;
    }
    throw new NeedleError("not-found", `no volume ${volume} in the directories served`);
  }

  /** A reason without the directories of its files, for whom those are nobody's business. */
  withoutDirectories(reason: string): string {
    const paths = this.#directories.flatMap(({ directory, indexDirectory = directory }) => [directory, indexDirectory]);
    paths.sort((a, b) => b.length - a.length); // one may lie in another
    return paths.reduce((text, path) => text.replaceAll(`${path}/`, "").replaceAll(path, "the directory"), reason);
  }

  /** What it has done so far. */
  statistics(): StoreStatistics {
    let openVolumes = 0;
    let loads = this.#loads;
    for (const volume of this.#volumes.values()) {
      if (volume.isOpen) openVolumes++;
      loads += volume.loads;
    }
    return {
      opened: this.#opened,
      refused: this.#refused.toJSON(),
      loads,
      listings: this.#listings,
      inflations: this.#context.inflations,
      checksums: this.#context.checksums,
      openVolumes,
      indexBytes: this.#indexBytes(),
      inflatedBytes: this.#context.inflated.byteLength,
    };
  }

  /** Closes every file. A needle asked for after that opens them again. */
  [Symbol.dispose](): void {
    for (const volume of this.#volumes.values()) volume[Symbol.dispose]();
    this.#volumes.clear();
    this.#listedAt = -Infinity;
    this.#context.inflated.clear();
    this.#context.holder = undefined;
  }

  #find(id: FileId, nowMs: number): Needle {
    const age = Math.abs(nowMs - this.#listedAt); // a clock set back lists again, too
    if (age >= LISTING_FOR || !this.#volumes.has(id.volume) && age >= UNKNOWN_FOR) this.#list(nowMs);
    const needle = this.#ask(id, nowMs);
    if (needle !== undefined) return needle;
    if (this.#volumes.has(id.volume)) this.#list(nowMs); // its files went away: perhaps to another directory
    const moved = this.#ask(id, nowMs);
    if (moved !== undefined) return moved;
    throw new NeedleError("not-found", `needle ${formatFileId(id)}: no volume ${id.volume} in the directories served`);
  }

  #ask(id: FileId, nowMs: number): Needle | undefined {
    const volume = this.#volumes.get(id.volume);
    if (volume === undefined) return undefined;
    volume.lastUsed = ++this.#questions;
    return volume.open(id, nowMs, this.#context, this.#reserve);
  }

  #list(nowMs: number): void {
    this.#listedAt = nowMs;
    this.#listings++;
    const before = this.#volumes;
    this.#volumes = new Map();
    for (const [id, files] of listVolumes(this.#directories)) {
      const known = before.get(id);
      const kept = known !== undefined && sameFiles(known.files, files);
      this.#volumes.set(id, kept ? known : new Volume(files));
      if (kept) before.delete(id);
    }
    for (const gone of before.values()) {
      this.#loads += gone.loads;
      gone[Symbol.dispose]();
    }
  }

  #indexBytes(): number {
    let bytes = 0;
    for (const volume of this.#volumes.values()) bytes += volume.indexBytes;
    return bytes;
  }

  /** Closes the volumes used longest ago until one more, with a needle map of `bytes`, is within the ceilings. */
  #makeRoom(bytes: number): void {
    if (bytes > this.#mostIndexBytes) {
      const ceiling = `${this.#mostIndexBytes} that may be taken: raise indexBytes`;
      throw new NeedleError("unsupported", `a needle map of ${bytes} bytes is beyond the ${ceiling}`);
    }
    const open = [...this.#volumes.values()].filter((volume) => volume.isOpen);
    open.sort((a, b) => a.lastUsed - b.lastUsed);
    let taken = this.#indexBytes();
    for (let index = 0; index < open.length; index++) {
      if (open.length - index < this.#mostOpen && taken + bytes <= this.#mostIndexBytes) break;
      taken -= open[index]?.indexBytes ?? 0;
      open[index]?.[Symbol.dispose]();
    }
  }
}

function sameFiles(one: VolumeFiles, other: VolumeFiles): boolean {
  return one.base === other.base && one.indexBase === other.indexBase && one.refused === other.refused;
}
