/**
 * Readers on a Unix socket against engines that lie, and either side against a peer that is slow.
 *
 * @module
 */
import { ReadError, type ReadErrorCode } from "../../src/engine/mod.ts";
import { SocketChannel, type SocketTimes } from "../../src/engine/socket_channel.ts";
import { crc32c } from "../../src/rdma/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects, hex } from "../assert.ts";
import { answerTo, LocalReader, RawSocket, RawSocketEngine, SocketPath, type SocketPlay } from "./socket_stage.ts";
import { rangeOf, until } from "./stage.ts";

const RANGE = rangeOf({ volume: 1, key: 1n, cookie: 5 }, 0, 5_000);
const GOOD = new Uint8Array(5_000).fill(0x5a);
const BAD = new Uint8Array(5_000).fill(0xbd);

/** An engine that does as it should, in two pieces. */
const honest: SocketPlay = (engine, request, id) => {
  engine.piece(id, 0, GOOD.subarray(0, 3_000));
  engine.piece(id, 3_000, GOOD.subarray(3_000));
  engine.send("StartReadResponse", answerTo(request), id);
};

/** How a reader takes an engine's lie, and whether the lie costs the connection. */
const LIES: [what: string, play: SocketPlay, code: ReadErrorCode, lost: boolean][] = [
  ["an answer, but no bytes", (e, r, id) => e.send("StartReadResponse", answerTo(r), id), "unavailable", true],
  [
    "an answer before the last byte",
    (e, r, id) => {
      e.piece(id, 0, BAD.subarray(1));
      e.send("StartReadResponse", answerTo(r), id);
    },
    "unavailable",
    true,
  ],
  [
    "a piece that leaves a gap",
    (e, r, id) => {
      e.piece(id, 0, BAD.subarray(0, 100));
      e.piece(id, 101, BAD.subarray(101));
      e.send("StartReadResponse", answerTo(r), id);
    },
    "unavailable",
    true,
  ],
  ["a piece beyond the range", (e, _r, id) => e.piece(id, 0, new Uint8Array(5_001)), "unavailable", true],
  ["a piece far beyond the range", (e, _r, id) => e.piece(id, 0xffff_ffff, BAD), "unavailable", true],
  ["a piece of no request", (e) => e.piece(4_000_000, 0, BAD), "unavailable", true],
  ["a piece of 4 GiB", (e) => void e.write(hex("ffffffffc1000000")), "unavailable", true],
  [
    "a frame that ends with the connection",
    (e) => {
      e.write(hex("40000000ff"));
      e.connection.closeWrite();
    },
    "unavailable",
    true,
  ],
  ["bytes that are no message", (e) => void e.write(hex("01000000c0")), "unavailable", true],
  [
    "a transfer_size that is too small",
    (e, r, id) => {
      e.piece(id, 0, GOOD);
      e.send("StartReadResponse", answerTo(r, { transfer_size: 4_999n }), id);
    },
    "internal",
    true,
  ],
  [
    "a checksum that its bytes do not have",
    (e, r, id) => {
      e.piece(id, 0, BAD);
      e.send("StartReadResponse", answerTo(r, { checksum_covers_range: true, expected_crc: crc32c(GOOD) }), id);
    },
    "corrupt",
    false,
  ],
  [
    "an error behind half the bytes",
    (e, _r, id) => {
      e.piece(id, 0, BAD.subarray(0, 100));
      e.send("Error", { code: "Corrupt", message: "half" }, id);
    },
    "corrupt",
    false,
  ],
];

/** Runs with an engine played by hand and a reader of it; checks that no buffer stays lent. */
async function withEngine(
  play: SocketPlay,
  run: (reader: LocalReader, engine: RawSocketEngine) => Promise<void>,
): Promise<void> {
  using socket = new SocketPath();
  await using engine = new RawSocketEngine(socket.path, play);
  await using reader = await LocalReader.start(socket.path, { answerTimeout: 2_000 });
  await run(reader, engine);
  await until(() => reader.client.pool.lent === 0);
}

async function givesGoodBytes({ reader }: LocalReader): Promise<void> {
  using result = await reader.read(RANGE);
  assertEquals(result.bytes.slice(), GOOD);
}

for (const [what, play, code, lost] of LIES) {
  Deno.test(`an engine on a socket that sends ${what} gives a clean ${code}`, () =>
    withEngine(play, async (reader, engine) => {
      const error = await assertRejects(() => reader.reader.read(RANGE), ReadError);
      assertEquals(error.code, code, error.message);
      await until(() => reader.client.pool.lent === 0);
      engine.play = honest;
      await until(() => reader.reader.health().ready);
      await givesGoodBytes(reader);
      assertEquals(reader.reader.statistics().connections > 1, lost);
    }));
}

Deno.test("a range that begins anew is the one that came last, whole", () =>
  withEngine((engine, request, id) => {
    engine.piece(id, 0, BAD.subarray(0, 4_000));
    honest(engine, request, id);
  }, givesGoodBytes));

