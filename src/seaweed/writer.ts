/**
 * A writer of volumes: for the sample volume that is served when there is no other, and for tests. It makes what weed
 * makes, and must never be pointed at a volume that a volume server has open.
 *
 * @module
 */
import { ConfigError, reasonOf, SystemError } from "../rdma/errors.ts";
import type { FileId } from "./file_id.ts";
import { encodeIndexEntry, type IndexEntrySize, TOMBSTONE_SIZE } from "./index_file.ts";
import { decodeNeedleHeader, NeedleHeader } from "./needle.ts";
import { encodeNeedle, type NeedleRecord } from "./needle_record.ts";
import { encodeSuperblock, type NeedleVersion, SUPERBLOCK_SIZE } from "./superblock.ts";
import type { TimeToLive } from "./ttl.ts";
import { formatVolumeInfo } from "./volume_info.ts";

/** What a new volume is like. */
export interface VolumeWriterOptions {
  /** Collection. Default none. */
  collection?: string;
  /** Where the `.idx` goes. Default beside the `.dat`. */
  indexDirectory?: string;
  /** Version of its needles. Default 3. */
  version?: NeedleVersion;
  /** Bytes of an offset in the index: 5 for a weed built for volumes above 32 GiB. Default 4. */
  bytesOffset?: 4 | 5;
  /** The volume's own time to live. Default none. */
  ttl?: TimeToLive;
  /** Vacuums it is said to have had. Default 0. */
  compactionRevision?: number;
}

/** A needle to write; its append time is the writer's to give. */
export type NewNeedle = Omit<NeedleRecord, "appendedNanoseconds">;

/** Makes a volume and appends to it. */
export class VolumeWriter implements Disposable {
  /** Volume id. */
  readonly id: number;
  /** Path of its `.dat`. */
  readonly dataPath: string;
  /** Path of its `.idx`. */
  readonly indexPath: string;
  readonly #version: NeedleVersion;
  readonly #entrySize: IndexEntrySize;
  readonly #data: Deno.FsFile;
  readonly #index: Deno.FsFile;
  #end = SUPERBLOCK_SIZE;
  #appended = 0n;

  /**
   * Makes the three files of an empty volume. Throws ConfigError when one is there already, SystemError when it cannot be
   * made.
   */
  constructor(directory: string, id: number, options: VolumeWriterOptions = {}) {
    const name = options.collection ? `${options.collection}_${id}` : `${id}`;
    const { version = 3, bytesOffset = 4, ttl = { count: 0, unit: 0 }, compactionRevision = 0 } = options;
    this.id = id;
    this.#version = version;
    this.#entrySize = bytesOffset === 5 ? 17 : 16;
    this.dataPath = `${directory}/${name}.dat`;
    this.indexPath = `${options.indexDirectory ?? directory}/${name}.idx`;
    this.#data = createFile(this.dataPath);
    this.#index = createFile(this.indexPath);
    Deno.writeTextFileSync(`${directory}/${name}.vif`, formatVolumeInfo({ version, bytesOffset, replication: "" }));
    const superblock = encodeSuperblock({
      version,
      replicaPlacement: 0,
      ttlCount: ttl.count,
      ttlUnit: ttl.unit,
      compactionRevision,
      extraSize: 0,
    });
    writeAll(this.#data, superblock);
  }

  /**
   * Appends a needle, to the `.dat` first and the `.idx` then, and returns its file id. One with the same key takes the
   * place of the one before.
   *
   * @param nowMs Milliseconds since 1970; append times increase even where this does not.
   */
  append(needle: NewNeedle, nowMs: number): FileId {
    const bytes = encodeNeedle({ ...needle, appendedNanoseconds: this.#appendTime(nowMs) }, this.#version);
    const header = new NeedleHeader();
    decodeNeedleHeader(new DataView(bytes.buffer), 0, header);
    this.appendBytes(bytes, needle.key, header.size);
    return { volume: this.id, key: needle.key, cookie: needle.cookie };
  }

  /** Deletes a needle: appends its tombstone, an empty needle, and the index entry that says so. */
  delete(key: bigint, nowMs: number): void {
    const tombstone = { key, cookie: 0, data: new Uint8Array(), appendedNanoseconds: this.#appendTime(nowMs) };
    this.appendBytes(encodeNeedle(tombstone, this.#version), key, TOMBSTONE_SIZE);
  }

  /** Appends bytes as they are, whatever they be, and an entry that says a needle of `size` begins there. */
  appendBytes(bytes: Uint8Array, key: bigint, size: number): void {
    writeAll(this.#data, bytes);
    writeAll(this.#index, encodeIndexEntry({ key, offset: this.#end, size }, this.#entrySize));
    this.#end += bytes.byteLength;
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.#data.close();
    this.#index.close();
  }

  #appendTime(nowMs: number): bigint {
    const now = BigInt(Math.floor(nowMs)) * 1_000_000n;
    return this.#appended = now > this.#appended ? now : this.#appended + 1n;
  }
}

function createFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new ConfigError(`${path} is there already: a volume is written from scratch or not at all`);
    }
    throw new SystemError(`open(${path})`, (error as { code?: string }).code ?? "EIO", reasonOf(error));
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;) at += file.writeSync(bytes.subarray(at));
}
