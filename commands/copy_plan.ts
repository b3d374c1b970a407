/**
 * Which files a copy is of: sources as they were named, and with `recursive` what directories hold.
 *
 * @module
 */
import { VerbenaError } from "../src/rdma/errors.ts";
import type { CopyTask } from "./copy_file.ts";
import { type FileInfo, type FileTree, joinPath } from "./file_tree.ts";
import { shown } from "./shown.ts";

/** Directories within directories that are gone into. */
const MAX_DEPTH = 256;

/** A place that was named: of a source, what is to be copied; of a target, where to. */
export interface Place {
  /** What holds it. */
  readonly tree: FileTree;
  /** Its path there. */
  readonly path: string;
  /** What its copy within a directory is called; empty where the directory itself becomes the copy. */
  readonly name: string;
  /** Whether it was named with a slash at its end. */
  readonly slash: boolean;
}

/** A copy as it was asked for. */
export interface CopyRequest {
  /** Whether directories are copied. */
  readonly recursive: boolean;
  /** Whether several sources were named, though perhaps only one was found: the target is a directory then. */
  readonly several?: boolean;
  /** Gives up. */
  readonly signal: AbortSignal;
  /** Told of each source that cannot be copied; the others are. */
  failed(error: unknown): void;
}

/** A file to copy, with its size as it was found. */
export interface PlannedCopy extends CopyTask {
  /** Bytes. */
  readonly size: number;
}

/**
 * The files to copy, each after the directory that it is copied into has been made.
 *
 * @throws VerbenaError where the target cannot be one for as many sources.
 */
export async function* planCopy(
  sources: readonly Place[],
  target: Place,
  request: CopyRequest,
): AsyncGenerator<PlannedCopy> {
  const { signal } = request;
  const { tree } = target;
  const there = await tree.stat(target.path, { follow: true, signal });
  const into = there?.directory === true;
  if (!into && (sources.length > 1 || request.several === true || (target.slash && !request.recursive))) {
    throw new VerbenaError(
      `${tree.show(target.path)}: ${there === undefined ? "there is no such" : "it is no"} directory`,
    );
  }
  const planner = new Planner(target.tree, request);
  for (const source of sources) {
    try {
      const within = into && source.name !== "";
      yield* planner.plan(source, within ? planner.within(source, target.path, source.name) : target.path);
    } catch (error) {
      if (signal.aborted) throw error;
      request.failed(error);
    }
  }
}

/** One copy's way through directories. */
class Planner {
  readonly #target: FileTree;
  readonly #request: CopyRequest;
  readonly #taken = new Set<string>();

  constructor(target: FileTree, request: CopyRequest) {
    this.#target = target;
    this.#request = request;
  }

  /** The path of a name within a directory of the target. Throws where the target has no such names. */
  within({ tree, path }: Pick<Place, "tree" | "path">, directory: string, name: string): string {
    const reason = this.#target.refuses(name);
    if (reason === undefined) return joinPath(directory, name);
    throw new VerbenaError(
      `${tree.show(path)}: the target cannot have the name ${shown(JSON.stringify(name))}: ${reason}`,
    );
  }

  async *plan({ tree, path }: Place, to: string): AsyncGenerator<PlannedCopy> {
    const info = await tree.stat(path, { follow: true, signal: this.#request.signal });
    if (info === undefined) throw new VerbenaError(`${tree.show(path)}: there is nothing of the name`);
    if (!info.directory) return yield this.#file(tree, path, to, info);
    if (!this.#request.recursive) throw new VerbenaError(`${tree.show(path)}: it is a directory; -r copies it`);
    if (tree.id === this.#target.id && `${tree.key(to)}/`.startsWith(path === "" ? "" : `${tree.key(path)}/`)) {
      throw new VerbenaError(`${tree.show(path)}: it cannot be copied into itself`);
    }
    yield* this.#directory(tree, path, to, 0);
  }

  async *#directory(tree: FileTree, from: string, to: string, depth: number): AsyncGenerator<PlannedCopy> {
    const { signal } = this.#request;
    if (depth >= MAX_DEPTH) throw new VerbenaError(`${tree.show(from)}: more than ${MAX_DEPTH} directories deep`);
    this.#take(to);
    await this.#target.mkdir(to, signal);
    for await (const { name, info } of tree.list(from, signal)) {
      const path = joinPath(from, name);
      try {
        const reached = this.within({ tree, path }, to, name);
        if (info.link) throw new VerbenaError(`${tree.show(path)}: a link, which is not followed`);
        if (info.directory) yield* this.#directory(tree, path, reached, depth + 1);
        else yield this.#file(tree, path, reached, info);
      } catch (error) {
        if (signal.aborted) throw error;
        this.#request.failed(error);
      }
    }
  }

  #file(source: FileTree, from: string, to: string, { size, special }: FileInfo): PlannedCopy {
    if (special) throw new VerbenaError(`${source.show(from)}: it is neither a file nor a directory`);
    if (source.id === this.#target.id && source.key(from) === source.key(to)) {
      throw new VerbenaError(`${source.show(from)}: it cannot be copied to itself`);
    }
    this.#take(to);
    return { source, from, target: this.#target, to, size };
  }

  // Names that differ for the source may be one for the target.
  #take(to: string): void {
    const key = this.#target.key(to);
    if (this.#taken.has(key)) {
      throw new VerbenaError(`${this.#target.show(to)}: another source has just been copied there`);
    }
    this.#taken.add(key);
  }
}
