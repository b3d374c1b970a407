/**
 * What a device says of itself as plain data, under the names that `ibv_devinfo -v` gives it.
 *
 * Numbers are as they are, in bytes where they are sizes; sets of bits and what needs 64 bits are hexadecimal text.
 *
 * @module
 */
import { cString, ibv_atomic_cap, ibv_device_cap_flags, ibv_port_state, libc, link_layer } from "../../ffi/mod.ts";
import type { Context } from "./context.ts";
import { isIwarp, transportName } from "./device.ts";
import type { DeviceAttributes, ExtendedDeviceAttributes } from "./device_attributes.ts";
import { type GidEntry, gidText } from "./gid.ts";
import { mtuBytes, type PortAttributes } from "./port_attributes.ts";

/** A device. */
export interface DeviceReport {
  /** Its name, `rxe0`. */
  readonly hca_id: string;
  /** Its file's name under /dev/infiniband, `uverbs0`. */
  readonly node: string;
  /** InfiniBand, which RoCE is a kind of, or iWARP. */
  readonly transport: string;
  /** What it is and how much it can hold. */
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Names of the bits of its `device_cap_flags`. */
  readonly device_cap_names: readonly string[];
  /** Its ports. */
  readonly ports: readonly PortReport[];
}

/** A port of a device. */
export interface PortReport {
  /** Its number, from 1. */
  readonly port: number;
  /** What it is and what state it is in. */
  readonly attributes: Readonly<Record<string, string | number>>;
  /** The network interface it belongs to; null where there is none. */
  readonly interface: string | null;
  /** Its addresses; none on iWARP, where packets bear those of the interface. */
  readonly gids: readonly GidReport[];
}

/** An address of a port. */
export interface GidReport {
  /** Its place in the port's table. */
  readonly index: number;
  /** The address, as IPv6. */
  readonly gid: string;
  /** Which packets it stands for; null where the library is too old to say. */
  readonly type: string | null;
  /** The network interface it belongs to; null where there is none. */
  readonly interface: string | null;
}

/** Asks an open device, and all of its ports. Throws VerbsError. */
export function reportDevice(context: Context): DeviceReport {
  const { device } = context;
  const attributes = context.queryDevice();
  const extended = context.queryDeviceExtended();
  return {
    hca_id: device.name,
    node: device.node,
    transport: transportName(device.transport),
    attributes: {
      ...deviceFields(attributes),
      ...(extended === undefined ? {} : extendedFields(extended)),
      num_comp_vectors: context.completionVectors,
    },
    device_cap_names: namesOf(attributes.capabilities, ibv_device_cap_flags, "IBV_DEVICE_"),
    ports: Array.from({ length: attributes.ports }, (_, index) => reportPort(context, index + 1, isIwarp(device))),
  };
}

function reportPort(context: Context, port: number, iwarp: boolean): PortReport {
  const gids = context.gids(port).map(reportGid);
  return {
    port,
    attributes: portFields(context.queryPort(port), iwarp),
    interface: gids.find((gid) => gid.interface !== null)?.interface ?? null,
    gids: iwarp ? [] : gids,
  };
}

function deviceFields(device: DeviceAttributes): Record<string, string | number> {
  return {
    fw_ver: device.firmwareVersion,
    node_guid: guidText(device.nodeGuid),
    sys_image_guid: guidText(device.systemImageGuid),
    vendor_id: hexadecimal(device.vendorId, 4),
    vendor_part_id: device.vendorPartId,
    hw_ver: hexadecimal(device.hardwareVersion),
    phys_port_cnt: device.ports,
    max_mr_size: hexadecimal(device.maxRegionSize),
    page_size_cap: hexadecimal(device.pageSizes),
    max_qp: device.maxQueuePairs,
    max_qp_wr: device.maxQueuePairRequests,
    device_cap_flags: hexadecimal(device.capabilities, 8),
    max_sge: device.maxEntries,
    max_sge_rd: device.maxReadEntries,
    max_cq: device.maxCompletionQueues,
    max_cqe: device.maxCompletions,
    max_mr: device.maxRegions,
    max_pd: device.maxProtectionDomains,
    max_qp_rd_atom: device.maxReadAtomicDestination,
    max_ee_rd_atom: device.maxEndToEndReadAtomicDestination,
    max_res_rd_atom: device.maxReadAtomicResources,
    max_qp_init_rd_atom: device.maxReadAtomic,
    max_ee_init_rd_atom: device.maxEndToEndReadAtomic,
    atomic_cap: nameOf(device.atomics, ibv_atomic_cap, "IBV_"),
    max_ee: device.maxEndToEndContexts,
    max_rdd: device.maxReliableDatagramDomains,
    max_mw: device.maxMemoryWindows,
    max_raw_ipv6_qp: device.maxRawIpv6QueuePairs,
    max_raw_ethy_qp: device.maxRawEthernetQueuePairs,
    max_mcast_grp: device.maxMulticastGroups,
    max_mcast_qp_attach: device.maxMulticastAttachments,
    max_total_mcast_qp_attach: device.maxTotalMulticastAttachments,
    max_ah: device.maxAddressHandles,
    max_fmr: device.maxFastRegions,
    max_srq: device.maxSharedReceiveQueues,
    ...(device.maxSharedReceiveQueues === 0
      ? {}
      : { max_srq_wr: device.maxSharedReceives, max_srq_sge: device.maxSharedReceiveEntries }),
    max_pkeys: device.maxPartitionKeys,
    local_ca_ack_delay: device.acknowledgementDelay,
  };
}

