/**
 * An HTTP server from its first connection to its last, on `node:http`: unlike `Deno.serve` it sends a buffer from where
 * it lies, and tells when the buffer has gone.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { NodeBindings } from "../routes/direct_answer.ts";
import { SECURITY_HEADERS } from "../routes/headers.ts";
import { ClientLimits } from "../routes/limits.ts";
import type { Log } from "../routes/log.ts";
import { formatAddress } from "../src/rdma/address.ts";
import { CapabilityError, reasonOf, SystemError } from "../src/rdma/errors.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import { sendResponse } from "./http_body.ts";
import { HttpConnections, type Serve } from "./http_connections.ts";
import { requestOf } from "./http_request.ts";

/** The longest head of a request, in bytes; a longer one gets 431. */
export const MAX_HEAD_SIZE = 16_384;
/** The longest target of a request, in characters; a longer one gets 414. */
export const MAX_TARGET_SIZE = 8_192;
/** The longest body of a request, in bytes, which is thrown away; a longer one, or one of unknown length, gets 413. */
export const MAX_BODY_SIZE = 1_024;
/** Milliseconds in which the head of a request must have come; then it gets 408. */
export const HEAD_TIMEOUT = 10_000;
/** Milliseconds in which a whole request must have come; then it gets 408. */
export const REQUEST_TIMEOUT = 30_000;
/** Milliseconds that a connection may be idle between two requests. */
export const KEEP_ALIVE_TIMEOUT = 75_000;
/** Milliseconds in which a client must take some of its answer, and with it free the memory it holds; then it is cut off. */
export const STALL_TIMEOUT = 60_000;
/** Milliseconds between two looks for connections that are beyond their time. */
const TIMEOUT_CHECK_INTERVAL = 1_000;

/** How a server runs. */
export interface HttpOptions {
  /** Where it listens; port 0 lets the system choose. */
  readonly address: RdmaAddress;
  /** Milliseconds that requests in progress are given at the end. */
  readonly grace: number;
  /** Milliseconds that a client may take nothing of an answer that is due. Default {@linkcode STALL_TIMEOUT}. */
  readonly stallTimeout?: number;
  /** Counts connections and requests, and bounds the former. Default: those of {@linkcode ClientLimits}. */
  readonly limits?: ClientLimits;
  /** Times of slow clients, for tests: {@linkcode HEAD_TIMEOUT}, {@linkcode REQUEST_TIMEOUT}, {@linkcode KEEP_ALIVE_TIMEOUT}. */
  readonly timeouts?: { readonly head: number; readonly request: number; readonly idle?: number };
  /** Ends it. */
  readonly stop: AbortSignal;
  /** Where its end is told. */
  readonly log: Log;
  /** Called once it listens, with the port it has. */
  readonly onListening: (address: RdmaAddress) => void;
}

/** What answers requests: the `fetch` of a Hono app. */
export type Handler = (request: Request, bindings: NodeBindings) => Response | Promise<Response>;

/**
 * Serves until `stop` aborts; then takes no more connections, lets requests in progress finish within the grace, and
 * returns whether all of them did. Answers still on their way then are cut off, so that nothing is sent from memory that
 * its owner is about to free; other requests end with the process. Throws SystemError when the address cannot be had,
 * CapabilityError when this process may not listen there.
 */
export async function serveHttp(handler: Handler, options: HttpOptions): Promise<boolean> {
  const { stop, log, grace } = options;
  if (stop.aborted) return true;
  const { limits = new ClientLimits() } = options;
  const server = createServer({
    maxHeaderSize: MAX_HEAD_SIZE,
    headersTimeout: options.timeouts?.head ?? HEAD_TIMEOUT,
    requestTimeout: options.timeouts?.request ?? REQUEST_TIMEOUT,
    keepAliveTimeout: 0, // HttpConnections looks after it
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_INTERVAL, options.timeouts?.head ?? Infinity),
  });
  const answer = answering(handler, options, limits);
  const patience = {
    idle: options.timeouts?.idle ?? KEEP_ALIVE_TIMEOUT,
    stall: options.stallTimeout ?? STALL_TIMEOUT,
  };
  const connections = new HttpConnections(server, answer, patience, limits);
  await listen(server, options);
  if (!stop.aborted) {
    await new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
  }
  log.write("info", "stopping: no more connections are taken", { grace });
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), grace);
  const finished = await Promise.race([connections.finish().then(() => true), late]);
  clearTimeout(timer);
  if (finished) return true;
  log.write("warn", "requests still in progress are cut off", { grace });
  await connections.cutOff();
  return false;
}

