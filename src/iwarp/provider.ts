/**
 * The iwarp provider: RDMA over plain TCP, on any machine that Deno runs on.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { ConfigError, reasonOf, SystemError } from "../rdma/errors.ts";
import type {
  Capabilities,
  Endpoint,
  EndpointOptions,
  Listener,
  ProtectionDomain,
  Provider,
  RdmaAddress,
} from "../rdma/provider.ts";
import { checkDepth } from "../rdma/work_checks.ts";
import { IwarpConnection } from "./connection.ts";
import { DirectSocket } from "./direct_socket.ts";
import { closeQuietly, IwarpEndpoint } from "./endpoint.ts";
import { IwarpListener } from "./listener.ts";
import { encodeMpaFrame, MPA_MAX_USER_DATA } from "./mpa.ts";
import { agreeAsInitiator, type Agreement, type MpaWishes, requestFrame } from "./negotiation.ts";
import { type IwarpProfile, MIN_ULPDU_SIZE, ulpduSizeFor } from "./profile.ts";
import { type IwarpRegion, MAX_REGION_SIZE, StagTable } from "./region.ts";
import { type EndpointMaker, readFrame, SocketDeadline, writeAll } from "./setup.ts";
import { fpduSize, MAX_ULPDU_SIZE } from "./wire.ts";

/** How the provider behaves; the same for every connection of its domains. */
export interface IwarpOptions {
  /**
   * CRC-32C on every FPDU (RFC 5044 §4.4). `auto`, the default, leaves it out between processes of one machine, whose
   * bytes never leave memory, and asks for it everywhere else. A peer that asks for it gets it in any case.
   */
  crc?: "on" | "off" | "auto";
  /** MPA revision that connecting asks for. Default 2, which agrees on IRD and ORD (RFC 6581). */
  revision?: 1 | 2;
  /** Whom the frames suit. Default `software`. */
  profile?: IwarpProfile;
  /**
   * The longest ULPDU to send, in bytes, 128 … 65,535. Default 65,518, which is 65,504 bytes of payload; for hardware,
   * what fits a TCP segment on the way to the peer, at most 16,378; without `--allow-ffi` that is taken for Ethernet's:
   * 1,442 over IPv4, 1,422 over IPv6.
   */
  ulpduSize?: number;
  /**
   * How long nothing may come from a peer, in milliseconds, before it is asked for a sign of life; as long again without
   * one, and the connection is lost. 0: never. Default 30,000.
   */
  keepalive?: number;
  /**
   * How long posted sends may stand still, in milliseconds, before the connection is lost: the oldest of them neither
   * completes nor moves a byte, whatever else the peer does. It may take up to twice as long to be seen. 0, the default:
   * as long as it takes.
   */
  operationTimeout?: number;
}

/** {@linkcode IwarpOptions} with every choice made that does not depend on the peer. */
export type IwarpSettings = Required<Omit<IwarpOptions, "ulpduSize">> & Pick<IwarpOptions, "ulpduSize">;

const DEFAULTS: IwarpSettings = {
  crc: "auto",
  revision: 2,
  profile: "software",
  keepalive: 30_000,
  operationTimeout: 0,
};
/** Of what is told in milliseconds. */
const DAY = 86_400_000;

/** Makes the provider. Throws ConfigError for an option out of range. */
export function iwarpProvider(options: IwarpOptions = {}): Provider {
  const settings: IwarpSettings = { ...DEFAULTS, ...options };
  const { ulpduSize = MAX_ULPDU_SIZE } = settings;
  if (!Number.isInteger(ulpduSize) || ulpduSize < MIN_ULPDU_SIZE || ulpduSize > MAX_ULPDU_SIZE) {
    throw new ConfigError(`ulpduSize: ${ulpduSize} is not a whole number from ${MIN_ULPDU_SIZE} to ${MAX_ULPDU_SIZE}`);
  }
  for (const name of ["keepalive", "operationTimeout"] as const) {
    const value = settings[name];
    if (!(value >= 0 && value <= DAY)) throw new ConfigError(`${name}: ${value} is not from 0 to ${DAY} milliseconds`);
  }
  return {
    name: "iwarp",
    unavailable: async (address) => {
      const host = formatAddress(address);
      const { state } = await Deno.permissions.query({ name: "net", host });
      return state === "denied" ? `--allow-net does not cover ${host}` : undefined;
    },
    open: () => Promise.resolve(new IwarpDomain(settings)),
  };
}

