/**
 * The memory of one side of a test, registered with a provider's protection domain.
 *
 * @module
 */
import { Opcode } from "../rdma/completion.ts";
import { CapabilityError } from "../rdma/errors.ts";
import { Access, type MemoryRegion } from "../rdma/memory.ts";
import type { EndpointOptions, ProtectionDomain, SendWork } from "../rdma/provider.ts";
import type { Role } from "./channel.ts";
import { type Keys, NO_KEYS } from "./keys.ts";
import { type Layout, layoutOf, MAX_READS, RECEIVE_DEPTH } from "./layout.ts";
import type { TestSizes } from "./options.ts";
import type { Plan } from "./plan.ts";
import type { Agreed } from "./session.ts";

const OPCODES = { send: Opcode.SEND, write: Opcode.WRITE, read: Opcode.READ } as const;

/** The memory, and what follows from the course for the endpoint that uses it. */
export class EndpointMemory implements Disposable {
  /** Where in it is what. */
  readonly layout: Layout;
  /** The region. */
  readonly region: MemoryRegion;
  /**
   * Whether the receiver of Sends writes into the sender's memory how many it has received: so perftest's programs do
   * over iWARP, where a Send that finds no receive ends the connection.
   */
  readonly hasCredits: boolean;
  readonly #reads: number;

  /** Registers it. Throws CapabilityError where it is larger than the provider's regions may be. */
  constructor(
    domain: ProtectionDomain,
    /** The course. */ readonly plan: Plan,
    /** The sizes. */ readonly sizes: TestSizes,
    role: Role,
    agreed: Agreed,
  ) {
    const { capabilities: { maxRegionSize, maxReadDepth }, transport } = domain;
    this.layout = layoutOf(sizes, agreed);
    const { length } = this.layout;
    if (length > maxRegionSize) {
      const reason = `takes a region of ${length} bytes, and ${transport} has regions of up to ${maxRegionSize}`;
      throw new CapabilityError(`a message of ${sizes.size} bytes ${reason}: choose a smaller --size`);
    }
    this.hasCredits = plan.verb === "send" && plan.kind === "bandwidth";
    this.#reads = plan.verb === "read" ? Math.min(maxReadDepth, MAX_READS) : 1;
    this.region = domain.register(length, accessOf(plan, role));
  }

  /** How the endpoint is to be made. */
  get endpointOptions(): EndpointOptions {
    return {
      sendDepth: this.sizes.depth,
      receiveDepth: this.plan.verb === "send" ? RECEIVE_DEPTH : 1,
      readDepth: this.#reads,
    };
  }

  /** What the peer needs of it. There is no queue pair to be named. */
  get keys(): Keys {
    const { region, layout: { credits, peersHalf } } = this;
    return {
      ...NO_KEYS,
      reads: this.#reads,
      remoteKey: region.remoteKey,
      address: region.address + BigInt(this.hasCredits ? credits : peersHalf),
    };
  }

  /** The course's operation on it, to be posted again and again. */
  work(peer: Keys): SendWork {
    return {
      id: 1,
      opcode: OPCODES[this.plan.verb],
      region: this.region,
      offset: 0,
      length: this.sizes.size,
      remoteAddress: peer.address,
      remoteKey: peer.remoteKey,
    };
  }

  /** Gives it back; the endpoint is closed before. */
  [Symbol.dispose](): void {
    this.region[Symbol.dispose]();
  }
}

function accessOf({ verb, kind }: Plan, role: Role): number {
  if (verb === "read") return role === "client" ? Access.LOCAL_WRITE : Access.REMOTE_READ;
  if (verb === "write") return Access.REMOTE_WRITE;
  return kind === "bandwidth" && role === "client" ? Access.REMOTE_WRITE : Access.LOCAL_WRITE;
}
