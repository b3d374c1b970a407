/**
 * What both sides of a connection's set-up need: reading one MPA frame from a socket, and a deadline over it all.
 *
 * @module
 */
import { reasonOf, VerbenaError, VerbsError, WireError } from "../rdma/errors.ts";
import type { EndpointOptions } from "../rdma/provider.ts";
import { closeQuietly, type IwarpEndpoint } from "./endpoint.ts";
import { decodeMpaFrame, MPA_HEADER_SIZE, MPA_MAX_PRIVATE_DATA, type MpaFrame, type MpaKind } from "./mpa.ts";
import type { Agreement, MpaWishes } from "./negotiation.ts";

/** How long a set-up may take by default, in milliseconds. */
export const SETUP_TIMEOUT = 5_000;

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

/** A deadline over a set-up, joined with the caller's signal. */
export interface SetupDeadline extends Disposable {
  /** Aborts when either does. */
  readonly signal: AbortSignal;
  /** Closes the socket when it aborts, which ends whatever waits for it; dispose to let go. */
  closesOnAbort(socket: Deno.TcpConn): Disposable;
  /**
   * The error to throw for one that a step of the set-up met: says timeout or aborted where that was the cause. The
   * caller's own mistakes, RangeError and TypeError, pass as they are.
   */
  explain(call: string, error: unknown): Error;
}

/** Starts a deadline of `timeout` milliseconds. */
export function setupDeadline(timeout = SETUP_TIMEOUT, outer?: AbortSignal): SetupDeadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort("timeout"), timeout);
  const onOuter = () => controller.abort("aborted");
  if (outer?.aborted) onOuter();
  outer?.addEventListener("abort", onOuter);
  const { signal } = controller;
  return {
    signal,
    closesOnAbort(socket) {
      const onAbort = () => closeQuietly(socket);
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort);
      return { [Symbol.dispose]: () => signal.removeEventListener("abort", onAbort) };
    },
    explain(call, error) {
      if (error instanceof RangeError || error instanceof TypeError) return error;
      if (signal.reason === "timeout") return new VerbsError(call, "timeout", `no answer within ${timeout} ms`);
      if (signal.aborted) return new VerbsError(call, "aborted", "by the caller");
      if (error instanceof WireError) return new VerbsError(call, "protocol", error.message);
      if (error instanceof VerbenaError) return error;
      if (error instanceof Deno.errors.ConnectionRefused) {
        return new VerbsError(call, "refused", "nothing listens there; start the peer or check the address");
      }
      return new VerbsError(call, "unreachable", reasonOf(error));
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      outer?.removeEventListener("abort", onOuter);
    },
  };
}
