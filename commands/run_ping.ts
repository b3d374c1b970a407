/**
 * `verbena ping`, carried out.
 *
 * @module
 */
import { formatAddress } from "../src/rdma/address.ts";
import { reasonOf, SystemError, VerbsError } from "../src/rdma/errors.ts";
import type { ConnectionRequest, Listener, ProtectionDomain, RdmaAddress } from "../src/rdma/provider.ts";
import { ProviderRegistry } from "../src/rdma/registry.ts";
import { Samples, type Summary } from "../src/rdma/samples.ts";
import { readText, RpingClient, serveRping } from "../src/rping/mod.ts";
import type { Context } from "./command.ts";
import type { PingOptions } from "./ping_options.ts";
import { providers } from "./providers.ts";

/** Rounds that the summary's quantiles are of, at most: the latest. */
const SAMPLES_KEPT = 65_536;
/** Letters of a client's text that a server shows. */
const TEXT_SHOWN = 40;

/** Opens a protection domain with each provider that can be had, for `using`. */
async function openDomains(
  options: PingOptions,
  stack: DisposableStack,
): Promise<ProtectionDomain[]> {
  const choices = await new ProviderRegistry(providers(options)).chooseAll(options.provider, options.address);
  return choices.map(({ domain }) => stack.use(domain));
}

/** Pings until the rounds are done or the process is asked to stop, and prints what it took. Throws what ended it early. */
export async function ping(options: PingOptions, context: Context): Promise<void> {
  using stack = new DisposableStack();
  const domains = await openDomains(options, stack);
  await using client = await connect(domains, options, context.stop);
  const samples = new Samples(SAMPLES_KEPT);
  try {
    while (client.rounds < options.count && !context.stop.aborted) {
      const elapsed = await client.round();
      samples.add(elapsed);
      if (!options.quiet) context.print(`round ${client.rounds}: ${client.size} bytes in ${elapsed.toFixed(1)} µs`);
      if (client.rounds < options.count) await pause(options.interval, context.stop);
    }
  } catch (error) {
    if (!context.stop.aborted) throw error;
  } finally {
    context.print(summaryLine(client, samples.summary(), options));
  }
}

// The server may be one of a provider that is not the preferred one.
async function connect(
  domains: readonly ProtectionDomain[],
  { address, size, timeout }: PingOptions,
  signal: AbortSignal,
): Promise<RpingClient> {
  const reasons: string[] = [];
  for (const domain of domains) {
    try {
      return await RpingClient.connect(domain, address, { size, timeout, signal });
    } catch (error) {
      if (domains.length === 1 || signal.aborted || !(error instanceof VerbsError)) throw error;
      reasons.push(`${domain.transport}: ${reasonOf(error)}`);
    }
  }
  throw new VerbsError(`ping ${formatAddress(address)}`, "unreachable", reasons.join("; "));
}

function pause(milliseconds: number, stop: AbortSignal): Promise<void> {
  if (milliseconds === 0 || stop.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    stop.addEventListener("abort", end);
  });
}

function summaryLine(client: RpingClient, summary: Summary, { address, json }: PingOptions): string {
  const { min, median, average, p99, max } = summary;
  const { rounds, size } = client;
  const { transport } = client.endpoint;
  if (json) {
    const peer = formatAddress(address);
    const microseconds = rounds === 0 ? null : { min, median, average, p99, max };
    return JSON.stringify({ peer, transport, size, rounds, microseconds });
  }
  if (rounds === 0) return `no round was finished over ${transport}`;
  const times = `min ${us(min)}, median ${us(median)}, average ${us(average)}, 99 % ${us(p99)}, max ${us(max)} µs`;
  return `${rounds} ${rounds === 1 ? "round" : "rounds"} of ${size} bytes over ${transport}, verified: ${times}`;
}

function us(value: number): string {
  return value.toFixed(1);
}

/** Serves clients until the process is asked to stop, or one client where that is asked for. */
export async function servePings(options: PingOptions, context: Context): Promise<void> {
  using stack = new DisposableStack();
  const domains = await openDomains(options, stack);
  const once = new AbortController();
  const stop = AbortSignal.any([context.stop, once.signal]);
  const listeners = await listen(domains, options.address);
  const { port } = listeners[0]?.listener.address ?? options.address;
  const transports = listeners.map(({ domain }) => domain.transport);
  const listening = formatAddress({ hostname: options.address.hostname, port });
  if (options.json) context.print(JSON.stringify({ listening, transports }));
  else context.print(`verbena ping listening on ${listening} over ${transports.join(", ")}`);
  const close = () => listeners.forEach(({ listener }) => void listener.close());
  if (stop.aborted) close();
  stop.addEventListener("abort", close);
  await Promise.all(listeners.map(async ({ domain, listener }) => {
    for await (const request of listener) {
      await serveClient(domain, request, options, context, stop);
      if (options.once) once.abort();
    }
    await listener.close();
  }));
}

interface Listening {
  readonly domain: ProtectionDomain;
  readonly listener: Listener;
}

// An iWARP device listens on TCP's ports, where another provider may listen already.
async function listen(domains: readonly ProtectionDomain[], address: RdmaAddress): Promise<Listening[]> {
  await using opening = new AsyncDisposableStack();
  const listening: Listening[] = [];
  let { port } = address;
  for (const domain of domains) {
    try {
      const listener = opening.use(await domain.listen({ ...address, port }));
      listening.push({ domain, listener });
      port = listener.address.port;
    } catch (error) {
      if (!(error instanceof SystemError) || listening.length === 0) throw error;
    }
  }
  opening.move();
  return listening;
}

// Whatever a client does, the server goes on.
async function serveClient(
  domain: ProtectionDomain,
  request: ConnectionRequest,
  options: PingOptions,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  const peer = formatAddress(request.remote);
  const { transport } = domain;
  const onRound = (round: number, text: Uint8Array): void => {
    if (options.quiet) return;
    const shown = readText(text.subarray(0, TEXT_SHOWN));
    context.print(`${peer} round ${round + 1}: ${text.length} bytes: ${shown}`);
  };
  try {
    const { rounds, bytes, error } = await serveRping(domain, request, { timeout: options.timeout, signal, onRound });
    const reason = error === undefined ? null : reasonOf(error);
    if (options.json) context.print(JSON.stringify({ peer, transport, rounds, bytes, error: reason }));
    else context.print(`${peer} left after ${rounds} rounds over ${transport}${reason === null ? "" : `: ${reason}`}`);
  } catch (error) {
    if (!signal.aborted) context.report(`client ${peer}: ${reasonOf(error)}`);
  }
}
