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
import { Turns } from "../routes/turns.ts";

/**
 * Answers of one connection that are worked on at once. A pipeline's later requests wait, and what follows them is not
 * read, so that one client's are no more than this whatever it sends.
 */
export const MAX_PIPELINED = 4;
/** Requests behind others of their connections that are begun in one turn of the event loop. */
const PIPELINED_EACH_TURN = 64;

/** What takes requests. */
export type Serve = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** What is due on a connection. */
interface Due {
  /** All answers that are due, those that wait for their turn among them. */
  readonly answers: ServerResponse[]; // a few: what a Set forgets outlives V8's short garbage collections
  /** Requests that wait for their turn. */
  readonly waiting: Parameters<Serve>[];
  /** Since when it has been idle, or has a client that takes nothing, as far as that was looked for; NaN for neither. */
  since: number;
  /** Bytes that had been written to its socket then, and those of them that still waited for the client. */
  written: number;
  left: number;
}

/** How long a connection may do nothing, in milliseconds. */
export interface Patience {
  /** Between two requests. */
  readonly idle: number;
  /** While an answer waits for its client to take it. */
  readonly stall: number;
}

/** Looks for connections in a time that one may do nothing: how much longer than that it can be. */
const LOOKS_PER_TIMEOUT = 4;
/** The most milliseconds between two looks. */
const LOOK_INTERVAL = 1_000;

/** The connections of one server. */
export class HttpConnections {
  readonly #server: Server;
  readonly #serve: Serve;
  readonly #due = new Map<Socket, Due>();
  readonly #patience: Patience;
  readonly #turns = new Turns(PIPELINED_EACH_TURN);
  #finishing = false;

  /**
   * Watches a server from before it listens, and has its requests served: a connection that does nothing beyond `patience`
   * is closed, and one beyond `limits` before anything is read from it.
   */
  constructor(server: Server, serve: Serve, patience: Patience, limits: ClientLimits) {
    this.#server = server;
    this.#serve = serve;
    this.#patience = patience;
    server.on("listening", () => this.#watch());
    server.prependListener("connection", (socket: Socket) => {
      const address = socket.remoteAddress ?? "";
      if (!limits.connected(address)) return void socket.destroy();
      const due: Due = { answers: [], waiting: [], since: NaN, written: 0, left: 0 };
      this.#due.set(socket, due);
      const { resume } = socket;
      // node:http calls it with each request that has come whole.
      socket.resume = () => due.waiting.length > 0 ? socket : resume.call(socket);
      socket.setMaxListeners(0); // each answer of a pipeline waits for "close"
      socket.on("close", () => {
        this.#due.delete(socket);
        limits.disconnected(address);
      });
    });
    server.on("request", (incoming, outgoing) => this.#add(incoming, outgoing));
    server.closeIdleConnections = (): void => this.#closeIdle(); // close() calls it
  }

  /** Takes no more connections, closes those that are idle, and each other one after its last answer. */
  async finish(): Promise<void> {
    this.#finishing = true;
    for (const { answers } of this.#due.values()) for (const outgoing of answers) closeAfter(outgoing);
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
    const due = this.#due.get(socket);
    if (due === undefined) return;
    const { answers, waiting } = due;
    answers.push(outgoing);
    if (this.#finishing) closeAfter(outgoing);
    outgoing.on("close", () => {
      answers.splice(answers.indexOf(outgoing), 1);
      // A body that is still to come, if it ever is, would keep an answered connection open.
      if (!incoming.complete || (this.#finishing && answers.length === 0)) return socket.destroySoon();
      const next = waiting.shift();
      if (next === undefined) return;
      if (waiting.length === 0) socket.resume();
      this.#serveInTurn(...next);
    });
    if (answers.length === 1) return this.#serve(incoming, outgoing);
    if (answers.length <= MAX_PIPELINED) return this.#serveInTurn(incoming, outgoing);
    if (waiting.push([incoming, outgoing]) === 1) socket.pause();
  }

  // Requests of a pipeline are here all at once: answered in a row, they would hold up everybody else's.
  #serveInTurn(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const turn = this.#turns.take(1);
    if (turn === undefined) return this.#serve(incoming, outgoing);
    void turn.then(() => incoming.socket.destroyed || this.#serve(incoming, outgoing));
  }

  // Timers of each socket's own, which node:http sets and clears with every request, cost more than a look now and then.
  #watch(): void {
    const { idle, stall } = this.#patience;
    const interval = Math.min(LOOK_INTERVAL, Math.min(idle, stall) / LOOKS_PER_TIMEOUT);
    const timer = setInterval(() => this.#look(performance.now()), interval);
    this.#server.on("close", () => clearInterval(timer));
  }

  #look(now: number): void {
    const { idle, stall } = this.#patience;
    for (const [socket, due] of this.#due) {
      const left = socket.writableLength;
      const { bytesWritten: written } = socket;
      const isIdle = due.answers.length === 0;
      // One whose answer is not ready yet has done nothing wrong.
      if (!isIdle && left === 0) due.since = NaN;
      else if (Number.isNaN(due.since) || written !== due.written || left !== due.left) {
        due.since = now;
        due.written = written;
        due.left = left;
      } else if (now - due.since >= (isIdle ? idle : stall)) socket.destroy();
    }
  }

  #isAnswering(socket: Socket): boolean {
    for (const outgoing of this.#due.get(socket)?.answers ?? []) if (outgoing.headersSent) return true;
    return false;
  }

  #closeIdle(): void {
    for (const [socket, { answers }] of this.#due) if (answers.length === 0) socket.destroy();
  }
}

/** Has an answer say `Connection: close`, where its head is not on its way yet. */
function closeAfter(outgoing: ServerResponse): void {
  if (!outgoing.headersSent) outgoing.shouldKeepAlive = false;
}
