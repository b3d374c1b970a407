/**
 * Engines and readers of one machine, on a Unix socket.
 *
 * @module
 */
import { EngineServer, ReadError } from "../../src/engine/mod.ts";
import { ConfigError, crc32c, SystemError } from "../../src/rdma/mod.ts";
import type { FileId } from "../../src/seaweed/mod.ts";
import { assert, assertEquals, assertRejects, hex } from "../assert.ts";
import { noise, NOW, Volumes } from "../seaweed/volumes.ts";
import { LocalEngine, LocalReader, RawSocket, SocketPath } from "./socket_stage.ts";
import { rangeOf, until } from "./stage.ts";

const DATA = noise(3 << 20);

/** Runs with an engine on a socket that serves one needle of 3 MiB. */
async function withEngine(
  run: (path: string, id: FileId, engine: LocalEngine, volumes: Volumes) => Promise<void>,
  options: Parameters<typeof LocalEngine.start>[2] = {},
): Promise<void> {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: DATA }, NOW);
  using socket = new SocketPath();
  const { path } = socket;
  await using engine = await LocalEngine.start(path, volumes.store(), options);
  await run(path, id, engine, volumes);
}

for (const ahead of [0, 1 << 20]) {
  Deno.test(`4,000 random ranges over a socket, 32 at once, are the bytes written: ${ahead} bytes of read-ahead`, () =>
    withEngine(async (path, id, engine) => {
      await using reader = await LocalReader.start(path, { readAhead: { ahead } });
      let state = 5;
      const random = (below: number): number => {
        state = Math.imul(state, 1664525) + 1013904223 | 0;
        return (state >>> 8) % below;
      };
      let left = 4_000;
      let bytes = 0;
      await Promise.all(Array.from({ length: 32 }, async () => {
        while (left-- > 0) {
          const offset = random(DATA.length);
          const size = 1 + random(Math.min(DATA.length - offset, random(16) === 0 ? DATA.length : 70_000));
          bytes += size;
          using result = await reader.reader.read(rangeOf(id, offset, size));
          assertEquals([result.bytes.length, result.source, result.transport], [size, "local", "local"]);
          assertEquals(crc32c(result.bytes), crc32c(DATA.subarray(offset, offset + size)));
        }
      }));
      const { requests, reads, rdmaReads, localReads, errors, connections, ...rest } = reader.reader.statistics();
      assertEquals([requests, reads, rdmaReads, localReads, errors], [4_000, 4_000, 0, 4_000, {}]);
      assertEquals([connections, rest.bytes, rest.pool.lentBytes], [1, bytes, 0]);
      if (ahead > 0) await until(() => engine.server.statistics().sessions === 0); // blocks may be on their way still
      assertEquals(engine.server.statistics().sessions, 0);
      assertEquals([engine.server.statistics().expired, engine.server.statistics().errors], [0, {}]);
      if (ahead === 0) assertEquals(engine.server.statistics().transfers, 4_000);
    }));
}

Deno.test("a reader tells that it reads locally, and never where the socket is", () =>
  withEngine(async (path, id, engine) => {
    await using reader = await LocalReader.start(path);
    using result = await reader.reader.read(rangeOf(id, 0, DATA.length));
    assertEquals([result.needleSize, result.checksum], [DATA.length, crc32c(DATA)]);
    const told = [
      reader.reader.health(),
      reader.reader.connections(),
      reader.reader.regions(),
      engine.server.regions(),
    ];
    assert(!JSON.stringify([...told, engine.server.connections()]).includes("/tmp/"));
    assertEquals(reader.reader.health().engines, [{
      address: "unix",
      connected: true,
      transport: "local",
      circuit: "closed",
      lastError: "",
      capabilities: {
        deviceName: "local",
        version: "0.0.0",
        maxSessions: 1_000,
        maxTransferSize: 8_388_608,
        realRdma: false,
      },
    }]);
    const [connection] = reader.reader.connections();
    const { id: name, since, ...rest } = connection ?? { id: "", since: 0 };
    assert(/^engine-client-\d+$/.test(name) && Math.abs(Date.now() - since) < 3_600_000);
    const info = { kind: "engine-client", remote: "unix", transport: "local", bytes: DATA.length };
    assertEquals({ ...rest, inFlight: 0 }, { ...info, inFlight: 0 } as typeof rest & { inFlight: number });
    assertEquals(engine.server.connections()[0]?.kind, "engine-server");
    const region = { owner: "engine client unix", transport: "local", length: 4 << 20, rights: [], lent: 4 << 20 };
    assertEquals(reader.reader.regions(), [region]);
    assertEquals((await reader.reader.volumes()).map(({ id, engine }) => [id, engine]), [[1, "unix"]]);
    assertEquals((await reader.reader.needles(1, -1n, 5)).map(({ key }) => key), [1n]);
  }));

