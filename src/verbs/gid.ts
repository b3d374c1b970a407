/**
 * Global identifiers (GIDs): the addresses of ports, which are IPv6 addresses in form and, on Ethernet, in fact.
 *
 * @module
 */
import { ibv_gid_type, layout } from "../../ffi/mod.ts";

const ENTRY = layout.ibv_gid_entry;

/** Bytes of a GID. */
export const GID_SIZE = 16;
/** Bytes of `struct ibv_gid_entry`, of which tables are made. */
export const GID_ENTRY_SIZE: number = ENTRY.size;

/** What packets a GID stands for. iWARP devices, which need none, say `IB`. */
export type GidType = "IB" | "RoCE v1" | "RoCE v2";

/** One GID of a port. */
export interface GidEntry {
  /** Its place in the port's table; it is what address vectors name. */
  readonly index: number;
  /** The port, from 1. */
  readonly port: number;
  /** The GID, 16 bytes. */
  readonly gid: Uint8Array<ArrayBuffer>;
  /** What packets it stands for; undefined where the library is too old to say. */
  readonly type: GidType | undefined;
  /** The network interface it is an address of; 0 without one. */
  readonly interfaceIndex: number;
}

const TYPES: ReadonlyMap<number, GidType> = new Map([
  [ibv_gid_type.IBV_GID_TYPE_IB, "IB"],
  [ibv_gid_type.IBV_GID_TYPE_ROCE_V1, "RoCE v1"],
  [ibv_gid_type.IBV_GID_TYPE_ROCE_V2, "RoCE v2"],
]);

/** Reads `count` of `struct ibv_gid_entry`. */
export function readGidTable(view: DataView<ArrayBuffer>, count: number): GidEntry[] {
  return Array.from({ length: count }, (_, row) => {
    const at = row * ENTRY.size;
    const gid = new Uint8Array(view.buffer, view.byteOffset + at + ENTRY.gid, GID_SIZE).slice();
    return {
      index: view.getUint32(at + ENTRY.gid_index, true),
      port: view.getUint32(at + ENTRY.port_num, true),
      gid,
      type: TYPES.get(view.getUint32(at + ENTRY.gid_type, true)),
      interfaceIndex: view.getUint32(at + ENTRY.ndev_ifindex, true),
    };
  });
}

/** Whether a GID is `::ffff:a.b.c.d`, which stands for an IPv4 address. */
export function isMappedGid(gid: Uint8Array): boolean {
  return gid.subarray(0, 10).every((byte) => byte === 0) && gid[10] === 0xff && gid[11] === 0xff;
}

/** Whether a GID is link-local, `fe80::/10`: it goes no further than the link. */
export function isLinkLocalGid(gid: Uint8Array): boolean {
  return gid[0] === 0xfe && ((gid[1] ?? 0) & 0xc0) === 0x80;
}

/** A GID as text, as RFC 5952 writes IPv6: `fe80::58c1:a6ff:fe35:6ae`, `::ffff:10.7.0.1`. */
export function gidText(gid: Uint8Array): string {
  checkGid(gid);
  if (isMappedGid(gid)) return `::ffff:${gid.subarray(12).join(".")}`;
  const groups = Array.from({ length: 8 }, (_, index) => (gid[2 * index] ?? 0) * 256 + (gid[2 * index + 1] ?? 0));
  const words = groups.map((group) => group.toString(16));
  const run = longestRunOfZeros(groups);
  if (run.length < 2) return words.join(":");
  return `${words.slice(0, run.start).join(":")}::${words.slice(run.start + run.length).join(":")}`;
}

/** The GID of an IPv6 address, or of an IPv4 address, which it maps. Throws RangeError for what is neither. */
export function parseGid(text: string): Uint8Array<ArrayBuffer> {
  const gid = parseIpv4(text) ?? parseIpv6(text);
  if (gid === undefined) throw new RangeError(`${JSON.stringify(text)} is neither an IPv6 nor an IPv4 address`);
  return gid;
}

/** Throws RangeError unless `gid` has 16 bytes. */
export function checkGid(gid: Uint8Array): void {
  if (gid.length !== GID_SIZE) throw new RangeError(`a GID of ${gid.length} bytes: ${GID_SIZE} are wanted`);
}

/**
 * Of a port's GIDs, the one to speak with: RoCE v2 before v1; among those the one that maps an IPv4 address, then a
 * global one, then a link-local one; the first of several. `address`, an IP address of this side, is preferred to all;
 * `peer`, one of the other side, to the kind of GID: an IPv4 peer is spoken to from an IPv4 address, a link-local one
 * from a link-local one. Undefined where the table is empty.
 */
export function chooseGid(
  table: readonly GidEntry[],
  wish: { readonly address?: string; readonly peer?: string } = {},
): GidEntry | undefined {
  const own = wish.address === undefined ? undefined : gidText(parseGid(wish.address));
  const peerKind = wish.peer === undefined ? undefined : kindOf(parseGid(wish.peer));
  const rank = ({ gid, type }: GidEntry): number => {
    const kind = kindOf(gid);
    return (own !== undefined && gidText(gid) === own ? 1_000 : 0) + (kind === peerKind ? 100 : 0) +
      TYPE_RANK[type ?? "IB"] * 10 + KIND_RANK[kind];
  };
  let best: GidEntry | undefined;
  for (const entry of table) {
    if (best === undefined || rank(entry) > rank(best)) best = entry;
  }
  return best;
}

type Kind = "mapped" | "global" | "link-local";

const KIND_RANK: Readonly<Record<Kind, number>> = { mapped: 2, global: 1, "link-local": 0 };
const TYPE_RANK: Readonly<Record<GidType, number>> = { "RoCE v2": 2, IB: 1, "RoCE v1": 0 };

function kindOf(gid: Uint8Array): Kind {
  if (isMappedGid(gid)) return "mapped";
  return isLinkLocalGid(gid) ? "link-local" : "global";
}

function longestRunOfZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

function parseIpv4(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = ipv4Bytes(text);
  if (bytes === undefined) return undefined;
  const gid = new Uint8Array(GID_SIZE);
  gid.set([0xff, 0xff, ...bytes], 10);
  return gid;
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return parts.map(Number);
}

function parseIpv6(text: string): Uint8Array<ArrayBuffer> | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupBytes(halves[0] ?? "");
  const tail = groupBytes(halves[1] ?? "");
  if (head === undefined || tail === undefined) return undefined;
  const missing = GID_SIZE - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const gid = new Uint8Array(GID_SIZE);
  gid.set(head);
  gid.set(tail, GID_SIZE - tail.length);
  return gid;
}

// The bytes of groups between colons, of which the last may be an IPv4 address.
function groupBytes(text: string): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    const dotted = index === groups.length - 1 ? ipv4Bytes(group) : undefined;
    if (dotted !== undefined) bytes.push(...dotted);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) bytes.push(parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return bytes.length > GID_SIZE ? undefined : bytes;
}
