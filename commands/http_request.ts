/**
 * A request of `node:http` as routes read it: its parts are made when they are asked for. A `Request` of the platform's
 * costs more than answering does.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** The part of `Request` that routes use: the API takes no bodies. */
class IncomingRequest {
  readonly body = null;
  readonly bodyUsed = false;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  #headers: Headers | undefined;
  #signal: AbortSignal | undefined;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, readonly method: string, readonly url: string) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  get headers(): Headers {
    if (this.#headers !== undefined) return this.#headers;
    const headers = this.#headers = new Headers();
    const raw = this.#incoming.rawHeaders;
    for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i] ?? "", raw[i + 1] ?? "");
    return headers;
  }

  /** Aborts when the connection is gone before the answer is out. */
  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal;
    const controller = new AbortController();
    const outgoing = this.#outgoing;
    const socket = this.#incoming.socket; // an answer that waits behind others of a pipeline has none of its own
    const onClose = (): void => {
      socket.off("close", onClose);
      if (!outgoing.writableFinished) controller.abort();
    };
    if (socket.destroyed) controller.abort();
    else {
      socket.on("close", onClose);
      outgoing.on("close", onClose);
    }
    return this.#signal = controller.signal;
  }
}

/** Characters that no parser of URLs changes, where no segment begins with a dot. */
const PLAIN_TARGET = /^\/[\w\-~,:=&?/+.]*$/;
const PLAIN_HOST = /^[a-z0-9.\-]+(?::\d{1,5})?$|^\[[0-9a-f:.]+\](?::\d{1,5})?$/;

/**
 * The request, or undefined of one whose target or Host is none.
 *
 * @param host What HTTP/1.0 does not say.
 */
export function requestOf(incoming: IncomingMessage, outgoing: ServerResponse, host: string): Request | undefined {
  const url = urlOf(incoming.url ?? "", incoming.headers.host ?? host);
  if (url === undefined) return undefined;
  return new IncomingRequest(incoming, outgoing, incoming.method ?? "GET", url) as unknown as Request;
}

// Most requests of a service name it by the same.
let lastHost = "";

function isPlainHost(host: string): boolean {
  if (host === lastHost) return true;
  if (!PLAIN_HOST.test(host) || !URL.canParse(`http://${host}/`)) return false;
  lastHost = host;
  return true;
}

/** The URL of a request's target, normalised as `new Request()` would. */
function urlOf(target: string, host: string): string | undefined {
  if (PLAIN_TARGET.test(target) && !target.includes("/.") && isPlainHost(host)) return `http://${host}${target}`;
  const text = target.startsWith("/") ? `http://${host}${target}` : target; // the absolute form, as of a proxy
  if (host === "" || /[\s/?#@\\]/.test(host) || !/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === "" && url.password === "" ? url.href : undefined;
}
