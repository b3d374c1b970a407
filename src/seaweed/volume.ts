/**
 * One volume of a store: its files, and the snapshot of them while it is in use.
 *
 * @module
 */
import { type FileId, formatFileId } from "./file_id.ts";
import { NeedleError } from "./needle_error.ts";
import type { NeedleMap } from "./needle_map.ts";
import { type NeedleEntry, NeedlePage } from "./needle_page.ts";
import { Needle, type NeedleContext } from "./pinned_needle.ts";
import type { VolumeFiles } from "./volume_files.ts";
import { VolumeSnapshot } from "./volume_snapshot.ts";

/** Offsets of four bytes wrap here: weed looks 32 GiB further when the header at the first place does not fit. */
const WRAP = 32 * 1024 ** 3;

/** What {@linkcode Store.volumes} tells of a volume. */
export interface VolumeSummary {
  /** Volume id. */
  readonly id: number;
  /** Collection; empty for the default one. */
  readonly collection: string;
  /** The directory that holds the `.dat`. */
  readonly directory: string;
  /** `open` once a needle was read from it, `idle` before, `refused` when it is not served. */
  readonly state: "open" | "idle" | "refused";
  /** Why it is refused, or what became of it the last time it was opened; empty if nothing. */
  readonly reason: string;
  /** Version of its needles, while open. */
  readonly version?: number;
  /** How often it was vacuumed, while open. */
  readonly compactionRevision?: number;
  /** Needles in it, while open. */
  readonly needles?: number;
  /** Tombstones in its index, while open. */
  readonly deleted?: number;
  /** Bytes of its `.dat`, while open. */
  readonly datBytes?: number;
}

/** What {@linkcode Store.describe} tells of a volume that is served. */
export interface VolumeDescription {
  /** Volume id. */
  readonly id: number;
  /** Collection; empty for the default one. */
  readonly collection: string;
  /** Version of its needles. */
  readonly version: number;
  /** Bytes of its `.dat`. */
  readonly size: number;
  /** Needles that are not deleted; where they were not counted, the entries of the index, which are no fewer. */
  readonly needles: number;
  /** Needles that are deleted; 0 where they were not counted. */
  readonly deleted: number;
  /** Whether needles were counted. */
  readonly counted: boolean;
  /** Whether weed takes no writes for it. */
  readonly readOnly: boolean;
}

/** Slots of a needle map looked through in one go: a few milliseconds, in which nothing else is served. */
const SLOTS_AT_ONCE = 1 << 20;
/** How often a page is begun anew when the needle map grows meanwhile, before the volume is said to be changing. */
const PAGE_ATTEMPTS = 4;

/** A volume that opens its files when first asked, and again whenever they were replaced. */
export class Volume implements Disposable {
  /** When it was last asked, in the store's count of questions. */
  lastUsed = 0;
  /** Times its files were opened. */
  loads = 0;
  #snapshot: VolumeSnapshot | undefined;
  #reason = "";

  /** Opens nothing yet. */
  constructor(/** Where its files are. */ readonly files: VolumeFiles) {}

  /** Whether its files are open. */
  get isOpen(): boolean {
    return this.#snapshot !== undefined;
  }

  /** Bytes its needle map takes. */
  get indexBytes(): number {
    return this.#snapshot?.map.byteLength ?? 0;
  }

  /**
   * Finds a needle and pins it. Undefined when the volume's files are gone from here. Throws NeedleError.
   *
   * @param reserve Called with the bytes that a new needle map will take, before it is made; may throw.
   */
  open(id: FileId, nowMs: number, context: NeedleContext, reserve: (bytes: number) => void): Needle | undefined {
    const { refused } = this.files;
    if (refused !== undefined) throw new NeedleError("unsupported", `volume ${this.files.id}: ${refused}`);
    // What does not fit may be a change under way: only what does not fit twice, the index taken in anew, is damage.
    for (let attempt = 0;; attempt++) {
      const snapshot = this.#current(reserve);
      if (snapshot === undefined) return undefined;
      const place = find(snapshot, id);
      const found = pin(snapshot, place, id, nowMs, context);
      if (found instanceof Needle) return found;
      if (attempt > 0) throw new NeedleError("corrupt", `needle ${formatFileId(id)}: ${found}`);
    }
  }