/** What answers each request by what `handler` says to it. */
function answering(handler: Handler, { address, stop, log }: HttpOptions, limits: ClientLimits): Serve {
  const host = formatAddress(address); // of a request with no Host, as HTTP/1.0 has it
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const refusal = refusalOf(incoming);
    if (refusal !== undefined) return refuse(outgoing, ...refusal);
    const request = requestOf(incoming, outgoing, host);
    if (request === undefined) return refuse(outgoing, 400, "Invalid URL");
    try {
      await sendResponse(await counted(limits, () => handler(request, { outgoing, stop })), outgoing);
    } catch (error) {
      log.write("error", "a handler failed", { reason: reasonOf(error) });
      if (outgoing.headersSent) outgoing.req.socket.destroySoon();
      else refuse(outgoing, 500, "internal error: the log has the reason");
    }
  };
  return (incoming, outgoing) => void answer(incoming, outgoing);
}

/** Has a request counted as under way until it is known what it is answered with: sending that takes as long as its client. */
async function counted(limits: ClientLimits, answer: () => Response | Promise<Response>): Promise<Response> {
  limits.inFlight++;
  try {
    return await answer();
  } finally {
    limits.inFlight--;
  }
}

/** Why a request is not looked at any further. */
function refusalOf({ url = "", headers }: IncomingMessage): [status: number, reason: string] | undefined {
  if (url.length > MAX_TARGET_SIZE) return [414, `the target has ${url.length} characters, at most ${MAX_TARGET_SIZE}`];
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > MAX_BODY_SIZE) {
    return [413, `the API takes no bodies; one of up to ${MAX_BODY_SIZE} bytes is thrown away`];
  }
  return undefined;
}

/** Answers, and closes the connection: what else the client has sent is not looked at. */
function refuse(outgoing: ServerResponse, status: number, reason: string): void {
  outgoing.shouldKeepAlive = false;
  const text = `${reason}\n`;
  outgoing.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(text.length),
    ...SECURITY_HEADERS,
  });
  outgoing.end(text);
}

async function listen(server: Server, { address, onListening }: HttpOptions): Promise<void> {
  const { hostname, port } = address;
  const host = formatAddress(address);
  // node:net throws a missing permission from where nobody can catch it.
  if ((await Deno.permissions.query({ name: "net", host })).state !== "granted") {
    throw new CapabilityError(`listen ${host}: this process may not; run it with --allow-net=${host}`);
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  try {
    server.listen(port, hostname, resolve);
    await promise;
  } catch (error) {
    throw listenError(error, address);
  } finally {
    server.off("error", reject);
  }
  // The name asked for, not what it resolved to: the line is pasted into a browser.
  onListening({ hostname, port: (server.address() as AddressInfo).port });
}

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has it; choose a port with --listen, 0 for any",
  EADDRNOTAVAIL: "this machine has no such address; choose one with --listen",
  ENOTFOUND: "no such name; choose an address of this machine with --listen",
  EACCES: "ports below 1024 are root's; choose another with --listen",
};

function listenError(error: unknown, address: RdmaAddress): unknown {
  const given = error instanceof Error && "code" in error ? String(error.code) : "";
  const code = given === "EINVAL" ? "EADDRNOTAVAIL" : given; // Deno's node:net has no other name for it
  const advice = ADVICE[code];
  return advice === undefined ? error : new SystemError(`listen ${formatAddress(address)}`, code, advice);
}
