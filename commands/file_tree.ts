/**
 * What copying needs of a place that holds files, be it this machine or a share. Paths have `/` between components.
 *
 * @module
 */

/** What is known of a file or directory. */
export interface FileInfo {
  /** Tells it apart from whatever else had the path, or has it elsewhere; undefined where nothing does. */
  readonly id?: string;
  /** Bytes. */
  readonly size: number;
  /** Whether it is a directory. */
  readonly directory: boolean;
  /** Whether it is a link that is not followed. */
  readonly link: boolean;
  /** Whether it is none of these and no file: a pipe, a socket, a device. */
  readonly special: boolean;
  /** When its data last changed, milliseconds since 1970. */
  readonly modified: number;
}

/** Fills memory with the next bytes of a file, from its start; resolves to how many, 0 at the end. */
export interface Filler extends AsyncDisposable {
  /** Fills. */
  fill(into: Uint8Array): Promise<number>;
}

/** A file that is read. */
export interface SourceFile extends AsyncDisposable {
  /** What it was when it was opened. */
  readonly info: FileInfo;
  /** `length` bytes in order, or as many as there are; each piece is good until the next is asked for. */
  pieces(offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** The same bytes, for who has memory of its own. */
  filler(offset: number, length: number, signal: AbortSignal): Filler;
  /** What it is now. */
  refresh(): Promise<FileInfo>;
}

/** A file that is written. */
export interface TargetFile extends AsyncDisposable {
  /** Bytes it had when it was opened. */
  readonly size: number;
  /** Writes `length` bytes of `source` at the offset they have there; `seen` is shown them in order. Resolves to how many. */
  copy(
    source: SourceFile,
    offset: number,
    length: number,
    seen: (bytes: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<number>;
  /** Its bytes, as {@linkcode SourceFile.pieces}. */
  pieces(offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Cuts it off. */
  truncate(size: number): Promise<void>;
  /** Sets when its data last changed, milliseconds since 1970. */
  setModified(time: number): Promise<void>;
  /** Closes it; throws where something of it may not have been written. */
  close(): Promise<void>;
}

/** How a file is to be written: from nothing, or on from what is there. */
export interface CreateOptions {
  /** Keep what is there. */
  readonly keep: boolean;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** A place that holds files. */
export interface FileTree {
  /** Tells places apart: the same of trees that hold the same files. */
  readonly id: string;
  /** Bytes at the end of a file that may be holes where its writing was broken off: writes that are under way at once. */
  readonly unsettled: number;
  /** Files that can be written at once without one waiting for memory that another holds. */
  readonly atOnce: number;
  /** The path as people know it: with the server, or with the folder. */
  show(path: string): string;
  /** The same of every path that names the same: its case taken away where case does not matter. */
  key(path: string): string;
  /** Why a name of elsewhere cannot be a file's name here; undefined where it can. */
  refuses(name: string): string | undefined;
  /** What a path names; undefined where it names nothing. Links are not followed, unless `follow`. */
  stat(
    path: string,
    options: { readonly follow: boolean; readonly signal: AbortSignal },
  ): Promise<FileInfo | undefined>;
  /** What a directory has, without `.` and `..`. */
  list(path: string, signal: AbortSignal): AsyncIterable<{ readonly name: string; readonly info: FileInfo }>;
  /** Opens a file to read it. */
  open(path: string, signal: AbortSignal): Promise<SourceFile>;
  /** Opens a file to write it, which nobody else may do meanwhile. */
  create(path: string, options: CreateOptions): Promise<TargetFile>;
  /** Makes a directory, where there is none. */
  mkdir(path: string, signal: AbortSignal): Promise<void>;
  /** Removes a file. */
  remove(path: string): Promise<void>;
  /** Gives a file its name; throws where it is taken, unless `replace`. */
  rename(from: string, to: string, replace: boolean): Promise<void>;
}

/** The path of a name within a directory. */
export function joinPath(directory: string, name: string): string {
  return directory === "" || directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}

/** The directory of a path, and its last component. */
export function splitPath(path: string): { directory: string; name: string } {
  const slash = path.lastIndexOf("/");
  return { directory: slash === 0 ? "/" : path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) };
}
