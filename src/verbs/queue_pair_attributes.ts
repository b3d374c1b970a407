/**
 * The attributes of queue pairs, which are set as it goes from state to state.
 *
 * @module
 */
import { ibv_mig_state, ibv_qp_attr_mask, ibv_qp_state, layout } from "../../ffi/mod.ts";
import { type AddressVector, checkField, readAddressVector, writeAddressVector } from "./address_vector.ts";

const ATTR = layout.ibv_qp_attr;

/** States of a queue pair. */
export type QueuePairState = "RESET" | "INIT" | "RTR" | "RTS" | "SQD" | "SQE" | "ERR";

const STATES: readonly QueuePairState[] = ["RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR"];

/** The state of a number of `ibv_qp_state`; undefined for one it does not have. */
export function stateOf(value: number): QueuePairState | undefined {
  return STATES[value - ibv_qp_state.IBV_QPS_RESET];
}

/** Whether a queue pair uses its path, is made ready to use the alternate one, or is ready to. */
export type MigrationState = "MIGRATED" | "REARM" | "ARMED";

const MIGRATION_STATES: Readonly<Record<MigrationState, number>> = {
  MIGRATED: ibv_mig_state.IBV_MIG_MIGRATED,
  REARM: ibv_mig_state.IBV_MIG_REARM,
  ARMED: ibv_mig_state.IBV_MIG_ARMED,
};

/** A second way to the peer, taken when the first one fails. */
export interface AlternatePath {
  /** The way. */
  path: AddressVector;
  /** Index into the port's table of partition keys. */
  partitionKeyIndex: number;
  /** The port, from 1. */
  port: number;
  /** How long an acknowledgement may take on it, as {@linkcode QueuePairAttributes.timeout}. */
  timeout: number;
}

/** The number of a state. Throws RangeError for what is none. */
function numberOf(state: QueuePairState): number {
  const index = STATES.indexOf(state);
  if (index < 0) throw new RangeError(`${state} is no state of queue pairs`);
  return index + ibv_qp_state.IBV_QPS_RESET;
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
  /** The second way to the peer. */
  alternatePath?: AlternatePath;
  /** Which of the two ways is used. */
  migration?: MigrationState;
}

/** A queue pair as `ibv_query_qp(3)` finds it. */
export interface QueuePairStatus extends QueuePairAttributes {
  /** The state. */
  state: QueuePairState;
  /** Whether sends are still draining. */
  draining: boolean;
  /** Send-queue requests that may be outstanding. */
  sendDepth: number;
  /** Receives that may be outstanding. */
  receiveDepth: number;
  /** Pieces of memory of one send-queue request. */
  sendEntries: number;
  /** Pieces of memory of one receive. */
  receiveEntries: number;
  /** Bytes that a request may carry inline. */
  inlineSize: number;
}

type Field = {
  readonly mask: number;
  readonly write: (view: DataView<ArrayBuffer>, attributes: Required<QueuePairAttributes>) => void;
};

const M = ibv_qp_attr_mask;
const MAX_U8 = 0xff;
const MAX_U16 = 0xffff;
const MAX_U24 = 0xff_ffff; // queue pair and packet sequence numbers
const MAX_U32 = 0xffff_ffff;

function field<K extends keyof QueuePairAttributes>(
  mask: number,
  name: K,
  write: (view: DataView<ArrayBuffer>, value: Required<QueuePairAttributes>[K]) => void,
): [K, Field] {
  return [name, { mask, write: (view, attributes) => write(view, attributes[name]) }];
}

