/**
 * `verbena perf`, carried out.
 *
 * @module
 */
import { iwarpProvider } from "../src/iwarp/mod.ts";
import {
  perftestByKeys,
  perftestManaged,
  type PerftestOptions,
  perftestOver,
  type PerftestResult,
  type PortOptions,
  servePerftestByKeys,
  servePerftestManaged,
  servePerftestOver,
  type ServerNews,
} from "../src/perftest/mod.ts";
import { formatAddress } from "../src/rdma/address.ts";
import { reasonOf, SystemError } from "../src/rdma/errors.ts";
import type { RdmaAddress } from "../src/rdma/provider.ts";
import type { Context } from "./command.ts";
import type { PerfOptions } from "./perf_options.ts";
import { type Cell, tableLines } from "./table.ts";

/** Measures, with a server or as one for one client, and prints what came of it. Throws what ended it early. */
export async function perf(options: PerfOptions, context: Context): Promise<void> {
  const result = await measure(options, context);
  if (result === undefined) return;
  if (options.json) context.print(JSON.stringify(result));
  else for (const line of resultLines(result)) context.print(line);
}

// Undefined where it was stopped before there was a client.
async function measure(options: PerfOptions, context: Context): Promise<PerftestResult | undefined> {
  const { plan, address, server } = options;
  const test: PerftestOptions = { ...options, test: plan.name, signal: context.stop };
  if (options.managed) return await measureManaged(test, options, context);
  if (!server) return await perftestByKeys(address, test, portOptions(options));
  const socket = await takeClient(address, options, context);
  return socket === undefined ? undefined : await servePerftestByKeys(socket, test, portOptions(options));
}

async function measureManaged(
  test: PerftestOptions,
  options: PerfOptions,
  context: Context,
): Promise<PerftestResult | undefined> {
  const { address, server, provider } = options;
  if (provider === "iwarp") {
    using domain = await iwarpProvider(options.iwarp).open(address);
    if (!server) return await perftestOver(domain, address, test);
    return await unlessStopped(options, context, (news) => servePerftestOver(domain, address, test, news));
  }
  if (!server) return await perftestManaged(address, test);
  return await unlessStopped(options, context, (news) => servePerftestManaged(address, test, news));
}

async function unlessStopped(
  options: PerfOptions,
  context: Context,
  serve: (news: ServerNews) => Promise<PerftestResult>,
): Promise<PerftestResult | undefined> {
  let client = false;
  try {
    return await serve({ onListening: () => announce(options, context), onClient: () => client = true });
  } catch (error) {
    if (context.stop.aborted && !client) return undefined;
    throw error;
  }
}

function portOptions({ device, port, gidIndex, mtu }: PerfOptions): PortOptions {
  return {
    port,
    ...(device === undefined ? {} : { device }),
    ...(gidIndex === undefined ? {} : { gidIndex }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

async function takeClient(
  address: RdmaAddress,
  options: PerfOptions,
  context: Context,
): Promise<Deno.TcpConn | undefined> {
  using listener = listen(address);
  const close = () => listener.close();
  announce(options, context);
  context.stop.addEventListener("abort", close);
  try {
    return await listener.accept();
  } catch (error) {
    if (context.stop.aborted) return undefined;
    throw error;
  } finally {
    context.stop.removeEventListener("abort", close);
  }
}

function listen(address: RdmaAddress): Deno.TcpListener {
  try {
    return Deno.listen({ ...address, transport: "tcp" });
  } catch (error) {
    const code = error instanceof Deno.errors.AddrInUse ? "EADDRINUSE" : "EADDRNOTAVAIL";
    throw new SystemError(`listen ${formatAddress(address)}`, code, `${reasonOf(error)}; --port chooses another`);
  }
}

function announce({ plan, address, json }: PerfOptions, context: Context): void {
  if (!json) context.print(`verbena perf ${plan.name} waits for a client on ${formatAddress(address)}`);
}

/** A result for people, in perftest's columns. */
function resultLines(result: PerftestResult): string[] {
  const { test, role, peer, transport, size, iterations } = result;
  const title = `${test} ${role === "client" ? "against" : "for"} ${peer} over ${transport}`;
  const rows: Cell[][] = [];
  if ("microseconds" in result && result.microseconds !== null) {
    const { min, max, median, average, deviation, p99, p999 } = result.microseconds;
    rows.push([
      "bytes",
      "iterations",
      "min µs",
      "max µs",
      "typical µs",
      "average µs",
      "stdev µs",
      "99 % µs",
      "99.9 % µs",
    ]);
    rows.push([size, iterations, ...[min, max, median, average, deviation, p99, p999].map((each) => each.toFixed(2))]);
  } else if ("bandwidth" in result && result.bandwidth !== null) {
    const { mebibytes, megamessages } = result.bandwidth;
    rows.push(["bytes", "iterations", "average MiB/s", "messages M/s"]);
    rows.push([size, iterations, mebibytes.toFixed(2), megamessages.toFixed(6)]);
  } else {
    return [`${title}: ${size} bytes, measured by the client`];
  }
  return [title, ...tableLines(rows)];
}
