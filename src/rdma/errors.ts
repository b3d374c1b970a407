/**
 * The one closed tree of errors that Verbena throws. Each says what was tried, with which value, and what to do next.
 *
 * @module
 */

/** The root of every error Verbena throws on purpose; anything else that escapes is a defect. */
export class VerbenaError extends Error {
  static {
    this.prototype.name = "VerbenaError";
  }
}

/** Bytes from a peer or a file that the format does not allow. */
export class WireError extends VerbenaError {
  static {
    this.prototype.name = "WireError";
  }

  /**
   * Names the rule that does not hold.
   *
   * @param layer The format at fault, in the field's own name: `mpa`, `ddp`, `rdmap`, `smbd`, `needle`, `idx` …
   * @param field The field or rule that does not hold.
   * @param value What was found there.
   */
  constructor(
    /** The format at fault. */ readonly layer: string,
    /** The field or rule. */ readonly field: string,
    /** What was found. */ readonly value: number | bigint | string,
  ) {
    super(`${layer}: ${field}: got ${value}`);
  }
}

/** A system call, or a call with the shape of one, that failed with an errno. */
export class SystemError extends VerbenaError {
  static {
    this.prototype.name = "SystemError";
  }

  /**
   * Names the call and its errno.
   *
   * @param call The call and its argument of interest, `mmap(65536)`.
   * @param code The errno's name, `ENOMEM`.
   * @param advice What the user can do about it, where that is known.
   */
  constructor(
    /** The call. */ readonly call: string,
    /** The errno's name. */ readonly code: string,
    advice?: string,
  ) {
    super(`${call}: ${code}${advice === undefined ? "" : `: ${advice}`}`);
  }
}

/** An RDMA operation or connection that failed, with the provider's own reason. */
export class VerbsError extends VerbenaError {
  static {
    this.prototype.name = "VerbsError";
  }

  /**
   * Names what was tried and how it failed.
   *
   * @param call What was tried: `connect 10.0.0.1:18515`, `RDMA Write`.
   * @param code A stable short reason: `rejected`, `remote access`, `timeout`, `terminated` …
   * @param detail The rest of the sentence: which frame, which value, what to do.
   */
  constructor(
    /** What was tried. */ readonly call: string,
    /** The short reason. */ readonly code: string,
    detail?: string,
  ) {
    super(`${call}: ${code}${detail === undefined ? "" : `: ${detail}`}`);
  }
}

/** Something this machine, this process's permissions or this peer cannot do; the message says what is missing. */
export class CapabilityError extends VerbenaError {
  static {
    this.prototype.name = "CapabilityError";
  }
}

/** A flag, a configuration value or an argument that makes no sense; the message names it. */
export class ConfigError extends VerbenaError {
  static {
    this.prototype.name = "ConfigError";
  }
}

/** The message of anything thrown, on one line: for logs, statistics and HTTP problem details. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, " ").trim();
}
