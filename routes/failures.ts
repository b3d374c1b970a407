/**
 * The latest requests that failed, with their reasons, for people who look after the service; and a line in the log for
 * each that was denied.
 *
 * @module
 */
import { Denied } from "./guard.ts";
import { type HttpError, titleOf } from "./http_error.ts";
import type { Log } from "./log.ts";
import type { Clock } from "./clock.ts";

/** Failures that are kept. */
export const MAX_FAILURES = 50;
/** Lines of the audit log in one second; what comes beyond is counted. */
export const MAX_AUDIT_LINES = 20;
/** Characters of a path that are kept. */
const MAX_PATH = 256;

/** The cookie of a file id, which opens the needle. */
const COOKIE = /\b(\d{1,10}[,/][0-9a-f]+?)[0-9a-f]{8}(?![0-9a-f])/gi;

/** A request that failed. */
export interface Failure {
  /** When, RFC 3339. */
  readonly time: string;
  /** How it was asked. */
  readonly method: string;
  /** What for: without query, cookie and the names of files. */
  readonly path: string;
  /** The status of its answer; 200 where that broke off. */
  readonly status: number;
  /** Why. */
  readonly reason: string;
}

/** Failures and denials of one service. */
export class Failures {
  /** Requests denied, by status. */
  readonly denied: Record<"401" | "403" | "429", number> = { 401: 0, 403: 0, 429: 0 };
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #latest: Failure[] = [];
  readonly #listeners = new Set<(failure: Failure) => void>();
  #second = -1;
  #lines = 0;

  /** None yet. */
  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** The newest first. */
  list(): readonly Failure[] {
    return this.#latest;
  }

  /** Has `listener` told of each failure from now on, until the result is called. */
  listen(listener: (failure: Failure) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Counts a refusal. One for want of a right, or of patience, goes to the audit log and not among the failures. */
  add(request: Request, address: string, error: HttpError): void {
    const { status } = error;
    if (status === 401 || status === 403 || status === 429) {
      this.denied[status]++;
      if (error instanceof Denied || status === 429) return this.#audit(request, address, error);
    }
    this.addBroken(request, status, error.message);
  }

  /** Counts an answer that broke off, or one that was refused with `status`. */
  addBroken(request: Request, status: number, message: string): void {
    const path = masked(pathOf(request));
    // What a file server says names the file.
    const reason = path.startsWith("/v1/smb/") ? titleOf(status) : message.replaceAll(COOKIE, "$1…");
    const failure = { time: new Date(this.#clock.now()).toISOString(), method: request.method, path, status, reason };
    this.#latest.unshift(failure);
    if (this.#latest.length > MAX_FAILURES) this.#latest.pop();
    for (const listener of this.#listeners) listener(failure);
  }

  #audit(request: Request, address: string, error: HttpError): void {
    const second = Math.floor(this.#clock.elapsed() / 1000);
    if (second !== this.#second) {
      if (this.#lines > MAX_AUDIT_LINES) {
        this.#log.write("warn", "more requests were denied", { count: this.#lines - MAX_AUDIT_LINES });
      }
      [this.#second, this.#lines] = [second, 0];
    }
    if (++this.#lines > MAX_AUDIT_LINES) return;
    const denied = error instanceof Denied ? error : undefined;
    this.#log.write("warn", "request denied", {
      address,
      method: request.method,
      path: masked(pathOf(request)),
      status: error.status,
      need: denied?.need.replace(/^(smb:read:[^/]+\/[^/]+)\/.*/, "$1/…"),
      subject: denied?.grant?.subject,
      token: denied?.grant?.id,
      reason: denied === undefined ? error.message : undefined,
    });
  }
}

function pathOf(request: Request): string {
  const { url } = request;
  const from = url.indexOf("/", url.indexOf("://") + 3);
  const [path = "/"] = (from < 0 ? "/" : url.slice(from, from + MAX_PATH * 2)).split(/[?#]/);
  const found = path.slice(0, MAX_PATH);
  if (!found.includes("%")) return found;
  try {
    return decodeURIComponent(found); // as routes are found: what is masked must be seen
  } catch {
    return found.split("/").slice(0, 3).join("/");
  }
}

/** What a request asked for, as a log may have it: without query, cookie and the names of files. */
export function shownPath(request: Request): string {
  return masked(pathOf(request));
}

/** A path that gives nothing away: no cookie of a needle, which opens it, and no name of a file. */
function masked(path: string): string {
  const [, resource, name] = /^\/v1\/(needles|smb)\/(.+)$/.exec(path) ?? [];
  if (name === undefined) return path;
  if (resource === "needles") return `/v1/needles/${/^\d+/.exec(name)?.[0] ?? ""}…`;
  const [server = "", share = "", ...rest] = name.split("/");
  return `/v1/smb/${server}/${share}${rest.length === 0 ? "" : "/…"}`;
}
