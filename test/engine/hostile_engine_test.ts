/**
 * The reader against engines that lie, stay silent, or break the protocol.
 *
 * @module
 */
import { ReadError, type ReadErrorCode } from "../../src/engine/mod.ts";
import { crc32c } from "../../src/rdma/mod.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { type Play, rangeOf, RawEngine, Reader, type ReaderOptions, tick, until } from "./stage.ts";

const ID = { volume: 1, key: 1n, cookie: 5 };
const RANGE = rangeOf(ID, 0, 5_000);

/** An engine that does as it should. */
const honest: Play = (engine, request, id) => {
  engine.region.bytes.fill(0x5a);
  engine.write(request);
  engine.respond(request, id);
};

/** Runs with an engine played by hand and a reader of it; checks that no buffer stays lent. */
async function withEngine(
  play: Play,
  run: (reader: Reader, engine: RawEngine) => Promise<void>,
  options: ReaderOptions = {},
): Promise<void> {
  await using engine = await RawEngine.start(play);
  await using reader = await Reader.start([engine.address], { answerTimeout: 1_000, setupTimeout: 10_000, ...options });
  await run(reader, engine);
  await reader.settled();
}

async function givesGoodBytes(reader: Reader): Promise<void> {
  const bytes = await reader.bytes(RANGE);
  assertEquals([bytes.length, bytes.every((byte) => byte === 0x5a)], [5_000, true]);
}

/** How a reader takes an engine's lie, whether the lie costs the connection. */
const LIES: [what: string, play: Play, code: ReadErrorCode, lost: boolean][] = [
  ["a transfer_size that is too small", (e, r, id) => e.respond(r, id, { transfer_size: 4_999n }), "internal", true],
  ["a transfer_size that is too large", (e, r, id) => e.respond(r, id, { transfer_size: 1n << 63n }), "internal", true],
  [
    "a needle_size that ends before the range",
    (e, r, id) => e.respond(r, id, { needle_size: 4_999n }),
    "internal",
    true,
  ],
  [
    "a needle_size that no file has",
    (e, r, id) => e.respond(r, id, { needle_size: (1n << 64n) - 1n }),
    "internal",
    true,
  ],
  [
    "a checksum that its bytes do not have",
    (e, r, id) => {
      e.write(r);
      e.respond(r, id, { checksum_covers_range: true, expected_crc: 123 });
    },
    "corrupt",
    false,
  ],
  [
    "the right checksum, but no bytes",
    (e, r, id) => {
      e.respond(r, id, { checksum_covers_range: true, expected_crc: crc32c(new Uint8Array(5_000).fill(7)) });
    },
    "corrupt",
    false,
  ],
  ["an answer to another question", (e, _r, id) => e.send("Pong", PONG, id), "internal", true],
  ["a request of its own", (e, _r, id) => e.send("Ping", { timestamp_ns: 1n }, id), "internal", true],
  [
    "an error of a kind that nobody knows",
    (e, _r, id) => e.send("Error", { code: "?", message: "m" }, id),
    "internal",
    false,
  ],
  ["an answer to no request", (e, r) => e.respond(r, 4_000_000), "unavailable", true],
  ["an answer without an id", (e, r) => e.respond(r, undefined), "unavailable", true],
  ["bytes that are no message", (e) => e.connection.send(Uint8Array.of(0xc1)), "unavailable", true],
  ["a connection that closes", (e) => void e.connection.close({ linger: 0 }), "unavailable", true],
];
const PONG = { client_timestamp_ns: 1n, server_timestamp_ns: 1n, server_rtt_ns: 1n };

for (const [what, play, code, lost] of LIES) {
  Deno.test(`an engine that sends ${what} gives a clean ${code}`, () =>
    withEngine(play, async (reader, engine) => {
      await until(() => reader.reader.health().ready);
      assertEquals(await reader.failure(RANGE), code);
      await reader.settled();
      engine.play = honest;
      await until(() => reader.reader.health().ready);
      await givesGoodBytes(reader);
      assertEquals(reader.reader.statistics().connections > 1, lost);
    }));
}

