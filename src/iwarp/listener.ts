/**
 * The passive side: accepts sockets, reads their MPA requests, and hands out connection requests.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import { reasonOf, VerbenaError, VerbsError, WireError } from "../rdma/errors.ts";
import type { ConnectionRequest, Endpoint, EndpointOptions, Listener, RdmaAddress } from "../rdma/provider.ts";
import { MAX_PENDING_REQUESTS, RequestQueue } from "../rdma/request_queue.ts";
import { Counters } from "../rdma/statistics.ts";
import { closeQuietly, type IwarpEndpoint } from "./endpoint.ts";
import { encodeMpaFrame, type MpaFrame } from "./mpa.ts";
import { agreeAsResponder, rejectFrame } from "./negotiation.ts";
import { type EndpointMaker, readFrame, SocketDeadline, writeAll } from "./setup.ts";

/** The listener. */
export class IwarpListener implements Listener {
  /** Where it listens. */
  readonly address: RdmaAddress;
  readonly #domain: EndpointMaker;
  readonly #listener: Deno.TcpListener;
  readonly #refused = new Counters();
  readonly #settingUp = new Map<Deno.TcpConn, Promise<void>>();
  readonly #ready = new RequestQueue<IwarpRequest>();
  readonly #accepting: Promise<void>;
  #closed = false;

  /** Starts accepting. */
  constructor(domain: EndpointMaker, listener: Deno.TcpListener) {
    this.#domain = domain;
    this.#listener = listener;
    this.address = { hostname: listener.addr.hostname, port: listener.addr.port };
    this.#accepting = this.#accept();
  }

  /** Refusals by reason. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused.map;
  }

  /** The requests, until {@linkcode close}. */
  [Symbol.asyncIterator](): AsyncIterator<ConnectionRequest> {
    return this.#ready[Symbol.asyncIterator]();
  }

  /** Stops. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listener.close();
      for (const socket of this.#settingUp.keys()) closeQuietly(socket);
      for (const request of this.#ready.close()) request.drop();
    }
    await this.#accepting;
    await Promise.all(this.#settingUp.values());
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      let socket: Deno.TcpConn;
      try {
        socket = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        // Out of descriptors, or a peer that reset before it was accepted: neither ends the listener.
        this.#refused.add(reasonOf(error));
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      if (this.#closed) return closeQuietly(socket);
      if (this.#settingUp.size + this.#ready.length >= MAX_PENDING_REQUESTS) {
        this.#refused.add("too many pending requests");
        closeQuietly(socket);
        continue;
      }
      this.#settingUp.set(socket, this.#setUp(socket).finally(() => this.#settingUp.delete(socket)));
    }
  }

  async #setUp(socket: Deno.TcpConn): Promise<void> {
    using deadline = new SocketDeadline();
    using _guard = deadline.closesOnAbort(socket);
    try {
      socket.setNoDelay(true);
      const { frame, rest } = await readFrame(socket, "request");
      // An initiator may not send before it has the reply (RFC 5044 §7.1.2).
      if (rest.length > 0) throw new WireError("mpa", "bytes behind the request", rest.length);
      if (this.#closed) return closeQuietly(socket);
      if (frame.markers) return await this.#refuseMarkers(socket, frame);
      this.#ready.push(new IwarpRequest(this.#domain, socket, frame));
    } catch (error) {
      closeQuietly(socket);
      if (this.#closed) return;
      const cause = deadline.explain("accept", error);
      // Of a malformed request the rule it broke, which is one of a few; never what was found.
      if (error instanceof WireError && !deadline.signal.aborted) this.#refused.add(error.field);
      else this.#refused.add(cause instanceof VerbsError ? cause.code : cause.message);
    }
  }

  async #refuseMarkers(socket: Deno.TcpConn, request: MpaFrame): Promise<void> {
    this.#refused.add("markers");
    await sendReject(socket, encodeMpaFrame("reply", rejectFrame(request, new Uint8Array(0))));
  }
}

/** A request that waits for its answer. */
class IwarpRequest implements ConnectionRequest {
  readonly remote: RdmaAddress;
  readonly privateData: Uint8Array;
  readonly #domain: EndpointMaker;
  readonly #socket: Deno.TcpConn;
  readonly #frame: MpaFrame;
  #answered = false;

  constructor(domain: EndpointMaker, socket: Deno.TcpConn, frame: MpaFrame) {
    this.#domain = domain;
    this.#socket = socket;
    this.#frame = frame;
    this.remote = { hostname: socket.remoteAddr.hostname, port: socket.remoteAddr.port };
    this.privateData = frame.privateData;
  }

  async accept(options: EndpointOptions = {}): Promise<Endpoint> {
    this.#answer();
    let endpoint: IwarpEndpoint | undefined;
    using deadline = new SocketDeadline(options.setupTimeout, options.signal);
    using _guard = deadline.closesOnAbort(this.#socket);
    try {
      const { reply, agreement } = agreeAsResponder(this.#domain.wishes(options, this.remote.hostname), this.#frame);
      endpoint = this.#domain.endpoint(this.#socket, true, agreement, new Uint8Array(0), options);
      await writeAll(this.#socket, encodeMpaFrame("reply", reply));
      endpoint.start();
      return endpoint;
    } catch (error) {
      closeQuietly(this.#socket);
      const cause = deadline.explain(`accept ${formatAddress(this.remote)}`, error);
      if (cause instanceof VerbenaError) endpoint?.abandon(cause);
      throw cause;
    }
  }

  async reject(privateData: Uint8Array = new Uint8Array(0)): Promise<void> {
    const frame = encodeMpaFrame("reply", rejectFrame(this.#frame, privateData));
    this.#answer();
    await sendReject(this.#socket, frame);
  }

  /** Closes without an answer. */
  drop(): void {
    this.#answered = true;
    closeQuietly(this.#socket);
  }

  #answer(): void {
    if (this.#answered) throw new RangeError("the connection request was answered already");
    this.#answered = true;
  }
}

// A peer that is gone by now needs no refusal.
async function sendReject(socket: Deno.TcpConn, reply: Uint8Array): Promise<void> {
  try {
    await writeAll(socket, reply);
  } catch {
    // reset or closed
  }
  closeQuietly(socket);
}
