/**
 * errno: reading it, and its names.
 *
 * @module
 */
import { ERRNO_NAMES } from "./constants.ts";
import { libc } from "./libc.ts";
import { lazily } from "./library.ts";
import { viewAt } from "./pointer.ts";

const location = lazily(() => new Int32Array(viewAt(libc().__errno_location(), 4).buffer));

/**
 * This thread's errno. Read it in the statement after the failed call, and after {@linkcode prepareErrno}: whatever the
 * runtime does in between may set it again. Nothing but a message may depend on it.
 */
export function errno(): number {
  return location()[0] ?? 0;
}

/** Finds out where errno is, so that {@linkcode errno} itself makes no call, and clears it: not every failure sets it. */
export function prepareErrno(): void {
  location()[0] = 0;
}

/** The name of an errno, `ENOMEM`; `errno 4096` for a number without one. The sign does not count. */
export function errnoName(value: number): string {
  return ERRNO_NAMES[Math.abs(value)] ?? `errno ${Math.abs(value)}`;
}

/** A call to C that failed with an errno. */
export class CallError extends Error {
  static {
    this.prototype.name = "CallError";
  }

  /** Names the call. */
  constructor(
    /** The call and its argument of interest, `mmap(65536)`. */ readonly call: string,
    /** errno. */ readonly errno: number,
  ) {
    super(`${call}: ${errnoName(errno)}`);
  }

  /** errno's name. */
  get code(): string {
    return errnoName(this.errno);
  }
}
