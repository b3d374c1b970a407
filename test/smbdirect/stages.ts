/**
 * Where connections are put to the test: memory, and iWARP over loopback TCP through a wire that can be cut.
 *
 * @module
 */
import type { ProtectionDomain, RdmaAddress } from "../../src/rdma/provider.ts";
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import {
  acceptSmbDirect,
  connectSmbDirect,
  type SmbDirectConnection,
  type SmbDirectConnectionOptions,
} from "../../src/smbdirect/mod.ts";
import { nextRequest } from "../rdma/players.ts";
import { MemoryDomain, MemoryNetwork } from "./memory_domain.ts";

/** Two domains that can reach each other. */
export interface Meeting {
  active: ProtectionDomain;
  passive: ProtectionDomain;
  /** Where `passive` can listen. */
  address: RdmaAddress;
}

/** Two domains with a wire between them. */
export interface Stage extends AsyncDisposable, Meeting {
  /** The wire to where `passive` listens. */
  wire(address: RdmaAddress): RdmaAddress;
  /** Cuts every connection that goes through the wire. */
  cut(): void;
}

const LOOPBACK: RdmaAddress = { hostname: "127.0.0.1", port: 0 };

/** A stage in memory. */
export function memoryStage(): Promise<Stage> {
  const network = new MemoryNetwork();
  const active = new MemoryDomain(network);
  const passive = new MemoryDomain(network);
  return Promise.resolve({
    active,
    passive,
    address: LOOPBACK,
    wire: (address: RdmaAddress) => address,
    cut: () => network.cut(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

/** A stage of iWARP over TCP. */
export async function iwarpStage(): Promise<Stage> {
  const provider = iwarpProvider();
  const active = await provider.open(LOOPBACK);
  const passive = await provider.open(LOOPBACK);
  const proxies: Proxy[] = [];
  return {
    active,
    passive,
    address: LOOPBACK,
    wire(address) {
      const proxy = new Proxy(address);
      proxies.push(proxy);
      return { hostname: "127.0.0.1", port: proxy.port };
    },
    cut: () => proxies.forEach((proxy) => proxy.cut()),
    async [Symbol.asyncDispose]() {
      for (const proxy of proxies) await proxy.close();
      active[Symbol.dispose]();
      passive[Symbol.dispose]();
    },
  };
}

/** Forwards TCP connections until it is cut. */
class Proxy {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #sockets: Deno.TcpConn[] = [];
  readonly #done: Promise<unknown>[] = [];

  constructor(target: RdmaAddress) {
    this.#done.push(this.#run(target));
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  cut(): void {
    for (const socket of this.#sockets) {
      try {
        socket.close();
      } catch {
        // it is closed already
      }
    }
  }

  async close(): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.allSettled(this.#done);
  }

  async #run(target: RdmaAddress): Promise<void> {
    for await (const one of this.#listener) {
      const other = await Deno.connect(target);
      this.#sockets.push(one, other);
      this.#done.push(forward(one, other), forward(other, one));
    }
  }
}

async function forward(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    }
    await to.closeWrite();
  } catch {
    // one of them was cut
  }
}

/** Both ends of a negotiated connection. */
export interface Ends extends AsyncDisposable {
  active: SmbDirectConnection;
  passive: SmbDirectConnection;
}

/** How they are connected; `wire` leads to where the passive side listens. */
export interface EndsOptions {
  active?: SmbDirectConnectionOptions;
  passive?: SmbDirectConnectionOptions;
  wire?: (address: RdmaAddress) => RdmaAddress;
}

/** Connects. */
export async function connectEnds(stage: Meeting, options: EndsOptions = {}): Promise<Ends> {
  const listener = await stage.passive.listen(stage.address);
  const accepting = nextRequest(listener).then((request) => acceptSmbDirect(stage.passive, request, options.passive));
  const address = options.wire?.(listener.address) ?? listener.address;
  const [active, passive] = await Promise.all([connectSmbDirect(stage.active, address, options.active), accepting]);
  await listener.close();
  return {
    active,
    passive,
    async [Symbol.asyncDispose]() {
      await Promise.all([active.close({ linger: 0 }), passive.close({ linger: 0 })]);
    },
  };
}
