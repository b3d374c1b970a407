/**
 * `verbena engine`, carried out.
 *
 * @module
 */
import { createLog } from "../routes/log.ts";
import { formatAddress } from "../src/rdma/address.ts";
import type { Context } from "./command.ts";
import type { EngineOptions } from "./engine_options.ts";
import { EngineServers } from "./engine_servers.ts";
import { openStore } from "./open_reader.ts";
import { openDomains } from "./providers.ts";

/** Serves volume directories until the process is asked to stop. */
export async function engine(options: EngineOptions, context: Context): Promise<void> {
  const log = createLog({ level: options.logLevel, write: context.report });
  using store = openStore(options.directories, options.indexDirectory);
  const domains = await openDomains(options, options.listen, log);
  const { maxSessions } = options;
  const server = await EngineServers.start(
    domains,
    options.listen,
    store,
    { version: context.version, maxSessions },
    log,
  );
  const address = formatAddress(server.address);
  log.write("info", "listening", { address, transports: server.transports });
  context.print(`verbena engine listening on rdma:${address}`);
  await stopped(context.stop);
  log.write("info", "stopping: ranges under way are given time to leave", { grace: options.grace });
  await server.close(options.grace);
  const { accepted, transfers, bytes } = server.statistics();
  log.write("info", "stopped", { connections: accepted, transfers, bytes });
}

function stopped(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  return new Promise((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
}
