/**
 * Temporary directories of volumes, and what the tests do to them.
 *
 * @module
 */
import {
  type FileId,
  Store,
  type StoreOptions,
  VolumeWriter,
  type VolumeWriterOptions,
} from "../../src/seaweed/mod.ts";

/** When the tests take place: 2026-01-01, in milliseconds since 1970. */
export const NOW = 1_767_225_600_000;

/** Bytes of text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** `length` bytes that look like noise and differ by `seed`. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed | 0;
  for (let at = 0; at < length; at++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** A temporary directory whose volumes are written and read by one test. */
export class Volumes implements Disposable {
  /** Its path. */
  readonly directory = Deno.makeTempDirSync({ prefix: "verbena-volumes-" });
  readonly #open: Disposable[] = [];

  /** A writer, closed with the rest. */
  writer(id: number, options: VolumeWriterOptions = {}, directory = this.directory): VolumeWriter {
    const writer = new VolumeWriter(directory, id, options);
    this.#open.push(writer);
    return writer;
  }

  /** A store over the directory, or over others, closed with the rest. */
  store(options: StoreOptions = {}, directories: ConstructorParameters<typeof Store>[0] = [this.directory]): Store {
    const store = new Store(directories, options);
    this.#open.push(store);
    return store;
  }

  /** Makes a directory within. */
  directoryNamed(name: string): string {
    const path = `${this.directory}/${name}`;
    Deno.mkdirSync(path);
    return path;
  }

  /** Path of a file within. */
  path(name: string): string {
    return `${this.directory}/${name}`;
  }

  /**
   * Copies the one needle of volume 1 that is live, key 1 and cookie 5, to new files and renames them, the `.dat` first:
   * what weed does at the end of a vacuum.
   */
  vacuum(kept: Uint8Array<ArrayBuffer>, revision: number): VolumeWriter {
    const writer = this.writer(1, { compactionRevision: revision }, this.directoryNamed(`vacuum-${revision}`));
    writer.append({ key: 1n, cookie: 5, data: kept }, NOW);
    Deno.writeTextFileSync(this.path("1.cpc"), "");
    Deno.renameSync(writer.dataPath, this.path("1.dat"));
    Deno.renameSync(writer.indexPath, this.path("1.idx"));
    Deno.removeSync(this.path("1.cpc"));
    return writer;
  }

  [Symbol.dispose](): void {
    for (const each of this.#open) each[Symbol.dispose]();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** All of a needle's data. */
export function readWhole(store: Store, id: FileId, nowMs = NOW): Uint8Array {
  const needle = store.open(id, nowMs);
  const bytes = new Uint8Array(needle.dataSize);
  needle.read(0, bytes);
  return bytes;
}
