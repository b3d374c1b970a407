/**
 * Queue pairs that are connected by keys: the two sides tell each other over TCP what rdma_cm would have found out.
 *
 * @module
 */
import { ibv_port_state, link_layer } from "../../ffi/mod.ts";
import { CapabilityError, ConfigError } from "../rdma/errors.ts";
import {
  chooseGid,
  type Context,
  type GidEntry,
  isIwarp,
  listDevices,
  openDevice,
  type PortAttributes,
} from "../verbs/mod.ts";
import type { Keys } from "./keys.ts";
import type { VerbsLink } from "./verbs_link.ts";

/** Which port of which device is used, and how. */
export interface PortOptions {
  /** The device's name; without one the first that has this port active, and is no iWARP device. */
  readonly device?: string;
  /** The port, from 1. */
  readonly port: number;
  /** The GID's place in the port's table; without one the best there is. */
  readonly gidIndex?: number;
  /** The greatest MTU, of `ibv_mtu`; without one the port's. */
  readonly mtu?: number;
}

/** A port of an open device. */
export interface OpenPort extends Disposable {
  /** The device. */
  readonly context: Context;
  /** The port, from 1. */
  readonly port: number;
  /** What it is. */
  readonly attributes: PortAttributes;
  /** The GID to speak from; undefined on InfiniBand, unless one was asked for. */
  readonly gid: GidEntry | undefined;
  /** The MTU that this side proposes, of `ibv_mtu`. */
  readonly mtu: number;
}

/** Opens a port. `peer` is an IP address of the other side. Throws CapabilityError, ConfigError, VerbsError. */
export function openPort(options: PortOptions, peer: string): OpenPort {
  const { device = firstDevice(options.port), port } = options;
  using opening = new DisposableStack();
  const context = opening.use(openDevice(device));
  if (isIwarp(context.device)) {
    throw new CapabilityError(`${device} is an iWARP device, which connects through rdma_cm only: add -R`);
  }
  const attributes = context.queryPort(port);
  if (attributes.state !== ibv_port_state.IBV_PORT_ACTIVE) {
    throw new CapabilityError(`port ${port} of ${device} is not active; verbena devices shows the ports`);
  }
  const resources = opening.move();
  return {
    context,
    port,
    attributes,
    gid: gidOf(context, options, attributes, peer),
    mtu: Math.min(options.mtu ?? attributes.activeMtu, attributes.activeMtu),
    [Symbol.dispose]: () => resources.dispose(),
  };
}

function firstDevice(port: number): string {
  const devices = listDevices();
  for (const device of devices) {
    if (isIwarp(device)) continue;
    using context = openDevice(device.name);
    if (context.queryDevice().ports < port) continue;
    if (context.queryPort(port).state === ibv_port_state.IBV_PORT_ACTIVE) return device.name;
  }
  const iwarp = devices.some(isIwarp) ? "; those of iWARP connect through rdma_cm only: add -R" : "";
  throw new CapabilityError(`no InfiniBand or RoCE device has an active port ${port}${iwarp}`);
}

function gidOf(
  context: Context,
  { port, gidIndex }: PortOptions,
  { linkLayer }: PortAttributes,
  peer: string,
): GidEntry | undefined {
  const table = context.gids(port);
  if (gidIndex === undefined) {
    if (linkLayer !== link_layer.IBV_LINK_LAYER_ETHERNET) return undefined;
    const chosen = chooseGid(table, { peer });
    if (chosen === undefined) throw new CapabilityError(`port ${port} of ${context.deviceName} has no GID`);
    return chosen;
  }
  const entry = table.find(({ index }) => index === gidIndex);
  if (entry !== undefined) return entry;
  const there = table.map(({ index }) => index).join(", ") || "none";
  throw new ConfigError(`--gid-index: port ${port} of ${context.deviceName} has no GID ${gidIndex}; it has ${there}`);
}

/** What this side tells the other. */
export function keysOf(link: VerbsLink, { attributes, gid }: OpenPort): Keys {
  return { ...link.keys, lid: attributes.lid, packetNumber: randomPacketNumber(), gid: gid?.gid };
}

function randomPacketNumber(): number {
  const [bits = 0] = crypto.getRandomValues(new Uint32Array(1));
  return bits & 0xff_ffff;
}

/** Connects the queue pair with the peer's. Throws VerbsError. */
export function connectByKeys(link: VerbsLink, open: OpenPort, own: Keys, peer: Keys, mtu: number): void {
  const { queuePair, region } = link;
  const { port, gid, context } = open;
  queuePair.modify({ state: "INIT", partitionKeyIndex: 0, port, access: region.access });
  queuePair.modify({
    state: "RTR",
    path: {
      port,
      lid: peer.lid,
      ...(gid === undefined || peer.gid === undefined ? {} : { gid: peer.gid, gidIndex: gid.index, hopLimit: 255 }),
    },
    pathMtu: mtu,
    destination: peer.queuePair,
    receivePacketNumber: peer.packetNumber,
    maxReadAtomicDestination: own.reads,
    minRnrTimer: 12,
  });
  queuePair.modify({
    state: "RTS",
    timeout: 14,
    retryCount: 7,
    rnrRetry: 7,
    sendPacketNumber: own.packetNumber,
    maxReadAtomic: Math.min(peer.reads, context.queryDevice().maxReadAtomic),
  });
}
