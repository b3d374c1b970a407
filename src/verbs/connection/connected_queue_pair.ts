/**
 * Queue pairs that the connection manager takes from state to state.
 *
 * @module
 */
import { layout, prepareErrno, viewAt } from "../../../ffi/mod.ts";
import type { ConnectionId } from "./connection_id.ts";
import { checkCall } from "../failure.ts";
import { connectionManager } from "../libraries.ts";
import type { ProtectionDomain } from "../protection_domain.ts";
import { initAttributes, QueuePair, type QueuePairOptions } from "../queue_pair.ts";

/** A queue pair that belongs to an identifier, too, and goes before it. */
export class ConnectedQueuePair extends QueuePair {
  readonly #id: ConnectionId;

  /** Creates it. Throws VerbsError. */
  static createFor(id: ConnectionId, domain: ProtectionDomain, options: QueuePairOptions): ConnectedQueuePair {
    const attributes = initAttributes(domain, options);
    prepareErrno();
    checkCall("rdma_create_qp", connectionManager().rdma_create_qp(id.handle, domain.handle, attributes.bytes));
    const handle = viewAt(id.handle, layout.rdma_cm_id.size).getBigUint64(layout.rdma_cm_id.qp, true);
    return new ConnectedQueuePair(id, domain, handle, options);
  }

  private constructor(id: ConnectionId, domain: ProtectionDomain, handle: bigint, options: QueuePairOptions) {
    super(domain, handle, options);
    this.#id = id;
    this.addParent(id);
  }

  /** Gives it back. */
  protected override destroyHandle(): void {
    connectionManager().rdma_destroy_qp(this.#id.handle); // which destroys it, and has the identifier forget it
  }
}
