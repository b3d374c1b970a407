/**
 * What the endpoints of one domain share.
 *
 * @module
 */
import type { Capabilities } from "../../rdma/provider.ts";
import type { ConnectionId } from "../connection/connection_id.ts";
import type { EventDispatcher } from "../connection/event_dispatcher.ts";
import type { ProtectionDomain } from "../protection_domain.ts";
import type { ReceiveBatch } from "../receive_batch.ts";
import type { SendBatch } from "../send_batch.ts";
import type { WorkCompletions } from "../work_completions.ts";
import type { CompletionDelivery } from "./delivery.ts";

/** What a domain's endpoints share. The batches are for one call, and hold nothing after it. */
export interface EndpointResources {
  /** `verbs:rxe0`. */
  readonly transport: string;
  /** The protection domain of their queue pairs. */
  readonly domain: ProtectionDomain;
  /** Whether the device speaks iWARP. */
  readonly iwarp: boolean;
  /** Completions. */
  readonly delivery: CompletionDelivery;
  /** Events. */
  readonly dispatcher: EventDispatcher;
  /** What is polled into. */
  readonly completions: WorkCompletions;
  /** Room for one receive. */
  readonly receiveBatch: ReceiveBatch;
  /** What the device can do. */
  readonly capabilities: Capabilities;
  /** Room for `count` sends. */
  sendBatch(count: number): SendBatch;
  /** Runs something once no call on the identifier is under way in another thread, which is now in most cases. */
  whenIdle(id: ConnectionId, run: () => void): void;
}
