/**
 * The devices that librdmacm keeps open: it opens each once, for all its identifiers, and closes none.
 *
 * @module
 */
import { layout, prepareErrno, viewAt } from "../../../ffi/mod.ts";
import { Context } from "../context.ts";
import { describeDevice } from "../device.ts";
import { checkCall } from "../failure.ts";
import { connectionManager } from "../libraries.ts";

const contexts = new Map<bigint, Context>();

/** The object of a `struct ibv_context *` that librdmacm opened: the same one for the same pointer. */
export function managedContext(handle: bigint): Context {
  let context = contexts.get(handle);
  if (context === undefined) {
    const device = viewAt(handle, layout.ibv_context.size).getBigUint64(layout.ibv_context.device, true);
    contexts.set(handle, context = new Context(handle, describeDevice(device).name, false));
  }
  return context;
}

/** All devices that librdmacm can use. Throws VerbsError, CapabilityError without the libraries. */
export function managedContexts(): Context[] {
  const count = new Uint8Array(4);
  prepareErrno();
  const list = connectionManager().rdma_get_devices(count);
  if (list === 0n) checkCall("rdma_get_devices", -1);
  try {
    const length = new DataView(count.buffer).getInt32(0, true);
    if (length === 0) return [];
    const view = viewAt(list, length * 8);
    return Array.from({ length }, (_, index) => managedContext(view.getBigUint64(index * 8, true)));
  } finally {
    connectionManager().rdma_free_devices(list);
  }
}
