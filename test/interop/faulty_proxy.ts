/**
 * A TCP proxy that harms what goes through it: it cuts connections between any two bytes, or flips a bit.
 *
 * @module
 */

/** What is done to one connection, at a count of bytes that have gone one way. */
export interface Fault {
  /** `cut` ends the connection both ways, `flip` turns over one bit of the byte at that place. */
  readonly kind: "cut" | "flip";
  /** Which way the bytes go: `out` to the target, `back` from it. */
  readonly direction: "out" | "back";
  /** Bytes that pass unharmed before. */
  readonly after: number;
}

/** The proxy. Give it a plan of faults; with none it only passes bytes on. */
export class FaultyProxy implements AsyncDisposable {
  /** What the next connection suffers; undefined for nothing. */
  plan: () => Fault | undefined = () => undefined;
  /** Connections taken. */
  connections = 0;
  /** Faults that were reached and done. */
  faults = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  readonly #work: Promise<unknown>[] = [];

  /** Listens at a port the system chose. */
  constructor(/** The port of 127.0.0.1 that connections go on to. */ private readonly target: number) {
    this.#work.push(this.#accept());
  }

  /** Where it listens. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Ends every connection that stands. */
  cutAll(): void {
    for (const connection of this.#open) this.#close(connection);
  }

  /** Stops listening and ends every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cutAll();
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      this.connections++;
      this.#work.push(this.#serve(near));
    }
  }

  async #serve(near: Deno.TcpConn): Promise<void> {
    this.#open.add(near);
    let far: Deno.TcpConn;
    try {
      far = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
    } catch {
      return this.#close(near);
    }
    this.#open.add(far);
    near.setNoDelay(true);
    far.setNoDelay(true);
    const fault = this.plan();
    const cut = () => {
      this.#close(near);
      this.#close(far);
    };
    await Promise.all([
      this.#pump(near, far, cut, fault?.direction === "out" ? fault : undefined),
      this.#pump(far, near, cut, fault?.direction === "back" ? fault : undefined),
    ]);
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, cut: () => void, fault: Fault | undefined): Promise<void> {
    const buffer = new Uint8Array(65_536);
    let passed = 0;
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        const place = fault === undefined ? -1 : fault.after - passed;
        passed += count;
        if (fault === undefined || place < 0 || place >= count) {
          await writeAll(to, buffer.subarray(0, count));
          continue;
        }
        this.faults++;
        if (fault.kind === "cut") {
          await writeAll(to, buffer.subarray(0, place));
          break;
        }
        buffer[place] = (buffer[place] as number) ^ (1 << (fault.after & 7));
        await writeAll(to, buffer.subarray(0, count));
      }
    } catch {
      // the other direction, or either peer, has ended the connection
    }
    cut();
  }

  #close(connection: Deno.TcpConn): void {
    if (!this.#open.delete(connection)) return;
    connection.close();
  }
}

async function writeAll(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}
