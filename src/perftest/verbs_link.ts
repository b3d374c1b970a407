/**
 * What one side of a test needs of verbs: memory, completion queues, and a queue pair on them.
 *
 * @module
 */
import { Access } from "../rdma/memory.ts";
import type {
  CompletionQueue,
  Context,
  MemoryRegion,
  ProtectionDomain,
  QueuePair,
  QueuePairOptions,
} from "../verbs/mod.ts";
import { isIwarp } from "../verbs/mod.ts";
import { type Keys, NO_KEYS } from "./keys.ts";
import { layoutOf, MAX_READS, RECEIVE_DEPTH } from "./layout.ts";
import type { TestSizes } from "./options.ts";
import type { Plan } from "./plan.ts";
import type { Agreed } from "./session.ts";

/** How the queue pair is made: by verbs, or by rdma_cm. */
export type QueuePairMaker = (domain: ProtectionDomain, options: QueuePairOptions) => QueuePair;

/** The resources. */
export class VerbsLink implements Disposable {
  /** Where sends complete. */
  readonly sendQueue: CompletionQueue;
  /** Where receives complete. */
  readonly receiveQueue: CompletionQueue;
  /** The memory. */
  readonly region: MemoryRegion;
  /** The queue pair. */
  readonly queuePair: QueuePair;
  /** The offset of the half that is the peer's. */
  readonly peersHalf: number;
  /** The offset of the credits. */
  readonly credits: number;
  /** Whether messages are sent inline. */
  readonly inline: boolean;
  /** Whether a peer may not send before there is a receive, as it does not wait for one: iWARP. */
  readonly needsCredits: boolean;
  readonly #resources: DisposableStack;

  /** Makes them on an open device. Throws VerbsError. */
  constructor(
    /** The device. */ readonly context: Context,
    /** The course. */ readonly plan: Plan,
    /** The sizes. */ readonly sizes: TestSizes,
    agreed: Agreed,
    makeQueuePair: QueuePairMaker,
  ) {
    using resources = new DisposableStack();
    const iwarp = isIwarp(context.device);
    const { peersHalf, credits, length } = layoutOf(sizes, agreed);
    const domain = resources.use(context.allocateProtectionDomain());
    this.needsCredits = iwarp && plan.verb === "send" && plan.kind === "bandwidth";
    this.inline = plan.verb !== "read" && sizes.size > 0 && sizes.size <= sizes.inlineSize;
    this.peersHalf = peersHalf;
    this.credits = credits;
    this.region = domain.register(length, accessOf(plan, iwarp));
    this.sendQueue = resources.use(context.createCompletionQueue({ entries: sizes.depth + 1 }));
    this.receiveQueue = resources.use(context.createCompletionQueue({ entries: RECEIVE_DEPTH }));
    this.queuePair = makeQueuePair(domain, {
      sendQueue: this.sendQueue,
      receiveQueue: this.receiveQueue,
      sendDepth: sizes.depth,
      receiveDepth: plan.verb === "send" ? RECEIVE_DEPTH : 1,
      inlineSize: this.inline ? sizes.size : 0,
    });
    this.#resources = resources.move();
  }

  /** What the peer needs of it, but for how to find the queue pair. */
  get keys(): Keys {
    return {
      ...NO_KEYS,
      reads: readsOf(this.plan, this.context),
      queuePair: this.queuePair.number,
      remoteKey: this.region.remoteKey,
      address: this.region.address + BigInt(this.needsCredits ? this.credits : this.peersHalf),
    };
  }

  /** Gives everything back. */
  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}

/** RDMA Reads that a side may have under way with another that is like it. */
export function readsOf({ verb }: Plan, context: Context): number {
  if (verb !== "read") return 1;
  const { maxReadAtomic, maxReadAtomicDestination } = context.queryDevice();
  return Math.min(maxReadAtomic, maxReadAtomicDestination, MAX_READS);
}

// An RDMA Read's sink must be remotely writable where the network writes its answer into it, as iWARP's does.
function accessOf({ verb, kind }: Plan, iwarp: boolean): number {
  const { LOCAL_WRITE, REMOTE_WRITE, REMOTE_READ } = Access;
  if (verb === "read") return LOCAL_WRITE | REMOTE_READ | (iwarp ? REMOTE_WRITE : 0);
  return verb === "write" || (iwarp && kind === "bandwidth") ? LOCAL_WRITE | REMOTE_WRITE : LOCAL_WRITE;
}