Deno.test("what cannot be read is refused by its own code over a socket too, and the connection lives on", () =>
  withEngine(async (path, id, engine) => {
    await using reader = await LocalReader.start(path);
    for (
      const [request, code] of [
        [rangeOf({ ...id, volume: 2 }, 0, 1), "not-found"],
        [rangeOf({ ...id, cookie: 6 }, 0, 1), "not-found"],
        [rangeOf(id, DATA.length, 1), "range"],
        [rangeOf(id, 0, 8_388_609), "internal"],
      ] as const
    ) {
      assertEquals((await assertRejects(() => reader.reader.read(request), ReadError)).code, code);
    }
    using result = await reader.reader.read(rangeOf(id, 7, 100));
    assertEquals(result.bytes.slice(), DATA.slice(7, 107));
    assertEquals(reader.reader.statistics().connections, 1);
    assertEquals(engine.server.statistics().errors, { NeedleNotFound: 2, RangeNotSatisfiable: 1 });
  }));

/** As SeaweedFS's own Go client frames them: Ping, GetCapabilities, StartRead of volume 3, CompleteRead. */
const GO_PING = hex(
  "47000000" + "82a474797065a450696e67a46461746182ac74696d657374616d705f6e73cf0000000000000001a9636c69656e745f6964a178",
);

Deno.test("SeaweedFS's sidecar is answered, and refused the ranges that it has no way to take", () =>
  withEngine(async (path, _id, engine) => {
    await using socket = await RawSocket.connect(path);
    new DataView(GO_PING.buffer).setUint32(0, GO_PING.length - 4, true);
    await socket.write(GO_PING);
    await until(() => socket.messages.length === 1);
    assertEquals(socket.messages[0]?.type, "Pong");
    socket.send("GetCapabilities", {});
    await until(() => socket.messages.length === 2);
    const capabilities = socket.messages[1];
    assert(capabilities?.type === "GetCapabilitiesResponse");
    const { device_name, real_rdma, extensions } = capabilities.data;
    assertEquals([device_name, real_rdma], ["local", false]);
    assertEquals(extensions, ["ListVolumes", "ListNeedles", "ends_with_answer", "inline"]);
    const request = { volume_id: 1, needle_id: 1n, cookie: 5, offset: 0n, size: 16n, timeout_secs: 30n };
    socket.send("StartRead", { ...request, remote_addr: 1n, remote_key: 0x12345678 });
    socket.send("StartRead", { ...request, remote_addr: 0n, remote_key: 0, inline: true });
    socket.send("CompleteRead", { session_id: "nope", success: true, bytes_transferred: 0n });
    await until(() => socket.messages.length === 5);
    const codes = socket.messages.slice(2).map((message) =>
      message.type === "Error" ? message.data.code : message.type
    );
    assertEquals(codes, ["InvalidRequest", "InvalidRequest", "SessionNotFound"]);
    assertEquals(engine.server.statistics().errors, { InvalidRequest: 2, SessionNotFound: 1 });
  }));

