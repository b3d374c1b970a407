/**
 * A share's files, as copying needs them.
 *
 * @module
 */
import { isComponent, NtStatus, NtStatusError, type ResolvedSettings } from "../src/smb/mod.ts";
import type { CreateOptions, FileInfo, FileTree, Filler, SourceFile, TargetFile } from "./file_tree.ts";
import { foldName } from "./glob.ts";
import type { Share, ShareFile, ShareStat } from "./share.ts";
import { type SmbUrl, urlOfPath } from "./smb_url.ts";

/** TCP's port of SMB. */
const SMB_PORT = 445;

/** Statuses that say that there is nothing of the name. */
const NOT_THERE: ReadonlySet<number> = new Set([
  NtStatus.OBJECT_NAME_NOT_FOUND,
  NtStatus.OBJECT_PATH_NOT_FOUND,
  NtStatus.NO_SUCH_FILE,
  NtStatus.NOT_FOUND,
]);

/** Whether an error is the server's word that there is nothing of the name. */
export function isNotThere(error: unknown): boolean {
  return error instanceof NtStatusError && NOT_THERE.has(error.status);
}

/** What a path names; undefined where it names nothing. */
export async function statOf(share: Share, path: string, signal: AbortSignal): Promise<ShareStat | undefined> {
  try {
    return await share.stat(path, { signal });
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
}

/** The files of the share that `url` names. */
export class SmbTree implements FileTree {
  readonly id: string;
  readonly unsettled: number;
  readonly atOnce: number;
  readonly #share: Share;
  readonly #url: SmbUrl;

  /** Of a share, reached with these settings. */
  constructor(share: Share, url: SmbUrl, { writeSize, inFlight, registeredMemory }: ResolvedSettings) {
    this.unsettled = writeSize * inFlight;
    this.atOnce = Math.max(1, Math.floor(registeredMemory / writeSize));
    this.#share = share;
    this.#url = url;
    this.id = foldName(`//${url.host}:${url.port ?? SMB_PORT}/${url.share}`);
  }

  /** The URL. */
  show(path: string): string {
    return urlOfPath(this.#url, path);
  }

  /** Case does not matter. */
  key(path: string): string {
    return foldName(path);
  }

  /** A colon would name a stream of another file, and wildcards are no name's. */
  refuses(name: string): string | undefined {
    if (!isComponent(name)) return "it is no name of a file";
    const bad = /[:"*?<>|]/.test(name) || Array.from(name).some((character) => character < " ");
    return bad ? 'SMB allows no name with : " * ? < > | or control characters' : undefined;
  }

  /** What a path names. */
  async stat(path: string, { signal }: { readonly signal: AbortSignal }): Promise<FileInfo | undefined> {
    const stat = await statOf(this.#share, path, signal);
    return stat && infoOf(stat);
  }

  /** What a directory has. */
  async *list(path: string, signal: AbortSignal): AsyncIterable<{ name: string; info: FileInfo }> {
    for await (const { name, stat } of this.#share.readDir(path, { signal })) {
      if (isComponent(name)) yield { name, info: infoOf(stat) };
    }
  }

  /** Opens a file to read it; others may, too. */
  async open(path: string, signal: AbortSignal): Promise<SourceFile> {
    return new SmbSource(await this.#share.open(path, { signal }));
  }

  /** Opens a file to write it; nobody else may. */
  async create(path: string, { keep, signal }: CreateOptions): Promise<TargetFile> {
    const file = await this.#share.open(path, {
      read: true,
      write: true,
      create: true,
      truncate: !keep,
      share: 0,
      signal,
    });
    return new SmbTarget(file, keep ? file.size : 0);
  }

  /** Makes a directory, where there is none. */
  async mkdir(path: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#share.mkdir(path, { signal });
    } catch (error) {
      const collides = error instanceof NtStatusError && error.status === NtStatus.OBJECT_NAME_COLLISION;
      if (!collides || (await statOf(this.#share, path, signal))?.directory !== true) throw error;
    }
  }

  /** Removes a file. */
  async remove(path: string): Promise<void> {
    await this.#share.remove(path);
  }

  /** Gives a file its name. */
  async rename(from: string, to: string, replace: boolean): Promise<void> {
    await this.#share.rename(from, to, { replace });
  }
}

// A file that is a reparse point is tried: servers keep files in special ways of which readers see nothing, and what
// cannot be followed they refuse to open.
function infoOf({ size, directory, link, modified, fileId }: ShareStat): FileInfo {
  return { size, directory, link: link && directory, special: false, modified, id: fileId.toString(16) };
}

/** A file that is read. */
class SmbSource implements SourceFile {
  readonly info: FileInfo;
  readonly #file: ShareFile;

  constructor(file: ShareFile) {
    this.#file = file;
    this.info = infoOf(file.stat);
  }

  pieces(offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#file.readPieces(offset, length, { signal });
  }

  filler(offset: number, length: number, signal: AbortSignal): Filler {
    const pieces = this.#file.readPieces(offset, length, { signal });
    let rest = new Uint8Array();
    return {
      async fill(into): Promise<number> {
        let filled = 0;
        while (filled < into.length) {
          if (rest.length === 0) {
            const next = await pieces.next();
            if (next.done === true) break;
            rest = next.value as Uint8Array<ArrayBuffer>;
          }
          const piece = rest.subarray(0, into.length - filled);
          into.set(piece, filled);
          filled += piece.length;
          rest = rest.subarray(piece.length);
        }
        return filled;
      },
      [Symbol.asyncDispose]: async () => void await pieces.return(undefined),
    };
  }

  async refresh(): Promise<FileInfo> {
    return infoOf(await this.#file.refresh());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file[Symbol.asyncDispose]() as Promise<void>;
  }
}

/** A file that is written. */
class SmbTarget implements TargetFile {
  readonly #file: ShareFile;

  constructor(file: ShareFile, readonly size: number) {
    this.#file = file;
  }

  async copy(
    source: SourceFile,
    offset: number,
    length: number,
    seen: (bytes: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<number> {
    await using filler = source.filler(offset, length, signal);
    const fill = async (into: Uint8Array): Promise<number> => {
      const filled = await filler.fill(into);
      if (filled > 0) seen(into.subarray(0, filled));
      return filled;
    };
    return await this.#file.writePieces(offset, fill, { signal });
  }

  pieces(offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#file.readPieces(offset, length, { signal });
  }

  async truncate(size: number): Promise<void> {
    await this.#file.truncate(size);
  }

  async setModified(time: number): Promise<void> {
    await this.#file.setTimes({ modified: time });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }
}
