/**
 * Address handles: the way to a peer of unreliable datagrams.
 *
 * @module
 */
import { errno, layout, prepareErrno, Struct } from "../../ffi/mod.ts";
import { checkRange } from "../rdma/memory.ts";
import { type AddressVector, writeAddressVector } from "./address_vector.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import type { MemoryRegion } from "./memory_region.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import { Resource } from "./resource.ts";
import type { WorkCompletions } from "./work_completions.ts";

/** Bytes in front of every datagram received: the global route header, or room for it. */
export const GRH_SIZE: number = layout.ibv_grh.size;

/** An address handle. */
export class AddressHandle extends Resource {
  /** Creates one that leads where `vector` says. Throws VerbsError. */
  static create(domain: ProtectionDomain, vector: AddressVector): AddressHandle {
    const attributes = new Struct(layout.ibv_ah_attr.size);
    writeAddressVector(attributes.view, 0, vector);
    prepareErrno();
    const handle = verbs().ibv_create_ah(domain.handle, attributes.bytes);
    if (handle === 0n) throw verbsFailure("ibv_create_ah", errno());
    return new AddressHandle(domain, handle);
  }

  /**
   * Creates one that leads back to where a datagram came from: completion `index`, whose {@linkcode GRH_SIZE} bytes of
   * header are at `offset` of `region`, received at `port`. Throws VerbsError.
   */
  static fromCompletion(
    domain: ProtectionDomain,
    completions: WorkCompletions,
    index: number,
    region: MemoryRegion,
    offset: number,
    port: number,
  ): AddressHandle {
    completions.ensureAlive("ibv_create_ah_from_wc");
    checkRange(index, 1, completions.capacity);
    checkRange(offset, GRH_SIZE, region.length);
    prepareErrno();
    const header = region.address + BigInt(offset);
    const handle = verbs().ibv_create_ah_from_wc(domain.handle, completions.addressOf(index), header, port);
    if (handle === 0n) throw verbsFailure("ibv_create_ah_from_wc", errno());
    return new AddressHandle(domain, handle);
  }

  private constructor(domain: ProtectionDomain, /** The `struct ibv_ah *`. */ readonly handle: bigint) {
    super([domain]);
  }

  /** Gives it back. */
  protected override destroy(): void {
    checkVerb("ibv_destroy_ah", verbs().ibv_destroy_ah(this.handle));
  }
}
