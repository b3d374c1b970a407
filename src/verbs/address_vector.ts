/**
 * Address vectors: how packets find a peer's port.
 *
 * @module
 */
import { layout } from "../../ffi/mod.ts";
import { checkGid } from "./gid.ts";

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
  /** This side's low bits of its local identifier, on InfiniBand. Default 0. */
  sourcePathBits?: number;
  /** The rate not to exceed, of `ibv_rate`. Default 0: the port's. */
  staticRate?: number;
}

const MAX_U8 = 0xff;
const MAX_U16 = 0xffff;
const MAX_FLOW_LABEL = 0xf_ffff;

/** Writes a vector as `struct ibv_ah_attr` at `offset`. Throws RangeError for a value that its field does not hold. */
export function writeAddressVector(view: DataView<ArrayBuffer>, offset: number, vector: AddressVector): void {
  const { gid, lid = 0, serviceLevel = 0, sourcePathBits = 0, staticRate = 0 } = vector;
  if (gid !== undefined) {
    const { gidIndex = 0, hopLimit = 64, trafficClass = 0, flowLabel = 0 } = vector;
    checkGid(gid);
    new Uint8Array(view.buffer, view.byteOffset).set(gid, offset + AH.grh_dgid);
    view.setUint32(offset + AH.grh_flow_label, checkField("flowLabel", flowLabel, MAX_FLOW_LABEL), true);
    view.setUint8(offset + AH.grh_sgid_index, checkField("gidIndex", gidIndex, MAX_U8));
    view.setUint8(offset + AH.grh_hop_limit, checkField("hopLimit", hopLimit, MAX_U8));
    view.setUint8(offset + AH.grh_traffic_class, checkField("trafficClass", trafficClass, MAX_U8));
    view.setUint8(offset + AH.is_global, 1);
  }
  view.setUint16(offset + AH.dlid, checkField("lid", lid, MAX_U16), true);
  view.setUint8(offset + AH.sl, checkField("serviceLevel", serviceLevel, MAX_U8));
  view.setUint8(offset + AH.src_path_bits, checkField("sourcePathBits", sourcePathBits, MAX_U8));
  view.setUint8(offset + AH.static_rate, checkField("staticRate", staticRate, MAX_U8));
  view.setUint8(offset + AH.port_num, checkField("port", vector.port, MAX_U8));
}

/** `value`, where it is an integer from 0 to `max`; throws RangeError that names the field otherwise. */
export function checkField(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new RangeError(`${name} ${value}: 0 to ${max} can be given`);
}

/** Reads a `struct ibv_ah_attr` at `offset`. */
export function readAddressVector(view: DataView<ArrayBuffer>, offset: number): AddressVector {
  const vector: AddressVector = {
    port: view.getUint8(offset + AH.port_num),
    lid: view.getUint16(offset + AH.dlid, true),
    serviceLevel: view.getUint8(offset + AH.sl),
    sourcePathBits: view.getUint8(offset + AH.src_path_bits),
    staticRate: view.getUint8(offset + AH.static_rate),
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
