/**
 * What this process holds open.
 *
 * @module
 */
import { libc } from "../../ffi/mod.ts";

const F_GETFD = 1;

/** Sockets, files and the like: how many there are of the first 4,096. */
export function descriptors(): number {
  const { fcntl } = libc();
  let count = 0;
  for (let descriptor = 0; descriptor < 4_096; descriptor++) if (fcntl(descriptor, F_GETFD, 0) >= 0) count++;
  return count;
}
