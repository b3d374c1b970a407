/**
 * What a device is and how much it can hold, `ibv_query_device(3)` and `ibv_query_device_ex(3)`.
 *
 * @module
 */
import { layout } from "../../ffi/mod.ts";

const ATTR = layout.ibv_device_attr;
const EX = layout.ibv_device_attr_ex;

/** What every device says of itself (`struct ibv_device_attr`). */
export interface DeviceAttributes {
  /** The firmware's version; empty where there is none. */
  readonly firmwareVersion: string;
  /** The device's globally unique identifier, 64 bits. */
  readonly nodeGuid: bigint;
  /** That of the system it is a part of. */
  readonly systemImageGuid: bigint;
  /** The longest memory region, in bytes. */
  readonly maxRegionSize: bigint;
  /** Sizes of pages it knows, one bit each. */
  readonly pageSizes: bigint;
  /** The vendor, by its IEEE number. */
  readonly vendorId: number;
  /** The part, by the vendor's number. */
  readonly vendorPartId: number;
  /** The hardware's version. */
  readonly hardwareVersion: number;
  /** Queue pairs. */
  readonly maxQueuePairs: number;
  /** Work requests outstanding on one queue of a queue pair. */
  readonly maxQueuePairRequests: number;
  /** An or of `ibv_device_cap_flags`. */
  readonly capabilities: number;
  /** Pieces of memory of one work request. */
  readonly maxEntries: number;
  /** Pieces of memory of one RDMA Read. */
  readonly maxReadEntries: number;
  /** Completion queues. */
  readonly maxCompletionQueues: number;
  /** Completions that one queue may hold. */
  readonly maxCompletions: number;
  /** Memory regions. */
  readonly maxRegions: number;
  /** Protection domains. */
  readonly maxProtectionDomains: number;
  /** Reads and atomics that a queue pair answers at once (`max_qp_rd_atom`). */
  readonly maxReadAtomicDestination: number;
  /** The same of an end-to-end context (`max_ee_rd_atom`). */
  readonly maxEndToEndReadAtomicDestination: number;
  /** Reads and atomics that the device answers at once (`max_res_rd_atom`). */
  readonly maxReadAtomicResources: number;
  /** Reads and atomics that a queue pair may have under way (`max_qp_init_rd_atom`). */
  readonly maxReadAtomic: number;
  /** The same of an end-to-end context (`max_ee_init_rd_atom`). */
  readonly maxEndToEndReadAtomic: number;
  /** Whether atomics are atomic, and to whom: of `ibv_atomic_cap`. */
  readonly atomics: number;
  /** End-to-end contexts (`max_ee`). */
  readonly maxEndToEndContexts: number;
  /** Reliable datagram domains (`max_rdd`). */
  readonly maxReliableDatagramDomains: number;
  /** Memory windows. */
  readonly maxMemoryWindows: number;
  /** Raw IPv6 datagram queue pairs. */
  readonly maxRawIpv6QueuePairs: number;
  /** Raw Ethernet queue pairs (`max_raw_ethy_qp`). */
  readonly maxRawEthernetQueuePairs: number;
  /** Multicast groups. */
  readonly maxMulticastGroups: number;
  /** Queue pairs attached to one multicast group. */
  readonly maxMulticastAttachments: number;
  /** Queue pairs attached to multicast groups in all. */
  readonly maxTotalMulticastAttachments: number;
  /** Address handles. */
  readonly maxAddressHandles: number;
  /** Fast memory regions (`max_fmr`). */
  readonly maxFastRegions: number;
  /** How often one is mapped before it must be unmapped (`max_map_per_fmr`). */
  readonly maxMapsPerFastRegion: number;
  /** Shared receive queues. */
  readonly maxSharedReceiveQueues: number;
  /** Receives outstanding on one. */
  readonly maxSharedReceives: number;
  /** Pieces of memory of one of its receives. */
  readonly maxSharedReceiveEntries: number;
  /** Partition keys. */
  readonly maxPartitionKeys: number;
  /** How long it takes to acknowledge, as a code: 4.096 µs × 2^delay (`local_ca_ack_delay`). */
  readonly acknowledgementDelay: number;
  /** Ports, which are numbered from 1. */
  readonly ports: number;
}