Deno.test("an engine that ends sessions with its answers is told of spoilt bytes alone, any other of every read", async () => {
  const asked: unknown[] = [];
  const play: Play = (engine, request, id) => {
    asked.push(request.ends_with_answer);
    engine.region.bytes.fill(0x5a);
    engine.write(request);
    const expected_crc = request.needle_id === 2n ? 123 : crc32c(engine.region.bytes.subarray(0, 5_000));
    engine.respond(request, id, { session_id: `${request.needle_id}`, checksum_covers_range: true, expected_crc });
  };
  for (const extensions of [undefined, ["ListVolumes"], ["ends_with_answer"]]) {
    await using engine = await RawEngine.start(play);
    engine.extensions = extensions;
    await using reader = await Reader.start([engine.address]);
    await givesGoodBytes(reader);
    assertEquals(await reader.failure({ ...RANGE, key: 2n }), "corrupt");
    await givesGoodBytes(reader);
    const ends = extensions?.includes("ends_with_answer") === true;
    await until(() => engine.completed.length >= (ends ? 1 : 3));
    const told = engine.completed.map(({ session_id, success }) => [session_id, success]);
    assertEquals(told, ends ? [["2", false]] : [["1", true], ["2", false], ["1", true]]);
    assertEquals(asked.splice(0), ends ? [true, true, true] : [undefined, undefined, undefined]);
  }
});

Deno.test("an engine that answers twice loses the connection, and what was answered first stands", () =>
  withEngine((engine, request, id) => {
    honest(engine, request, id);
    engine.respond(request, id);
  }, async (reader, engine) => {
    await givesGoodBytes(reader);
    await until(() => engine.peers.length > 1);
    assertEquals(reader.reader.health().engines[0]?.lastError, "engine: answer to no request: got 1".replace("1", "2"));
  }));

Deno.test("an engine that writes once more after its answer changes no byte, and loses the connection", () =>
  withEngine((engine, request, id) => {
    honest(engine, request, id);
    setTimeout(() => {
      engine.region.bytes.fill(0xbd);
      engine.write(request);
    }, 20);
  }, async (reader, engine) => {
    using result = await reader.reader.read(RANGE);
    await until(() => engine.peers.length > 1);
    assert(result.bytes.every((byte) => byte === 0x5a));
  }));

Deno.test("an engine that writes beyond the buffer it was given loses the connection, and places nothing", () =>
  withEngine((engine, request, id) => {
    engine.region.bytes.fill(0xbd);
    engine.write({ ...request, size: 8_193n }); // the pool lends 8,192 bytes for 5,000
    engine.respond(request, id);
  }, async (reader, engine) => {
    const code = await reader.failure(RANGE);
    assertEquals(code, "unavailable");
    engine.play = honest;
    await until(() => reader.reader.health().ready);
    await givesGoodBytes(reader);
  }));

Deno.test("no answer at all: the read ends by its time, the connection too, and the memory comes back", () =>
  withEngine(() => {}, async (reader, engine) => {
    assertEquals(await reader.failure(RANGE), "timeout");
    await reader.settled();
    await until(() => engine.peers.length > 1);
  }));

Deno.test("no answer to one request, while others are answered: those go on, and its memory comes back in the end", async () => {
  const play: Play = (engine, request, id) => {
    if (request.needle_id !== 2n) honest(engine, request, id);
  };
  await withEngine(play, async (reader, engine) => {
    const lost = reader.failure({ ...RANGE, key: 2n });
    let ended = false;
    lost.then(() => ended = true);
    while (!ended) {
      await givesGoodBytes(reader);
      await tick();
    }
    assertEquals(await lost, "timeout");
    assertEquals([reader.clients[0]?.pool.lent, engine.peers.length], [1, 1]);
    while (reader.clients[0]?.pool.lent === 1) {
      await reader.bytes(RANGE).catch(() => {});
      await tick();
    }
  });
});

Deno.test("an answer that comes too late gives its memory back, and the connection lives on", () => {
  const late: (() => void)[] = [];
  const play: Play = (engine, request, id) => {
    if (request.needle_id === 2n) late.push(() => honest(engine, request, id));
    else honest(engine, request, id);
  };
  return withEngine(play, async (reader, engine) => {
    const failure = reader.failure({ ...RANGE, key: 2n });
    let ended = false;
    failure.then(() => ended = true);
    for (; !ended; await tick()) await givesGoodBytes(reader);
    assertEquals([await failure, reader.clients[0]?.pool.lent], ["timeout", 1]);
    late.forEach((answer) => answer());
    await reader.settled();
    await givesGoodBytes(reader);
    assertEquals(engine.peers.length, 1);
  });
});

