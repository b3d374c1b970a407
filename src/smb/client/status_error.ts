/**
 * A request that an SMB server refused, with its NTSTATUS.
 *
 * @module
 */
import { VerbenaError } from "../../rdma/errors.ts";
import { statusName, statusWords } from "../wire/status.ts";

/** What an SMB server answered in place of what was asked for. */
export class NtStatusError extends VerbenaError {
  static {
    this.prototype.name = "NtStatusError";
  }

  /**
   * Names what was tried and the server's status.
   *
   * @param call What was tried, with the path: `open \\nas\data\a.txt`.
   * @param status The NTSTATUS (MS-ERREF 2.3.1).
   * @param advice What the user can do about it, where that is known.
   */
  constructor(
    /** What was tried. */ readonly call: string,
    /** The NTSTATUS. */ readonly status: number,
    advice?: string,
  ) {
    super(`${call}: ${statusName(status)}: ${statusWords(status)}${advice === undefined ? "" : `: ${advice}`}`);
  }
}
