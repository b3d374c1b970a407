/**
 * A socket read and written by the system's own calls, from and into memory of any kind, without waiting.
 *
 * @module
 */
import { libc, socketDescriptor } from "../../ffi/mod.ts";
import type { Outlet } from "./fpdu_writer.ts";

// Linux's.
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;

/** Reads and writes a Deno socket beside Deno. To be let go of before the socket is closed: its descriptor may then be another's. */
export class DirectSocket implements Outlet {
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

  /** Fills `into` with what has come, and returns how much that was; 0 or less where nothing has, or nothing will. */
  receive(into: Uint8Array<ArrayBuffer>): number {
    return libc().recv(this.#descriptor, into, into.length, MSG_DONTWAIT);
  }

  /** See {@linkcode Outlet.send}. Where more follows, it waits for that before it leaves in a segment that is not full. */
  send(bytes: Uint8Array<ArrayBuffer>, more = true): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    return libc().send(this.#descriptor, bytes, bytes.length, flags);
  }
}
