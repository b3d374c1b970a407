/**
 * SMB over SMB Direct.
 *
 * @module
 */
import { formatAddress } from "../../rdma/address.ts";
import { type VerbenaError, VerbsError } from "../../rdma/errors.ts";
import type { ProtectionDomain, RdmaAddress } from "../../rdma/provider.ts";
import { connectSmbDirect, type SmbDirectConnection } from "../../smbdirect/mod.ts";
import { joined } from "./joined.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { SmbTransport, TransportEvents } from "./transport.ts";

/** The longest message to put together: what a READ brings without RDMA, and room for its header. */
const MOST_FRAGMENTED = 1_048_576;

/** An SMB Direct connection that carries messages. */
export class RdmaTransport implements SmbTransport {
  readonly name: string;
  readonly headroom = 0;
  readonly maxSend: number;
  readonly maxReceive = MOST_FRAGMENTED;
  readonly maxReadWriteSize: number;
  readonly closed: Promise<VerbenaError | undefined>;
  #asked = false;

  private constructor(readonly domain: ProtectionDomain, readonly connection: SmbDirectConnection, peer: string) {
    this.name = domain.transport;
    this.maxSend = connection.parameters.maxFragmentedSendSize;
    this.maxReadWriteSize = connection.parameters.maxReadWriteSize;
    this.closed = connection.closed.then(({ error }) => {
      if (this.#asked) return undefined;
      return error ?? new VerbsError(`SMB Direct with ${peer}`, "lost", "the server closed the connection");
    });
  }

  /** Connects over `domain`, which stays the caller's. Throws as {@linkcode connectSmbDirect} does. */
  static async connect(
    domain: ProtectionDomain,
    address: RdmaAddress,
    settings: ResolvedSettings,
    signal: AbortSignal,
  ): Promise<RdmaTransport> {
    const { sendCredits, receiveCredits, rdmaTimeout } = settings;
    const connection = await connectSmbDirect(domain, address, {
      sendCreditTarget: sendCredits,
      receiveCreditMax: receiveCredits,
      maxFragmentedSize: MOST_FRAGMENTED,
      maxQueuedBytes: 16 * MOST_FRAGMENTED,
      negotiateTimeout: rdmaTimeout,
      setupTimeout: rdmaTimeout,
      signal,
    });
    return new RdmaTransport(domain, connection, formatAddress(address));
  }

  start(events: TransportEvents): void {
    this.connection.onMessage = (message) => events.message(message, 0);
  }

  async send(frame: Uint8Array<ArrayBuffer>, payload?: Uint8Array): Promise<void> {
    const message = payload === undefined ? frame : joined(frame, payload);
    while (!this.connection.writable) {
      await this.connection.ready();
      if (!this.connection.writable) return; // it is over; `closed` says why
    }
    this.connection.send(message);
  }

  async close(): Promise<void> {
    this.#asked = true;
    await this.connection.close({ linger: 0 });
    await this.closed;
  }
}
