/**
 * Volume information, `.vif`: what weed keeps about a volume beside its superblock, as protobuf's JSON.
 *
 * @module
 */
import { WireError } from "../rdma/errors.ts";

/** What a `.vif` says, as far as reading goes. */
export interface VolumeInfo {
  /** Version of the needles; 0 when it does not say. */
  version: number;
  /** Bytes of an offset in the index, 4 or 5; 0 when it does not say. */
  bytesOffset: number;
  /** Files of a remote tier that hold the data; 0 for a local volume. */
  remoteFiles: number;
  /** Whether it describes an erasure-coded volume. */
  erasureCoded: boolean;
  /** Whether weed takes no writes for it. */
  readOnly: boolean;
}

/** A `.vif` beyond this many bytes is not one. */
export const LARGEST_VOLUME_INFO = 1024 * 1024;

/**
 * Parses a `.vif`; undefined for an empty one, which weed takes for none. Unknown members are left aside. Throws
 * WireError for what is no JSON object.
 */
export function parseVolumeInfo(text: string): VolumeInfo | undefined {
  if (text.trim() === "") return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new WireError("vif", "a JSON object", JSON.stringify(text.slice(0, 40)));
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new WireError("vif", "a JSON object", JSON.stringify(text.slice(0, 40)));
  }
  // protobuf's JSON may name a field either way (and weed once wrote BytesOffset), and writes 64-bit numbers as strings
  const members = json as Record<string, unknown>;
  const member = (camel: string, snake: string): unknown => members[camel] ?? members[snake];
  const number = (value: unknown): number =>
    (typeof value === "number" || typeof value === "string") && Number(value) > 0 ? Number(value) : 0;
  const { files } = members;
  const coding = member("ecShardConfig", "ec_shard_config");
  return {
    version: number(members.version),
    bytesOffset: number(member("bytesOffset", "bytes_offset") ?? members.BytesOffset),
    remoteFiles: Array.isArray(files) ? files.length : 0,
    erasureCoded: typeof coding === "object" && coding !== null,
    readOnly: member("readOnly", "read_only") === true,
  };
}

/** The `.vif` of a local volume, laid out as weed writes it. */
export function formatVolumeInfo(info: { version: number; bytesOffset: number; replication: string }): string {
  const { version, bytesOffset, replication } = info;
  const members = {
    files: [],
    version,
    replication,
    bytesOffset,
    datFileSize: "0",
    expireAtSec: "0",
    readOnly: false,
    ecShardConfig: null,
  };
  return JSON.stringify(members, undefined, 2);
}
