/**
 * What `verbena serve` reads through: engines elsewhere, engines of its own process, or a sample volume.
 *
 * @module
 */
import type { Log, Sample } from "../routes/app.ts";
import {
  EngineClient,
  EngineReader,
  FallbackReader,
  type NeedleReader,
  rdmaWays,
  socketWay,
  StoreReader,
} from "../src/engine/mod.ts";
import { type RdmaAddress, reasonOf } from "../src/rdma/mod.ts";
import { MasterClient, Store, VolumeServerReader, writeSampleVolume } from "../src/seaweed/mod.ts";
import { readReadKey } from "./access_files.ts";
import { EngineServers } from "./engine_servers.ts";
import { engineLog, openDomains } from "./providers.ts";
import type { ServeOptions } from "./serve_options.ts";

/** A reader that is open, and what is known to be behind it. */
export interface OpenReader extends AsyncDisposable {
  /** The reader. */
  readonly reader: NeedleReader;
  /** Needles that are there to be tried; none where the volumes are someone else's. */
  readonly samples: readonly Sample[];
  /** The engines of this process; undefined where there are none. */
  readonly servers?: EngineServers | undefined;
}

/** Where an engine of this process listens: nobody else's business. */
const OWN_ENGINE: RdmaAddress = { hostname: "127.0.0.1", port: 0 };

/** Opens what the options name. Throws ConfigError, CapabilityError, SystemError. */
export async function openReader(options: ServeOptions, version: string, log: Log): Promise<OpenReader> {
  await using opening = new AsyncDisposableStack();
  const samples: Sample[] = [];
  const addresses = [...options.engines];
  const directories = [...options.directories];
  if (directories.length === 0 && addresses.length === 0) {
    const directory = await Deno.makeTempDir({ prefix: "verbena-sample-" });
    opening.defer(() => removeQuietly(directory, log));
    samples.push(...writeSampleVolume(directory, Date.now()));
    directories.push(directory);
    log.write("info", "no --dir and no --engine: serving a sample volume", { directory });
  }
  const store = directories.length === 0 ? undefined : opening.use(openStore(directories, options.indexDirectory));
  const servers = store === undefined ? undefined : await openOwnEngine(options, store, version, log, opening);
  if (servers?.address !== undefined) addresses.push(servers.address);
  const engines: EngineClient[] = [];
  for (const address of addresses) {
    const ways = "path" in address
      ? [socketWay(address.path)] as const
      : rdmaWays(await openDomains(options, address, log), address);
    engines.push(new EngineClient(ways, { answerTimeout: options.timeout, log: engineLog(log) }));
  }
  const engineReader = new EngineReader(engines, { readAhead: { ahead: options.readAhead } });
  const { timeout } = options;
  const nearest = store === undefined ? engineReader : new StoreReader(engineReader, store, { timeout });
  const reader = options.masters.length === 0 ? nearest : await withFallback(nearest, options);
  opening.use(reader);
  await engineReader.settled(); // a ready line means ready, where an engine is there at all
  const moved = opening.move();
  return { reader, samples, servers, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

async function withFallback(reader: NeedleReader, options: ServeOptions): Promise<NeedleReader> {
  const { masters, readKeyFile, timeout } = options;
  const readKey = readKeyFile === undefined ? undefined : await readReadKey(readKeyFile);
  const master = new MasterClient(masters.map((each) => each.includes("://") ? each : `http://${each}`));
  const volumeServers = new VolumeServerReader(master, readKey === undefined ? {} : { readKey });
  options.reload?.onReload(({ access }) => volumeServers.replaceReadKey(access.seaweedReadKey));
  return new FallbackReader(reader, volumeServers, timeout);
}

async function openOwnEngine(
  options: ServeOptions,
  store: Store,
  version: string,
  log: Log,
  stack: AsyncDisposableStack,
): Promise<EngineServers> {
  const domains = await openDomains(options, OWN_ENGINE, log);
  const { maxSessions } = options;
  return stack.use(await EngineServers.start(domains, OWN_ENGINE, store, { version, maxSessions }, log));
}

/** Opens volume directories. Throws ConfigError when one is not there. */
export function openStore(directories: readonly string[], indexDirectory: string | undefined): Store {
  return new Store(
    directories.map((directory) => indexDirectory === undefined ? { directory } : { directory, indexDirectory }),
  );
}

async function removeQuietly(directory: string, log: Log): Promise<void> {
  try {
    await Deno.remove(directory, { recursive: true });
  } catch (error) {
    log.write("warn", "the sample volume is left behind", { directory, reason: reasonOf(error) });
  }
}
