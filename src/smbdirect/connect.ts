/**
 * The two ways to an SMB Direct connection: to connect, and to accept.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import type { ConnectionRequest, EndpointOptions, ProtectionDomain, RdmaAddress } from "../rdma/provider.ts";
import { openConnection, type OpenEndpoint, type SmbDirectConnection } from "./connection.ts";
import { resolveSettings, type Role, type SmbDirectOptions } from "./options.ts";

/** {@linkcode SmbDirectOptions}, and those that the endpoint's set-up takes as they are. */
export interface SmbDirectConnectionOptions
  extends SmbDirectOptions, Pick<EndpointOptions, "readDepth" | "privateData" | "setupTimeout" | "signal"> {
  /** {@linkcode SmbDirectConnection.onMessage} from the first message on. */
  onMessage?: (message: Uint8Array) => void;
}

/** Connects to `address` and negotiates. Throws ConfigError, SystemError, VerbsError, and WireError for a peer that breaks the protocol. */
export async function connectSmbDirect(
  domain: ProtectionDomain,
  address: RdmaAddress,
  options: SmbDirectConnectionOptions = {},
): Promise<SmbDirectConnection> {
  const peer = formatAddress(address);
  return await open(domain, "active", peer, options, (endpointOptions) => domain.connect(address, endpointOptions));
}

/** Accepts `request` and negotiates. Throws as {@linkcode connectSmbDirect} does; the request is answered in any case. */
export async function acceptSmbDirect(
  domain: ProtectionDomain,
  request: ConnectionRequest,
  options: SmbDirectConnectionOptions = {},
): Promise<SmbDirectConnection> {
  const peer = formatAddress(request.remote);
  let answered = false;
  try {
    return await open(domain, "passive", peer, options, (endpointOptions) => {
      answered = true;
      return request.accept(endpointOptions);
    });
  } catch (error) {
    if (!answered) await request.reject().catch(() => {}); // the peer may be gone; what went wrong here matters more
    throw error;
  }
}

function open(
  domain: ProtectionDomain,
  role: Role,
  peer: string,
  options: SmbDirectConnectionOptions,
  endpoint: OpenEndpoint,
): Promise<SmbDirectConnection> {
  const settings = resolveSettings(role, options);
  return openConnection(domain, role, peer, settings, pick(options), endpoint, options.onMessage);
}

/** The options that the endpoint takes as they are. */
function pick(options: SmbDirectConnectionOptions): EndpointOptions {
  const { readDepth, privateData, setupTimeout, signal } = options;
  return {
    ...(readDepth === undefined ? {} : { readDepth }),
    ...(privateData === undefined ? {} : { privateData }),
    ...(setupTimeout === undefined ? {} : { setupTimeout }),
    ...(signal === undefined ? {} : { signal }),
  };
}
