/**
 * Address vectors: how packets find a peer's port.
 *
 * @module
 */
import { layout } from "../../ffi/layout.ts";

const AH = layout.ibv_ah_attr;

/** The way to a peer's port (`struct ibv_ah_attr`). */
export interface AddressVector {
  /** This side's port, from 1. */
  port: number;
  /** The peer's GID, 16 bytes; needed on RoCE, and across InfiniBand subnets. Without it there is no global route header. */
  gid?: Uint8Array;
  /** This side's GID, as an index of the port's table. Default 0; needed with `gid`. */
  gidIndex?: number;
  /** Routers it may pass. Default 64. */
  hopLimit?: number;
  /** The traffic class: IP's DSCP and ECN. Default 0. */
  trafficClass?: number;
  /** The flow label, 20 bits; RoCE v2 draws its UDP source port from it. Default 0. */
  flowLabel?: number;
  /** The peer's local identifier, on InfiniBand. Default 0. */
  lid?: number;
  /** The service level. Default 0. */
  serviceLevel?: number;
}

/** Writes a vector as `struct ibv_ah_attr` at `offset`. */
export function writeAddressVector(view: DataView<ArrayBuffer>, offset: number, vector: AddressVector): void {
  const { gid, gidIndex = 0, hopLimit = 64, trafficClass = 0, flowLabel = 0, lid = 0, serviceLevel = 0 } = vector;
  if (gid !== undefined) {
    if (gid.length !== 16) throw new RangeError(`a GID of ${gid.length} bytes: 16 are wanted`);
    new Uint8Array(view.buffer, view.byteOffset).set(gid, offset + AH.grh_dgid);
    view.setUint32(offset + AH.grh_flow_label, flowLabel, true);
    view.setUint8(offset + AH.grh_sgid_index, gidIndex);
    view.setUint8(offset + AH.grh_hop_limit, hopLimit);
    view.setUint8(offset + AH.grh_traffic_class, trafficClass);
    view.setUint8(offset + AH.is_global, 1);
  }
  view.setUint16(offset + AH.dlid, lid, true);
  view.setUint8(offset + AH.sl, serviceLevel);
  view.setUint8(offset + AH.port_num, vector.port);
}

/** Reads a `struct ibv_ah_attr` at `offset`. */
export function readAddressVector(view: DataView<ArrayBuffer>, offset: number): AddressVector {
  const vector: AddressVector = {
    port: view.getUint8(offset + AH.port_num),
    lid: view.getUint16(offset + AH.dlid, true),
    serviceLevel: view.getUint8(offset + AH.sl),
  };
  if (view.getUint8(offset + AH.is_global) === 0) return vector;
  const at = view.byteOffset + offset + AH.grh_dgid;
  return {
    ...vector,
    gid: new Uint8Array(view.buffer.slice(at, at + 16)),
    gidIndex: view.getUint8(offset + AH.grh_sgid_index),
    hopLimit: view.getUint8(offset + AH.grh_hop_limit),
    trafficClass: view.getUint8(offset + AH.grh_traffic_class),
    flowLabel: view.getUint32(offset + AH.grh_flow_label, true),
  };
}