Deno.test("requests under way at once are answered each by its id, and pieces come ahead of the answer", () =>
  withEngine(async (path, _id, engine) => {
    await using socket = await RawSocket.connect(path);
    const seen: [id: number | undefined, bytes: number | undefined][] = [];
    socket.onMessage = ({ id = 0 }) => seen.push([id, socket.ranges.get(id)?.length]);
    const size = 600_000;
    for (let id = 1; id <= 40; id++) {
      const range = {
        volume_id: 1,
        needle_id: 1n,
        cookie: 5,
        offset: BigInt(id),
        size: BigInt(size),
        timeout_secs: 30n,
      };
      socket.send("StartRead", { ...range, remote_addr: 0n, remote_key: 0, inline: true }, id);
    }
    await until(() => seen.length === 40);
    assertEquals(
      seen.map(([id]) => id).sort((a, b) => (a ?? 0) - (b ?? 0)),
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    for (const [id = 0, bytes] of seen) {
      assertEquals(bytes, size);
      assertEquals(crc32c(socket.ranges.get(id) ?? new Uint8Array(0)), crc32c(DATA.subarray(id, id + size)));
    }
    assert(engine.server.statistics().pool.allocatedBytes <= 4 << 20);
  }));

const HOSTILE: [what: string, bytes: Uint8Array][] = [
  ["a frame of no length", hex("0000000081")],
  ["a frame beyond the longest message", hex("0100010081")],
  ["a frame of 4 GiB", hex("ffffffff81")],
  ["bytes that are no message", hex("01000000c0")],
  ["half a message in a whole frame", hex("0400000082a47479")],
  ["a piece of a range", hex("0d000000c1000000010000000000000041")],
  ["a piece of no length", hex("0c000000c10000000100000000000000")],
  ["a piece with another mark", hex("0d000000c1000001010000000000000041")],
];

for (const [what, bytes] of HOSTILE) {
  Deno.test(`a reader that sends ${what} loses its connection, without an answer, and no other does`, () =>
    withEngine(async (path, id, engine) => {
      await using other = await LocalReader.start(path);
      await using socket = await RawSocket.connect(path);
      await until(() => engine.server.statistics().connections === 2);
      await socket.write(bytes);
      await socket.ended;
      assertEquals(socket.messages, []);
      await until(() => engine.server.statistics().connections === 1);
      assertEquals(engine.server.statistics().errors, { Malformed: 1 });
      using result = await other.reader.read(rangeOf(id, 7, 100));
      assertEquals(result.bytes.slice(), DATA.slice(7, 107));
    }));
}

Deno.test("a reader that goes away amid its ranges leaves nothing behind", () =>
  withEngine(async (path, _id, engine) => {
    for (let round = 0; round < 10; round++) {
      const socket = await RawSocket.connect(path);
      for (let id = 1; id <= 20; id++) {
        const range = { volume_id: 1, needle_id: 1n, cookie: 5, offset: 0n, size: 3n << 20n, timeout_secs: 30n };
        socket.send("StartRead", { ...range, remote_addr: 0n, remote_key: 0, inline: true }, id);
      }
      await until(() => socket.ranges.size >= round % 4);
      await socket[Symbol.asyncDispose]();
    }
    await until(() => engine.server.statistics().connections === 0);
    await until(() => engine.server.statistics().pool.lent === 0);
    assertEquals(engine.server.statistics().sessions, 0);
  }));

Deno.test("connections beyond the ceiling are closed, and there is room when one has gone", () =>
  withEngine(async (path, _id, engine) => {
    const first = await RawSocket.connect(path);
    await until(() => engine.server.statistics().connections === 1);
    await using second = await RawSocket.connect(path);
    await second.ended;
    assertEquals(engine.server.statistics().errors, { TooManyConnections: 1 });
    await first[Symbol.asyncDispose]();
    await until(() => engine.server.statistics().connections === 0);
    await using third = await RawSocket.connect(path);
    third.send("GetCapabilities", {});
    await until(() => third.messages.length === 1);
  }, { maxConnections: 1 }));

Deno.test("the socket is its owner's only, is gone when the engine is, and is made anew where one was left behind", async () => {
  using volumes = new Volumes();
  volumes.writer(1);
  const store = volumes.store();
  using socket = new SocketPath();
  const { path } = socket;
  const before = Deno.umask();
  {
    await using _engine = await LocalEngine.start(path, store);
    assertEquals([(Deno.lstatSync(path).mode ?? 0) & 0o777, Deno.umask()], [0o600, before]);
    await assertRejects(() => EngineServer.startLocal(path, store), SystemError, "EADDRINUSE");
  }
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  const left = `${path}.left`;
  const listener = Deno.listen({ transport: "unix", path });
  Deno.linkSync(path, left);
  listener.close();
  Deno.renameSync(left, path);
  assert(Deno.lstatSync(path).isSocket);
  {
    await using _engine = await LocalEngine.start(path, store);
    await using reader = await LocalReader.start(path);
    assertEquals(reader.reader.health().ready, true);
  }
  Deno.writeTextFileSync(path, "kept");
  await assertRejects(() => EngineServer.startLocal(path, store), ConfigError, "no socket");
  assertEquals(Deno.readTextFileSync(path), "kept");
  await assertRejects(() => EngineServer.startLocal(`${path}${"x".repeat(100)}`, store), ConfigError, "1 to 107 bytes");
  await assertRejects(() => EngineServer.startLocal(volumes.path("no/such.sock"), store), SystemError, "listen on");
});

Deno.test("an engine that is stopped and started again is found again by itself; its path is told to nobody", async () => {
  using volumes = new Volumes();
  const id = volumes.writer(1).append({ key: 1n, cookie: 5, data: DATA }, NOW);
  const store = volumes.store();
  using socket = new SocketPath();
  const { path } = socket;
  const lines: string[] = [];
  const first = await LocalEngine.start(path, store);
  await using reader = await LocalReader.start(path, { log: (_l, _m, fields) => void lines.push(`${fields.engine}`) });
  await first[Symbol.asyncDispose]();
  await until(() => reader.reader.health().engines[0]?.circuit === "open");
  const error = await assertRejects(() => reader.reader.read(rangeOf(id, 0, 1)), ReadError, "unix is away");
  assertEquals([error.code, error.message.includes("/tmp/")], ["unavailable", false]);
  assert((error.retryAfter ?? 0) >= 1);
  await using _second = await LocalEngine.start(path, store);
  await until(() => reader.reader.health().ready);
  using result = await reader.reader.read(rangeOf(id, 7, 100));
  assertEquals(result.bytes.slice(), DATA.slice(7, 107));
  assertEquals(new Set(lines), new Set([`unix:${path}`]));
});