Deno.test("pieces behind the answer change no byte, and cost the connection", () =>
  withEngine((engine, request, id) => {
    honest(engine, request, id);
    engine.piece(id, 0, BAD);
  }, async (reader, engine) => {
    await givesGoodBytes(reader);
    await until(() => engine.peers.length > 1);
  }));

Deno.test("a read that is abandoned keeps its memory until the engine has answered, and disturbs no other", () => {
  const held: (() => void)[] = [];
  const play: SocketPlay = (engine, request, id) => {
    if (request.needle_id === 2n) held.push(() => honest(engine, request, id));
    else honest(engine, request, id);
  };
  return withEngine(play, async (reader) => {
    const controller = new AbortController();
    const reading = reader.reader.read({ ...RANGE, key: 2n }, controller.signal);
    await until(() => held.length === 1);
    controller.abort(new TypeError("the client went away"));
    await assertRejects(() => reading, TypeError);
    assertEquals(reader.client.pool.lent, 1);
    await givesGoodBytes(reader);
    assertEquals(reader.client.pool.lent, 1);
    held.forEach((answer) => answer());
    await until(() => reader.client.pool.lent === 0);
    assertEquals(reader.reader.statistics().connections, 1);
  });
});

Deno.test("another program's engine, which has no way to hand bytes over, counts as away", async () => {
  using socket = new SocketPath();
  await using engine = new RawSocketEngine(socket.path, honest);
  engine.extensions = undefined;
  await using reader = await LocalReader.start(socket.path);
  const error = await assertRejects(() => reader.reader.read(RANGE), ReadError, "another program's engine");
  assertEquals(error.code, "unavailable");
});

Deno.test("an engine that is silent is asked for a sign of life, and one that gives none is given up", async () => {
  using socket = new SocketPath();
  await using engine = new RawSocketEngine(socket.path, honest);
  await using reader = await LocalReader.start(socket.path, { answerTimeout: 500, times: { ping: 20 } });
  await until(() => engine.pings >= 5);
  assertEquals(reader.reader.statistics().connections, 1);
  engine.lives = false;
  await until(() => reader.reader.health().engines[0]?.lastError !== "");
  assertEquals(reader.reader.health().engines[0]?.lastError, "no answer to Ping within 500 ms");
  engine.lives = true;
  await until(() => reader.reader.health().ready);
  await givesGoodBytes(reader);
});

/** A channel, and the other end of its socket played by hand. */
async function pair(times: SocketTimes): Promise<[channel: SocketChannel, other: Deno.Conn]> {
  using socket = new SocketPath();
  const { path } = socket;
  const listener = Deno.listen({ transport: "unix", path });
  const [here, other] = await Promise.all([listener.accept(), Deno.connect({ transport: "unix", path })]);
  listener.close();
  return [new SocketChannel(here, "engine", times), other];
}

Deno.test("a frame that comes a byte now and then, or stops, costs the connection in its time", async () => {
  for (const trickle of [false, true]) {
    const [channel, other] = await pair({ frame: 150 });
    let writing = true;
    const writer = (async () => {
      for (const byte of hex("ff00000082a474797065a450696e67a4646174618182838485")) {
        if (!writing) return;
        await other.write(Uint8Array.of(byte));
        if (trickle) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })().catch(() => {});
    const { graceful, error } = await channel.closed;
    writing = false;
    assertEquals(graceful, false);
    assertMatch(error?.message ?? "", /a frame came only in part within 150 ms/);
    await writer;
    other.close();
  }
});

Deno.test("a peer that takes nothing costs the connection in its time, and the memory comes back", async () => {
  const [channel, other] = await pair({ frame: 150 });
  for (let sent = 0; sent < 1_000; sent++) channel.send(new Uint8Array(4_000));
  const { graceful, error } = await channel.closed;
  assertEquals(graceful, false);
  assertMatch(error?.message ?? "", /the other side took nothing for 150 ms/);
  other.close();
});

Deno.test("a connection that is idle for too long is closed; one that is not, is not", async () => {
  const [channel, other] = await pair({ idle: 100 });
  let messages = 0;
  channel.onMessage = () => void messages++;
  for (let round = 0; round < 10; round++) {
    await other.write(hex("0100000080"));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  const { graceful, error } = await channel.closed;
  assertEquals([graceful, error?.message, messages], [false, "Unix socket: idle: nothing came for 100 ms", 10]);
  other.close();
});

Deno.test("closing lets what waits leave, in its time, and ends for good", async () => {
  const [channel, other] = await pair({});
  channel.send(new Uint8Array(100));
  const closing = channel.close({ linger: 5_000 });
  const socket = new RawSocket(other);
  socket.onMessage = () => {};
  await closing;
  assertEquals(await channel.closed, { graceful: true });
  await socket.ended.catch((error) => assert(`${error}`.includes("WireError"), `${error}`)); // 100 zeros are no message
  await socket[Symbol.asyncDispose]().catch(() => {});
});