/** What devices say beyond that (`struct ibv_device_attr_ex`); 0 stands for what one does not have. */
export interface ExtendedDeviceAttributes {
  /** On-demand paging: general capabilities, and an or of `ibv_odp_transport_cap_bits` for each service. */
  readonly onDemandPaging: {
    readonly general: bigint;
    readonly rc: number;
    readonly uc: number;
    readonly ud: number;
    readonly xrc: number;
  };
  /** The bits of completions' hardware timestamps that count; 0 without such timestamps. */
  readonly completionTimestampMask: bigint;
  /** The clock of those timestamps, in kHz. */
  readonly clockFrequency: bigint;
  /** `ibv_device_cap_flags` and those beyond 32 bits. */
  readonly capabilities: bigint;
  /** Segmentation of TCP: the longest, in bytes, and for which queue pairs, as bits numbered by `ibv_qp_type`. */
  readonly segmentation: { readonly maxSize: number; readonly queuePairTypes: number };
  /** Spreading of receives by a hash of their headers. */
  readonly receiveHashing: {
    readonly queuePairTypes: number;
    readonly maxIndirectionTables: number;
    readonly maxIndirectionTableSize: number;
    readonly fields: bigint;
    readonly functions: number;
  };
  /** Receive work queues. */
  readonly maxReceiveWorkQueues: number;
  /** Limits of sending rates, in kbit/s, and for which queue pairs. */
  readonly pacing: { readonly minRate: number; readonly maxRate: number; readonly queuePairTypes: number };
  /** An or of `ibv_raw_packet_caps`. */
  readonly rawPackets: number;
  /** Matching of tags. */
  readonly tagMatching: {
    readonly maxRendezvousHeader: number;
    readonly maxTags: number;
    readonly flags: number;
    readonly maxOperations: number;
    readonly maxEntries: number;
  };
  /** Moderation of completion events: completions, and microseconds, per event. */
  readonly moderation: { readonly maxCount: number; readonly maxPeriod: number };
  /** Memory on the device that can be allocated, in bytes. */
  readonly maxDeviceMemory: bigint;
  /** Sizes of atomics over PCI, as bits. */
  readonly pciAtomics: { readonly fetchAndAdd: number; readonly swap: number; readonly compareAndSwap: number };
}

/** Reads `struct ibv_device_attr`. */
export function readDeviceAttributes(view: DataView<ArrayBuffer>): DeviceAttributes {
  const u16 = (offset: number): number => view.getUint16(offset, true);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const u64 = (offset: number): bigint => view.getBigUint64(offset, true);
  return {
    firmwareVersion: text(view, ATTR.fw_ver, ATTR.node_guid),
    nodeGuid: view.getBigUint64(ATTR.node_guid), // in network byte order, as the next
    systemImageGuid: view.getBigUint64(ATTR.sys_image_guid),
    maxRegionSize: u64(ATTR.max_mr_size),
    pageSizes: u64(ATTR.page_size_cap),
    vendorId: u32(ATTR.vendor_id),
    vendorPartId: u32(ATTR.vendor_part_id),
    hardwareVersion: u32(ATTR.hw_ver),
    maxQueuePairs: u32(ATTR.max_qp),
    maxQueuePairRequests: u32(ATTR.max_qp_wr),
    capabilities: u32(ATTR.device_cap_flags),
    maxEntries: u32(ATTR.max_sge),
    maxReadEntries: u32(ATTR.max_sge_rd),
    maxCompletionQueues: u32(ATTR.max_cq),
    maxCompletions: u32(ATTR.max_cqe),
    maxRegions: u32(ATTR.max_mr),
    maxProtectionDomains: u32(ATTR.max_pd),
    maxReadAtomicDestination: u32(ATTR.max_qp_rd_atom),
    maxEndToEndReadAtomicDestination: u32(ATTR.max_ee_rd_atom),
    maxReadAtomicResources: u32(ATTR.max_res_rd_atom),
    maxReadAtomic: u32(ATTR.max_qp_init_rd_atom),
    maxEndToEndReadAtomic: u32(ATTR.max_ee_init_rd_atom),
    atomics: u32(ATTR.atomic_cap),
    maxEndToEndContexts: u32(ATTR.max_ee),
    maxReliableDatagramDomains: u32(ATTR.max_rdd),
    maxMemoryWindows: u32(ATTR.max_mw),
    maxRawIpv6QueuePairs: u32(ATTR.max_raw_ipv6_qp),
    maxRawEthernetQueuePairs: u32(ATTR.max_raw_ethy_qp),
    maxMulticastGroups: u32(ATTR.max_mcast_grp),
    maxMulticastAttachments: u32(ATTR.max_mcast_qp_attach),
    maxTotalMulticastAttachments: u32(ATTR.max_total_mcast_qp_attach),
    maxAddressHandles: u32(ATTR.max_ah),
    maxFastRegions: u32(ATTR.max_fmr),
    maxMapsPerFastRegion: u32(ATTR.max_map_per_fmr),
    maxSharedReceiveQueues: u32(ATTR.max_srq),
    maxSharedReceives: u32(ATTR.max_srq_wr),
    maxSharedReceiveEntries: u32(ATTR.max_srq_sge),
    maxPartitionKeys: u16(ATTR.max_pkeys),
    acknowledgementDelay: view.getUint8(ATTR.local_ca_ack_delay),
    ports: view.getUint8(ATTR.phys_port_cnt),
  };
}

