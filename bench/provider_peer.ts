/**
 * The other process of the provider's benches: takes and answers by plain TCP, lends memory to RDMA Writes and Reads,
 * and answers Sends.
 *
 * Prints `tcp PORT iwarp PORT iwarp+crc PORT` once it listens.
 *
 * @module
 */
import { iwarpProvider } from "../src/iwarp/mod.ts";
import { Access, completions, type Endpoint, Opcode, type ProtectionDomain } from "../src/rdma/mod.ts";

/** Bytes of the region lent. */
export const REGION_SIZE = 1 << 20;
/** Bytes of the longest Send that is answered. */
export const MESSAGE_SIZE = 64;

/** What a TCP connection is asked to do, `rounds` times: read `request` bytes, then write `answer`. */
export interface Exchange {
  /** Bytes of the buffer that is read into. */
  readonly buffer: number;
  readonly request: number;
  readonly answer: number;
  readonly rounds: number;
}

/** {@linkcode Exchange} as a connection is told of it. */
export const EXCHANGE_SIZE = 20;

/** Writes an exchange down. */
export function encodeExchange({ buffer, request, answer, rounds }: Exchange): Uint8Array<ArrayBuffer> {
  const head = new DataView(new ArrayBuffer(EXCHANGE_SIZE));
  head.setUint32(0, buffer);
  head.setFloat64(4, request);
  head.setUint32(12, answer);
  head.setUint32(16, rounds);
  return new Uint8Array(head.buffer);
}

function decodeExchange(bytes: Uint8Array<ArrayBuffer>): Exchange {
  const head = new DataView(bytes.buffer);
  const [buffer, answer, rounds] = [head.getUint32(0), head.getUint32(12), head.getUint32(16)];
  return { buffer, request: head.getFloat64(4), answer, rounds };
}

/** Writes all of `bytes`. */
export async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(at === 0 ? bytes : bytes.subarray(at));
}

/** Reads `total` bytes into `buffer`, over and over; false at the stream's end. */
export async function readAll(connection: Deno.TcpConn, buffer: Uint8Array, total: number): Promise<boolean> {
  for (let got = 0; got < total;) {
    const count = await connection.read(buffer);
    if (count === null) return false;
    got += count;
  }
  return true;
}

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

async function serveTcp(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  const head = new Uint8Array(EXCHANGE_SIZE);
  while (await readAll(connection, head, EXCHANGE_SIZE)) {
    const exchange = decodeExchange(head);
    const buffer = new Uint8Array(exchange.buffer);
    const answer = new Uint8Array(exchange.answer);
    for (let round = 0; round < exchange.rounds; round++) {
      if (!await readAll(connection, buffer, exchange.request)) throw new Error("an exchange broken off");
      await writeAll(connection, answer);
    }
  }
  connection.close();
}

/** Lends each peer a region, and answers its Sends, one at a time, with as many bytes: by then its Writes are placed. */
async function lend(domain: ProtectionDomain): Promise<number> {
  const listener = await domain.listen(LOOPBACK);
  void (async () => {
    for await (const request of listener) {
      const region = domain.register(REGION_SIZE, Access.REMOTE_READ | Access.REMOTE_WRITE | Access.LOCAL_WRITE);
      const message = domain.register(MESSAGE_SIZE, Access.LOCAL_WRITE);
      const lent = new DataView(new ArrayBuffer(12));
      lent.setBigUint64(0, region.address);
      lent.setUint32(8, region.remoteKey);
      const privateData = new Uint8Array(lent.buffer);
      const prepare = (endpoint: Endpoint) => endpoint.postReceive(1, message, 0, MESSAGE_SIZE);
      const endpoint = await request.accept({ privateData, prepare });
      const answer = { id: 2, opcode: Opcode.SEND, region: message, offset: 0, length: 0 };
      const out = completions(8);
      endpoint.onCompletions = () => {
        for (let count = endpoint.poll(out); count > 0; count = endpoint.poll(out)) {
          for (let i = 0; i < count; i++) {
            const done = out[i];
            if (done?.opcode !== Opcode.RECEIVE || done.status !== 0) continue;
            endpoint.postReceive(1, message, 0, MESSAGE_SIZE);
            answer.length = done.length;
            endpoint.postSend(answer);
          }
        }
      };
    }
  })();
  return listener.address.port;
}

async function main(): Promise<void> {
  const tcp = Deno.listen(LOOPBACK);
  void (async () => {
    for await (const connection of tcp) void serveTcp(connection);
  })();
  const plain = await lend(await iwarpProvider({ crc: "off" }).open(LOOPBACK));
  const checked = await lend(await iwarpProvider({ crc: "on" }).open(LOOPBACK));
  // deno-lint-ignore no-console -- the one line the bench waits for
  console.log(`tcp ${tcp.addr.port} iwarp ${plain} iwarp+crc ${checked}`);
}

if (import.meta.main) await main();
