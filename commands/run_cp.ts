/**
 * `verbena cp`, carried out.
 *
 * @module
 */
import { ConfigError } from "../src/rdma/errors.ts";
import type { Context } from "./command.ts";
import { copyFile } from "./copy_file.ts";
import { type Place, planCopy, type PlannedCopy } from "./copy_plan.ts";
import { expandUrl } from "./expand.ts";
import { Failures } from "./failures.ts";
import { splitPath } from "./file_tree.ts";
import { runJobs } from "./jobs.ts";
import { localTree } from "./local_tree.ts";
import { Progress } from "./progress.ts";
import { type Connect, SmbConnections } from "./smb_connections.ts";
import type { SmbChoice } from "./smb_flags.ts";
import { isSmbUrl, type LocalPath, parsePlace, plainPath, type SmbUrl } from "./smb_url.ts";

/** What `verbena cp` was asked to do. */
export interface CopyCommandOptions extends SmbChoice {
  /** What to copy. */
  readonly sources: readonly string[];
  /** Where to. */
  readonly target: string;
  /** Directories, too. */
  readonly recursive: boolean;
  /** Keep times of modification. */
  readonly preserve: boolean;
  /** Replace files. */
  readonly force: boolean;
  /** Go on with what was broken off. */
  readonly resume: boolean;
  /** Read back and compare. */
  readonly verify: boolean;
  /** Files at once. */
  readonly jobs: number;
  /** Show no progress. */
  readonly quiet: boolean;
}

/** Milliseconds between two looks at the progress. */
const PROGRESS_INTERVAL = 200;

/** Copies. Throws SilentFailure where something could not be copied. */
export async function copy(options: CopyCommandOptions, context: Context, connect?: Connect): Promise<void> {
  const sources = options.sources.map(parsePlace);
  const target = parsePlace(options.target);
  if (![...sources, target].some(isSmbUrl)) {
    throw new ConfigError(
      "neither source nor target is on a server, as in smb://user@nas/share/path; cp copies files here",
    );
  }
  if (isSmbUrl(target)) plainPath(target); // said before anyone is asked for a password
  const failures = new Failures("cp", context);
  await using connections = await SmbConnections.open(options, context, connect);
  const places: Place[] = [];
  for (const source of sources) {
    await failures.of(async () => void places.push(...await sourcesOf(source, connections, context.stop)));
  }
  if (places.length > 0) await copyAll(places, await targetOf(target, connections), options, context, failures);
  failures.end();
}

async function sourcesOf(source: SmbUrl | LocalPath, connections: SmbConnections, stop: AbortSignal): Promise<Place[]> {
  if (!isSmbUrl(source)) return [localPlace(source.path)];
  const tree = await connections.tree(source);
  const paths = await expandUrl(await connections.share(source), source, stop);
  return paths.map((path) => ({ tree, path, name: splitPath(path).name || source.share, slash: false }));
}

async function targetOf(target: SmbUrl | LocalPath, connections: SmbConnections): Promise<Place> {
  if (!isSmbUrl(target)) return localPlace(target.path);
  return { tree: await connections.tree(target), path: plainPath(target), name: "", slash: target.slash };
}

function localPlace(text: string): Place {
  const path = text.replace(/(?<=.)\/+$/, "");
  const { name } = splitPath(path);
  return { tree: localTree, path, name: name === "." || name === ".." ? "" : name, slash: path !== text };
}

async function copyAll(
  places: readonly Place[],
  target: Place,
  options: CopyCommandOptions,
  context: Context,
  failures: Failures,
): Promise<void> {
  const { stop } = context;
  const progress = new Progress(performance.now());
  using _shown = showProgress(progress, options, context);
  const request = {
    recursive: options.recursive,
    several: options.sources.length > 1,
    signal: stop,
    failed: (error: unknown) => failures.add(error),
  };
  const watcher = {
    skipped: (bytes: number) => progress.skip(bytes),
    copied: (bytes: number) => void (progress.bytes += bytes),
    warn: (line: string) => failures.warn(line),
  };
  await runJobs(
    planCopy(places, target, request),
    Math.min(options.jobs, target.tree.atOnce),
    (task) =>
      failures.of(async () => {
        const { sha256 } = await copyFile(task, { ...options, signal: stop }, watcher);
        progress.files++;
        if (sha256 !== undefined) context.print(`${sha256}  ${task.target.show(task.to)}`);
      }),
    ({ size }: PlannedCopy) => {
      progress.total += size;
      progress.expected++;
    },
    () => progress.complete = true,
  );
}

function showProgress(progress: Progress, { quiet }: CopyCommandOptions, { terminal }: Context): Disposable {
  if (terminal === undefined || quiet) return { [Symbol.dispose]: () => {} };
  const timer = setInterval(
    () => terminal.show(progress.line(performance.now(), terminal.columns - 1)),
    PROGRESS_INTERVAL,
  );
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      terminal.show("");
    },
  };
}
