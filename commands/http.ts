/**
 * An HTTP server from its first connection to its last, on `node:http`: unlike `Deno.serve` it sends a buffer from where
 * it lies, and tells when the buffer has gone.
 *
 * @module
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { ALREADY_SENT, type NodeBindings } from "../routes/direct_answer.ts";
import type { Log } from "../routes/log.ts";
import { formatAddress } from "../src/rdma/address.ts";
import { CapabilityError, reasonOf, SystemError } from "../src/rdma/errors.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import { hasPromisedBody, sendBody } from "./http_body.ts";
import { HttpConnections } from "./http_connections.ts";

/** The longest head of a request, in bytes; a longer one gets 431. */
export const MAX_HEAD_SIZE = 16_384;
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
  const server = createHttpServer(handler, options);
  const connections = new HttpConnections(server, options.stallTimeout ?? STALL_TIMEOUT);
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

function createHttpServer(handler: Handler, { address, stop, log }: HttpOptions): Server {
  const answer = getRequestListener(
    async (request, { outgoing }) => {
      const http1 = outgoing as ServerResponse;
      const response = await handler(request, { outgoing: http1, stop });
      if (response === ALREADY_SENT || request.method === "HEAD" || !hasPromisedBody(response)) return response;
      void sendBody(response, http1);
      return ALREADY_SENT;
    },
    {
      hostname: formatAddress(address), // of a request with no Host, as HTTP/1.0 has it
      overrideGlobalObjects: false, // its own Response keeps a view that the real one copies
      errorHandler: (error) => {
        if (error instanceof Error && error.name === "RequestError") {
          return new Response(`${error.message}\n`, { status: 400 });
        }
        log.write("error", "a handler failed", { reason: reasonOf(error) });
        return new Response("internal error: the log has the reason\n", { status: 500 });
      },
    },
  );
  return createServer({
    maxHeaderSize: MAX_HEAD_SIZE,
    headersTimeout: HEAD_TIMEOUT,
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL,
  }, (incoming, outgoing) => void answer(incoming, outgoing));
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
