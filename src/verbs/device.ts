/**
 * An RDMA device, as the library lists it.
 *
 * @module
 */
import { ibv_node_type, ibv_transport_type, layout, stringAt, viewAt } from "../../ffi/mod.ts";
import { verbs } from "./libraries.ts";

/** A device, as it is listed without opening it. */
export interface Device {
  /** `rxe0`, `mlx5_0`. */
  readonly name: string;
  /** What it attaches to: InfiniBand channel adapter, RNIC (iWARP), … as `enum ibv_node_type` has it. */
  readonly nodeType: number;
  /** `enum ibv_transport_type`: InfiniBand (and RoCE), or iWARP. */
  readonly transport: number;
  /** The globally unique identifier, 64 bits. */
  readonly guid: bigint;
  /** The name under /dev/infiniband, `uverbs0`. */
  readonly node: string;
}

/** The device that a `struct ibv_device *` names. */
export function describeDevice(pointer: bigint): Device {
  const { ibv_device: fields } = layout;
  const view = viewAt(pointer, fields.size);
  const text = (offset: number): string => stringAt(pointer + BigInt(offset));
  return {
    name: text(fields.name),
    nodeType: view.getInt32(fields.node_type, true),
    transport: view.getInt32(fields.transport_type, true),
    guid: byteSwap(verbs().ibv_get_device_guid(pointer)),
    node: text(fields.dev_name),
  };
}

/** Turns a big-endian integer that was read as a little-endian one round. */
function byteSwap(value: bigint): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value, true);
  return view.getBigUint64(0);
}

/** `InfiniBand` or `iWARP`, as ibv_devinfo names transports. */
export function transportName(transport: number): string {
  switch (transport) {
    case ibv_transport_type.IBV_TRANSPORT_IB:
      return "InfiniBand";
    case ibv_transport_type.IBV_TRANSPORT_IWARP:
      return "iWARP";
    default:
      return `transport ${transport}`;
  }
}

/** Whether a device speaks iWARP: its queue pairs connect through rdma_cm only. */
export function isIwarp(device: Device): boolean {
  return device.nodeType === ibv_node_type.IBV_NODE_RNIC;
}
