/**
 * A share of a server: its files and directories, by path.
 *
 * @module
 */
import { ConfigError } from "../../rdma/errors.ts";
import {
  CreateOption,
  type CreateRequest,
  type CreateResponse,
  Disposition,
  FileAccess,
  FileAttribute,
  OplockLevel,
  ShareAccess,
} from "../wire/create.ts";
import { type DirectoryEntry, NotifyAction, NotifyFilter, WATCH_TREE } from "../wire/directory.ts";
import { encodeFileDisposition, encodeFileRename } from "../wire/file_information.ts";
import { FileClass, FileSystemClass, InfoType } from "../wire/information.ts";
import { isComponent, sharePath } from "../wire/names.ts";
import { NtStatus } from "../wire/status.ts";
import { decodeFsFullSize } from "../wire/volume_information.ts";
import type { Call } from "./call.ts";
import { SmbFile } from "./file.ts";
import { openHandle, planOf } from "./open_handle.ts";
import {
  closeCall,
  createCall,
  informationOf,
  listCall,
  notifyCall,
  queryCall,
  RELATED_FILE,
  setCall,
} from "./requests.ts";
import { keeperOf, type SmbCallOptions, type SmbServer } from "./server.ts";
import type { Session, Tree } from "./session.ts";
import { type SmbStat, statOf } from "./stat.ts";
import { NtStatusError } from "./status_error.ts";

/** Everybody may do everything meanwhile. */
const SHARE_ALL = ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE;
/** What directories are watched for. */
const WATCHED = NotifyFilter.FILE_NAME | NotifyFilter.DIR_NAME | NotifyFilter.ATTRIBUTES | NotifyFilter.SIZE |
  NotifyFilter.LAST_WRITE | NotifyFilter.CREATION;

/** How a file is opened. */
export interface OpenOptions extends SmbCallOptions {
  /** For reading; default true unless `write`. */
  read?: boolean;
  /** For writing. */
  write?: boolean;
  /** Made if it is not there. */
  create?: boolean;
  /** Made, and an error if it is there. */
  createNew?: boolean;
  /** Emptied if it is there. */
  truncate?: boolean;
  /** What others may do meanwhile, ShareAccess bits; default everything, of who writes only reading. */
  share?: number;
  /** Each write is on stable storage before it is answered. */
  writeThrough?: boolean;
  /** Asks for a lease, for reading, of who writes for writing too; {@linkcode SmbFile.lease} says what was granted. */
  lease?: boolean;
}

/** An entry of a directory. */
export interface SmbEntry {
  /** Its name, which is one component of a path. */
  readonly name: string;
  /** Its attributes. */
  readonly stat: SmbStat;
}

/** A change to a watched directory; `overflow` for more than could be told: look at it anew. */
export interface SmbChange {
  /** What happened. */
  readonly kind: "added" | "removed" | "modified" | "renamed from" | "renamed to" | "overflow";
  /** The path from the watched directory, with `/`; empty of an overflow. */
  readonly path: string;
}

const CHANGE_KINDS: Readonly<Record<number, SmbChange["kind"]>> = {
  [NotifyAction.ADDED]: "added",
  [NotifyAction.REMOVED]: "removed",
  [NotifyAction.MODIFIED]: "modified",
  [NotifyAction.RENAMED_OLD_NAME]: "renamed from",
  [NotifyAction.RENAMED_NEW_NAME]: "renamed to",
};

/** The share; {@linkcode SmbServer.openShare} makes it. Paths have `/` or `\` between components; the root is empty. */
export class SmbShare implements AsyncDisposable {
  /** Made by {@linkcode SmbServer.openShare}. */
  constructor(
    /** Its server. */ readonly server: SmbServer,
    /** Its name. */ readonly name: string,
  ) {}

