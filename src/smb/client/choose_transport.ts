/**
 * Which transport reaches a server: SMB Direct over the first RDMA provider that does, else TCP; and why.
 *
 * @module
 */
import { formatAddress } from "../../rdma/address.ts";
import { CapabilityError, reasonOf, VerbenaError, VerbsError } from "../../rdma/errors.ts";
import type { ProtectionDomain } from "../../rdma/provider.ts";
import type { Choice, PassedOver, ProviderRegistry } from "../../rdma/registry.ts";
import { RdmaTransport } from "./rdma_transport.ts";
import type { ResolvedSettings } from "./settings.ts";
import { TcpTransport } from "./tcp_transport.ts";
import type { SmbTransport } from "./transport.ts";

/** Where servers take SMB over TCP. */
export const SMB_PORT = 445;
/** Where they take SMB Direct over iWARP, whose ports are TCP's. */
export const SMB_DIRECT_IWARP_PORT = 5445;

/** A server, and the ways there are to it. */
export interface Destination {
  /** A name or an address. */
  readonly hostname: string;
  /** The port of TCP. */
  readonly port: number;
  /** RDMA providers; undefined for TCP alone. */
  readonly registry: ProviderRegistry | undefined;
}

/** The transport taken, and why each one before it was not. */
export interface ChosenTransport {
  /** It is connected. */
  readonly transport: SmbTransport;
  /** Those that would have been preferred. */
  readonly passedOver: readonly PassedOver[];
}

/**
 * Connects.
 *
 * @param rdma Whether RDMA may be taken now; a server is reached over TCP alone after RDMA failed it.
 * @throws CapabilityError when the settings ask for an RDMA provider that cannot be used here, VerbsError when it does not
 * reach the server, with every reason; what connecting over TCP throws.
 */
export async function chooseTransport(
  destination: Destination,
  settings: ResolvedSettings,
  rdma: boolean,
  signal: AbortSignal,
): Promise<ChosenTransport> {
  const { hostname, port, registry } = destination;
  const passedOver: PassedOver[] = [];
  if (!rdma) passedOver.push({ name: "rdma", reason: "it failed twice in a row" });
  else if (settings.rdma === "off") passedOver.push({ name: "rdma", reason: "it is turned off" });
  else if (registry === undefined) passedOver.push({ name: "rdma", reason: "no provider was handed in" });
  else {
    const transport = await connectRdma(hostname, registry, settings, passedOver, signal);
    if (transport !== undefined) return { transport, passedOver };
  }
  if (settings.rdma === "verbs" || settings.rdma === "iwarp") {
    const reasons = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
    // a server that is away may come back; a provider that is missing does not
    if (!passedOver.some(({ reason }) => reason.startsWith("port "))) {
      throw new CapabilityError(`SMB Direct to ${hostname}: ${reasons}`);
    }
    throw new VerbsError(`SMB Direct to ${hostname}`, "unreachable", reasons);
  }
  try {
    return { transport: await TcpTransport.connect({ hostname, port }, signal), passedOver };
  } catch (error) {
    throw withReasons(error, passedOver);
  }
}

/** Tries each provider that says it reaches the server, at each port where it may listen. */
async function connectRdma(
  hostname: string,
  registry: ProviderRegistry,
  settings: ResolvedSettings,
  passedOver: PassedOver[],
  signal: AbortSignal,
): Promise<RdmaTransport | undefined> {
  let choices: readonly Choice[];
  try {
    choices = await registry.chooseAll(settings.rdma, { hostname, port: SMB_PORT });
  } catch (error) {
    if (!(error instanceof CapabilityError)) throw error;
    passedOver.push({ name: "rdma", reason: reasonOf(error) });
    return undefined;
  }
  using domains = new DisposableStack();
  for (const { domain } of choices) domains.use(domain);
  passedOver.push(...choices[0]?.passedOver ?? []);
  for (const { domain } of choices) {
    for (const port of portsOf(domain, settings)) {
      try {
        const transport = await RdmaTransport.connect(domain, { hostname, port }, settings, signal);
        domains.move();
        for (const other of choices) if (other.domain !== domain) other.domain[Symbol.dispose]();
        return transport;
      } catch (error) {
        if (!(error instanceof VerbenaError) || signal.aborted) throw error;
        passedOver.push({ name: domain.transport, reason: `port ${port}: ${reasonOf(error)}` });
      }
    }
  }
  return undefined;
}

function portsOf(domain: ProtectionDomain, settings: ResolvedSettings): readonly number[] {
  if (settings.rdmaPorts !== undefined) return settings.rdmaPorts;
  // kernels listen at iWARP's port alone where one of their devices speaks it
  return domain.capabilities.tcpPorts ? [SMB_DIRECT_IWARP_PORT] : [SMB_PORT, SMB_DIRECT_IWARP_PORT];
}

/** TCP's failure is told; those before it are worth a line only where RDMA was hoped for. */
function withReasons(error: unknown, passedOver: readonly PassedOver[]): unknown {
  const tried = passedOver.filter(({ reason }) => reason.startsWith("port "));
  if (!(error instanceof VerbenaError) || tried.length === 0) return error;
  error.message += ` (and by RDMA: ${tried.map(({ name, reason }) => `${name}: ${reason}`).join("; ")})`;
  return error;
}

/** What is connected to, for errors. */
export function nameOfDestination({ hostname, port }: Destination): string {
  return port === SMB_PORT ? hostname : formatAddress({ hostname, port });
}