/** Reads `struct ibv_device_attr_ex`, beyond what it has of {@linkcode DeviceAttributes}. */
export function readExtendedDeviceAttributes(view: DataView<ArrayBuffer>): ExtendedDeviceAttributes {
  const u16 = (offset: number): number => view.getUint16(offset, true);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const u64 = (offset: number): bigint => view.getBigUint64(offset, true);
  return {
    onDemandPaging: {
      general: u64(EX.odp_caps_general_caps),
      rc: u32(EX.odp_caps_per_transport_caps_rc_odp_caps),
      uc: u32(EX.odp_caps_per_transport_caps_uc_odp_caps),
      ud: u32(EX.odp_caps_per_transport_caps_ud_odp_caps),
      xrc: u32(EX.xrc_odp_caps),
    },
    completionTimestampMask: u64(EX.completion_timestamp_mask),
    clockFrequency: u64(EX.hca_core_clock),
    capabilities: u64(EX.device_cap_flags_ex),
    segmentation: { maxSize: u32(EX.tso_caps_max_tso), queuePairTypes: u32(EX.tso_caps_supported_qpts) },
    receiveHashing: {
      queuePairTypes: u32(EX.rss_caps_supported_qpts),
      maxIndirectionTables: u32(EX.rss_caps_max_rwq_indirection_tables),
      maxIndirectionTableSize: u32(EX.rss_caps_max_rwq_indirection_table_size),
      fields: u64(EX.rss_caps_rx_hash_fields_mask),
      functions: view.getUint8(EX.rss_caps_rx_hash_function),
    },
    maxReceiveWorkQueues: u32(EX.max_wq_type_rq),
    pacing: {
      minRate: u32(EX.packet_pacing_caps_qp_rate_limit_min),
      maxRate: u32(EX.packet_pacing_caps_qp_rate_limit_max),
      queuePairTypes: u32(EX.packet_pacing_caps_supported_qpts),
    },
    rawPackets: u32(EX.raw_packet_caps),
    tagMatching: {
      maxRendezvousHeader: u32(EX.tm_caps_max_rndv_hdr_size),
      maxTags: u32(EX.tm_caps_max_num_tags),
      flags: u32(EX.tm_caps_flags),
      maxOperations: u32(EX.tm_caps_max_ops),
      maxEntries: u32(EX.tm_caps_max_sge),
    },
    moderation: { maxCount: u16(EX.cq_mod_caps_max_cq_count), maxPeriod: u16(EX.cq_mod_caps_max_cq_period) },
    maxDeviceMemory: u64(EX.max_dm_size),
    pciAtomics: {
      fetchAndAdd: u16(EX.pci_atomic_caps_fetch_add),
      swap: u16(EX.pci_atomic_caps_swap),
      compareAndSwap: u16(EX.pci_atomic_caps_compare_swap),
    },
  };
}

function text(view: DataView<ArrayBuffer>, from: number, to: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + from, to - from);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
