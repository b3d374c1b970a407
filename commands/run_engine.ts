/**
 * `verbena engine`, carried out.
 *
 * @module
 */
import { createLog, type Log } from "../routes/log.ts";
import type { Store } from "../src/seaweed/mod.ts";
import type { Context } from "./command.ts";
import type { EngineOptions } from "./engine_options.ts";
import { EngineServers } from "./engine_servers.ts";
import { openStore } from "./open_reader.ts";
import { openDomains } from "./providers.ts";

/** Serves volume directories until the process is asked to stop. */
export async function engine(options: EngineOptions, context: Context): Promise<void> {
  const log = createLog({ level: options.logLevel, write: context.report });
  using store = openStore(options.directories, options.indexDirectory);
  await using server = await open(options, context.version, store, log);
  for (const address of server.addresses) {
    log.write("info", "listening", { address, transports: server.transports });
    context.print(`verbena engine listening on ${address}`);
  }
  await stopped(context.stop);
  log.write("info", "stopping: ranges under way are given time to leave", { grace: options.grace });
  await server.close(options.grace);
  const { accepted, transfers, bytes } = server.statistics();
  log.write("info", "stopped", { connections: accepted, transfers, bytes });
}

async function open(
  { listen, socket, ...options }: EngineOptions,
  version: string,
  store: Store,
  log: Log,
): Promise<EngineServers> {
  const serverOptions = { version, maxSessions: options.maxSessions };
  await using opening = new AsyncDisposableStack();
  const servers = listen === undefined ? EngineServers.none() : opening.use(
    await EngineServers.start(await openDomains(options, listen, log), listen, store, serverOptions, log),
  );
  if (socket !== undefined) await servers.addSocket(socket, store, serverOptions, log);
  opening.move();
  return servers;
}

function stopped(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  return new Promise((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
}
