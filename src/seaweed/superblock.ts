/**
 * The superblock: the first eight bytes of a `.dat` file, and what may follow them.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** Bytes of the superblock before what it calls its extra. */
export const SUPERBLOCK_SIZE = 8;

/** The layouts of needles: 1 is bare data, 2 adds flags and what goes with them, 3 the time of the append. */
export type NeedleVersion = 1 | 2 | 3;

/** A volume's first bytes. */
export interface Superblock {
  /** The layout of its needles. */
  version: NeedleVersion;
  /** Copies on other data centres, racks and servers as decimal digits: 1 is `001`. */
  replicaPlacement: number;
  /** The volume's own time to live: the count, */
  ttlCount: number;
  /** and its unit, see {@linkcode TimeToLive}. */
  ttlUnit: number;
  /** How often the volume was vacuumed, modulo 2^16. */
  compactionRevision: number;
  /** Bytes between the superblock and the first needle. */
  extraSize: number;
}

/** Decodes the superblock at the start of `bytes`. Throws WireError when it is short or of an unknown version. */
export function decodeSuperblock(bytes: Uint8Array): Superblock {
  if (bytes.byteLength < SUPERBLOCK_SIZE) throw new WireError("superblock", "8 bytes", bytes.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(0);
  if (version !== 1 && version !== 2 && version !== 3) throw new WireError("superblock", "version 1, 2 or 3", version);
  return {
    version,
    replicaPlacement: view.getUint8(1),
    ttlCount: view.getUint8(2),
    ttlUnit: view.getUint8(3),
    compactionRevision: view.getUint16(4),
    extraSize: version === 1 ? 0 : view.getUint16(6),
  };
}

/** The eight bytes of a superblock; its extra, if any, is the caller's to write after them. */
export function encodeSuperblock(superblock: Superblock): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, superblock.version);
  view.setUint8(1, superblock.replicaPlacement);
  view.setUint8(2, superblock.ttlCount);
  view.setUint8(3, superblock.ttlUnit);
  view.setUint16(4, superblock.compactionRevision);
  view.setUint16(6, superblock.extraSize);
  return bytes;
}