  /**
   * What to tell of it where it is served; undefined where it is not, or its files are gone or make no sense. It is opened
   * for that where `reserve` does not throw.
   */
  describe(reserve: (bytes: number) => void): VolumeDescription | undefined {
    const { id, collection, refused } = this.files;
    if (refused !== undefined) return undefined;
    const reason = this.#reason;
    let map: NeedleMap | undefined;
    try {
      map = this.#current(reserve)?.map;
    } catch (error) {
      if (!(error instanceof NeedleError)) throw error;
      this.#reason = reason; // that there was no room for this question is nothing that became of it
    }
    try {
      const glance = VolumeSnapshot.glance(this.files);
      if (glance === undefined) return undefined;
      const { version, dataBytes: size, entries, readOnly } = glance;
      const [needles, deleted] = map === undefined ? [entries, 0] : [map.live, map.deleted];
      return { id, collection, version, size, needles, deleted, counted: map !== undefined, readOnly };
    } catch (error) {
      if (error instanceof NeedleError) return undefined;
      throw error;
    }
  }

  /**
   * A page of its needles, by key; undefined when its files are gone from here. Throws NeedleError. See {@linkcode open}
   * for `reserve`.
   */
  async needles(
    after: bigint,
    limit: number,
    reserve: (bytes: number) => void,
  ): Promise<{ needles: NeedleEntry[]; more: boolean } | undefined> {
    const { id, refused } = this.files;
    if (refused !== undefined) throw new NeedleError("unsupported", `volume ${id}: ${refused}`);
    for (let attempt = 0; attempt < PAGE_ATTEMPTS; attempt++) {
      const map = this.#current(reserve)?.map;
      if (map === undefined) return undefined;
      const page = new NeedlePage(after, limit);
      if (await gatherAll(map, page)) return page.take();
    }
    throw new NeedleError("changing", `volume ${id}: its index grows faster than it can be looked through`);
  }

  /** What to tell of it. */
  summary(): VolumeSummary {
    const { id, collection, directory, refused } = this.files;
    const named = { id, collection, directory };
    if (refused !== undefined) return { ...named, state: "refused", reason: refused };
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return { ...named, state: "idle", reason: this.#reason };
    return {
      ...named,
      state: "open",
      reason: "",
      version: snapshot.superblock.version,
      compactionRevision: snapshot.superblock.compactionRevision,
      needles: snapshot.map.live,
      deleted: snapshot.map.deleted,
      datBytes: snapshot.dataBytes,
    };
  }

  /** Closes its files; the next question opens them again. Needles pinned so far report `changing`. */
  [Symbol.dispose](): void {
    this.#snapshot?.[Symbol.dispose]();
    this.#snapshot = undefined;
  }

  #current(reserve: (bytes: number) => void): VolumeSnapshot | undefined {
    if (this.#snapshot?.refresh() === true) return this.#snapshot;
    this[Symbol.dispose]();
    try {
      this.#snapshot = VolumeSnapshot.open(this.files, reserve);
      this.#reason = "";
      if (this.#snapshot !== undefined) this.loads++;
    } catch (error) {
      if (error instanceof NeedleError) this.#reason = error.message;
      throw error;
    }
    return this.#snapshot;
  }
}

/** Looks through a whole needle map, other work in between; false when it grew meanwhile, and needles moved. */
async function gatherAll(map: NeedleMap, page: NeedlePage): Promise<boolean> {
  const { slots } = map;
  for (let first = 0; first < slots; first += SLOTS_AT_ONCE) {
    if (first > 0) await new Promise((resolve) => setTimeout(resolve, 0));
    if (map.slots !== slots) return false;
    map.gather(page, first, SLOTS_AT_ONCE);
  }
  return true;
}

interface Place {
  readonly offset: number;
  readonly size: number;
}

/** Looks the needle up in the index. Throws NeedleError `not-found` and `deleted`. */
function find(snapshot: VolumeSnapshot, id: FileId): Place {
  const { map } = snapshot;
  const slot = map.find(Number(id.key >> 32n), Number(id.key & 0xffff_ffffn));
  if (slot < 0) throw new NeedleError("not-found", `needle ${formatFileId(id)}: no such key in volume ${id.volume}`);
  const size = map.size(slot);
  if (size < 0) throw new NeedleError("deleted", `needle ${formatFileId(id)}: it was deleted`);
  return { offset: map.offset(slot), size };
}

function pin(
  snapshot: VolumeSnapshot,
  { offset, size }: Place,
  id: FileId,
  nowMs: number,
  context: NeedleContext,
): Needle | string {
  const needle = new Needle(context, snapshot, id, offset, size);
  const misfit = needle.pin(nowMs);
  if (misfit === undefined) return needle;
  if (snapshot.entrySize === 16 && snapshot.dataBytes > offset + WRAP) {
    const further = new Needle(context, snapshot, id, offset + WRAP, size);
    if (further.pin(nowMs) === undefined) return further;
  }
  return misfit;
}
