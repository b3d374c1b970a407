/**
 * The other process of the provider bench: takes what comes by plain TCP, and lends memory to RDMA Writes.
 *
 * Prints `tcp PORT iwarp PORT iwarp+crc PORT` once it listens, and ends with its standard input.
 *
 * @module
 */
import { iwarpProvider } from "../src/iwarp/mod.ts";
import { Access, completions, type Endpoint, Opcode, type ProtectionDomain } from "../src/rdma/mod.ts";

/** Bytes of the region lent, and of the buffer that TCP is read into. */
const SIZE = 1 << 20;

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

/** Takes bytes and drops them; a connection that says how many it sends gets one byte back when they are there. */
async function takeTcp(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(SIZE);
  let wanted = -8;
  const head = new DataView(new ArrayBuffer(8));
  for (;;) {
    const count = await connection.read(wanted < 0 ? new Uint8Array(head.buffer, 8 + wanted) : buffer);
    if (count === null) return connection.close();
    if (wanted < 0 && count < 8) throw new Error("a head in pieces");
    wanted = wanted < 0 ? Number(head.getBigUint64(0)) : wanted - count;
    if (wanted === 0) {
      await connection.write(buffer.subarray(0, 1));
      wanted = -8;
    }
  }
}

/** Lends a region to one peer, and answers each of its Sends with one: by then its Writes are placed. */
async function lend(domain: ProtectionDomain, crc: string): Promise<string> {
  const listener = await domain.listen(LOOPBACK);
  void (async () => {
    for await (const request of listener) {
      const region = domain.register(SIZE, Access.REMOTE_WRITE | Access.LOCAL_WRITE);
      const answer = domain.register(64, Access.LOCAL_WRITE);
      const lent = new DataView(new ArrayBuffer(12));
      lent.setBigUint64(0, region.address);
      lent.setUint32(8, region.remoteKey);
      const privateData = new Uint8Array(lent.buffer);
      const prepare = (endpoint: Endpoint) => endpoint.postReceive(1, answer, 0, 64);
      const endpoint = await request.accept({ privateData, prepare });
      const out = completions(8);
      endpoint.onCompletions = () => {
        for (let count = endpoint.poll(out); count > 0; count = endpoint.poll(out)) {
          for (let i = 0; i < count; i++) {
            if (out[i]?.opcode !== Opcode.RECEIVE || out[i]?.status !== 0) continue;
            endpoint.postReceive(1, answer, 0, 64);
            endpoint.postSend({ id: 2, opcode: Opcode.SEND, region: answer, offset: 0, length: 1 });
          }
        }
      };
    }
  })();
  return `${crc} ${listener.address.port}`;
}

async function main(): Promise<void> {
  const tcp = Deno.listen(LOOPBACK);
  void (async () => {
    for await (const connection of tcp) void takeTcp(connection);
  })();
  const plain = await lend(await iwarpProvider({ crc: "off" }).open(LOOPBACK), "iwarp");
  const checked = await lend(await iwarpProvider({ crc: "on" }).open(LOOPBACK), "iwarp+crc");
  // deno-lint-ignore no-console -- the one line the bench waits for
  console.log(`tcp ${tcp.addr.port} ${plain} ${checked}`);
}

await main();
