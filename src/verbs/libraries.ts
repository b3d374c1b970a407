/**
 * rdma-core's libraries, and what to install where they are missing.
 *
 * @module
 */
import { libibverbs, libraryFault, librdmacm } from "../../ffi/mod.ts";
import { CapabilityError } from "../rdma/errors.ts";

/** Why verbs cannot be had at all in this process; undefined when the libraries open. */
export function librariesFault(): string | undefined {
  return libraryFault("libibverbs.so.1", "libibverbs1 ibverbs-providers", libibverbs) ??
    libraryFault("librdmacm.so.1", "librdmacm1", librdmacm);
}

/** libibverbs' functions. Throws CapabilityError that says what to install or to allow. */
export function verbs(): ReturnType<typeof libibverbs> {
  ensureLibraries();
  return libibverbs();
}

/** librdmacm's functions. Throws CapabilityError that says what to install or to allow. */
export function connectionManager(): ReturnType<typeof librdmacm> {
  ensureLibraries();
  return librdmacm();
}

let ensured = false;

function ensureLibraries(): void {
  if (ensured) return;
  const reason = librariesFault();
  if (reason !== undefined) throw new CapabilityError(`verbs: ${reason}`);
  ensured = true;
}
