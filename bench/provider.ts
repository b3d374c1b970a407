/**
 * The iwarp provider between this process and another, against plain TCP between the same two that moves the same
 * bytes.
 *
 * @module
 */
import { iwarpProvider } from "../src/iwarp/mod.ts";
import { READ_REQUEST_SIZE } from "../src/iwarp/wire.ts";
import { Access, completions, type Endpoint, type MemoryRegion, Opcode, type SendWork } from "../src/rdma/mod.ts";
import { Process } from "../test/interop/process.ts";
import { encodeExchange, type Exchange, MESSAGE_SIZE, readAll, REGION_SIZE, writeAll } from "./provider_peer.ts";

const MIB = 1 << 20;
/** Bytes that Writes posted and not completed have together. */
const FLYING = 8 * MIB;
/** Bytes of a Send, and of the one that answers it. */
export const SEND_SIZE: number = MESSAGE_SIZE;
/** Bytes of a Read; plain TCP is asked for them by as many as a Read Request has. */
export const READ_SIZE = 4096;
/** Bytes of one round of one contender. */
const ROUND_BYTES = 1024 * MIB;

/** One way of moving bytes between the two processes. */
export interface Contender extends AsyncDisposable {
  /** Moves `total` bytes to the other process, `size` at a time; fulfilled when they are there. */
  move(size: number, total: number): Promise<void>;
  /** Sends {@linkcode SEND_SIZE} bytes and is sent as many, once for each sample: microseconds of it. */
  exchange(samples: Float64Array): Promise<void>;
  /** Fetches {@linkcode READ_SIZE} bytes, once for each sample: microseconds of it. */
  fetch(samples: Float64Array): Promise<void>;
}

/** The contenders: plain TCP, and iWARP without CRC and with CRC-32C. */
export const CONTENDERS = ["tcp", "iwarp", "iwarpCrc"] as const;
/** One of {@linkcode CONTENDERS}. */
export type ContenderName = typeof CONTENDERS[number];
/** Something of each contender. */
export type PerContender<T> = Readonly<Record<ContenderName, T>>;

/** The contenders, connected to the other process. */
export interface Contenders extends PerContender<Contender>, AsyncDisposable {
  /** The other process's id. */
  readonly peer: number;
}

/** Starts the other process and connects each contender to it. */
export async function openContenders(): Promise<Contenders> {
  await using opened = new AsyncDisposableStack();
  const script = new URL("provider_peer.ts", import.meta.url).pathname;
  // iWARP with FFI is faster than without: both processes have it, or neither
  const { state } = await Deno.permissions.query({ name: "ffi" });
  const withoutFfi = state === "granted" ? [] : ["--deny-ffi"];
  const peer = opened.use(
    new Process(Deno.execPath(), ["run", "-P=test", ...withoutFfi, script], {
      cwd: new URL("../", import.meta.url).pathname,
      name: "provider_peer",
    }),
  );
  const ports = await peer.line(/^tcp (\d+) iwarp (\d+) iwarp\+crc (\d+)$/);
  const tcp = opened.use(await TcpContender.connect(Number(ports[1])));
  const iwarp = opened.use(await IwarpContender.connect(Number(ports[2]), "off"));
  const iwarpCrc = opened.use(await IwarpContender.connect(Number(ports[3]), "on"));
  const kept = opened.move();
  return { tcp, iwarp, iwarpCrc, peer: peer.pid, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Bytes a second of each round of 1 MiB at a time, by contender: `rounds` of them, the contenders in turn in each. */
export type ProviderRates = PerContender<number[]>;

/** Measures {@linkcode ProviderRates}. */
export async function benchProvider(rounds: number): Promise<ProviderRates> {
  await using contenders = await openContenders();
  const rates: ProviderRates = { tcp: [], iwarp: [], iwarpCrc: [] };
  for (let round = -1; round < rounds; round++) { // round −1 warms up
    for (const name of CONTENDERS) {
      const rate = await rateOf(contenders[name], MIB);
      if (round >= 0) rates[name].push(rate);
    }
  }
  return rates;
}

/** Bytes a second of one round, `size` bytes at a time. */
export async function rateOf(contender: Contender, size: number): Promise<number> {
  const started = performance.now();
  await contender.move(size, ROUND_BYTES);
  return ROUND_BYTES / (performance.now() - started) * 1000;
}

class TcpContender implements Contender {
  readonly #bytes = new Uint8Array(REGION_SIZE);

  private constructor(private readonly connection: Deno.TcpConn) {}

  static async connect(port: number): Promise<TcpContender> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return new TcpContender(connection);
  }

  async move(size: number, total: number): Promise<void> {
    await this.#ask({ buffer: size, request: total, answer: 1, rounds: 1 });
    const bytes = this.#bytes.subarray(0, size);
    for (let sent = 0; sent < total; sent += size) await writeAll(this.connection, bytes);
    await readAll(this.connection, this.#bytes.subarray(0, 1), 1);
  }

  exchange(samples: Float64Array): Promise<void> {
    return this.#sample(samples, SEND_SIZE, SEND_SIZE);
  }

  fetch(samples: Float64Array): Promise<void> {
    return this.#sample(samples, READ_REQUEST_SIZE, READ_SIZE);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.connection.close();
    return Promise.resolve();
  }

  async #sample(samples: Float64Array, request: number, answer: number): Promise<void> {
    await this.#ask({ buffer: request, request, answer, rounds: samples.length });
    const out = new Uint8Array(request);
    const into = new Uint8Array(answer);
    for (let index = 0; index < samples.length; index++) {
      const started = performance.now();
      await writeAll(this.connection, out);
      await readAll(this.connection, into, answer);
      samples[index] = (performance.now() - started) * 1000;
    }
  }

  #ask(exchange: Exchange): Promise<void> {
    return writeAll(this.connection, encodeExchange(exchange));
  }
}

