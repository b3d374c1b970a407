/**
 * rdma-core's libraries, and what to install where they are missing.
 *
 * @module
 */
import { libibverbs, librdmacm, openFault } from "../../ffi/mod.ts";
import { CapabilityError } from "../rdma/errors.ts";

/** Why verbs cannot be had at all in this process; undefined when the libraries open. */
export function librariesFault(): string | undefined {
  // Asked first, as trying without the right would put a question to whoever sits at the terminal.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return "needs --allow-ffi, for any library";
  return fault("libibverbs.so.1", "libibverbs1 ibverbs-providers", libibverbs) ??
    fault("librdmacm.so.1", "librdmacm1", librdmacm);
}

function fault(library: string, packages: string, open: () => unknown): string | undefined {
  const reason = openFault(open);
  if (reason === undefined) return undefined;
  return reason.includes("No such file")
    ? `${library} not found: apt-get install ${packages}`
    : `${library} does not load: ${reason}`;
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