function extendedFields(device: ExtendedDeviceAttributes): Record<string, string | number> {
  return {
    ...(device.completionTimestampMask === 0n
      ? {}
      : { completion_timestamp_mask: hexadecimal(device.completionTimestampMask, 16) }),
    ...(device.clockFrequency === 0n ? {} : { hca_core_clock: Number(device.clockFrequency) }),
    device_cap_flags_ex: hexadecimal(device.capabilities),
    max_tso: device.segmentation.maxSize,
    max_wq_type_rq: device.maxReceiveWorkQueues,
  };
}

function portFields(port: PortAttributes, iwarp: boolean): Record<string, string | number> {
  return {
    state: nameOf(port.state, ibv_port_state, "IBV_"),
    max_mtu: mtuBytes(port.maxMtu),
    active_mtu: mtuBytes(port.activeMtu),
    sm_lid: port.subnetManagerLid,
    port_lid: port.lid,
    port_lmc: hexadecimal(port.lidMaskControl, 2),
    link_layer: LINK_LAYERS.get(port.linkLayer) ?? "Unknown",
    max_msg_sz: port.maxMessageSize,
    port_cap_flags: hexadecimal(port.capabilities, 8),
    port_cap_flags2: hexadecimal(port.capabilities2, 4),
    max_vl_num: VIRTUAL_LANES[port.maxVirtualLanes] ?? 0,
    bad_pkey_cntr: port.badPartitionKeys,
    qkey_viol_cntr: port.queueKeyViolations,
    sm_sl: port.subnetManagerServiceLevel,
    pkey_tbl_len: port.partitionKeyCount,
    gid_tbl_len: port.gidCount,
    subnet_timeout: port.subnetTimeout,
    init_type_reply: port.initTypeReply,
    active_width: WIDTHS.get(port.activeWidth) ?? "unknown",
    active_speed: SPEEDS.get(port.activeSpeed) ?? "unknown",
    ...(iwarp ? {} : { phys_state: PHYSICAL_STATES[port.physicalState] ?? "unknown" }), // iWARP's is not its own
  };
}

const LINK_LAYERS: ReadonlyMap<number, string> = new Map([
  [link_layer.IBV_LINK_LAYER_UNSPECIFIED, "Unspecified"],
  [link_layer.IBV_LINK_LAYER_INFINIBAND, "InfiniBand"],
  [link_layer.IBV_LINK_LAYER_ETHERNET, "Ethernet"],
]);
const VIRTUAL_LANES = [0, 1, 2, 4, 8, 15];
const WIDTHS: ReadonlyMap<number, string> = new Map([[1, "1X"], [2, "4X"], [4, "8X"], [8, "12X"], [16, "2X"]]);
const SPEEDS: ReadonlyMap<number, string> = new Map([
  [1, "2.5 Gbps"],
  [2, "5.0 Gbps"],
  [4, "10.0 Gbps"],
  [8, "10.0 Gbps"],
  [16, "14.0 Gbps"],
  [32, "25.0 Gbps"],
  [64, "50.0 Gbps"],
  [128, "100.0 Gbps"],
]);
const PHYSICAL_STATES = [
  "unknown",
  "SLEEP",
  "POLLING",
  "DISABLED",
  "PORT_CONFIGURATION_TRAINING",
  "LINK_UP",
  "LINK_ERROR_RECOVERY",
  "PHY_TEST",
];

function reportGid({ index, gid, type, interfaceIndex }: GidEntry): GidReport {
  return {
    index,
    gid: gidText(gid),
    type: type ?? null,
    interface: interfaceIndex === 0 ? null : interfaceName(interfaceIndex),
  };
}

function interfaceName(index: number): string | null {
  const name = cString(" ".repeat(15)); // IF_NAMESIZE
  return libc().if_indextoname(index, name) === 0n ? null : new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

/** 64 bits as four groups, as GUIDs are written: `505a:c9ff:fe6a:5f15`. */
function guidText(guid: bigint): string {
  return guid.toString(16).padStart(16, "0").replaceAll(/(.{4})(?=.)/g, "$1:");
}

function hexadecimal(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

function nameOf(value: number, names: Readonly<Record<string, number>>, prefix: string): string {
  const name = Object.keys(names).find((each) => names[each] === value);
  return name === undefined ? `unknown ${value}` : name.slice(prefix.length);
}

function namesOf(bits: number, names: Readonly<Record<string, number>>, prefix: string): string[] {
  return Object.keys(names).filter((name) => (bits & (names[name] ?? 0)) !== 0).map((name) =>
    name.slice(prefix.length)
  );
}
