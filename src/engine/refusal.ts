/**
 * Why the engine refuses a request: what its Error messages say, and what a reader makes of them.
 *
 * @module
 */
import { NeedleError, type NeedleErrorCode } from "../seaweed/needle_error.ts";
import { VerbenaError } from "../rdma/errors.ts";
import type { MessageData } from "./messages.ts";
import { ReadError, type ReadErrorCode } from "./reader.ts";

/** Error codes of the engine's Error message. The first six and the last are SeaweedFS's own names; needles' fates are
 * Verbena's. */
export type RefusalCode =
  | "SessionNotFound"
  | "SessionExpired"
  | "TooManySessions"
  | "InvalidRequest"
  | "ResourceExhausted"
  | "Internal"
  | "NeedleNotFound"
  | "RangeNotSatisfiable"
  | "Unsupported"
  | "Corrupt"
  | "VolumeChanging"
  | "UNSUPPORTED_MESSAGE";

interface Meaning {
  readonly category: string;
  readonly recoverable: boolean;
  readonly read: ReadErrorCode;
}

const MEANINGS: Record<RefusalCode, Meaning> = {
  SessionNotFound: { category: "session", recoverable: true, read: "internal" },
  SessionExpired: { category: "session", recoverable: true, read: "timeout" },
  TooManySessions: { category: "capacity", recoverable: true, read: "busy" },
  InvalidRequest: { category: "request", recoverable: false, read: "internal" },
  ResourceExhausted: { category: "resource", recoverable: true, read: "busy" },
  Internal: { category: "internal", recoverable: false, read: "internal" },
  NeedleNotFound: { category: "request", recoverable: true, read: "not-found" },
  RangeNotSatisfiable: { category: "request", recoverable: false, read: "range" },
  Unsupported: { category: "request", recoverable: false, read: "unsupported" },
  Corrupt: { category: "io", recoverable: false, read: "corrupt" },
  VolumeChanging: { category: "io", recoverable: true, read: "unavailable" },
  UNSUPPORTED_MESSAGE: { category: "request", recoverable: true, read: "unsupported" },
};

const NEEDLE_CODES: Record<NeedleErrorCode, RefusalCode> = {
  "not-found": "NeedleNotFound",
  deleted: "NeedleNotFound",
  expired: "NeedleNotFound",
  cookie: "NeedleNotFound",
  range: "RangeNotSatisfiable",
  unsupported: "Unsupported",
  corrupt: "Corrupt",
  changing: "VolumeChanging",
};

/** Seconds after which a reader may ask again when the engine is at a ceiling or a volume is being changed. */
const RETRY_AFTER = 1;

/** A request that the engine refuses. */
export class Refusal extends VerbenaError {
  static {
    this.prototype.name = "Refusal";
  }

  /** Names the code and the reason. */
  constructor(/** The code. */ readonly code: RefusalCode, reason: string) {
    super(reason);
  }

  /** The refusal of a request that met `error`. What is not a NeedleError or a Refusal is the engine's own fault. */
  static from(error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    if (error instanceof NeedleError) return new Refusal(NEEDLE_CODES[error.code], error.message);
    return new Refusal("Internal", error instanceof Error ? error.message : String(error));
  }

  /** As an Error message. */
  toMessage(): MessageData<"Error"> {
    const { category, recoverable } = MEANINGS[this.code];
    return { code: this.code, message: this.message, category, recoverable };
  }
}

/** What an engine's Error message means to whoever asked for bytes. An unknown code is `internal`. */
export function toReadError(data: MessageData<"Error">): ReadError {
  const known = Object.hasOwn(MEANINGS, data.code) ? MEANINGS[data.code as RefusalCode] : undefined;
  const code = known?.read ?? "internal";
  const reason = known === undefined ? `the engine answered ${data.code}: ${data.message}` : data.message;
  return new ReadError(code, reason, code === "busy" || code === "unavailable" ? RETRY_AFTER : undefined);
}
