/**
 * A socket read and written by the system's own calls, from and into memory of any kind, without waiting.
 *
 * @module
 */
import { libc, socketDescriptor } from "../../ffi/mod.ts";

// Linux's.
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const IPPROTO_TCP = 6;
const TCP_MAXSEG = 2;

/** Reads and writes a Deno socket beside Deno. To be let go of before the socket is closed: its descriptor may then be another's. */
export class DirectSocket {
  readonly #descriptor: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** That of a socket; undefined without `--allow-ffi`, and on other systems than Linux. */
  static of(socket: Deno.TcpConn): DirectSocket | undefined {
    if (Deno.build.os !== "linux" || Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
    const descriptor = socketDescriptor(socket.localAddr, socket.remoteAddr);
    return descriptor === undefined ? undefined : new DirectSocket(descriptor);
  }

  /** What a full TCP segment carries on the way to the peer, in bytes; undefined where TCP does not say. */
  get segmentSize(): number | undefined {
    const value = new Int32Array(new ArrayBuffer(4));
    const length = new Uint32Array(new ArrayBuffer(4)).fill(4);
    const result = libc().getsockopt(this.#descriptor, IPPROTO_TCP, TCP_MAXSEG, value, length);
    return result === 0 ? value[0] : undefined;
  }

  /** Fills `into` with what has come, and returns how much that was; 0 or less where nothing has, or nothing will. */
  receive(into: Uint8Array<ArrayBuffer>): number {
    return libc().recv(this.#descriptor, into, into.length, MSG_DONTWAIT);
  }

  /** Sends what the socket takes of `bytes` at once, and returns how much that was; 0 or less where it takes none. */
  send(bytes: Uint8Array<ArrayBuffer>): number {
    return libc().send(this.#descriptor, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}
