/**
 * Patterns in URLs, replaced by the paths that they take.
 *
 * @module
 */
import { VerbenaError } from "../src/rdma/errors.ts";
import { isComponent, NtStatus, NtStatusError } from "../src/smb/mod.ts";
import { joinPath } from "./file_tree.ts";
import { compileGlob, isPattern, literalName } from "./glob.ts";
import type { Share } from "./share.ts";
import { isNotThere, statOf } from "./smb_tree.ts";
import { formatSmbUrl, type SmbUrl } from "./smb_url.ts";

/** A pattern of which there is nothing. */
export class NothingMatches extends VerbenaError {
  static {
    this.prototype.name = "NothingMatches";
  }
}

/** Directories that `**` goes down at most. */
const MAX_DEPTH = 64;

/**
 * The paths within its share that a URL takes, in the order of their names: one where it has no pattern, whether or not
 * there is anything there. `**` alone in a component takes directories on any number of levels, none among them; links
 * are not gone through by it.
 *
 * @throws NothingMatches where a pattern takes nothing.
 */
export async function expandUrl(share: Share, url: SmbUrl, signal: AbortSignal): Promise<string[]> {
  const paths = new Set<string>();
  for await (const path of expand(share, "", url.components, url.slash, signal)) paths.add(path);
  if (paths.size === 0) throw new NothingMatches(`${formatSmbUrl(url)}: nothing there is of this pattern`);
  return [...paths];
}

/** `found` tells whether a pattern has led to `above`; then what is not there is not of it. */
async function* expand(
  share: Share,
  above: string,
  components: readonly string[],
  directories: boolean,
  signal: AbortSignal,
  found = false,
  depth = 0,
): AsyncGenerator<string> {
  const first = components.findIndex(isPattern);
  const plain = first < 0 ? components : components.slice(0, first);
  const directory = plain.map(literalName).reduce(joinPath, above);
  const pattern = components[first];
  if (pattern === undefined) {
    const sure = !found || plain.length === 0 || await statOf(share, directory, signal) !== undefined;
    return sure ? yield directory : undefined;
  }
  const rest = components.slice(first + 1);
  const deep = pattern === "**";
  if (deep && rest.length > 0) yield* expand(share, directory, rest, directories, signal, found, depth);
  const matches = compileGlob(pattern);
  for (const { name, directory: isDirectory, link } of await namesOf(share, directory, signal)) {
    if (!matches(name)) continue;
    const path = joinPath(directory, name);
    if (deep) {
      if (rest.length === 0 && (isDirectory || !directories)) yield path;
      if (!isDirectory || link || depth >= MAX_DEPTH) continue;
      yield* expand(share, path, ["**", ...rest], directories, signal, true, depth + 1);
    } else if (isDirectory || (rest.length === 0 && !directories)) {
      yield* expand(share, path, rest, directories, signal, true, depth);
    }
  }
}

interface Named {
  readonly name: string;
  readonly directory: boolean;
  readonly link: boolean;
}

// What is no directory, or has just gone, has no names.
async function namesOf(share: Share, path: string, signal: AbortSignal): Promise<Named[]> {
  const names: Named[] = [];
  try {
    for await (const { name, stat: { directory, link } } of share.readDir(path, { signal })) {
      if (isComponent(name)) names.push({ name, directory, link });
    }
  } catch (error) {
    const file = error instanceof NtStatusError && error.status === NtStatus.NOT_A_DIRECTORY;
    if (!file && !isNotThere(error)) throw error;
  }
  return names.sort((a, b) => a.name < b.name ? -1 : 1);
}
