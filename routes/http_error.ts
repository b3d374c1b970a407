/**
 * Refusals: one class that carries a status, and the one place where errors become HTTP.
 *
 * @module
 */
import { ReadError, type ReadErrorCode } from "../src/engine/reader.ts";
import { reasonOf, VerbenaError } from "../src/rdma/errors.ts";

/** A request that gets a status other than success, with one line that says why. */
export class HttpError extends VerbenaError {
  static {
    this.prototype.name = "HttpError";
  }

  /**
   * Names the status and the reason.
   *
   * @param reason One line for the client: what was asked, with which value, and what would be right.
   */
  constructor(
    /** The HTTP status. */ readonly status: number,
    reason: string,
    /** Headers that go with it: `Allow`, `Content-Range`, `Retry-After`. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(reason);
  }
}

/** Status of an answer that nobody is there to get; it only ever reaches the log. */
const CLIENT_GONE = 499;

/** Nobody is there to be told. */
export function clientGone(): HttpError {
  return new HttpError(CLIENT_GONE, "the client went away");
}

/** The status of each way a read fails. */
export const READ_ERROR_STATUS: Readonly<Record<ReadErrorCode, number>> = {
  "not-found": 404,
  "range": 416,
  "unsupported": 501,
  "corrupt": 500,
  "busy": 503,
  "unavailable": 503,
  "timeout": 504,
  "internal": 500,
};

/** Seconds in `Retry-After` where the reader names none. */
export const DEFAULT_RETRY_AFTER = 1;

/** Anything thrown, as the refusal that the client gets. What was not thrown on purpose keeps its reason to the log. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof ReadError) {
    const status = READ_ERROR_STATUS[error.code];
    const headers: Record<string, string> = status === 503
      ? { "retry-after": String(Math.ceil(error.retryAfter ?? DEFAULT_RETRY_AFTER)) }
      : {};
    return new HttpError(status, reasonOf(error), headers);
  }
  // What else there is may name folders and addresses.
  return new HttpError(500, "internal error: the log has the reason");
}

/** The refusal as one line of text, as SeaweedFS's sidecar answers. */
export function textError(error: HttpError): Response {
  return new Response(`${error.message}\n`, {
    status: error.status,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff", ...error.headers },
  });
}

/** The refusal as problem details (RFC 9457). */
export function problem(error: HttpError): Response {
  const body = {
    type: "about:blank",
    title: titleOf(error.status),
    status: error.status,
    detail: error.message,
  };
  return new Response(JSON.stringify(body), {
    status: error.status,
    headers: { "content-type": "application/problem+json", ...error.headers },
  });
}

/** A status in words. */
export function titleOf(status: number): string {
  return TITLES[status] ?? "Error";
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  416: "Range Not Satisfiable",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  499: "Client Closed Request",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** A handler that refuses every method, naming those that are served. */
export function methodNotAllowed(allow: string): () => never {
  return () => {
    throw new HttpError(405, "Method not allowed", { allow });
  };
}
