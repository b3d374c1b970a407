/**
 * What the connection manager has to tell.
 *
 * @module
 */
import { errnoName, layout, rdma_cm_event_type, viewAt } from "../../../ffi/mod.ts";
import { type AddressVector, readAddressVector } from "../address_vector.ts";
import type { ConnectionId } from "./connection_id.ts";

const EVENT = layout.rdma_cm_event;

/** An event, by the name that `enum rdma_cm_event_type` gives it, `RDMA_CM_EVENT_` left out. */
export type ConnectionEventType =
  | "ADDR_RESOLVED"
  | "ADDR_ERROR"
  | "ROUTE_RESOLVED"
  | "ROUTE_ERROR"
  | "CONNECT_REQUEST"
  | "CONNECT_RESPONSE"
  | "CONNECT_ERROR"
  | "UNREACHABLE"
  | "REJECTED"
  | "ESTABLISHED"
  | "DISCONNECTED"
  | "DEVICE_REMOVAL"
  | "MULTICAST_JOIN"
  | "MULTICAST_ERROR"
  | "ADDR_CHANGE"
  | "TIMEWAIT_EXIT"
  /** One that a later release of rdma-core added. */
  | "UNKNOWN";

const NAMES = new Map<number, ConnectionEventType>(
  Object.entries(rdma_cm_event_type).map(([name, value]) => [
    value,
    name.replace("RDMA_CM_EVENT_", "") as ConnectionEventType,
  ]),
);

/** What the two sides of a connection tell each other, `struct rdma_conn_param`. */
export interface ConnectionParameters {
  /** Bytes for the peer's program. Default none. */
  privateData?: Uint8Array;
  /** RDMA Reads and atomics of the peer's that this side serves at once. Default 0. */
  responderResources?: number;
  /** RDMA Reads and atomics that this side may have under way. Default 0. */
  initiatorDepth?: number;
  /** Whether hardware flow control is there. Default true. */
  flowControl?: boolean;
  /** Retries after a lost packet, up to 7, of InfiniBand and RoCE. Default 7. */
  retryCount?: number;
  /** Retries while the peer has no receive, of InfiniBand and RoCE; 7, the default, is without end. */
  rnrRetryCount?: number;
  /** Whether receives come from a shared queue, where the queue pair is not rdma_cm's. Default false. */
  sharedReceiveQueue?: boolean;
  /** The queue pair's number, where it is not rdma_cm's. Default 0. */
  queuePair?: number;
}

/** How to address a peer, or a group, of unreliable datagrams. */
export interface DatagramPeer {
  /** The way to it, for {@linkcode AddressHandle}. */
  readonly path: AddressVector;
  /** Its queue pair's number; of a group, the one that stands for all. */
  readonly queuePair: number;
  /** Its queue key. */
  readonly queueKey: number;
}

/** An event, copied: C's has been acknowledged. */
export interface ConnectionEvent {
  /** What happened. */
  readonly type: ConnectionEventType;
  /** The identifier it is of; of a CONNECT_REQUEST a new one, which is the taker's to dispose. */
  readonly id: ConnectionId;
  /** The listening identifier, of a CONNECT_REQUEST. */
  readonly listener?: ConnectionId;
  /** 0, errno negated, or the transport's reason of a rejection. */
  readonly status: number;
  /** What the peer sent along; of InfiniBand and RoCE, zeros up to the longest it can be. */
  readonly privateData: Uint8Array<ArrayBuffer>;
  /** What the peer asks for or grants; of connections. */
  readonly parameters: Required<Omit<ConnectionParameters, "privateData">>;
  /** The peer or the group, of datagrams. */
  readonly peer?: DatagramPeer;
}

/** What a `struct rdma_cm_event` says besides the identifiers it is of, copied. `datagrams` says which half of the union holds. */
export function readConnectionEvent(
  address: bigint,
  datagrams: boolean,
): Omit<ConnectionEvent, "id" | "listener"> {
  const view = viewAt(address, EVENT.size);
  const byte = (offset: number): number => view.getUint8(offset);
  const type = NAMES.get(view.getInt32(EVENT.event, true)) ?? "UNKNOWN";
  const peer = datagrams && (type === "ESTABLISHED" || type === "MULTICAST_JOIN") ? readPeer(view) : undefined;
  return {
    type,
    status: view.getInt32(EVENT.status, true),
    privateData: privateData(view, type),
    parameters: {
      responderResources: byte(EVENT.param_conn_responder_resources),
      initiatorDepth: byte(EVENT.param_conn_initiator_depth),
      flowControl: byte(EVENT.param_conn_flow_control) !== 0,
      retryCount: byte(EVENT.param_conn_retry_count),
      rnrRetryCount: byte(EVENT.param_conn_rnr_retry_count),
      sharedReceiveQueue: byte(EVENT.param_conn_srq) !== 0,
      queuePair: view.getUint32(EVENT.param_conn_qp_num, true),
    },
    ...(peer === undefined ? {} : { peer }),
  };
}

// Of a group's events, the pointer is the one given with the joining.
function privateData(view: DataView<ArrayBuffer>, type: ConnectionEventType): Uint8Array<ArrayBuffer> {
  const length = view.getUint8(EVENT.param_conn_private_data_len);
  const address = view.getBigUint64(EVENT.param_conn_private_data, true);
  if (length === 0 || address === 0n || type.startsWith("MULTICAST")) return new Uint8Array(0);
  return new Uint8Array(viewAt(address, length).buffer.slice(0));
}

function readPeer(view: DataView<ArrayBuffer>): DatagramPeer {
  return {
    path: readAddressVector(view, EVENT.param_ud_ah_attr),
    queuePair: view.getUint32(EVENT.param_ud_qp_num, true),
    queueKey: view.getUint32(EVENT.param_ud_qkey, true),
  };
}

/** An event in words, `UNREACHABLE (ETIMEDOUT)`. */
export function eventText({ type, status }: ConnectionEvent): string {
  if (status === 0) return type;
  return `${type} (${status < 0 ? errnoName(status) : `reason ${status}`})`;
}
