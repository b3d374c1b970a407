/**
 * What a failed verb says: the call, errno's name, and for the usual ones what to do.
 *
 * @module
 */
import { CallError, errno, errnoName, layout, libc, rlimit_resource, Struct } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";

/** siw's library takes the 145th page of its queues' mappings for a mark of failure, and leaves errno alone. */
const NO_REASON = "the device's library does not say why; with siw, close some connections or ask for shallower queues";
const UNLIMITED = 0xffff_ffff_ffff_ffffn;

/**
 * The error of a call that failed with an errno (of either sign). `call` names it and its argument of interest; `detail`
 * says more of this one than can be said of all.
 */
export function verbsFailure(call: string, value: number, detail?: string): VerbsError {
  if (value === 0) return new VerbsError(call, "failed", detail ?? NO_REASON);
  const code = errnoName(value);
  return new VerbsError(call, code, detail ?? advice(code));
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

/**
 * Throws the error of `call` unless `result` is 0. It is of those that leave their reason in errno, where this finds it if
 * {@linkcode prepareErrno} went before.
 */
export function checkCall(call: string, result: number): void {
  if (result !== 0) throw verbsFailure(call, errno());
}

/** The error of posting work requests. */
export function postFailure(call: string, result: number): VerbsError {
  const code = errnoName(result);
  return new VerbsError(call, code, postAdvice(code) ?? advice(code));
}

function postAdvice(code: string): string | undefined {
  switch (code) {
    case "ENOMEM":
    case "ENOSPC":
      return "the queue is full, or has no room for as much inline: make it deeper, or wait for completions";
    case "EINVAL":
      return "a request is not for this queue: more pieces of memory or inline bytes than it takes, none where the device " +
        "wants one, an atomic of other than 8 aligned bytes, an operation the service lacks, or a state that takes none";
    default:
      return undefined;
  }
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