/** A protection domain of the iwarp provider: a table of STags, and sockets. */
export class IwarpDomain implements ProtectionDomain, EndpointMaker {
  /** `iwarp`. */
  readonly transport = "iwarp";
  /** What this stack can do. */
  readonly capabilities: Capabilities = {
    maxMessageSize: MAX_REGION_SIZE,
    maxRegionSize: MAX_REGION_SIZE,
    maxReadDepth: 128,
    remoteInvalidate: true,
    immediate: true,
    atomics: true,
    reportsRefusals: true,
    privateData: { request: MPA_MAX_USER_DATA, reply: MPA_MAX_USER_DATA, refusal: MPA_MAX_USER_DATA },
    tcpPorts: true,
  };
  readonly #table = new StagTable();
  readonly #settings: IwarpSettings;

  /** Made by the provider's `open`. */
  constructor(settings: IwarpSettings) {
    this.#settings = settings;
  }

  /** Bytes registered now. */
  get registeredBytes(): number {
    return this.#table.bytes;
  }

  /** Regions registered now. */
  get regionCount(): number {
    return this.#table.size;
  }

  /** Registers zeroed memory. */
  register(length: number, access: number): IwarpRegion {
    return this.#table.register(length, access);
  }

  /** Connects. */
  async connect(address: RdmaAddress, options: EndpointOptions = {}): Promise<Endpoint> {
    const peer = formatAddress(address);
    using deadline = new SocketDeadline(options.setupTimeout, options.signal);
    let socket: Deno.TcpConn;
    try {
      socket = await Deno.connect({ ...address, transport: "tcp", signal: deadline.signal });
    } catch (error) {
      throw deadline.explain(`connect ${peer}`, error);
    }
    using _guard = deadline.closesOnAbort(socket);
    try {
      socket.setNoDelay(true);
      const wishes = this.wishes(options, socket.remoteAddr.hostname);
      await writeAll(socket, encodeMpaFrame("request", requestFrame(wishes)));
      const { frame, rest } = await readFrame(socket, "reply");
      const agreement = agreeAsInitiator(wishes, frame, peer);
      const endpoint = this.endpoint(socket, false, agreement, rest, options);
      endpoint.start();
      return endpoint;
    } catch (error) {
      closeQuietly(socket);
      throw deadline.explain(`connect ${peer}`, error);
    }
  }

  /** Listens. */
  listen(address: RdmaAddress): Promise<Listener> {
    try {
      return Promise.resolve(new IwarpListener(this, Deno.listen({ ...address, transport: "tcp" })));
    } catch (error) {
      const code = error instanceof Deno.errors.AddrInUse ? "EADDRINUSE" : "EADDRNOTAVAIL";
      const call = `listen ${formatAddress(address)}`;
      return Promise.reject(new SystemError(call, code, reasonOf(error)));
    }
  }

  /** Disposes every region. */
  [Symbol.dispose](): void {
    this.#table.clear();
  }

  /** See {@linkcode EndpointMaker.wishes}. */
  wishes(options: EndpointOptions, host: string): MpaWishes {
    const { crc, revision } = this.#settings;
    return {
      crc: crc === "on" || (crc === "auto" && !isLoopback(host)),
      readDepth: Math.min(checkDepth("readDepth", options.readDepth ?? 16, 0), this.capabilities.maxReadDepth),
      revision,
      privateData: options.privateData ?? new Uint8Array(0),
    };
  }

  /** See {@linkcode EndpointMaker.endpoint}. */
  endpoint(
    socket: Deno.TcpConn,
    responder: boolean,
    agreement: Agreement,
    early: Uint8Array,
    options: EndpointOptions,
  ): IwarpEndpoint {
    const { hostname, port } = socket.remoteAddr;
    const { keepalive, operationTimeout, profile } = this.#settings;
    const ulpduSize = this.#settings.ulpduSize ?? ulpduSizeOf(profile, socket);
    const connection = new IwarpConnection(
      {
        responder,
        sendDepth: checkDepth("sendDepth", options.sendDepth ?? 256),
        receiveDepth: checkDepth("receiveDepth", options.receiveDepth ?? 256),
        immediate: options.immediate ?? false,
        ulpduSize,
        peer: formatAddress({ hostname, port }),
      },
      agreement,
      this.#table,
    );
    const endpoint = new IwarpEndpoint(connection, socket, agreement.privateData, early, {
      keepalive,
      operationTimeout,
      ...(profile === "hardware" ? { writeSize: fpduSize(ulpduSize) } : {}),
    });
    options.prepare?.(endpoint);
    return endpoint;
  }
}

function ulpduSizeOf(profile: IwarpProfile, socket: Deno.TcpConn): number {
  const segmentSize = profile === "hardware" ? DirectSocket.of(socket)?.segmentSize : undefined;
  return ulpduSizeFor(profile, socket.remoteAddr.hostname, segmentSize);
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1" || host.startsWith("::ffff:127.");
}
