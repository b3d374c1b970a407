/**
 * A TCP relay that ends a connection behind any byte of it, with a reset, which Deno's own sockets cannot send at will,
 * or with the end of one direction.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";

/** What is done to a connection. */
export interface Cut {
  /** `reset` resets both its halves, `end` ends this direction and throws away the rest of it. */
  readonly how: "reset" | "end";
  /** Whose bytes are counted: `out` are those of who connects, `back` of who accepts. */
  readonly direction: Direction;
  /** How many of them pass. */
  readonly after: number;
}

/** Which way bytes go. */
export type Direction = "out" | "back";

/** The relay. */
export class CuttingRelay implements AsyncDisposable {
  /** What the next connection suffers. */
  plan: Cut | undefined;
  /** Bytes of the last connection that went each way. */
  passed: Record<Direction, Buffer[]> = { out: [], back: [] };
  readonly #server: net.Server;
  readonly #ended: Promise<void>[] = [];

  private constructor(private readonly target: number) {
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => this.#serve(near));
  }

  /** Listens at a port the system chose, and connects to `target` of 127.0.0.1. */
  static async open(target: number): Promise<CuttingRelay> {
    const relay = new CuttingRelay(target);
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Waits until every connection so far is gone. */
  async quiet(): Promise<void> {
    await Promise.all(this.#ended.splice(0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await this.quiet();
    await closed;
  }

  #serve(near: net.Socket): void {
    const far = net.connect({ port: this.target, host: "127.0.0.1", allowHalfOpen: true });
    const { plan } = this;
    this.passed = { out: [], back: [] };
    for (const socket of [near, far]) this.#ended.push(new Promise((resolve) => socket.once("close", () => resolve())));
    const reset = () => {
      near.resetAndDestroy();
      far.resetAndDestroy();
    };
    for (const socket of [near, far]) socket.on("error", reset); // one end is gone: so is the other
    far.once("connect", () => {
      for (const socket of [near, far]) socket.setNoDelay(true);
      this.#pass(near, far, "out", plan, reset);
      this.#pass(far, near, "back", plan, reset);
    });
  }

  #pass(from: net.Socket, to: net.Socket, direction: Direction, plan: Cut | undefined, reset: () => void): void {
    const passed = this.passed[direction];
    let left = plan?.direction === direction ? plan.after : Infinity;
    const cut = () => plan?.how === "reset" ? reset() : to.end();
    if (left === 0) cut();
    from.on("data", (chunk: Buffer) => {
      if (left === 0) return;
      const part = chunk.subarray(0, left);
      left -= part.length;
      passed.push(part);
      if (left > 0) to.write(part);
      else to.write(part, cut); // not before the system has it
    });
    from.on("end", () => to.end());
    from.resume();
  }
}