/** An attribute of 1, 2 or 4 bytes. */
function number(
  mask: number,
  name: NumericName,
  offset: number,
  size: 1 | 2 | 4,
  max: number,
): [keyof QueuePairAttributes, Field] {
  return field(mask, name, (view, value) => {
    checkField(name, value, max);
    if (size === 1) view.setUint8(offset, value);
    else if (size === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
  });
}

type NumericName = {
  [K in keyof QueuePairAttributes]-?: Required<QueuePairAttributes>[K] extends number ? K : never;
}[keyof QueuePairAttributes];

/** Every attribute's bit in the mask, and its writing. */
const FIELDS = new Map<keyof QueuePairAttributes, Field>([
  field(M.IBV_QP_STATE, "state", (view, value) => view.setInt32(ATTR.qp_state, numberOf(value), true)),
  field(M.IBV_QP_CUR_STATE, "currentState", (view, value) => {
    view.setInt32(ATTR.cur_qp_state, numberOf(value), true);
  }),
  number(M.IBV_QP_ACCESS_FLAGS, "access", ATTR.qp_access_flags, 4, MAX_U32),
  number(M.IBV_QP_PKEY_INDEX, "partitionKeyIndex", ATTR.pkey_index, 2, MAX_U16),
  number(M.IBV_QP_PORT, "port", ATTR.port_num, 1, MAX_U8),
  number(M.IBV_QP_QKEY, "queueKey", ATTR.qkey, 4, MAX_U32),
  field(M.IBV_QP_AV, "path", (view, value) => writeAddressVector(view, ATTR.ah_attr, value)),
  number(M.IBV_QP_PATH_MTU, "pathMtu", ATTR.path_mtu, 4, MAX_U8),
  number(M.IBV_QP_DEST_QPN, "destination", ATTR.dest_qp_num, 4, MAX_U24),
  number(M.IBV_QP_RQ_PSN, "receivePacketNumber", ATTR.rq_psn, 4, MAX_U24),
  number(M.IBV_QP_SQ_PSN, "sendPacketNumber", ATTR.sq_psn, 4, MAX_U24),
  number(M.IBV_QP_MAX_DEST_RD_ATOMIC, "maxReadAtomicDestination", ATTR.max_dest_rd_atomic, 1, MAX_U8),
  number(M.IBV_QP_MAX_QP_RD_ATOMIC, "maxReadAtomic", ATTR.max_rd_atomic, 1, MAX_U8),
  number(M.IBV_QP_MIN_RNR_TIMER, "minRnrTimer", ATTR.min_rnr_timer, 1, 31),
  number(M.IBV_QP_TIMEOUT, "timeout", ATTR.timeout, 1, 31),
  number(M.IBV_QP_RETRY_CNT, "retryCount", ATTR.retry_cnt, 1, 7),
  number(M.IBV_QP_RNR_RETRY, "rnrRetry", ATTR.rnr_retry, 1, 7),
  field(M.IBV_QP_EN_SQD_ASYNC_NOTIFY, "drainNotification", (view, value) => {
    view.setUint8(ATTR.en_sqd_async_notify, value ? 1 : 0);
  }),
  field(M.IBV_QP_ALT_PATH, "alternatePath", (view, value) => {
    writeAddressVector(view, ATTR.alt_ah_attr, value.path);
    view.setUint16(
      ATTR.alt_pkey_index,
      checkField("alternatePath.partitionKeyIndex", value.partitionKeyIndex, MAX_U16),
      true,
    );
    view.setUint8(ATTR.alt_port_num, checkField("alternatePath.port", value.port, MAX_U8));
    view.setUint8(ATTR.alt_timeout, checkField("alternatePath.timeout", value.timeout, 31));
  }),
  field(M.IBV_QP_PATH_MIG_STATE, "migration", (view, value) => {
    view.setInt32(ATTR.path_mig_state, MIGRATION_STATES[value], true);
  }),
]);

/** Every bit that a query may ask for. */
export const EVERY_ATTRIBUTE: number = [...FIELDS.values()].reduce<number>(
  (mask, each) => mask | each.mask,
  M.IBV_QP_CAP,
);

/** Reads `struct ibv_qp_attr` as a query fills it; what the service or the state does not have is 0. */
export function readAttributes(view: DataView<ArrayBuffer>): QueuePairStatus {
  const u8 = (offset: number): number => view.getUint8(offset);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const state = stateOf(u32(ATTR.qp_state)) ?? "ERR";
  const migration = u32(ATTR.path_mig_state);
  const named = (Object.keys(MIGRATION_STATES) as MigrationState[]).find((name) =>
    MIGRATION_STATES[name] === migration
  );
  return {
    state,
    draining: u8(ATTR.sq_draining) !== 0,
    access: u32(ATTR.qp_access_flags),
    partitionKeyIndex: view.getUint16(ATTR.pkey_index, true),
    port: u8(ATTR.port_num),
    queueKey: u32(ATTR.qkey),
    path: readAddressVector(view, ATTR.ah_attr),
    pathMtu: u32(ATTR.path_mtu),
    destination: u32(ATTR.dest_qp_num),
    receivePacketNumber: u32(ATTR.rq_psn),
    sendPacketNumber: u32(ATTR.sq_psn),
    maxReadAtomicDestination: u8(ATTR.max_dest_rd_atomic),
    maxReadAtomic: u8(ATTR.max_rd_atomic),
    minRnrTimer: u8(ATTR.min_rnr_timer),
    timeout: u8(ATTR.timeout),
    retryCount: u8(ATTR.retry_cnt),
    rnrRetry: u8(ATTR.rnr_retry),
    sendDepth: u32(ATTR.cap_max_send_wr),
    receiveDepth: u32(ATTR.cap_max_recv_wr),
    sendEntries: u32(ATTR.cap_max_send_sge),
    receiveEntries: u32(ATTR.cap_max_recv_sge),
    inlineSize: u32(ATTR.cap_max_inline_data),
    ...(named === undefined ? {} : { migration: named }),
  };
}

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
