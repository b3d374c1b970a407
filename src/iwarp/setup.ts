/**
 * What both sides of a connection's set-up need: reading one MPA frame from a socket, and a deadline over it all.
 *
 * @module
 */
import { reasonOf, VerbsError } from "../rdma/errors.ts";
import type { EndpointOptions } from "../rdma/provider.ts";
import { SetupDeadline } from "../rdma/setup_deadline.ts";
import { closeQuietly, type IwarpEndpoint } from "./endpoint.ts";
import { decodeMpaFrame, MPA_HEADER_SIZE, MPA_MAX_PRIVATE_DATA, type MpaFrame, type MpaKind } from "./mpa.ts";
import type { Agreement, MpaWishes } from "./negotiation.ts";

// A reply may have FPDUs right behind it; what does not fit here stays in the socket.
const READ_SIZE = MPA_HEADER_SIZE + MPA_MAX_PRIVATE_DATA + 4096;

/** Makes the endpoints of one protection domain: what a listener needs of it. */
export interface EndpointMaker {
  /** What this side wants of a connection with `host`. */
  wishes(options: EndpointOptions, host: string): MpaWishes;
  /** Makes the endpoint of a socket whose set-up is agreed on and lets the user prepare it; the caller starts it. */
  endpoint(
    socket: Deno.TcpConn,
    responder: boolean,
    agreement: Agreement,
    early: Uint8Array,
    options: EndpointOptions,
  ): IwarpEndpoint;
}

/** Reads a frame, and gives what came behind it. Throws WireError, VerbsError when the peer closes first. */
export async function readFrame(
  socket: Deno.TcpConn,
  kind: MpaKind,
): Promise<{ frame: MpaFrame; rest: Uint8Array }> {
  const bytes = new Uint8Array(READ_SIZE);
  let filled = 0;
  for (;;) {
    const count = await socket.read(bytes.subarray(filled));
    if (count === null) {
      throw new VerbsError(`MPA ${kind}`, "lost", `the peer closed the connection after ${filled} bytes`);
    }
    filled += count;
    const decoded = decodeMpaFrame(kind, bytes.subarray(0, filled));
    if (decoded !== undefined) return { frame: decoded.frame, rest: bytes.subarray(decoded.size, filled) };
  }
}

/** Writes all of `bytes`. */
export async function writeAll(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
}

const LOST = [Deno.errors.ConnectionReset, Deno.errors.ConnectionAborted, Deno.errors.BrokenPipe];

/** A deadline over the set-up of a socket. */
export class SocketDeadline extends SetupDeadline {
  /** Closes the socket when it aborts, which ends whatever waits for it; dispose to let go. */
  closesOnAbort(socket: Deno.TcpConn): Disposable {
    const { signal } = this;
    const onAbort = () => closeQuietly(socket);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    return { [Symbol.dispose]: () => signal.removeEventListener("abort", onAbort) };
  }

  /** See {@linkcode SetupDeadline.explain}. */
  override explain(call: string, error: unknown): Error {
    if (error instanceof Deno.errors.ConnectionRefused && !this.signal.aborted) {
      return new VerbsError(call, "refused", "nothing listens there; start the peer or check the address");
    }
    // Once connected, a broken connection is the peer's doing, as it is where the peer closes it in the ordinary way.
    if (LOST.some((kind) => error instanceof kind) && !this.signal.aborted) {
      return new VerbsError(call, "lost", reasonOf(error));
    }
    return super.explain(call, error);
  }
}
