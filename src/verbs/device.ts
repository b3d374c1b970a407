/**
 * The machine's RDMA devices.
 *
 * @module
 */
import { errno, ibv_node_type, ibv_transport_type, layout, prepareErrno, stringAt, viewAt } from "../../ffi/mod.ts";
import { CapabilityError, VerbsError } from "../rdma/errors.ts";
import { Context } from "./context.ts";
import { verbsFailure } from "./failure.ts";
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

/** The devices, in the library's order. Throws CapabilityError without the libraries, VerbsError when listing fails. */
export function listDevices(): Device[] {
  return withDevices((pointers) => pointers.map(describe));
}

/**
 * Opens a device by name. Throws CapabilityError when there is none of that name, VerbsError when it does not open:
 * `ENODEV`, `EACCES`.
 */
export function openDevice(name: string): Context {
  return withDevices((pointers) => {
    const pointer = pointers.find((each) => describe(each).name === name);
    if (pointer === undefined) {
      const names = pointers.map((each) => describe(each).name).join(", ") || "none";
      throw new CapabilityError(`no RDMA device ${name}: this machine has ${names}`);
    }
    prepareErrno();
    const context = verbs().ibv_open_device(pointer);
    if (context === 0n) throw verbsFailure(`ibv_open_device(${name})`, errno());
    return new Context(context, name, true);
  });
}

/** The device that a `struct ibv_device *` names. */
export function describe(pointer: bigint): Device {
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

// The list must outlive the devices' use; an open device keeps what it needs of it.
function withDevices<T>(use: (pointers: bigint[]) => T): T {
  const count = new Uint8Array(4);
  prepareErrno();
  const list = verbs().ibv_get_device_list(count);
  if (list === 0n) {
    const failed = verbsFailure("ibv_get_device_list", errno());
    if (failed.code === "ENOSYS") {
      throw new VerbsError(failed.call, failed.code, "the kernel has no RDMA: modprobe ib_uverbs");
    }
    throw failed;
  }
  try {
    const length = new DataView(count.buffer).getInt32(0, true);
    if (length === 0) return use([]);
    const view = viewAt(list, length * 8);
    return use(Array.from({ length }, (_, index) => view.getBigUint64(index * 8, true)));
  } finally {
    verbs().ibv_free_device_list(list);
  }
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
