/**
 * What a port of a device is, `ibv_query_port(3)`.
 *
 * @module
 */
import { layout } from "../../ffi/mod.ts";

const ATTR = layout.ibv_port_attr;

/** Bytes for `struct ibv_port_attr`, which releases of the library let grow: 52, 56, and room. */
export const PORT_ATTRIBUTES_SIZE = 64;

/** A port (`struct ibv_port_attr`). */
export interface PortAttributes {
  /** Of `ibv_port_state`. */
  readonly state: number;
  /** The largest MTU it can have, of `ibv_mtu`; {@linkcode mtuBytes} has the bytes. */
  readonly maxMtu: number;
  /** The MTU it has, of `ibv_mtu`. */
  readonly activeMtu: number;
  /** Places in its table of GIDs, most of them empty. */
  readonly gidCount: number;
  /** An or of `ibv_port_cap_flags`. */
  readonly capabilities: number;
  /** The longest message, in bytes. */
  readonly maxMessageSize: number;
  /** Packets that came with a wrong partition key. */
  readonly badPartitionKeys: number;
  /** Packets that came with a wrong queue key. */
  readonly queueKeyViolations: number;
  /** Places in its table of partition keys. */
  readonly partitionKeyCount: number;
  /** Its local identifier, on InfiniBand. */
  readonly lid: number;
  /** The subnet manager's local identifier. */
  readonly subnetManagerLid: number;
  /** How many low bits of local identifiers address it. */
  readonly lidMaskControl: number;
  /** How many virtual lanes, as a code. */
  readonly maxVirtualLanes: number;
  /** The subnet manager's service level. */
  readonly subnetManagerServiceLevel: number;
  /** How long packets may live in the subnet, as a code. */
  readonly subnetTimeout: number;
  /** How the subnet manager set it up. */
  readonly initTypeReply: number;
  /** How many lanes, as a code: 1, 2, 4, 8 and 16 for 1, 4, 8, 12 and 2. */
  readonly activeWidth: number;
  /** How fast each is, as a code. */
  readonly activeSpeed: number;
  /** The link: 5 is up. */
  readonly physicalState: number;
  /** Of `link_layer`: InfiniBand or Ethernet. */
  readonly linkLayer: number;
  /** An or of `ibv_port_flags`. */
  readonly flags: number;
  /** An or of `ibv_port_cap_flags2`. */
  readonly capabilities2: number;
}

/** Reads `struct ibv_port_attr`. */
export function readPortAttributes(view: DataView<ArrayBuffer>): PortAttributes {
  const u8 = (offset: number): number => view.getUint8(offset);
  const u16 = (offset: number): number => view.getUint16(offset, true);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  return {
    state: u32(ATTR.state),
    maxMtu: u32(ATTR.max_mtu),
    activeMtu: u32(ATTR.active_mtu),
    gidCount: u32(ATTR.gid_tbl_len),
    capabilities: u32(ATTR.port_cap_flags),
    maxMessageSize: u32(ATTR.max_msg_sz),
    badPartitionKeys: u32(ATTR.bad_pkey_cntr),
    queueKeyViolations: u32(ATTR.qkey_viol_cntr),
    partitionKeyCount: u16(ATTR.pkey_tbl_len),
    lid: u16(ATTR.lid),
    subnetManagerLid: u16(ATTR.sm_lid),
    lidMaskControl: u8(ATTR.lmc),
    maxVirtualLanes: u8(ATTR.max_vl_num),
    subnetManagerServiceLevel: u8(ATTR.sm_sl),
    subnetTimeout: u8(ATTR.subnet_timeout),
    initTypeReply: u8(ATTR.init_type_reply),
    activeWidth: u8(ATTR.active_width),
    activeSpeed: u8(ATTR.active_speed),
    physicalState: u8(ATTR.phys_state),
    linkLayer: u8(ATTR.link_layer),
    flags: u8(ATTR.flags),
    capabilities2: u16(ATTR.port_cap_flags2),
  };
}

/** The bytes of an MTU of `ibv_mtu`: 256 to 4096. */
export function mtuBytes(mtu: number): number {
  return 128 << mtu;
}
