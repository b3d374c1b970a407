/**
 * Tests over verbs, both sides.
 *
 * @module
 */
import { ibv_mtu } from "../../ffi/mod.ts";
import type { RdmaAddress } from "../rdma/provider.ts";
import { EventDispatcher } from "../verbs/connection/event_dispatcher.ts";
import { type Channel, type Role, TcpChannel } from "./channel.ts";
import type { Keys } from "./keys.ts";
import { ManagedChannel, MessageLink } from "./managed_channel.ts";
import { connectManaged, type ManagedConnection, ManagedListener, type Purpose } from "./managed_connection.ts";
import { measure } from "./measure.ts";
import type { PerftestOptions, ServerNews } from "./options.ts";
import { planOf } from "./plan.ts";
import type { PerftestResult } from "./result.ts";
import { Session } from "./session.ts";
import { readsOf, VerbsLink } from "./verbs_link.ts";
import { verbsLoops } from "./verbs_loops.ts";
import { connectByKeys, keysOf, openPort, type PortOptions } from "./verbs_tcp.ts";

/**
 * Measures against a server at `address`, with keys exchanged over TCP. Throws VerbsError, WireError, CapabilityError,
 * ConfigError.
 */
export async function perftestByKeys(
  address: RdmaAddress,
  options: PerftestOptions,
  port: PortOptions,
): Promise<PerftestResult> {
  await using channel = await TcpChannel.connect(address, options);
  return await measureByKeys(channel, "client", options, port);
}

/** Measures with a client that has connected over TCP. Throws as {@linkcode perftestByKeys} does. */
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
  const plan = planOf(options.test);
  using port = openPort(portOptions, channel.remote.hostname);
  const session = new Session(channel, role, plan);
  const agreed = await session.agree(port.mtu);
  using link = new VerbsLink(port.context, plan, options, agreed, (domain, each) => domain.createQueuePair(each));
  const own = keysOf(link, port);
  const peer = await session.introduce(own);
  connectByKeys(link, port, own, peer, agreed.mtu);
  return await measureOverVerbs(session, link, peer, options);
}

/** Measures against a server at `address`, with connections of rdma_cm's. Throws VerbsError, WireError, CapabilityError. */
export async function perftestManaged(address: RdmaAddress, options: PerftestOptions): Promise<PerftestResult> {
  using dispatcher = new EventDispatcher();
  await using control = await connectManaged(dispatcher, address, MESSAGES, options);
  return await measureManaged(
    control,
    "client",
    options,
    (purpose) => connectManaged(dispatcher, address, purpose, options, { retries: 10, pause: 100 }),
  );
}

/**
 * Waits at `address` for a client, and measures with it, with connections of rdma_cm's. Throws as
 * {@linkcode perftestManaged} does, and SystemError where it cannot listen.
 */
export async function servePerftestManaged(
  address: RdmaAddress,
  options: PerftestOptions,
  news: ServerNews = {},
): Promise<PerftestResult> {
  using dispatcher = new EventDispatcher();
  using listener = await ManagedListener.listen(dispatcher, address);
  news.onListening?.();
  await using control = await listener.accept(MESSAGES, options);
  news.onClient?.();
  const { hostname } = control.remote;
  return await measureManaged(control, "server", options, (purpose) => listener.accept(purpose, options, hostname));
}

const MESSAGES: Purpose<MessageLink> = { reads: 0, prepare: (id, context) => new MessageLink(id, context) };

/** Makes the connection to measure on. */
type DataConnector = (purpose: Purpose<VerbsLink>) => Promise<ManagedConnection<VerbsLink>>;

async function measureManaged(
  control: ManagedConnection<MessageLink>,
  role: Role,
  options: PerftestOptions,
  connectData: DataConnector,
): Promise<PerftestResult> {
  const plan = planOf(options.test);
  const channel = new ManagedChannel(control, options);
  const session = new Session(channel, role, plan);
  const agreed = await session.agree(mtuOf(control));
  await session.meet();
  await using data = await connectData({
    reads: plan.verb === "read" ? readsOf(plan, control.use.context) : 0,
    prepare: (id, context) =>
      new VerbsLink(context, plan, options, agreed, (domain, each) => id.createQueuePair(domain, each)),
  });
  await session.meet();
  const peer = await session.introduce(data.use.keys);
  const signals = [channel.lost, ...(options.signal === undefined ? [] : [options.signal])];
  return await measureOverVerbs(session, data.use, peer, { ...options, signal: AbortSignal.any(signals) });
}

// rdma_cm chooses it; this is but told. A driver's number may be none of perftest's.
function mtuOf(control: ManagedConnection<MessageLink>): number {
  const { activeMtu } = control.use.context.queryPort(control.id.port);
  return Math.min(Math.max(activeMtu, ibv_mtu.IBV_MTU_256), ibv_mtu.IBV_MTU_4096);
}

async function measureOverVerbs(
  session: Session,
  link: VerbsLink,
  peer: Keys,
  options: PerftestOptions,
): Promise<PerftestResult> {
  const { role } = session;
  return await measure(session, verbsLoops(link, role, peer), `verbs:${link.context.deviceName}`, options);
}
