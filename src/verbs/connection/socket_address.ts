/**
 * Socket addresses: hosts and ports as C has them, IPv4 and IPv6, and the resolution of names.
 *
 * @module
 */
import { address_family, type Bytes, cString, layout, libc, Struct, viewAt } from "../../../ffi/mod.ts";
import { formatAddress } from "../../rdma/address.ts";
import { VerbsError } from "../../rdma/errors.ts";
import type { RdmaAddress } from "../../rdma/provider.ts";
import { GID_SIZE, gidText } from "../gid.ts";

const { AF_INET, AF_INET6 } = address_family;
const V4 = layout.sockaddr_in;
const V6 = layout.sockaddr_in6;
const INFO = layout.addrinfo;

/** One socket type, so that getaddrinfo names each address once. */
const SOCK_STREAM = 1;

/** A `struct sockaddr_in` or `struct sockaddr_in6`. */
export type SocketAddress = Bytes;

/**
 * The addresses of a host, in the order in which the system would try them; its resolver does not hold up the program.
 * Throws VerbsError `unreachable` for a name that has none.
 */
export async function socketAddresses({ hostname, port }: RdmaAddress): Promise<SocketAddress[]> {
  const hints = new Struct(INFO.size);
  hints.view.setInt32(INFO.ai_socktype, SOCK_STREAM, true);
  const found = new Struct(8);
  const result = await libc().getaddrinfo_elsewhere(cString(hostname), 0n, hints.bytes, found.bytes);
  if (result !== 0) {
    const pointer = libc().gai_strerror(result);
    const reason = pointer === null ? `error ${result}` : Deno.UnsafePointerView.getCString(pointer);
    throw new VerbsError(`getaddrinfo(${hostname})`, "unreachable", reason);
  }
  const first = found.view.getBigUint64(0, true);
  try {
    return [...eachAddress(first)].map((address) => withPort(address, port));
  } finally {
    libc().freeaddrinfo(first);
  }
}

function* eachAddress(first: bigint): Generator<SocketAddress> {
  for (let at = first; at !== 0n;) {
    const view = viewAt(at, INFO.size);
    const family = view.getInt32(INFO.ai_family, true);
    const length = view.getUint32(INFO.ai_addrlen, true);
    const address = view.getBigUint64(INFO.ai_addr, true);
    if (family === AF_INET || family === AF_INET6) yield new Uint8Array(viewAt(address, length).buffer.slice(0));
    at = view.getBigUint64(INFO.ai_next, true);
  }
}

/** `AF_INET` or `AF_INET6`. */
export function addressFamily(address: SocketAddress): number {
  return new DataView(address.buffer, address.byteOffset).getUint16(V4.sin_family, true);
}

/** The same address with another port. */
export function withPort(address: SocketAddress, port: number): SocketAddress {
  const copy = address.slice();
  new DataView(copy.buffer).setUint16(V4.sin_port, port); // where sockaddr_in6 has it, too
  return copy;
}

/** The address that stands at `offset`, as it is; undefined where there is none. */
export function copySocketAddress(view: DataView<ArrayBuffer>, offset = 0): SocketAddress | undefined {
  const family = view.getUint16(offset + V4.sin_family, true);
  const size = family === AF_INET ? V4.size : family === AF_INET6 ? V6.size : 0;
  const from = view.byteOffset + offset;
  return size === 0 ? undefined : new Uint8Array(view.buffer.slice(from, from + size));
}

/** The address that stands at `offset`, in words; undefined where there is none. */
export function readSocketAddress(view: DataView<ArrayBuffer>, offset = 0): RdmaAddress | undefined {
  const family = view.getUint16(offset + V4.sin_family, true);
  const port = view.getUint16(offset + V4.sin_port);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset);
  if (family === AF_INET) return { hostname: bytes.subarray(V4.sin_addr, V4.sin_addr + 4).join("."), port };
  if (family !== AF_INET6) return undefined;
  const scope = view.getUint32(offset + V6.sin6_scope_id, true);
  const text = gidText(bytes.subarray(V6.sin6_addr, V6.sin6_addr + GID_SIZE));
  return { hostname: scope === 0 ? text : `${text}%${scope}`, port };
}

/** An address in words, `10.7.0.1:18515`. */
export function socketAddressText(address: SocketAddress): string {
  const known = readSocketAddress(new DataView(address.buffer, address.byteOffset, address.byteLength));
  return known === undefined ? "no address" : formatAddress(known);
}

/** Whether an address is the wildcard, `0.0.0.0` or `::`. */
export function isWildcard(address: SocketAddress): boolean {
  const isV4 = addressFamily(address) === AF_INET;
  const [from, length] = isV4 ? [V4.sin_addr, 4] : [V6.sin6_addr, GID_SIZE];
  return address.subarray(from, from + length).every((byte) => byte === 0);
}

/** IPv4's wildcard where `address` is IPv6's, else undefined. */
export function ipv4Wildcard(address: SocketAddress): SocketAddress | undefined {
  if (addressFamily(address) !== AF_INET6 || !isWildcard(address)) return undefined;
  const wildcard = new Struct(V4.size);
  wildcard.view.setUint16(V4.sin_family, AF_INET, true);
  return wildcard.bytes;
}
