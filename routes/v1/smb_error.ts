/**
 * What an SMB server refuses, or fails to answer, as HTTP.
 *
 * @module
 */
import { CapabilityError, ConfigError, reasonOf, SystemError, VerbsError, WireError } from "../../src/rdma/errors.ts";
import { NtStatusError } from "../../src/smb/client/status_error.ts";
import { NtStatus } from "../../src/smb/wire/status.ts";
import { clientGone, DEFAULT_RETRY_AFTER, HttpError } from "../http_error.ts";

/** Statuses of SMB with the one of HTTP that says the same; for others the server is a gateway's that failed. */
const STATUSES: ReadonlyMap<number, number> = new Map([
  [NtStatus.OBJECT_NAME_NOT_FOUND, 404],
  [NtStatus.OBJECT_PATH_NOT_FOUND, 404],
  [NtStatus.OBJECT_NAME_INVALID, 404],
  [NtStatus.NO_SUCH_FILE, 404],
  [NtStatus.NOT_FOUND, 404],
  [NtStatus.NOT_A_DIRECTORY, 404],
  [NtStatus.BAD_NETWORK_NAME, 404],
  [NtStatus.STOPPED_ON_SYMLINK, 404],
  [NtStatus.DELETE_PENDING, 404],
  [NtStatus.ACCESS_DENIED, 403],
  [NtStatus.NETWORK_ACCESS_DENIED, 403],
  [NtStatus.SHARING_VIOLATION, 409],
  [NtStatus.FILE_LOCK_CONFLICT, 409],
  [NtStatus.IO_TIMEOUT, 504],
  [NtStatus.INSUFFICIENT_RESOURCES, 503],
  [NtStatus.REQUEST_NOT_ACCEPTED, 503],
]);

/** Anything thrown by a source of SMB, as the refusal that the client gets. */
export function smbError(error: unknown, client: AbortSignal): unknown {
  if (error instanceof HttpError) return error;
  if (client.aborted) return client.reason instanceof HttpError ? client.reason : clientGone();
  const reason = reasonOf(error);
  if (error instanceof NtStatusError) return refusal(STATUSES.get(error.status) ?? 502, reason);
  if (error instanceof ConfigError) return error; // names files of this machine: only the log is told
  if (error instanceof CapabilityError || error instanceof WireError) return hidden(502, error);
  if (error instanceof SystemError) return hidden(error.code === "ETIMEDOUT" ? 504 : 503, error);
  if (error instanceof VerbsError) return hidden(error.code === "timeout" ? 504 : 503, error);
  return error;
}

/** A refusal that does not tell where the server is; the log does. */
function hidden(status: number, error: Error): HttpError {
  const what = status === 502
    ? "the SMB server is not understood"
    : status === 504
    ? "the SMB server does not answer"
    : "the SMB server is away";
  const refused = refusal(status, `${what}: the log has the reason`);
  refused.cause = error;
  return refused;
}

function refusal(status: number, reason: string): HttpError {
  return new HttpError(status, reason, status === 503 ? { "retry-after": String(DEFAULT_RETRY_AFTER) } : {});
}
