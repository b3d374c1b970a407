/**
 * Tests over the endpoints of a provider, both sides: the course is that of connections of rdma_cm's.
 *
 * @module
 */
import { ibv_mtu } from "../../ffi/mod.ts";
import { VerbsError } from "../rdma/errors.ts";
import type {
  ConnectionRequest,
  Endpoint,
  EndpointOptions,
  Listener,
  ProtectionDomain,
  RdmaAddress,
} from "../rdma/provider.ts";
import { SetupDeadline } from "../rdma/setup_deadline.ts";
import type { Role } from "./channel.ts";
import { EndpointChannel } from "./endpoint_channel.ts";
import { endpointLoops } from "./endpoint_loops.ts";
import { EndpointMemory } from "./endpoint_memory.ts";
import { measure } from "./measure.ts";
import type { PerftestOptions, ServerNews } from "./options.ts";
import { planOf } from "./plan.ts";
import type { PerftestResult } from "./result.ts";
import { Session } from "./session.ts";

/** The MTU that is told: one that every release knows. TCP, or the network, chooses by itself. */
const MTU = ibv_mtu.IBV_MTU_1024;
/** How often a client tries again to connect for the test itself: perftest's servers listen anew for that. */
const RETRIES = 10;
/** Milliseconds before each. */
const PAUSE = 100;

/** Measures against a server at `address`. Throws VerbsError, WireError, CapabilityError. */
export async function perftestOver(
  domain: ProtectionDomain,
  address: RdmaAddress,
  options: PerftestOptions,
): Promise<PerftestResult> {
  const connect: Connector = (how) => whileWanted(options, domain.connect(address, limited(how, options)));
  await using channel = await EndpointChannel.open(domain, options, connect);
  return await measureOver(domain, channel, "client", options, (how) => patiently(options, () => connect(how)));
}

/**
 * Waits at `address` for a client, and measures with it. Throws as {@linkcode perftestOver} does, and SystemError where
 * it cannot listen.
 */
export async function servePerftestOver(
  domain: ProtectionDomain,
  address: RdmaAddress,
  options: PerftestOptions,
  news: ServerNews = {},
): Promise<PerftestResult> {
  await using listener = await domain.listen(address);
  news.onListening?.();
  const first = await nextRequest(listener, options);
  const accept = (request: ConnectionRequest, how: EndpointOptions) =>
    whileWanted(options, request.accept(limited(how, options)));
  await using channel = await EndpointChannel.open(domain, options, (how) => accept(first, how));
  news.onClient?.();
  const { hostname } = channel.remote;
  const connect: Connector = async (how) => await accept(await nextRequest(listener, options, hostname), how);
  return await measureOver(domain, channel, "server", options, connect);
}

/** Makes the endpoint to measure on, as it is told. */
type Connector = (how: EndpointOptions) => Promise<Endpoint>;

// The next of `from`, waited for until the time is up, where that is given: another's is refused. The listener closes
// when it is waited for in vain.
async function nextRequest(listener: Listener, options: PerftestOptions, from?: string): Promise<ConnectionRequest> {
  using deadline = from === undefined ? undefined : new SetupDeadline(options.timeout, options.signal);
  const signal = deadline?.signal ?? options.signal;
  const close = () => void listener.close();
  signal?.addEventListener("abort", close);
  const requests = listener[Symbol.asyncIterator]();
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const { done, value } = await requests.next();
      options.signal?.throwIfAborted();
      if (done) throw new VerbsError("accept", "timeout", `no second connection within ${options.timeout} ms`);
      if (from === undefined || value.remote.hostname === from) return value;
      await value.reject();
    }
  } finally {
    signal?.removeEventListener("abort", close);
  }
}

async function measureOver(
  domain: ProtectionDomain,
  channel: EndpointChannel,
  role: Role,
  options: PerftestOptions,
  connect: Connector,
): Promise<PerftestResult> {
  const session = new Session(channel, role, planOf(options.test));
  const agreed = await session.agree(MTU);
  using memory = new EndpointMemory(domain, session.plan, options, role, agreed);
  await session.meet();
  await using endpoint = await connect(memory.endpointOptions);
  await session.meet();
  endpoint.peerReady(); // in write-lat the server begins
  const peer = await session.introduce(memory.keys);
  return await measure(session, endpointLoops(endpoint, memory, role, peer), endpoint.transport, options);
}

function limited(how: EndpointOptions, { timeout, signal }: PerftestOptions): EndpointOptions {
  return { ...how, setupTimeout: timeout, ...(signal === undefined ? {} : { signal }) };
}

// A set-up that the caller ended throws the caller's reason.
async function whileWanted(options: PerftestOptions, setUp: Promise<Endpoint>): Promise<Endpoint> {
  try {
    return await setUp;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  }
}

// A server that listens anew may refuse a connection, or drop one that came to it in between.
async function patiently(options: PerftestOptions, connect: () => Promise<Endpoint>): Promise<Endpoint> {
  for (let attempt = 0;; attempt++) {
    try {
      return await connect();
    } catch (error) {
      options.signal?.throwIfAborted();
      const passing = error instanceof VerbsError && (error.code === "refused" || error.code === "lost");
      if (!passing || attempt === RETRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
