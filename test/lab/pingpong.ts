/**
 * The ping-pong of rdma-core's example programs, `ibv_rc_pingpong(1)` and `ibv_ud_pingpong(1)`: queue pairs are told each
 * other over TCP, and then throw a message to and fro.
 *
 * @module
 */
import { Access } from "../../src/rdma/memory.ts";
import {
  type AddressHandle,
  chooseGid,
  type Context,
  GRH_SIZE,
  type QueuePair,
  ReceiveBatch,
  SendBatch,
  WorkCompletions,
  workStatusText,
} from "../../src/verbs/mod.ts";
import { assert, assertEquals, hex } from "../assert.ts";

/** Bytes of what each side tells the other: `LLLL:QQQQQQ:PPPPPP:`, the GID in 32 digits, and NUL. */
const EXCHANGE_SIZE = 52;
const QUEUE_KEY = 0x1111_1111;
const RECEIVES = 8;
const PACKET_NUMBER = 0x123456;
const RECEIVED = 1;
const SENT = 2;

/** The services that the programs have in common with these tests. */
export type PingPongType = "RC" | "UD";

/** What a side tells the other. */
interface Destination {
  readonly lid: number;
  readonly queuePair: number;
  readonly packetNumber: number;
  readonly gid: Uint8Array;
}

/** How a game is played. */
export interface PingPongOptions {
  readonly type: PingPongType;
  /** Bytes of the message. */
  readonly size: number;
  /** How often each side throws it. */
  readonly rounds: number;
  /** Whether this side is the server, which is thrown the first message. */
  readonly server: boolean;
}

/** Plays one game with the program at the other end of `connection`; the messages received. */
export async function playPingPong(
  context: Context,
  connection: Deno.TcpConn,
  options: PingPongOptions,
): Promise<number> {
  const { type, size, server } = options;
  const own = chooseGid(context.gids(1));
  assert(own !== undefined, "the device has a GID");
  using domain = context.allocateProtectionDomain();
  using queue = context.createCompletionQueue({ entries: 2 * RECEIVES });
  using queuePair = domain.createQueuePair({ type, sendQueue: queue, receiveDepth: RECEIVES, sendDepth: RECEIVES });
  using region = domain.register(GRH_SIZE + size, Access.LOCAL_WRITE);
  using receives = new ReceiveBatch(1);
  using send = new SendBatch(1);
  using completions = new WorkCompletions(RECEIVES);
  const headerSize = type === "UD" ? GRH_SIZE : 0;
  initialise(queuePair);
  const receive = (): void => {
    queuePair.postReceive(receives.reset().receive(RECEIVED).into(region, GRH_SIZE - headerSize, headerSize + size));
  };
  for (let index = 0; index < RECEIVES; index++) receive();

  const us = { lid: 0, queuePair: queuePair.number, packetNumber: PACKET_NUMBER, gid: own.gid };
  const them = await exchange(connection, us, server, (peer) => connect(queuePair, own.index, peer));
  using handle: AddressHandle | undefined = type === "UD"
    ? domain.createAddressHandle({ port: 1, gid: them.gid, gidIndex: own.index })
    : undefined;
  let [thrown, sent, received] = [0, 0, 0];
  const play = (): void => {
    send.reset().send(SENT).from(region, GRH_SIZE, size);
    if (handle !== undefined) send.to(handle, them.queuePair, QUEUE_KEY);
    queuePair.postSend(send);
    thrown++;
  };
  if (!server) play();
  const deadline = performance.now() + 30_000;
  while (sent < options.rounds || received < options.rounds) {
    const count = queue.poll(completions);
    for (let index = 0; index < count; index++) {
      assertEquals(workStatusText(completions.status(index)), "success");
      if (completions.id(index) === SENT) {
        sent++;
        continue;
      }
      assertEquals(completions.byteLength(index), headerSize + size);
      received++;
      receive();
      if (thrown < options.rounds) play();
    }
    if (count > 0) continue;
    assert(performance.now() < deadline, `the game ends in time: ${sent} sent, ${received} received`);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return received;
}

function initialise(queuePair: QueuePair): void {
  const initial = { state: "INIT", partitionKeyIndex: 0, port: 1 } as const;
  queuePair.modify(queuePair.type === "UD" ? { ...initial, queueKey: QUEUE_KEY } : { ...initial, access: 0 });
}

function connect(queuePair: QueuePair, gidIndex: number, peer: Destination): void {
  if (queuePair.type === "UD") {
    queuePair.modify({ state: "RTR" });
    queuePair.modify({ state: "RTS", sendPacketNumber: PACKET_NUMBER });
    return;
  }
  queuePair.modify({
    state: "RTR",
    path: { port: 1, gid: peer.gid, gidIndex, hopLimit: 1 },
    pathMtu: 3,
    destination: peer.queuePair,
    receivePacketNumber: peer.packetNumber,
    maxReadAtomicDestination: 1,
    minRnrTimer: 12,
  });
  queuePair.modify({
    state: "RTS",
    timeout: 14,
    retryCount: 7,
    rnrRetry: 7,
    sendPacketNumber: PACKET_NUMBER,
    maxReadAtomic: 1,
  });
}

// The client speaks first, and says when it has heard; the server answers once it is connected.
async function exchange(
  connection: Deno.TcpConn,
  us: Destination,
  server: boolean,
  connected: (peer: Destination) => void,
): Promise<Destination> {
  if (!server) await writeAll(connection, destinationBytes(us));
  const them = parseDestination(await readExactly(connection, EXCHANGE_SIZE));
  connected(them);
  if (server) {
    await writeAll(connection, destinationBytes(us));
    assertEquals(new TextDecoder().decode(await readExactly(connection, 5)), "done\0");
  } else {
    await writeAll(connection, new TextEncoder().encode("done\0"));
  }
  return them;
}

function destinationBytes({ lid, queuePair, packetNumber, gid }: Destination): Uint8Array {
  const digits = (value: number, width: number): string => value.toString(16).padStart(width, "0");
  const gidDigits = [...gid].map((byte) => digits(byte, 2)).join("");
  return new TextEncoder().encode(
    `${digits(lid, 4)}:${digits(queuePair, 6)}:${digits(packetNumber, 6)}:${gidDigits}\0`,
  );
}

function parseDestination(bytes: Uint8Array): Destination {
  const text = new TextDecoder().decode(bytes);
  const match = /^([0-9a-f]{4}):([0-9a-f]{6}):([0-9a-f]{6}):([0-9a-f]{32})\0$/.exec(text);
  assert(match !== null, `${JSON.stringify(text)} names a queue pair`);
  const [, lid = "", queuePair = "", packetNumber = "", gid = ""] = match;
  const number = (digits: string): number => parseInt(digits, 16);
  return { lid: number(lid), queuePair: number(queuePair), packetNumber: number(packetNumber), gid: hex(gid) };
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function readExactly(connection: Deno.TcpConn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await connection.read(bytes.subarray(at));
    assert(count !== null, `the peer tells ${length} bytes`);
    at += count;
  }
  return bytes;
}
