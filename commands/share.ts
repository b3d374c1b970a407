/**
 * What the commands ask of a share: the part of src/smb's client that they use, so that a test can stand in for it.
 *
 * @module
 */
import type { SmbEntry, SmbStat } from "../src/smb/mod.ts";

/** Whoever waits no longer aborts it. */
export interface Abortable {
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
}

/** What is known of a file or directory. */
export type ShareStat = SmbStat;

/** A name of a directory, and what it names. */
export type ShareEntry = SmbEntry;

/** How a file is opened. */
export interface ShareOpen extends Abortable {
  /** For reading; default true unless `write`. */
  readonly read?: boolean;
  /** For writing. */
  readonly write?: boolean;
  /** Made where it is not there. */
  readonly create?: boolean;
  /** Made, and an error where it is there. */
  readonly createNew?: boolean;
  /** Emptied. */
  readonly truncate?: boolean;
  /** What others may do meanwhile: `ShareAccess` of MS-SMB2. */
  readonly share?: number;
}

/** An open file of a share. */
export interface ShareFile extends AsyncDisposable {
  /** Its size when it was opened. */
  readonly size: number;
  /** What it was when it was opened. */
  readonly stat: ShareStat;
  /** Fills `into` unless the file ends, and resolves to the bytes read. */
  read(offset: number, into: Uint8Array, options?: Abortable): Promise<number>;
  /** Its bytes, in order; each piece is good until the next is asked for. */
  readPieces(offset: number, length: number, options?: Abortable): AsyncGenerator<Uint8Array>;
  /** Has `fill` fill memory, from its start and in order, until it fills none, and writes that; resolves to the bytes written. */
  writePieces(offset: number, fill: (into: Uint8Array) => Promise<number>, options?: Abortable): Promise<number>;
  /** What it is now. */
  refresh(): Promise<ShareStat>;
  /** Cuts it off, or has it grow by zeros. */
  truncate(size: number): Promise<void>;
  /** Sets its times, milliseconds since 1970. */
  setTimes(times: { modified?: number }): Promise<void>;
  /** Closes it; throws what the server says to that. */
  close(): Promise<void>;
}

/** A share. Paths have `/` between components; the root is the empty one. */
export interface Share {
  /** Opens a file. */
  open(path: string, options?: ShareOpen): Promise<ShareFile>;
  /** What a path names. */
  stat(path: string, options?: Abortable): Promise<ShareStat>;
  /** What a directory has, without `.` and `..`; only names that are one component. */
  readDir(path: string, options?: Abortable): AsyncIterable<ShareEntry>;
  /** Makes a directory; with `recursive` those above too, and no error where it is there. */
  mkdir(path: string, options?: Abortable & { readonly recursive?: boolean }): Promise<void>;
  /** Removes a file, an empty directory, or a link and not what it leads to. */
  remove(path: string, options?: Abortable): Promise<void>;
  /** Renames within the share; with `replace` in place of a file that has the name. */
  rename(from: string, to: string, options?: Abortable & { readonly replace?: boolean }): Promise<void>;
}

/** A server that someone is logged on to. */
export interface ShareServer {
  /** Its dialect, `3.1.1`. */
  readonly dialect: string;
  /** The algorithm that signs, or `none`. */
  readonly signing: string;
  /** The cipher, or `none`. */
  readonly encryption: string;
  /** What moves the bytes now: `tcp`, `iwarp`, `verbs:rxe0`. */
  readonly transport: string;
  /** Why RDMA, or a provider of it, was not taken. */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
  /** Counters. */
  readonly statistics: { toJSON(): Record<string, unknown> };
  /** Opens a share. */
  openShare(name: string, options?: Abortable): Promise<Share>;
  /** Logs off. */
  close(): Promise<void>;
}