  /**
   * Opens a file.
   *
   * @throws NtStatusError OBJECT_NAME_NOT_FOUND, ACCESS_DENIED, SHARING_VIOLATION, OBJECT_NAME_COLLISION,
   * FILE_IS_A_DIRECTORY …
   */
  async open(path: string, options: OpenOptions = {}): Promise<SmbFile> {
    const { write = false, lease = false, signal } = options;
    const within = sharePath(path);
    const request = {
      path: within,
      access: accessOf(options),
      share: options.share ?? (write ? ShareAccess.READ : SHARE_ALL),
      disposition: dispositionOf(this.#what(within), options),
      options: CreateOption.NON_DIRECTORY_FILE | (options.writeThrough === true ? CreateOption.WRITE_THROUGH : 0),
      attributes: FileAttribute.NORMAL,
    };
    const replayable = request.disposition !== Disposition.CREATE;
    const { plan, handle } = await this.#run(replayable, signal, async (session, tree) => {
      // another attempt is another open: the server may have one by the names of the first
      const plan = planOf({ what: this.#what(within), request, writes: write, lease });
      return { plan, handle: await openHandle(session, tree, plan, signal) };
    });
    return new SmbFile(this, within.replaceAll("\\", "/"), plan, handle);
  }

  /** A file's or directory's attributes; of a symbolic link its own. */
  async stat(path: string, options: SmbCallOptions = {}): Promise<SmbStat> {
    const request = openRequest(sharePath(path), FileAccess.READ_ATTRIBUTES);
    const contexts = { onDiskId: true };
    const [response] = await this.#chain(`look at`, { ...request, contexts }, [], true, options.signal);
    return statOf(response, response.contexts.onDiskId?.fileId ?? 0n);
  }

  /**
   * The entries of a directory, without `.` and `..`, and without those whose name cannot be one component of a path.
   *
   * @throws NtStatusError NOT_A_DIRECTORY, OBJECT_NAME_NOT_FOUND …
   */
  async *readDir(
    path: string,
    options: SmbCallOptions & { pattern?: string } = {},
  ): AsyncGenerator<SmbEntry, void, void> {
    const { pattern = "*", signal } = options;
    const within = sharePath(path);
    const what = `list ${this.#what(within)}`;
    const access = FileAccess.READ_DATA | FileAccess.READ_ATTRIBUTES;
    const request = openRequest(within, access, CreateOption.DIRECTORY_FILE);
    // the listing's place is the handle's: where the connection is lost after the first answer, it starts anew
    const { session, tree, fileId, first } = await this.#run(true, signal, async (session, tree) => {
      const { fileId } = await session.create(tree, createCall(what, request, signal));
      try {
        const first = await session.call(tree, listCall(what, fileId, pattern, session.querySize, true, signal));
        return { session, tree, fileId, first };
      } catch (error) {
        await closeQuietly(session, tree, what, fileId);
        throw error;
      }
    });
    try {
      for (let entries = first; entries.length > 0;) {
        yield* usable(entries);
        entries = await session.call(tree, listCall(what, fileId, pattern, session.querySize, false, signal));
      }
    } finally {
      await closeQuietly(session, tree, what, fileId);
    }
  }

  /** Makes a directory; `recursive`: those above it too, and no error where it is there. Throws NtStatusError. */
  async mkdir(path: string, options: SmbCallOptions & { recursive?: boolean } = {}): Promise<void> {
    const { recursive = false, signal } = options;
    const within = sharePath(path);
    if (within === "" && recursive) return;
    const disposition = recursive ? Disposition.OPEN_IF : Disposition.CREATE;
    const request = {
      ...openRequest(within, FileAccess.READ_ATTRIBUTES, CreateOption.DIRECTORY_FILE),
      disposition,
      attributes: FileAttribute.DIRECTORY,
    };
    try {
      await this.#chain("make the directory", request, [], recursive, signal);
    } catch (error) {
      const missing = error instanceof NtStatusError && error.status === NtStatus.OBJECT_PATH_NOT_FOUND;
      if (!recursive || !missing || !within.includes("\\")) throw error;
      await this.mkdir(within.slice(0, within.lastIndexOf("\\")), options);
      await this.#chain("make the directory", request, [], true, signal);
    }
  }

  /**
   * Removes a file, a directory that is empty, or a symbolic link, not what it leads to.
   *
   * @throws NtStatusError DIRECTORY_NOT_EMPTY, CANNOT_DELETE, ACCESS_DENIED …
   */
  async remove(path: string, options: SmbCallOptions = {}): Promise<void> {
    const within = sharePath(path);
    if (within === "") throw new ConfigError(`remove ${this.#what(within)}: the root of a share stays`);
    const information = informationOf(1, (view, at) => encodeFileDisposition(view, at, true));
    const request = openRequest(within, FileAccess.DELETE | FileAccess.READ_ATTRIBUTES);
    const what = `remove ${this.#what(within)}`;
    const { signal } = options;
    await this.#chain(
      "remove",
      request,
      [setCall(what, RELATED_FILE, FileClass.DISPOSITION, information, signal)],
      false,
      signal,
    );
  }

  /**
   * Gives a file or directory another path in the share.
   *
   * @throws NtStatusError OBJECT_NAME_COLLISION where there is one of that name and `replace` is not given …
   */
  async rename(from: string, to: string, options: SmbCallOptions & { replace?: boolean } = {}): Promise<void> {
    const [source, target] = [sharePath(from), sharePath(to)];
    const { replace = false, signal } = options;
    const what = `rename ${this.#what(source)} to ${target}`;
    const size = 24 + 2 * target.length;
    const information = informationOf(size, (view, at) => encodeFileRename(view, at, target, replace));
    const request = openRequest(source, FileAccess.DELETE | FileAccess.READ_ATTRIBUTES);
    await this.#chain(
      "rename",
      request,
      [setCall(what, RELATED_FILE, FileClass.RENAME, information, signal)],
      false,
      signal,
    );
  }

  /** Bytes there are in its file system, and bytes that are free to this user. */
  async space(options: SmbCallOptions = {}): Promise<{ total: number; available: number }> {
    const { signal } = options;
    const what = `measure ${this.#what("")}`;
    const call = queryCall(what, RELATED_FILE, InfoType.FILE_SYSTEM, FileSystemClass.FULL_SIZE, 32, (output) => {
      const { total, available, unitSize } = decodeFsFullSize(output);
      return { total: Number(total) * unitSize, available: Number(available) * unitSize };
    }, signal);
    const [, space] = await this.#chain("measure", openRequest("", FileAccess.READ_ATTRIBUTES), [call], true, signal);
    return space as { total: number; available: number };
  }

  /**
   * Tells changes to a directory from now on, until `signal` aborts or the connection is lost. What changes between two
   * answers is kept by the server.
   */
  async *watch(
    path: string,
    options: SmbCallOptions & { recursive?: boolean } = {},
  ): AsyncGenerator<SmbChange, void, void> {
    const { recursive = false, signal } = options;
    const within = sharePath(path);
    const what = `watch ${this.#what(within)}`;
    const request = openRequest(within, FileAccess.READ_DATA, CreateOption.DIRECTORY_FILE);
    const { session, tree, fileId } = await this.#run(true, signal, async (session, tree) => {
      const { fileId } = await session.create(tree, createCall(what, request, signal));
      return { session, tree, fileId };
    });
    try {
      const flags = recursive ? WATCH_TREE : 0;
      for (;;) {
        const changes = await session.call(tree, notifyCall(what, fileId, flags, WATCHED, session.querySize, signal));
        if (changes === "closed") return;
        if (changes === "overflow") yield { kind: "overflow", path: "" };
        else yield* changes.map(({ action, name }) => changeOf(action, name));
      }
    } finally {
      await closeQuietly(session, tree, what, fileId);
    }
  }

  /** Leaves the share. Files of it that are open are closed by the server. */
  async close(): Promise<void> {
    const session = keeperOf(this.server).current;
    if (session?.over === false) await session.leave(this.name);
  }

  /** {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #what(path: string): string {
    return `\\\\${this.server.name}\\${this.name}${path === "" ? "" : `\\${path}`}`;
  }

  async #run<T>(
    replayable: boolean,
    signal: AbortSignal | undefined,
    task: (session: Session, tree: Tree) => Promise<T>,
  ): Promise<T> {
    const { server, name } = this;
    return await keeperOf(server).run(async (session) => await task(session, await session.tree(name)), {
      replayable,
      signal,
    });
  }

  /** Opens, does what `calls` ask, and closes, in one message. Answers of CREATE and of each call. */
  async #chain(
    verb: string,
    request: CreateRequest,
    calls: readonly Call<unknown>[],
    replayable: boolean,
    signal: AbortSignal | undefined,
  ): Promise<[CreateResponse, ...unknown[]]> {
    const what = `${verb} ${this.#what(request.path)}`;
    return await this.#run(replayable, signal, async (session, tree) => {
      const create = createCall(what, request, signal);
      const answers = session.chain(tree, [create, ...calls, closeCall(what, RELATED_FILE)] as Call<unknown>[]);
      const outcomes = await Promise.allSettled(answers);
      // the first that failed is the reason of those after it
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      return outcomes.map((outcome) => outcome.status === "fulfilled" ? outcome.value : undefined) as [CreateResponse];
    });
  }
}

