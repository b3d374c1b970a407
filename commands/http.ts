/**
 * An HTTP server from its first connection to its last.
 *
 * @module
 */
import type { Log } from "../routes/log.ts";
import { reasonOf, SystemError } from "../src/rdma/errors.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import { formatAddress } from "./values.ts";

/** How a server runs. */
export interface HttpOptions {
  /** Where it listens; port 0 lets the system choose. */
  readonly address: RdmaAddress;
  /** Milliseconds that requests in progress are given at the end. */
  readonly grace: number;
  /** Ends it. */
  readonly stop: AbortSignal;
  /** Where its end is told. */
  readonly log: Log;
  /** Called once it listens, with the port it has. */
  readonly onListening: (address: RdmaAddress) => void;
}

/**
 * Serves until `stop` aborts; then takes no more connections, lets requests in progress finish within the grace, and
 * returns whether all of them did; those that did not end with the process. Throws SystemError when the address cannot
 * be had.
 */
export async function serveHttp(handler: Handler, options: HttpOptions): Promise<boolean> {
  const { stop, log, grace } = options;
  if (stop.aborted) return true;
  const server = listen(handler, options);
  await new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
  log.write("info", "stopping: no more connections are taken", { grace });
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), grace);
  const finished = await Promise.race([server.shutdown().then(() => true), late]);
  clearTimeout(timer);
  if (!finished) log.write("warn", "requests still in progress are cut off", { grace });
  return finished;
}

type Handler = (request: Request) => Response | Promise<Response>;

function listen(handler: Handler, { address, onListening, log }: HttpOptions): Deno.HttpServer<Deno.NetAddr> {
  const { hostname, port } = address;
  try {
    return Deno.serve({
      hostname,
      port,
      // The name asked for, not what it resolved to: the line is pasted into a browser.
      onListen: (bound) => onListening({ hostname, port: bound.port }),
      onError: (error) => {
        log.write("error", "a handler failed", { reason: reasonOf(error) });
        return new Response("internal error: the log has the reason\n", { status: 500 });
      },
    }, handler);
  } catch (error) {
    const where = `listen ${formatAddress(address)}`;
    if (error instanceof Deno.errors.AddrInUse) {
      throw new SystemError(where, "EADDRINUSE", "another program has it; choose a port with --listen, 0 for any");
    }
    if (error instanceof Deno.errors.AddrNotAvailable) {
      throw new SystemError(where, "EADDRNOTAVAIL", "this machine has no such address; choose one with --listen");
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new SystemError(where, "EACCES", "ports below 1024 are root's; choose another with --listen");
    }
    throw error;
  }
}
