/**
 * The machine's RDMA devices.
 *
 * @module
 */
import { errno, prepareErrno, viewAt } from "../../ffi/mod.ts";
import { CapabilityError, VerbsError } from "../rdma/errors.ts";
import { Context } from "./context.ts";
import { describeDevice, type Device } from "./device.ts";
import { verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";

/** The devices, in the library's order. Throws CapabilityError without the libraries, VerbsError when listing fails. */
export function listDevices(): Device[] {
  return withDevices((pointers) => pointers.map(describeDevice));
}

/**
 * Opens a device by name. Throws CapabilityError when there is none of that name, VerbsError when it does not open:
 * `ENODEV`, `EACCES`.
 */
export function openDevice(name: string): Context {
  return withDevices((pointers) => {
    const pointer = pointers.find((each) => describeDevice(each).name === name);
    if (pointer === undefined) {
      const names = pointers.map((each) => describeDevice(each).name).join(", ") || "none";
      throw new CapabilityError(`no RDMA device ${name}: this machine has ${names}`);
    }
    prepareErrno();
    const context = verbs().ibv_open_device(pointer);
    if (context === 0n) throw verbsFailure(`ibv_open_device(${name})`, errno());
    return new Context(context, name, true);
  });
}

// The list must outlive the devices' use; an open device keeps what it needs of it.
function withDevices<T>(use: (pointers: bigint[]) => T): T {
  const library = verbs(); // first: it says what is missing
  const count = new Uint8Array(4);
  prepareErrno();
  const list = library.ibv_get_device_list(count);
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
    library.ibv_free_device_list(list);
  }
}
