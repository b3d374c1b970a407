/**
 * The iwarp provider alone: 1 MiB RDMA Writes from this process into another's memory, against plain TCP between the
 * same two.
 *
 * @module
 */
import { iwarpProvider } from "../src/iwarp/mod.ts";
import { Access, completions, type Endpoint, type MemoryRegion, Opcode } from "../src/rdma/mod.ts";
import { Process } from "../test/interop/process.ts";

/** Bytes of one Write. */
const SIZE = 1 << 20;
/** Writes posted and not completed, at most. */
const IN_FLIGHT = 8;
/** Bytes of one round of one contender. */
const ROUND_BYTES = 1024 * SIZE;

/** Bytes a second of each round, by contender. */
export interface ProviderRates {
  /** Plain TCP. */
  readonly tcp: number[];
  /** RDMA Writes, FPDUs without CRC. */
  readonly iwarp: number[];
  /** RDMA Writes, FPDUs with CRC-32C. */
  readonly iwarpCrc: number[];
}

/** Runs `rounds` rounds, the contenders in turn within each. */
export async function benchProvider(rounds: number): Promise<ProviderRates> {
  const script = new URL("provider_peer.ts", import.meta.url).pathname;
  await using peer = new Process(Deno.execPath(), ["run", "-P=test", script], {
    cwd: new URL("../", import.meta.url).pathname,
    name: "provider_peer",
  });
  const ports = await peer.line(/^tcp (\d+) iwarp (\d+) iwarp\+crc (\d+)$/);
  await using tcp = await TcpSender.connect(Number(ports[1]));
  await using iwarp = await WriteSender.connect(Number(ports[2]), "off");
  await using iwarpCrc = await WriteSender.connect(Number(ports[3]), "on");
  const rates: ProviderRates = { tcp: [], iwarp: [], iwarpCrc: [] };
  for (let round = -1; round < rounds; round++) { // round −1 warms up
    for (const [name, sender] of [["tcp", tcp], ["iwarp", iwarp], ["iwarpCrc", iwarpCrc]] as const) {
      const started = performance.now();
      await sender.send(ROUND_BYTES);
      const rate = ROUND_BYTES / (performance.now() - started) * 1000;
      if (round >= 0) rates[name].push(rate);
    }
  }
  return rates;
}

class TcpSender implements AsyncDisposable {
  readonly #bytes = new Uint8Array(SIZE);

  private constructor(private readonly connection: Deno.TcpConn) {}

  static async connect(port: number): Promise<TcpSender> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return new TcpSender(connection);
  }

  async send(total: number): Promise<void> {
    const head = new DataView(new ArrayBuffer(8));
    head.setBigUint64(0, BigInt(total));
    await this.connection.write(new Uint8Array(head.buffer));
    for (let sent = 0; sent < total; sent += SIZE) {
      for (let at = 0; at < SIZE;) at += await this.connection.write(this.#bytes.subarray(at));
    }
    await this.connection.read(new Uint8Array(1));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.connection.close();
    return Promise.resolve();
  }
}

class WriteSender implements AsyncDisposable {
  readonly #out = completions(16);
  readonly #address: bigint;
  readonly #key: number;
  #flying = 0;
  #failure: Error | undefined;
  #answered = false;
  #wake = Promise.withResolvers<void>();

  private constructor(
    private readonly endpoint: Endpoint,
    private readonly region: MemoryRegion,
    private readonly answer: MemoryRegion,
  ) {
    const lent = new DataView(endpoint.privateData.buffer, endpoint.privateData.byteOffset);
    this.#address = lent.getBigUint64(0);
    this.#key = lent.getUint32(8);
    endpoint.onCompletions = () => this.#poll();
  }

  static async connect(port: number, crc: "on" | "off"): Promise<WriteSender> {
    const address = { hostname: "127.0.0.1", port };
    const domain = await iwarpProvider({ crc }).open(address);
    const region = domain.register(SIZE, Access.LOCAL_WRITE);
    const answer = domain.register(64, Access.LOCAL_WRITE);
    return new WriteSender(await domain.connect(address), region, answer);
  }

  async send(total: number): Promise<void> {
    const work = {
      id: 1,
      opcode: Opcode.WRITE,
      region: this.region,
      offset: 0,
      length: SIZE,
      remoteAddress: this.#address,
      remoteKey: this.#key,
    };
    this.endpoint.postReceive(2, this.answer, 0, 64);
    this.#answered = false;
    for (let sent = 0; sent < total; sent += SIZE) {
      while (this.#flying >= IN_FLIGHT) await this.#next();
      this.endpoint.postSend(work);
      this.#flying++;
    }
    this.endpoint.postSend({ id: 3, opcode: Opcode.SEND, region: this.region, offset: 0, length: 1 });
    while (!this.#answered) await this.#next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endpoint.close();
  }

  async #next(): Promise<void> {
    await this.#wake.promise;
    if (this.#failure) throw this.#failure;
  }

  #poll(): void {
    for (let count = this.endpoint.poll(this.#out); count > 0; count = this.endpoint.poll(this.#out)) {
      for (let i = 0; i < count; i++) {
        const completion = this.#out[i];
        if (completion === undefined) continue;
        if (completion.status !== 0) this.#failure = new Error(`work ${completion.id}: status ${completion.status}`);
        if (completion.opcode === Opcode.WRITE) this.#flying--;
        if (completion.opcode === Opcode.RECEIVE) this.#answered = true;
      }
    }
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
