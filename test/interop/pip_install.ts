/**
 * Packages of PyPI that tests run against: each is put into a folder of the user's cache once. No root, nothing in the
 * system's own folders.
 *
 * @module
 */
import { run } from "./process.ts";

/** Ways to say pip, best first. */
const PIP: readonly (readonly [string, ...string[]])[] = [["python3", "-m", "pip"], ["pip3"], ["pip"]];

/**
 * The folder of one package, `name==version`, installed if it is not there yet; alone, or `whole`, with all that it needs.
 * Throws with what to do when it cannot be.
 */
export async function installFromPypi(name: string, version: string, extent?: "whole"): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  const folder = `${cache}/verbena/${name}-${version}${extent === undefined ? "" : `-${extent}`}`;
  if (await exists(folder)) return folder;
  await Deno.mkdir(`${cache}/verbena`, { recursive: true });
  const staging = await Deno.makeTempDir({ dir: `${cache}/verbena`, prefix: "installing-" });
  try {
    await pipInstall(`${name}==${version}`, staging, extent === undefined ? ["--no-deps"] : []);
    await Deno.rename(staging, folder); // in one step: an install that was cut short is never found by the next
  } catch (error) {
    await Deno.remove(staging, { recursive: true });
    if (!await exists(folder)) throw error;
  }
  return folder;
}

async function pipInstall(requirement: string, target: string, options: readonly string[]): Promise<void> {
  const args = ["install", "--quiet", ...options, "--only-binary=:all:", "--target", target, requirement];
  let failure: unknown = new Error("pip not found: apt-get install python3-pip");
  for (const [command, ...before] of PIP) {
    try {
      await run(command, [...before, ...args]);
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) failure = error;
    }
  }
  throw failure;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
