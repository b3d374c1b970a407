/**
 * The headers that keep an answer where it belongs, and those that let pages of other origins read it: set in one place.
 *
 * @module
 */
import { TextAnswer } from "./text_answer.ts";

/** What every answer says: take it for what its type says, tell nobody of the address, and keep it from other origins. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** Seconds for which a browser may remember what it was told of an origin. */
const PREFLIGHT_AGE = "600";
/** What pages may send. */
const METHODS = "GET, HEAD, DELETE";
const REQUEST_HEADERS =
  "accept, authorization, if-match, if-modified-since, if-none-match, if-range, if-unmodified-since, last-event-id, range";
/** What pages may read of an answer, beside what they always may. */
const EXPOSED =
  "accept-ranges, content-length, content-range, etag, retry-after, www-authenticate, x-session-id, x-source, x-transport";

/**
 * The headers of an answer with what every one says, where it says nothing else of its own. One with a tag may be kept by
 * its client, and is asked for anew each time.
 */
export function protectedHeaders<V>(headers: Readonly<Record<string, V>>): Record<string, V | string> {
  const cache = "etag" in headers ? "private, no-cache" : "no-store";
  return { ...SECURITY_HEADERS, "cache-control": cache, ...headers };
}

/** Has an answer say what {@linkcode protectedHeaders} has, and `cors` besides. */
export function secure(response: Response, cors: Readonly<Record<string, string>>): Response {
  const said = response instanceof TextAnswer ? response.fields : undefined;
  const set = (name: string, value: string): void => {
    response.headers.set(name, value);
    if (said !== undefined) said[name] = value;
  };
  // A text answer is made with them: setting them costs more than sending it.
  if (said === undefined || !("referrer-policy" in said)) {
    const { headers } = response;
    const protection = protectedHeaders<string>(headers.has("etag") ? { etag: "" } : {});
    for (const name in protection) if (name !== "etag" && !headers.has(name)) set(name, protection[name] ?? "");
  }
  for (const name in cors) {
    const own = name === "vary" ? response.headers.get(name) : null;
    set(name, own === null ? cors[name] ?? "" : `${own}, ${cors[name]}`);
  }
  return response;
}

/** Origins whose pages may read answers (Fetch §3.3): each by its exact name, and none with a browser's own credentials. */
export class Cors {
  #origins: ReadonlySet<string>;

  /** Lets pages of these origins read. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Lets pages of others read from now on. */
  replace(origins: readonly string[]): void {
    this.#origins = new Set(origins);
  }

  /** Whether it lets no pages read. */
  get isEmpty(): boolean {
    return this.#origins.size === 0;
  }

  /** What an answer to a page of `origin` says; empty where it may not read it. */
  headers(origin: string | undefined): Readonly<Record<string, string>> {
    if (this.#origins.size === 0) return {};
    if (origin === undefined || !this.#origins.has(origin)) return { "vary": "origin" };
    return {
      "access-control-allow-origin": origin,
      "access-control-expose-headers": EXPOSED,
      "cross-origin-resource-policy": "cross-origin",
      "vary": "origin",
    };
  }

  /** The answer to a browser that asks whether a page may (a preflight); undefined where that is not what is asked. */
  preflight(request: Request): Response | undefined {
    if (request.method !== "OPTIONS" || this.#origins.size === 0) return undefined;
    const origin = request.headers.get("origin");
    const method = request.headers.get("access-control-request-method");
    if (origin === null || method === null) return undefined;
    if (!this.#origins.has(origin)) return new Response(null, { status: 403, headers: this.headers(origin) });
    return new Response(null, {
      status: 204,
      headers: {
        ...this.headers(origin),
        "access-control-allow-methods": METHODS,
        "access-control-allow-headers": REQUEST_HEADERS,
        "access-control-max-age": PREFLIGHT_AGE,
      },
    });
  }
}
