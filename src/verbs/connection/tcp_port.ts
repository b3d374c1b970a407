/**
 * TCP's own view of a local port.
 *
 * @module
 */
import { libc } from "../../../ffi/mod.ts";
import { addressFamily, type SocketAddress } from "./socket_address.ts";

// Linux's, on x86-64 and aarch64 alike.
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2_000_000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/**
 * Whether TCP would refuse to bind a socket to `address` as iWARP devices bind theirs: somebody listens there, or has a
 * connection, or had one a minute ago. False where that cannot be found out.
 */
export function tcpPortTaken(address: SocketAddress): boolean {
  const { socket, setsockopt, bind, close } = libc();
  const descriptor = socket(addressFamily(address), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  try {
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, new Uint32Array(new ArrayBuffer(4)).fill(1), 4);
    return bind(descriptor, address, address.length) !== 0;
  } finally {
    close(descriptor);
  }
}
