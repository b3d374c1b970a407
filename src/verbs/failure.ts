/**
 * What a failed verb says: the call, errno's name, and for the usual ones what to do.
 *
 * @module
 */
import { CallError, errnoName, layout, libc, rlimit_resource, Struct } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";

const UNLIMITED = 0xffff_ffff_ffff_ffffn;

/** The error of a call that failed with `errno` (of either sign). `call` names it and its argument of interest. */
export function verbsFailure(call: string, errno: number): VerbsError {
  const code = errnoName(errno);
  return new VerbsError(call, code, advice(code));
}

/** What `run` returns; its CallError becomes a VerbsError. */
export function withVerbsErrors<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof CallError) throw verbsFailure(error.call, error.errno);
    throw error;
  }
}

/** Throws the error of `call` unless `result` is 0. Verbs return errno; some providers return it negated. */
export function checkVerb(call: string, result: number): void {
  if (result !== 0) throw verbsFailure(call, result);
}

function advice(code: string): string | undefined {
  switch (code) {
    case "ENOMEM":
      return `out of memory, or of memory that may be locked (${lockedMemoryLimit()}): ulimit -l unlimited, or CAP_IPC_LOCK`;
    case "EACCES":
    case "EPERM":
      return "no permission: the process must be able to read and write /dev/infiniband/uverbs* and rdma_cm " +
        "(a container needs --device /dev/infiniband)";
    case "ENODEV":
      return "no such device: `verbena devices` lists what there is";
    case "EOPNOTSUPP":
    case "ENOSYS":
      return "the device or its driver does not support this";
    default:
      return undefined;
  }
}

function lockedMemoryLimit(): string {
  const limit = new Struct(layout.rlimit.size);
  if (libc().getrlimit(rlimit_resource.RLIMIT_MEMLOCK, limit.bytes) !== 0) return "limit unknown";
  const bytes = limit.view.getBigUint64(layout.rlimit.rlim_cur, true);
  return bytes === UNLIMITED ? "no limit" : `${bytes} bytes`;
}
