/**
 * Tests over verbs, both sides, with keys exchanged over TCP.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import type { RdmaAddress } from "../rdma/provider.ts";
import { type Channel, type Role, TcpChannel } from "./channel.ts";
import { planOf, type TestName } from "./plan.ts";
import type { PerftestResult } from "./result.ts";
import { Session } from "./session.ts";
import { type TestSizes, VerbsLink } from "./verbs_link.ts";
import { measureOverVerbs } from "./verbs_measure.ts";
import { connectByKeys, keysOf, openPort, type PortOptions } from "./verbs_tcp.ts";

/** What is to be measured, whatever with. */
export interface PerftestOptions extends TestSizes {
  /** The test. */
  readonly test: TestName;
  /** How long the peer may take for anything but the whole test, in milliseconds. */
  readonly timeout: number;
  /** Ends it, with its reason. */
  readonly signal?: AbortSignal;
}

/** Measures against a server at `address`. Throws VerbsError, WireError, CapabilityError, ConfigError. */
export async function perftestByKeys(
  address: RdmaAddress,
  options: PerftestOptions,
  port: PortOptions,
): Promise<PerftestResult> {
  await using channel = await TcpChannel.connect(address, options);
  return await measureByKeys(channel, "client", options, port);
}

/** Measures with a client that has connected. Throws as {@linkcode perftestByKeys} does. */
export async function servePerftestByKeys(
  socket: Deno.TcpConn,
  options: PerftestOptions,
  port: PortOptions,
): Promise<PerftestResult> {
  await using channel = new TcpChannel(socket, options);
  return await measureByKeys(channel, "server", options, port);
}

async function measureByKeys(
  channel: Channel,
  role: Role,
  options: PerftestOptions,
  portOptions: PortOptions,
): Promise<PerftestResult> {
  const { test, size, iterations } = options;
  const plan = planOf(test);
  using port = openPort(portOptions, channel.remote.hostname);
  const session = new Session(channel, role, plan);
  const agreed = await session.agree(port.mtu);
  using link = new VerbsLink(port.context, plan, options, agreed, (domain, each) => domain.createQueuePair(each));
  const own = keysOf(link, port);
  const peer = await session.introduce(own);
  connectByKeys(link, port, own, peer, agreed.mtu);
  const name = formatAddress(channel.remote);
  const call = `${test} with ${name}`;
  const measured = await measureOverVerbs(session, link, peer, { ...options, call });
  return { test, role, peer: name, transport: `verbs:${port.context.deviceName}`, size, iterations, ...measured };
}
