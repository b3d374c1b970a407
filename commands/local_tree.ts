/**
 * This machine's files, as copying needs them.
 *
 * @module
 */
import { reasonOf, SystemError, VerbenaError } from "../src/rdma/errors.ts";
import { isComponent } from "../src/smb/mod.ts";
import type { CreateOptions, FileInfo, FileTree, Filler, SourceFile, TargetFile } from "./file_tree.ts";
import { shown } from "./shown.ts";

/** Bytes read at once for who has no memory of its own. */
const PIECE_SIZE = 1 << 20;

/** Milliseconds that one write may keep everything else waiting. */
const PATIENCE = 20;

/** This machine's files; relative paths are the process's. */
export const localTree: FileTree = {
  id: "",
  unsettled: PIECE_SIZE, // one write after another
  atOnce: Infinity,
  show: (path) => shown(path),
  key: (path) => path,
  refuses(name): string | undefined {
    if (!isComponent(name)) return "it is no name of a file";
    if (!name.isWellFormed()) return "it is not well-formed Unicode, as names here are";
    if (Deno.build.os === "windows" && !isWindowsName(name)) return "Windows allows no such name";
    return undefined;
  },
  async stat(path, { follow }): Promise<FileInfo | undefined> {
    try {
      return infoOf(await (follow ? Deno.stat(path) : Deno.lstat(path)));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw systemError("stat", path, error);
    }
  },
  async *list(path): AsyncIterable<{ name: string; info: FileInfo }> {
    const names: string[] = [];
    try {
      for await (const { name } of Deno.readDir(path)) names.push(name);
    } catch (error) {
      throw systemError("read the directory", path, error);
    }
    for (const name of names.sort()) {
      const info = await localTree.stat(`${path}/${name}`, { follow: false, signal: AbortSignal.any([]) });
      yield { name, info: info ?? GONE };
    }
  },
  async open(path): Promise<SourceFile> {
    try {
      const file = await Deno.open(path);
      return await LocalFile.of(path, file);
    } catch (error) {
      throw systemError("open", path, error);
    }
  },
  async create(path, options): Promise<TargetFile> {
    try {
      return await createFile(path, options);
    } catch (error) {
      throw systemError("create", path, error);
    }
  },
  async mkdir(path): Promise<void> {
    try {
      await Deno.mkdir(path);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists && (await localTree.stat(path, NOT_FOLLOWING))?.directory) return;
      throw systemError("make the directory", path, error);
    }
  },
  async remove(path): Promise<void> {
    try {
      await Deno.remove(path);
    } catch (error) {
      throw systemError("remove", path, error);
    }
  },
  async rename(from, to, replace): Promise<void> {
    try {
      if (!replace && await linked(from, to)) return await Deno.remove(from);
      await Deno.rename(from, to);
    } catch (error) {
      throw systemError("rename", `${from} to ${to}`, error);
    }
  },
};

