/**
 * Address handles: the way to a peer of unreliable datagrams.
 *
 * @module
 */
import { errno, prepareErrno, Struct } from "../../ffi/mod.ts";
import { layout } from "../../ffi/layout.ts";
import { type AddressVector, writeAddressVector } from "./address_vector.ts";
import { checkVerb, verbsFailure } from "./failure.ts";
import { verbs } from "./libraries.ts";
import type { ProtectionDomain } from "./protection_domain.ts";
import { Resource } from "./resource.ts";

/** An address handle. */
export class AddressHandle extends Resource {
  /** The `struct ibv_ah *`. */
  readonly handle: bigint;

  /** Made by {@linkcode ProtectionDomain.createAddressHandle}. */
  constructor(domain: ProtectionDomain, vector: AddressVector) {
    super([domain]);
    const attributes = new Struct(layout.ibv_ah_attr.size);
    writeAddressVector(attributes.view, 0, vector);
    prepareErrno();
    this.handle = verbs().ibv_create_ah(domain.handle, attributes.bytes);
    if (this.handle === 0n) {
      const failed = verbsFailure("ibv_create_ah", errno());
      this[Symbol.dispose]();
      throw failed;
    }
  }

  /** Gives it back. */
  protected override destroy(): void {
    if (this.handle !== 0n) checkVerb("ibv_destroy_ah", verbs().ibv_destroy_ah(this.handle));
  }
}
