/**
 * The descriptors of sockets that Deno made, which does not tell them.
 *
 * @module
 */
import { address_family } from "./constants.ts";
import { layout } from "./layout.ts";
import { libc } from "./libc.ts";

const { AF_INET, AF_INET6 } = address_family;
const V4 = layout.sockaddr_in;
const V6 = layout.sockaddr_in6;

/** Descriptors that are looked at below the lowest that is free, and above it. */
const BELOW = 4_096;
const ABOVE = 64;

/** An end of a connection, as Deno tells it. */
export interface SocketEnd {
  /** Numeric. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
}

const address = new Uint8Array(new ArrayBuffer(V6.size));
const view = new DataView(address.buffer);
const length = new Uint32Array(new ArrayBuffer(4));

/**
 * The descriptor of this process's TCP connection between two addresses; undefined where there is none to be found. It is
 * valid for as long as the socket is open, and no longer: afterwards the number may be another's.
 */
export function socketDescriptor(local: SocketEnd, remote: SocketEnd): number | undefined {
  const { getsockname, getpeername } = libc();
  const matches = (descriptor: number): boolean =>
    isAt(getpeername, descriptor, remote) && isAt(getsockname, descriptor, local);
  // Descriptors are given out lowest first, so that a new one is near the lowest that is free.
  const free = lowestFree();
  for (let descriptor = free - 1; descriptor > Math.max(2, free - BELOW); descriptor--) {
    if (matches(descriptor)) return descriptor;
  }
  for (let descriptor = free + 1; descriptor < free + ABOVE; descriptor++) {
    if (matches(descriptor)) return descriptor;
  }
  return undefined;
}

function lowestFree(): number {
  const { dup, close } = libc();
  const descriptor = dup(0);
  if (descriptor >= 0) close(descriptor);
  return descriptor;
}

type Ask = (descriptor: number, address: Uint8Array<ArrayBuffer>, length: Uint32Array<ArrayBuffer>) => number;

function isAt(ask: Ask, descriptor: number, end: SocketEnd): boolean {
  length[0] = address.length;
  if (ask(descriptor, address, length) !== 0) return false;
  const family = view.getUint16(V4.sin_family, true);
  if (family !== AF_INET && family !== AF_INET6) return false;
  return view.getUint16(V4.sin_port) === end.port && hostOf(family) === canonical(end.hostname);
}

function hostOf(family: number): string {
  if (family === AF_INET) return address.subarray(V4.sin_addr, V4.sin_addr + 4).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(V6.sin6_addr + 2 * index).toString(16));
  return canonical(groups.join(":"));
}

// IPv6 has many spellings of one address.
function canonical(host: string): string {
  return host.includes(":") ? new URL(`http://[${host.split("%", 1)[0]}]`).hostname : host;
}