function isWindowsName(name: string): boolean {
  return !/[<>:"|?*]|[. ]$/.test(name) && !Array.from(name).some((character) => character < " ");
}

/** What is listed and not to be found: it has just gone, or its name is no UTF-8. Opening it says so. */
const GONE: FileInfo = { size: 0, directory: false, link: false, special: false, modified: 0 };

const FOLLOWING = { follow: true, signal: AbortSignal.any([]) };
/** A link in a directory that is copied into leads elsewhere: it is no directory of the copy. */
const NOT_FOLLOWING = { follow: false, signal: AbortSignal.any([]) };

/** Gives a file a second name, which fails where that is taken; false where the file system has no second names. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await Deno.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw error;
    if (await localTree.stat(to, FOLLOWING) !== undefined) throw new Deno.errors.AlreadyExists("File exists");
    return false;
  }
}

function infoOf(stat: Deno.FileInfo): FileInfo {
  const { size, isFile, isDirectory, isSymlink, mtime, dev, ino } = stat;
  const special = !isFile && !isDirectory && !isSymlink;
  return {
    size,
    directory: isDirectory,
    link: isSymlink,
    special,
    modified: mtime?.getTime() ?? 0,
    id: `${dev}:${ino}`,
  };
}

function systemError(call: string, path: string, error: unknown): unknown {
  if (error instanceof VerbenaError || !(error instanceof Error)) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  const reason = reasonOf(error).replace(/ \(os error \d+\).*$/, "");
  return new SystemError(`${call} ${shown(path)}`, code, reason);
}

// Nobody else may be writing it, and what is opened must be what was looked at: in a directory that others can write to,
// a link of this name could lead anywhere.
async function createFile(path: string, { keep }: CreateOptions): Promise<LocalFile> {
  await using held = new AsyncDisposableStack();
  const there = await Deno.lstat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (there !== undefined && !there.isFile) {
    throw new SystemError(`create ${shown(path)}`, "EEXIST", "something that is no file has the name");
  }
  if (there !== undefined && !keep) {
    using old = await Deno.open(path, { read: true });
    await lock(old, path);
    await Deno.remove(path);
  }
  const file = await Deno.open(path, {
    read: true,
    write: true,
    ...(there !== undefined && keep ? {} : { createNew: true }),
  });
  held.defer(() => file.close());
  const opened = await file.stat();
  if (there !== undefined && keep && (opened.ino !== there.ino || opened.dev !== there.dev)) {
    throw new SystemError(`create ${shown(path)}`, "EEXIST", "another program has just put something there");
  }
  await lock(file, path);
  held.move();
  return new LocalFile(path, file, infoOf(opened));
}

async function lock(file: Deno.FsFile, path: string): Promise<void> {
  if (await file.tryLock(true)) return;
  throw new SystemError(`create ${shown(path)}`, "EBUSY", "another copy is writing it");
}

/** An open file of this machine. */
class LocalFile implements SourceFile, TargetFile {
  readonly #file: Deno.FsFile;
  #open = true;
  #slow = false;

  constructor(readonly path: string, file: Deno.FsFile, readonly info: FileInfo) {
    this.#file = file;
  }

  static async of(path: string, file: Deno.FsFile): Promise<LocalFile> {
    try {
      return new LocalFile(path, file, infoOf(await file.stat()));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get size(): number {
    return this.info.size;
  }

  async *pieces(offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const memory = new Uint8Array(Math.min(PIECE_SIZE, length));
    await using filler = this.filler(offset, length, signal);
    for (let count = 1; count > 0;) {
      count = await filler.fill(memory);
      if (count > 0) yield memory.subarray(0, count);
    }
  }

  filler(offset: number, length: number, signal: AbortSignal): Filler {
    let at = -1;
    const end = offset + length;
    return {
      fill: async (into): Promise<number> => {
        signal.throwIfAborted();
        if (at < 0) at = await this.#file.seek(offset, Deno.SeekMode.Start);
        let filled = 0;
        while (filled < into.length && at < end) {
          const count = await this.#read(into.subarray(filled, filled + Math.min(into.length - filled, end - at)));
          if (count === 0) break;
          filled += count;
          at += count;
        }
        return filled;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async #read(into: Uint8Array): Promise<number> {
    try {
      return await this.#file.read(into) ?? 0;
    } catch (error) {
      throw systemError("read", this.path, error);
    }
  }

  async copy(
    source: SourceFile,
    offset: number,
    length: number,
    seen: (bytes: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<number> {
    await this.#file.seek(offset, Deno.SeekMode.Start);
    let copied = 0;
    for await (const piece of source.pieces(offset, length, signal)) {
      seen(piece);
      await this.#write(piece);
      copied += piece.length;
    }
    return copied;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#writeSome(rest));
    } catch (error) {
      throw systemError("write", this.path, error);
    }
  }

  // What only goes into the system's memory is written at once: handing it to another thread takes longer than that. A
  // file that has kept us waiting is written by that thread, so that nothing else waits for it.
  #writeSome(bytes: Uint8Array): number | Promise<number> {
    if (this.#slow) return this.#file.write(bytes);
    const begun = performance.now();
    const count = this.#file.writeSync(bytes);
    this.#slow = performance.now() - begun > PATIENCE;
    return count;
  }

  async refresh(): Promise<FileInfo> {
    return infoOf(await this.#file.stat());
  }

  async truncate(size: number): Promise<void> {
    await this.#file.truncate(size);
  }

  async setModified(time: number): Promise<void> {
    await this.#file.utime(new Date(), new Date(time));
  }

  // What a network's file system or a quota has against the last bytes is told by close(2), which Deno keeps to itself.
  async close(): Promise<void> {
    try {
      if (this.#open) await this.#file.syncData();
    } catch (error) {
      throw systemError("write", this.path, error);
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#open) this.#file.close();
    this.#open = false;
    return Promise.resolve();
  }
}
