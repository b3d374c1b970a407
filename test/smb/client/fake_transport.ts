/**
 * A transport without a wire: what is sent is kept, and what comes is what a test delivers.
 *
 * @module
 */
import { SystemError, type VerbenaError } from "../../../src/rdma/errors.ts";
import { Exchange } from "../../../src/smb/client/exchange.ts";
import { resolveSmbSettings, type SmbSettings } from "../../../src/smb/client/settings.ts";
import { SmbStatistics } from "../../../src/smb/client/statistics.ts";
import type { SmbTransport, TransportEvents } from "../../../src/smb/client/transport.ts";
import { assert } from "../../assert.ts";

/** The transport. */
export class FakeTransport implements SmbTransport {
  readonly name = "fake";
  readonly domain = undefined;
  readonly headroom = 12;
  readonly maxSend = 1 << 20;
  readonly maxReceive = 1 << 20;
  readonly maxReadWriteSize = 0;
  readonly closed: Promise<VerbenaError | undefined>;
  /** What was sent, whole, framing aside. */
  readonly sent: Uint8Array<ArrayBuffer>[] = [];
  /** Called with each message as it is sent. */
  onSend: ((message: Uint8Array<ArrayBuffer>) => void) | undefined;
  /** While set, nothing that is sent leaves before this is fulfilled. */
  stalled: Promise<void> | undefined;
  /** From which length on it asks where a message's payload goes. */
  longFrom = 65_533;
  readonly #end = Promise.withResolvers<VerbenaError | undefined>();
  #events: TransportEvents | undefined;
  #over = false;

  /** It waits to be started. */
  constructor() {
    this.closed = this.#end.promise;
  }

  start(events: TransportEvents): void {
    assert(this.#events === undefined, "a transport is started once");
    this.#events = events;
  }

  async send(frame: Uint8Array<ArrayBuffer>, payload: Uint8Array = new Uint8Array(0)): Promise<void> {
    if (this.#over) return;
    const message = new Uint8Array(frame.length - this.headroom + payload.length);
    message.set(frame.subarray(this.headroom));
    message.set(payload, frame.length - this.headroom);
    this.sent.push(message);
    this.onSend?.(message);
    await this.stalled;
  }

  // deno-lint-ignore require-await -- the contract's
  async close(): Promise<void> {
    this.#finish(undefined);
  }

  /** The connection breaks. */
  break(error: VerbenaError = new SystemError("fake", "ECONNRESET", "the server closed it")): void {
    this.#finish(error);
  }

  /** A message comes. Its memory is used again at once. */
  deliver(...messages: readonly Uint8Array[]): void {
    for (const message of messages) {
      if (this.#over) return;
      const [view, elsewhere] = this.#place(message.slice());
      this.#events?.message(view, elsewhere);
      view.fill(0xee);
    }
  }

  #place(message: Uint8Array): [view: Uint8Array, elsewhere: number] {
    const placement = message.length < this.longFrom
      ? undefined
      : this.#events?.place(message.slice(0, 256), message.length);
    if (placement === undefined) return [message, 0];
    placement.into.set(message.subarray(placement.offset));
    return [message.subarray(0, placement.offset), placement.into.length];
  }

  #finish(error: VerbenaError | undefined): void {
    this.#over = true;
    this.#end.resolve(error);
  }
}

/** An exchange over a fake transport; ends with the block it is declared in. */
export interface Stage extends AsyncDisposable {
  /** The transport. */
  readonly transport: FakeTransport;
  /** The exchange. */
  readonly exchange: Exchange;
  /** Its counters. */
  readonly statistics: SmbStatistics;
}

/** Sets the stage, with `credits` to use. */
export function stage(credits = 10, settings: SmbSettings = {}): Stage {
  const transport = new FakeTransport();
  const statistics = new SmbStatistics();
  const exchange = new Exchange(transport, resolveSmbSettings({ credits: 10, ...settings }), statistics);
  exchange.window.grant(credits - 1);
  return { transport, exchange, statistics, [Symbol.asyncDispose]: () => exchange.close() };
}

/** How a promise ended: its value, or its error's message. */
export async function outcomes(promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((each) => each.status === "fulfilled" ? each.value : messageOf(each.reason));
}

function messageOf(reason: unknown): unknown {
  return reason instanceof Error ? `${reason.constructor.name}: ${reason.message}` : reason;
}
