/**
 * The attributes of queue pairs, which are set as it goes from state to state.
 *
 * @module
 */
import { ibv_qp_attr_mask, ibv_qp_state, layout } from "../../ffi/mod.ts";
import { type AddressVector, writeAddressVector } from "./address_vector.ts";

const ATTR = layout.ibv_qp_attr;

/** States of a queue pair. */
export type QueuePairState = "RESET" | "INIT" | "RTR" | "RTS" | "SQD" | "SQE" | "ERR";

const STATES: readonly QueuePairState[] = ["RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR"];

/** The state of a number of `ibv_qp_state`; undefined for one it does not have. */
export function stateOf(value: number): QueuePairState | undefined {
  return STATES[value - ibv_qp_state.IBV_QPS_RESET];
}

/** What can be set, `ibv_modify_qp(3)`; each state change needs some of them and forbids others. */
export interface QueuePairAttributes {
  /** The next state. */
  state?: QueuePairState;
  /** The state it is taken to be in. */
  currentState?: QueuePairState;
  /** What peers may do, an or of `ibv_access_flags`. */
  access?: number;
  /** Index into the port's table of partition keys. */
  partitionKeyIndex?: number;
  /** The port, from 1. */
  port?: number;
  /** The queue key, of datagrams. */
  queueKey?: number;
  /** The way to the peer. */
  path?: AddressVector;
  /** The path's MTU, of `ibv_mtu`. */
  pathMtu?: number;
  /** The peer's queue pair number. */
  destination?: number;
  /** The packet sequence number the peer starts with. */
  receivePacketNumber?: number;
  /** The packet sequence number this side starts with. */
  sendPacketNumber?: number;
  /** Reads and atomics that the peer may have outstanding here. */
  maxReadAtomicDestination?: number;
  /** Reads and atomics that this side may have outstanding there. */
  maxReadAtomic?: number;
  /** How long a peer without a receive is told to wait, as a code of 5 bits. */
  minRnrTimer?: number;
  /** How long an acknowledgement may take: 4.096 µs × 2^timeout; 0 is for ever. */
  timeout?: number;
  /** Retries after a lost packet. */
  retryCount?: number;
  /** Retries while the peer has no receive; 7 is without end. */
  rnrRetry?: number;
  /** Whether the end of draining is announced as an asynchronous event. */
  drainNotification?: boolean;
}

type Field = {
  readonly mask: number;
  readonly write: (view: DataView<ArrayBuffer>, attributes: Required<QueuePairAttributes>) => void;
};

const M = ibv_qp_attr_mask;
const u8 = (offset: number) => (view: DataView, value: number): void => view.setUint8(offset, value);
const u16 = (offset: number) => (view: DataView, value: number): void => view.setUint16(offset, value, true);
const u32 = (offset: number) => (view: DataView, value: number): void => view.setUint32(offset, value, true);

function field<K extends keyof QueuePairAttributes>(
  mask: number,
  name: K,
  write: (view: DataView<ArrayBuffer>, value: Required<QueuePairAttributes>[K]) => void,
): [K, Field] {
  return [name, { mask, write: (view, attributes) => write(view, attributes[name]) }];
}

/** Every attribute's bit in the mask, and its writing. */
const FIELDS = new Map<keyof QueuePairAttributes, Field>([
  field(M.IBV_QP_STATE, "state", (view, value) => view.setInt32(ATTR.qp_state, STATES.indexOf(value), true)),
  field(M.IBV_QP_CUR_STATE, "currentState", (view, value) => {
    view.setInt32(ATTR.cur_qp_state, STATES.indexOf(value), true);
  }),
  field(M.IBV_QP_ACCESS_FLAGS, "access", u32(ATTR.qp_access_flags)),
  field(M.IBV_QP_PKEY_INDEX, "partitionKeyIndex", u16(ATTR.pkey_index)),
  field(M.IBV_QP_PORT, "port", u8(ATTR.port_num)),
  field(M.IBV_QP_QKEY, "queueKey", u32(ATTR.qkey)),
  field(M.IBV_QP_AV, "path", (view, value) => writeAddressVector(view, ATTR.ah_attr, value)),
  field(M.IBV_QP_PATH_MTU, "pathMtu", u32(ATTR.path_mtu)),
  field(M.IBV_QP_DEST_QPN, "destination", u32(ATTR.dest_qp_num)),
  field(M.IBV_QP_RQ_PSN, "receivePacketNumber", u32(ATTR.rq_psn)),
  field(M.IBV_QP_SQ_PSN, "sendPacketNumber", u32(ATTR.sq_psn)),
  field(M.IBV_QP_MAX_DEST_RD_ATOMIC, "maxReadAtomicDestination", u8(ATTR.max_dest_rd_atomic)),
  field(M.IBV_QP_MAX_QP_RD_ATOMIC, "maxReadAtomic", u8(ATTR.max_rd_atomic)),
  field(M.IBV_QP_MIN_RNR_TIMER, "minRnrTimer", u8(ATTR.min_rnr_timer)),
  field(M.IBV_QP_TIMEOUT, "timeout", u8(ATTR.timeout)),
  field(M.IBV_QP_RETRY_CNT, "retryCount", u8(ATTR.retry_cnt)),
  field(M.IBV_QP_RNR_RETRY, "rnrRetry", u8(ATTR.rnr_retry)),
  field(M.IBV_QP_EN_SQD_ASYNC_NOTIFY, "drainNotification", (view, value) => {
    view.setUint8(ATTR.en_sqd_async_notify, value ? 1 : 0);
  }),
]);

/** Writes the attributes that are there as `struct ibv_qp_attr`, and returns their mask. */
export function writeAttributes(view: DataView<ArrayBuffer>, attributes: QueuePairAttributes): number {
  let mask = 0;
  for (const [name, { mask: bit, write }] of FIELDS) {
    if (attributes[name] === undefined) continue;
    mask |= bit;
    write(view, attributes as Required<QueuePairAttributes>);
  }
  return mask;
}
