/**
 * One file from one place to another: under a name of its own until all of it is there and is what it should be.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { reasonOf, VerbenaError } from "../src/rdma/errors.ts";
import { type FileTree, joinPath, type SourceFile, splitPath, type TargetFile } from "./file_tree.ts";
import { partialName } from "./partial.ts";

/** A file to copy. */
export interface CopyTask {
  /** Where from. */
  readonly source: FileTree;
  /** Its path there. */
  readonly from: string;
  /** Where to. */
  readonly target: FileTree;
  /** Its path there. */
  readonly to: string;
}

/** How files are copied. */
export interface CopyOptions {
  /** Go on with what an earlier copy of the same source left, and leave what this one does not finish. */
  readonly resume: boolean;
  /** Read back what was written, and compare its SHA-256 with the source's. */
  readonly verify: boolean;
  /** Take the place of a file that has the name. */
  readonly force: boolean;
  /** Give it the source's time. */
  readonly preserve: boolean;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** Who is told how a copy goes on. */
export interface CopyWatcher {
  /** So many bytes were there already. */
  skipped(bytes: number): void;
  /** So many bytes have been written. */
  copied(bytes: number): void;
  /** Something that the user should know beside the outcome. */
  warn(line: string): void;
}

/** What a copied file came to. */
export interface Copied {
  /** Its bytes. */
  readonly size: number;
  /** Of those, what was there from an earlier copy. */
  readonly resumed: number;
  /** SHA-256 of source and target, in hexadecimal, where they were compared. */
  readonly sha256: string | undefined;
}

/**
 * Copies one file. Whatever happens, its name names the whole file or what it named before.
 *
 * @throws VerbenaError that names the file and says why not.
 */
export async function copyFile(task: CopyTask, options: CopyOptions, watcher: CopyWatcher): Promise<Copied> {
  const { source, from, target, to } = task;
  const { signal } = options;
  await checkTarget(target, to, options);
  await using file = await source.open(from, signal);
  const { info } = file;
  if (info.directory) throw new VerbenaError(`${source.show(from)}: it is a directory; -r copies it`);
  const { directory, name } = splitPath(to);
  const identity = { source: source.show(from), info, unsettled: target.unsettled };
  const partial = joinPath(directory, partialName(name, identity));
  const written = await target.create(partial, { keep: options.resume, signal });
  try {
    const copied = await writePartial(task, written, file, options, watcher);
    await written.close();
    await target.rename(partial, to, options.force);
    return copied;
  } catch (error) {
    try {
      await written[Symbol.asyncDispose]();
    } catch (closing) { // what went wrong before it matters more
      watcher.warn(reasonOf(closing));
    }
    if (!options.resume || error instanceof CorruptCopy) await removePartial(target, partial, watcher);
    throw error;
  }
}

async function removePartial(target: FileTree, partial: string, watcher: CopyWatcher): Promise<void> {
  try {
    await target.remove(partial);
  } catch (error) {
    watcher.warn(`${target.show(partial)} is left behind: ${reasonOf(error)}`);
  }
}

// Told before anything is read; the renaming at the end makes sure of it.
async function checkTarget(target: FileTree, to: string, { force, signal }: CopyOptions): Promise<void> {
  const there = await target.stat(to, { follow: false, signal });
  if (there?.directory === true) throw new VerbenaError(`${target.show(to)}: a directory has the name`);
  if (there !== undefined && !force) throw new VerbenaError(`${target.show(to)}: it is there; --force replaces it`);
}

async function writePartial(
  { source, from, target, to }: CopyTask,
  written: TargetFile,
  file: SourceFile,
  { resume, verify, preserve, signal }: CopyOptions,
  watcher: CopyWatcher,
): Promise<Copied> {
  const { info } = file;
  const resumed = resume ? Math.max(0, Math.min(written.size, info.size) - target.unsettled) : 0;
  if (written.size > resumed) await written.truncate(resumed);
  watcher.skipped(resumed);
  const hash = verify && resumed === 0 ? createHash("sha256") : undefined;
  const seen = (bytes: Uint8Array): void => {
    hash?.update(bytes);
    watcher.copied(bytes.length);
  };
  const copied = await written.copy(file, resumed, info.size - resumed, seen, signal);
  await checkSource(source.show(from), file, resumed + copied);
  let sha256: string | undefined;
  if (verify) {
    const wanted = hash?.digest("hex") ?? await digestOf(file, info.size, signal);
    sha256 = await digestOf(written, info.size, signal);
    if (wanted !== sha256) throw new CorruptCopy(`${target.show(to)}: SHA-256 is ${sha256}, the source's ${wanted}`);
  }
  if (preserve) await written.setModified(info.modified);
  return { size: info.size, resumed, sha256 };
}

/** What was written is not what was read: nothing to go on with. */
class CorruptCopy extends VerbenaError {}

// A file that somebody writes to while it is copied comes out as it never was.
async function checkSource(name: string, file: SourceFile, length: number): Promise<void> {
  const before = file.info;
  const after = await file.refresh();
  if (length !== before.size || after.size !== before.size || after.modified !== before.modified) {
    throw new CorruptCopy(`${name}: it changed while it was copied`);
  }
}

async function digestOf(file: Pick<TargetFile, "pieces">, size: number, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of file.pieces(0, size, signal)) hash.update(piece);
  return hash.digest("hex");
}