function accessOf({ write = false, read = !write, truncate = false }: OpenOptions): number {
  const common = FileAccess.READ_ATTRIBUTES | FileAccess.SYNCHRONIZE;
  const reading = read ? FileAccess.READ_DATA | FileAccess.READ_EA : 0;
  const writing = write || truncate
    ? FileAccess.WRITE_DATA | FileAccess.APPEND_DATA | FileAccess.WRITE_ATTRIBUTES | FileAccess.WRITE_EA
    : 0;
  return common | reading | writing;
}

function dispositionOf(what: string, options: OpenOptions): number {
  const { write = false, create = false, createNew = false, truncate = false } = options;
  if (!write && (create || createNew || truncate)) {
    throw new ConfigError(`open ${what}: create, createNew and truncate go with write`);
  }
  if (createNew) return Disposition.CREATE;
  if (create) return truncate ? Disposition.OVERWRITE_IF : Disposition.OPEN_IF;
  return truncate ? Disposition.OVERWRITE : Disposition.OPEN;
}

/** Opens what is there, the link itself where it is one. */
function openRequest(path: string, access: number, options = 0): CreateRequest {
  return {
    path,
    access,
    share: SHARE_ALL,
    disposition: Disposition.OPEN,
    options: options | (path === "" || options !== 0 ? 0 : CreateOption.OPEN_REPARSE_POINT),
    attributes: 0,
    oplock: OplockLevel.NONE,
    contexts: {},
  };
}

function* usable(entries: readonly DirectoryEntry[]): Generator<SmbEntry, void, void> {
  for (const { name, attributes } of entries) {
    if (attributes !== undefined && isComponent(name)) yield { name, stat: statOf(attributes, attributes.fileId) };
  }
}

function changeOf(action: number, name: string): SmbChange {
  return { kind: CHANGE_KINDS[action] ?? "modified", path: name.replaceAll("\\", "/") };
}

async function closeQuietly(session: Session, tree: Tree, what: string, fileId: Uint8Array): Promise<void> {
  if (session.over) return;
  await session.call(tree, closeCall(what, fileId)).catch(() => {}); // nothing was written through it
}
