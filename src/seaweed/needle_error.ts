/**
 * Why a needle could not be opened or read.
 *
 * @module
 */
import { VerbenaError } from "../rdma/errors.ts";

/** The kind of a {@linkcode NeedleError}. */
export type NeedleErrorCode =
  /** No such volume, or no such needle in it. */
  | "not-found"
  /** A tombstone stands for it. */
  | "deleted"
  /** Its time to live is over. */
  | "expired"
  /** The needle bears another cookie than the file id. */
  | "cookie"
  /** The range does not lie within the needle's data. */
  | "range"
  /** A chunk manifest, or a volume that is erasure-coded, remote, ambiguous or too large for the ceilings. */
  | "unsupported"
  /** What is stored fails its checksum or contradicts its index. */
  | "corrupt"
  /** The volume is being changed just now; opening the needle again is worth a try. */
  | "changing";

/** A needle that could not be opened or read. The message is one line. */
export class NeedleError extends VerbenaError {
  static {
    this.prototype.name = "NeedleError";
  }

  /**
   * Names the kind and the reason.
   *
   * @param reason One sentence: which needle, what was found, what to do where that is known.
   */
  constructor(
    /** The kind. */ readonly code: NeedleErrorCode,
    reason: string,
  ) {
    super(reason);
  }
}