class IwarpContender implements Contender {
  readonly #out = completions(16);
  readonly #remote: { readonly remoteAddress: bigint; readonly remoteKey: number };
  #flying = 0; // Writes and Reads posted and not completed
  #answers = 0; // that came and were not waited for yet
  #failure: Error | undefined;
  #met: () => boolean = () => false; // what is waited for
  #wake: (() => void) | undefined;

  private constructor(
    private readonly endpoint: Endpoint,
    private readonly region: MemoryRegion,
    private readonly answer: MemoryRegion,
  ) {
    const lent = new DataView(endpoint.privateData.buffer, endpoint.privateData.byteOffset);
    this.#remote = { remoteAddress: lent.getBigUint64(0), remoteKey: lent.getUint32(8) };
    endpoint.onCompletions = () => this.#poll();
  }

  static async connect(port: number, crc: "on" | "off"): Promise<IwarpContender> {
    const address = { hostname: "127.0.0.1", port };
    const domain = await iwarpProvider({ crc }).open(address);
    const region = domain.register(REGION_SIZE, Access.LOCAL_WRITE);
    const answer = domain.register(MESSAGE_SIZE, Access.LOCAL_WRITE);
    return new IwarpContender(await domain.connect(address), region, answer);
  }

  async move(size: number, total: number): Promise<void> {
    const work = { id: 1, opcode: Opcode.WRITE, region: this.region, offset: 0, length: size, ...this.#remote };
    const depth = FLYING / size;
    const room = () => this.#flying < depth;
    for (let sent = 0; sent < total; sent += size) {
      if (!room()) await this.#until(room);
      this.#flying++;
      this.endpoint.postSend(work);
    }
    await this.#ask({ id: 2, opcode: Opcode.SEND, region: this.region, offset: 0, length: 1 });
  }

  async exchange(samples: Float64Array): Promise<void> {
    const work = { id: 2, opcode: Opcode.SEND, region: this.region, offset: 0, length: SEND_SIZE };
    for (let index = 0; index < samples.length; index++) {
      const started = performance.now();
      await this.#ask(work);
      samples[index] = (performance.now() - started) * 1000;
    }
  }

  async fetch(samples: Float64Array): Promise<void> {
    const work = { id: 3, opcode: Opcode.READ, region: this.region, offset: 0, length: READ_SIZE, ...this.#remote };
    const landed = () => this.#flying === 0;
    for (let index = 0; index < samples.length; index++) {
      const started = performance.now();
      this.#flying++;
      this.endpoint.postSend(work);
      await this.#until(landed);
      samples[index] = (performance.now() - started) * 1000;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endpoint.close();
  }

  async #ask(send: SendWork): Promise<void> {
    this.endpoint.postReceive(4, this.answer, 0, MESSAGE_SIZE);
    this.endpoint.postSend(send);
    await this.#until(this.#answered);
    this.#answers--;
  }

  readonly #answered = () => this.#answers > 0;

  async #until(met: () => boolean): Promise<void> {
    while (!met()) {
      if (this.#failure) throw this.#failure;
      this.#met = met;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #poll(): void {
    for (let count = this.endpoint.poll(this.#out); count > 0; count = this.endpoint.poll(this.#out)) {
      for (let i = 0; i < count; i++) {
        const completion = this.#out[i];
        if (completion === undefined) continue;
        if (completion.status !== 0) this.#failure = new Error(`work ${completion.id}: status ${completion.status}`);
        if (completion.opcode === Opcode.RECEIVE) this.#answers++;
        else if (completion.opcode !== Opcode.SEND) this.#flying--;
      }
    }
    if (this.#failure !== undefined || this.#met()) this.#wake?.();
  }
}
