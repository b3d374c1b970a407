/**
 * The connections of an HTTP server and the answers that are due on each: what a graceful end has to know.
 *
 * `node:http` has `closeIdleConnections`, but Deno's leaves a connection open on which nothing has been asked yet, and
 * Node's cuts off an answer that has been handed over but still waits for a slow client.
 *
 * @module
 */
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ClientLimits } from "../routes/limits.ts";

/** The connections of one server. */
export class HttpConnections {
  readonly #server: Server;
  readonly #limits: ClientLimits;
  readonly #due = new Map<Socket, Set<ServerResponse>>();
  #finishing = false;

  /**
   * Watches a server from before it listens: a client that takes nothing for `stallTimeout` milliseconds is cut off, and
   * a connection beyond `limits` closed before anything is read from it.
   */
  constructor(server: Server, stallTimeout: number, limits: ClientLimits) {
    this.#server = server;
    this.#limits = limits;
    server.setTimeout(stallTimeout, (socket: Socket) => {
      if (this.#isAnswering(socket)) socket.destroy(); // one whose answer is not ready yet has done nothing wrong
    });
    server.prependListener("connection", (socket: Socket) => {
      const address = socket.remoteAddress ?? "";
      if (!limits.connected(address)) return void socket.destroy();
      socket.on("close", () => limits.disconnected(address));
      this.#due.set(socket, new Set());
      socket.setMaxListeners(0); // each answer of a pipeline waits for "close"
      socket.on("close", () => this.#due.delete(socket));
    });
    server.prependListener("request", (incoming, outgoing) => this.#add(incoming, outgoing));
    server.closeIdleConnections = (): void => this.#closeIdle(); // close() calls it
  }

  /** Takes no more connections, closes those that are idle, and each other one after its last answer. */
  async finish(): Promise<void> {
    this.#finishing = true;
    for (const answers of this.#due.values()) for (const outgoing of answers) closeAfter(outgoing);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Closes every connection whose answer is on its way to a client that does not take it; settles when they are closed. */
  async cutOff(): Promise<void> {
    const closed: Promise<unknown>[] = [];
    for (const socket of this.#due.keys()) {
      if (!this.#isAnswering(socket)) continue;
      closed.push(once(socket, "close"));
      socket.destroy();
    }
    await Promise.all(closed);
  }

  #add(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { socket } = incoming;
    const answers = this.#due.get(socket);
    if (answers === undefined) return;
    answers.add(outgoing);
    this.#limits.inFlight++;
    if (this.#finishing) closeAfter(outgoing);
    outgoing.on("close", () => {
      if (answers.delete(outgoing)) this.#limits.inFlight--;
      // A body that is still to come, if it ever is, would keep an answered connection open.
      if (!incoming.complete || (this.#finishing && answers.size === 0)) socket.destroySoon();
    });
  }

  #isAnswering(socket: Socket): boolean {
    for (const outgoing of this.#due.get(socket) ?? []) if (outgoing.headersSent) return true;
    return false;
  }

  #closeIdle(): void {
    for (const [socket, answers] of this.#due) if (answers.size === 0) socket.destroy();
  }
}

/** Has an answer say `Connection: close`, where its head is not on its way yet. */
function closeAfter(outgoing: ServerResponse): void {
  if (!outgoing.headersSent) outgoing.shouldKeepAlive = false;
}