Deno.test("a read that is abandoned keeps its memory until the engine has answered, and disturbs no other", () => {
  const held: (() => void)[] = [];
  const play: Play = (engine, request, id) => {
    if (request.needle_id === 2n) held.push(() => honest(engine, request, id));
    else honest(engine, request, id);
  };
  return withEngine(play, async (reader) => {
    const controller = new AbortController();
    const reading = reader.bytes({ ...RANGE, key: 2n }, controller.signal);
    await until(() => held.length === 1);
    controller.abort(new TypeError("the client went away"));
    await assertRejects(() => reading, TypeError, "the client went away");
    assertEquals(reader.clients[0]?.pool.lent, 1);
    await givesGoodBytes(reader);
    held.forEach((answer) => answer());
    await reader.settled();
    assertEquals(reader.reader.statistics().errors, { aborted: 1 });
    assertEquals(reader.reader.statistics().connections, 1);
    await assertRejects(() => reader.bytes(RANGE, AbortSignal.abort(new TypeError("before"))), TypeError, "before");
  }, { answerTimeout: 5_000 });
});

Deno.test("registered memory at its ceiling makes reads busy, in time, and the next ones work again", () => {
  const held: (() => void)[] = [];
  const play: Play = (engine, request, id) => {
    if (request.needle_id === 2n) held.push(() => honest(engine, request, id));
    else honest(engine, request, id);
  };
  return withEngine(play, async (reader) => {
    const results = await Promise.all(Array.from({ length: 8 }, () => reader.reader.read({ ...RANGE, size: 8_192 })));
    const error = await reader.error(RANGE);
    assertEquals([error.code, error.retryAfter], ["busy", 1]);
    const waiting = reader.bytes(RANGE);
    results.forEach((result) => result[Symbol.dispose]());
    assertEquals((await waiting).length, 5_000);
    const { pool, errors } = reader.reader.statistics();
    assertEquals([pool, errors], [{ lentBytes: 0, allocatedBytes: 65_536, ceiling: 65_536 }, { busy: 1 }]);
  }, { poolCeiling: 65_536, maxReadSize: 65_536 });
});

Deno.test("an engine that does not introduce itself is away, and closing does not wait for it", async () => {
  await using engine = await RawEngine.start(honest);
  engine.introduces = false;
  {
    await using reader = await Reader.start([engine.address], { setupTimeout: 50 });
    const error = await reader.error(RANGE);
    assertEquals(error.code, "unavailable");
    assert(error.message.includes("no answer to GetCapabilities within 50 ms"), error.message);
  }
  const before = engine.peers.length;
  const opening = Reader.start([engine.address], { setupTimeout: 60_000, answerTimeout: 60_000 });
  // The first of the reader's connections stands, and waits for an introduction: close it by ending the engine's side.
  await until(() => engine.peers.length > before);
  engine.introduces = true;
  await engine.peers.at(-1)?.connection.close({ linger: 0 });
  await using reader = await opening;
  await until(() => reader.reader.health().ready);
  await givesGoodBytes(reader);
});

Deno.test("an engine that drops every connection at once is asked less and less often", () =>
  withEngine(honest, async (reader, engine) => {
    let error: ReadError | undefined;
    for (let drop = 0; drop < 6; drop++) {
      await until(() => reader.reader.health().ready);
      await engine.peers.at(-1)?.connection.close({ linger: 0 });
      await until(() => !reader.reader.health().ready);
      error = await reader.error(RANGE);
      assertEquals([error.code, reader.reader.health().engines[0]?.circuit], ["unavailable", "open"]);
    }
    assert((error?.retryAfter ?? 0) >= 2, `after six drops it is asked again in ${error?.retryAfter} s`);
  }));

Deno.test("a thousand random plays give bytes or a ReadError, never anything else, and leak nothing", async () => {
  let state = 1;
  const random = (below: number): number => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return (state >>> 8) % below;
  };
  const play: Play = (engine, request, id) => {
    const which = random(40);
    const lie = LIES[which];
    if (lie === undefined) honest(engine, request, id);
    else lie[1](engine, request, id);
  };
  await using engine = await RawEngine.start(play);
  for (let round = 0; round < 40; round++) {
    await using reader = await Reader.start([engine.address], { answerTimeout: 1_000 });
    let reads = 0;
    await Promise.all(Array.from({ length: 25 }, async () => {
      try {
        using result = await reader.reader.read(RANGE);
        assertEquals(result.bytes.length, RANGE.size);
        reads++;
      } catch (error) {
        assert(error instanceof ReadError, `${error}`);
      }
    }));
    const statistics = reader.reader.statistics();
    const failed = Object.values(statistics.errors).reduce((sum, count) => sum + count, 0);
    assertEquals([statistics.requests, statistics.reads, reads + failed], [25, reads, 25]);
    await reader.settled();
  }
});
