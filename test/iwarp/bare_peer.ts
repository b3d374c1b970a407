/**
 * A peer on a bare TCP socket, which says exactly what a test has it say.
 *
 * @module
 */
import { closeQuietly } from "../../src/iwarp/endpoint.ts";
import { type IwarpOptions, iwarpProvider } from "../../src/iwarp/mod.ts";
import { encodeMpaFrame, type MpaKind } from "../../src/iwarp/mpa.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import type {
  ConnectionRequest,
  Endpoint,
  EndpointOptions,
  Listener,
  ProtectionDomain,
} from "../../src/rdma/provider.ts";
import { nextRequest } from "../rdma/players.ts";

/** Where tests listen. */
export const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

/** A domain of the iwarp provider. */
export function openDomain(options: IwarpOptions = {}): Promise<ProtectionDomain> {
  return iwarpProvider({ crc: "on", ...options }).open(LOOPBACK);
}

/** A set-up frame of revision 2 with CRC and depths of 16, with no ready-to-receive frame. */
export function setupFrame(kind: MpaKind): Uint8Array<ArrayBuffer> {
  const enhanced = { ird: 16, ord: 16, peerToPeer: false, rtrSend: false, rtrWrite: false, rtrRead: false };
  const flags = { markers: false, crc: true, reject: false, revision: 2 };
  return encodeMpaFrame(kind, { ...flags, enhanced, privateData: new Uint8Array(0) });
}

/** Bytes of the reply to {@linkcode setupFrame}. */
export const REPLY_SIZE = 24;

/** A listener of ours with a bare socket connected to it. */
export class BareInitiator implements AsyncDisposable {
  private constructor(
    readonly domain: ProtectionDomain,
    readonly listener: Listener,
    readonly socket: Deno.TcpConn,
  ) {}

  static async connect(options?: IwarpOptions): Promise<BareInitiator> {
    const domain = await openDomain(options);
    const listener = await domain.listen(LOOPBACK);
    const socket = await Deno.connect({ hostname: "127.0.0.1", port: listener.address.port });
    return new BareInitiator(domain, listener, socket);
  }

  /** Sends its request and gives what the listener makes of it. */
  async request(): Promise<ConnectionRequest> {
    await writeAll(this.socket, setupFrame("request"));
    return await nextRequest(this.listener);
  }

  /** Completes the set-up and gives our end of it. */
  async accepted(options?: EndpointOptions): Promise<Endpoint> {
    const request = await this.request();
    const [endpoint] = await Promise.all([request.accept(options), readExactly(this.socket, REPLY_SIZE)]);
    return endpoint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeQuietly(this.socket);
    await this.listener.close();
    this.domain[Symbol.dispose]();
  }
}

/** Reads that many bytes. */
export async function readExactly(socket: Deno.TcpConn, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const count = await socket.read(bytes.subarray(at));
    if (count === null) throw new Error(`the end after ${at} of ${size} bytes`);
    at += count;
  }
  return bytes;
}

/** Reads to the end and gives the count of bytes, or `reset`. */
export async function readToEnd(socket: Deno.TcpConn): Promise<number | "reset"> {
  const bytes = new Uint8Array(65_536);
  let sum = 0;
  try {
    for (;;) {
      const count = await socket.read(bytes);
      if (count === null) return sum;
      sum += count;
    }
  } catch {
    return "reset";
  }
}

/** Waits until `holds` does. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
