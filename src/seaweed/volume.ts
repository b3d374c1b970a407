/**
 * One volume of a store: its files, and the snapshot of them while it is in use.
 *
 * @module
 */
import { type FileId, formatFileId } from "./file_id.ts";
import { NeedleError } from "./needle_error.ts";
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
