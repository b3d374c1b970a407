/**
 * What the process can tell of itself, behind an interface that says it in words of HTTP's clients: the routes know
 * nothing of RDMA.
 *
 * @module
 */

/** A port of a device. */
export interface PortView {
  /** Its number, from 1. */
  readonly number: number;
  /** `ACTIVE`, `DOWN`. */
  readonly state: string;
  /** `Ethernet`, `InfiniBand`. */
  readonly linkLayer: string;
  /** Bytes of its MTU, as the library writes it. */
  readonly mtu: string;
  /** Its speed and width, as the library writes them. */
  readonly speed: string;
  /** Its addresses. */
  readonly gids: readonly string[];
}

/** An RDMA device. */
export interface DeviceView {
  /** Its name, `rxe0`. */
  readonly name: string;
  /** `InfiniBand`, `iWARP`; empty where it does not open. */
  readonly transport: string;
  /** Its firmware's version; empty where it has none. */
  readonly firmware: string;
  /** Its ports. */
  readonly ports: readonly PortView[];
  /** The most it takes of each, by the library's names. */
  readonly limits: Readonly<Record<string, number>>;
  /** Why it does not open; empty where it does. */
  readonly error: string;
}

/** A provider of RDMA. */
export interface ProviderView {
  /** `verbs`, `iwarp`. */
  readonly name: string;
  /** Whether it can be used. */
  readonly available: boolean;
  /** Why not, with what to do; empty where it can. */
  readonly reason: string;
}

/** A connection that stands. */
export interface ConnectionView {
  /** Tells it from others while it stands. */
  readonly id: string;
  /** What it is for. */
  readonly kind: "engine-client" | "engine-server" | "smb";
  /** This side's address, where it has one. */
  readonly local?: string;
  /** The other side. */
  readonly remote: string;
  /** What moves its bytes: `iwarp`, `verbs:rxe0`, `local`, `tcp`. */
  readonly transport: string;
  /** When it was made, milliseconds since 1970. */
  readonly since: number;
  /** Messages that it may send before it gets more credits; undefined where it counts none. */
  readonly sendCredits?: number;
  /** Messages that the other side may send. */
  readonly receiveCredits?: number;
  /** Requests under way. */
  readonly inFlight: number;
  /** Bytes of data moved. */
  readonly bytes: number;
}

/** Memory that is registered. */
export interface RegionView {
  /** Whose it is. */
  readonly owner: string;
  /** What reaches it. */
  readonly transport: string;
  /** Bytes. */
  readonly length: number;
  /** Who may do what with it: `local write`, `remote write`. */
  readonly rights: readonly string[];
  /** Bytes of it in use. */
  readonly lent: number;
}

/** What the process can tell of itself. */
export interface Observed {
  /** The RDMA devices, and why there is none to be seen; the reason is empty where there is no more to say. */
  devices(): Promise<{ readonly devices: readonly DeviceView[]; readonly reason: string }>;
  /** The providers, the preferred one first. */
  providers(): Promise<readonly ProviderView[]>;
  /** The connections that stand. */
  connections(): readonly ConnectionView[];
  /** Registered memory. */
  regions(): readonly RegionView[];
}

/** A process that has nothing to tell. */
export const UNOBSERVED: Observed = {
  devices: () => Promise.resolve({ devices: [], reason: "this process does not look at devices" }),
  providers: () => Promise.resolve([]),
  connections: () => [],
  regions: () => [],
};
