/**
 * Engines that come and go under a reader.
 *
 * @module
 */
import { ReadError } from "../../src/engine/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { noise, NOW, Volumes } from "../seaweed/volumes.ts";
import { iwarpStage } from "../smbdirect/stages.ts";
import { Engine, rangeOf, Reader, tick, until } from "./stage.ts";

const DATA = noise(1 << 20);

function writeNeedle(volumes: Volumes, volume = 1) {
  return volumes.writer(volume).append({ key: 1n, cookie: 5, data: DATA }, NOW);
}

Deno.test("an engine that is stopped and started again is found again by itself, and meanwhile reads fail fast", async () => {
  using volumes = new Volumes();
  const id = writeNeedle(volumes);
  const store = volumes.store();
  const first = await Engine.start(store);
  const { address } = first;
  await using reader = await Reader.start([address]);
  assertEquals(await reader.bytes(rangeOf(id, 7, 100)), DATA.subarray(7, 107));
  await first.stop();
  await until(() => !reader.reader.health().ready);
  await until(() => reader.reader.health().engines[0]?.circuit !== "closed");
  for (let read = 0; read < 50; read++) {
    const error = await reader.error(rangeOf(id, 0, 1));
    assertEquals(error.code, "unavailable");
    assert((error.retryAfter ?? 0) >= 1 && error.message.includes(`rdma:127.0.0.1:${address.port} is away`));
  }
  await using _second = await Engine.start(store, {}, address);
  await until(() => reader.reader.health().ready);
  assertEquals(await reader.bytes(rangeOf(id, 7, 100)), DATA.subarray(7, 107));
  const { connections, errors } = reader.reader.statistics();
  assertEquals([connections, errors], [2, { unavailable: 50 }]);
});

Deno.test("an engine that restarts after a healthy life costs readers nothing but time", async () => {
  using volumes = new Volumes();
  const id = writeNeedle(volumes);
  await using stage = await iwarpStage();
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([stage.wire(engine.address)]);
  await new Promise((resolve) => setTimeout(resolve, 1_050)); // a connection that lives less counts as one that failed
  const reading = Array.from({ length: 32 }, (_, index) => reader.bytes(rangeOf(id, index * 1_000, 30_000)));
  stage.cut();
  for (const [index, bytes] of (await Promise.all(reading)).entries()) {
    assertEquals(bytes, DATA.subarray(index * 1_000, index * 1_000 + 30_000));
  }
  assertEquals([reader.reader.statistics().connections, reader.reader.statistics().errors], [2, {}]);
});

Deno.test("connections that are cut over and over give right bytes or clean errors, and leak nothing", async () => {
  using volumes = new Volumes();
  const id = writeNeedle(volumes);
  await using stage = await iwarpStage();
  await using engine = await Engine.start(volumes.store());
  for (let round = 0; round < 10; round++) {
    await using reader = await Reader.start([stage.wire(engine.address)], { readAhead: {} });
    const reading = Array.from({ length: 32 }, async (_, index) => {
      const offset = index * 32_000;
      try {
        assertEquals(await reader.bytes(rangeOf(id, offset, 32_000)), DATA.subarray(offset, offset + 32_000));
      } catch (error) {
        assert(error instanceof ReadError && error.code === "unavailable", `${error}`);
      }
    });
    for (let turn = 0; turn < round; turn++) await tick();
    stage.cut();
    await Promise.all(reading);
    await reader.settled();
  }
  await until(() => engine.server.statistics().connections === 0);
});

Deno.test("something that accepts TCP and never speaks is away, and closing does not wait for it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const sockets: Deno.TcpConn[] = [];
  const accepting = (async () => {
    for await (const socket of listener) sockets.push(socket);
  })();
  {
    await using reader = await Reader.start([{ hostname: "127.0.0.1", port: listener.addr.port }], {
      setupTimeout: 50,
    });
    const { code, retryAfter } = await reader.error(rangeOf({ volume: 1, key: 1n, cookie: 1 }, 0, 1));
    assertEquals([code, retryAfter], ["unavailable", 1]);
    assertEquals(reader.reader.health().ready, false);
  }
  listener.close();
  await accepting;
  for (const socket of sockets) socket.close();
});

Deno.test("each volume is read through the engine that has it", async () => {
  using one = new Volumes();
  using other = new Volumes();
  const ids = [writeNeedle(one, 1), writeNeedle(other, 2)];
  await using first = await Engine.start(one.store());
  await using second = await Engine.start(other.store());
  await using reader = await Reader.start([first.address, second.address]);
  for (let round = 0; round < 10; round++) {
    for (const id of ids) assertEquals(await reader.bytes(rangeOf(id, round, 50)), DATA.subarray(round, round + 50));
  }
  assertEquals([first.server.statistics().transfers, second.server.statistics().transfers], [10, 10]);
  assertEquals(first.server.statistics().errors, { NeedleNotFound: 1 }); // asked once, then the place is known
  assertEquals(await reader.failure(rangeOf({ volume: 3, key: 1n, cookie: 1 }, 0, 1)), "not-found");
  assertEquals([reader.reader.health().ready, reader.reader.statistics().connections], [true, 2]);
});

Deno.test("what one engine does not have is unavailable, not missing, while another engine is away", async () => {
  using one = new Volumes();
  using other = new Volumes();
  const here = writeNeedle(one, 1);
  const away = writeNeedle(other, 2);
  const second = await Engine.start(other.store());
  await using first = await Engine.start(one.store());
  for (const order of [[first.address, second.address], [second.address, first.address]]) {
    await using reader = await Reader.start(order);
    assertEquals((await reader.bytes(rangeOf(away, 0, 10))).length, 10);
    if (order[0] === second.address) await second.stop();
    if (order[0] !== second.address) continue;
    await until(() => reader.reader.health().engines.some(({ connected }) => !connected));
    assertEquals((await reader.bytes(rangeOf(here, 0, 10))).length, 10);
    for (const id of [away, { ...away, volume: 9 }, { ...here, cookie: 9 }]) {
      const { code, retryAfter } = await reader.error(rangeOf(id, 0, 10));
      assertEquals([code, (retryAfter ?? 0) >= 1], ["unavailable", true]);
    }
    assertEquals(reader.reader.health().ready, true);
  }
  await using late = await Reader.start([first.address, second.address]);
  assertEquals(await late.failure(rangeOf(away, 0, 10)), "unavailable");
});

Deno.test("closing lets reads in flight finish, takes no further ones, and may be done twice", async () => {
  using volumes = new Volumes();
  const id = writeNeedle(volumes);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address], { readAhead: {} });
  const reading = Array.from({ length: 32 }, (_, index) => reader.bytes(rangeOf(id, index * 1_000, 900_000)));
  const closing = [reader.reader.close(5_000), reader.reader.close(5_000)];
  assertEquals(await reader.failure(rangeOf(id, 0, 1)), "unavailable");
  for (const [index, bytes] of (await Promise.all(reading)).entries()) {
    assertEquals(bytes, DATA.subarray(index * 1_000, index * 1_000 + 900_000));
  }
  await Promise.all(closing);
  await until(() => engine.server.statistics().connections === 0);
});

Deno.test("a needle deleted or overwritten under read-ahead is served from old blocks for half a second at most", async () => {
  using volumes = new Volumes();
  const writer = volumes.writer(1);
  const id = writer.append({ key: 1n, cookie: 5, data: DATA }, NOW);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address], { readAhead: {} });
  const readAll = async (): Promise<Uint8Array[]> => {
    const pieces = [];
    for (let offset = 0; offset < 512_000; offset += 64_000) {
      pieces.push(await reader.bytes(rangeOf(id, offset, 64_000)));
    }
    return pieces;
  };
  await readAll();
  assert(reader.reader.statistics().readAheadHits > 0);
  const changed = noise(1 << 20, 99);
  writer.append({ key: 1n, cookie: 5, data: changed }, NOW);
  await new Promise((resolve) => setTimeout(resolve, 510));
  for (const [index, bytes] of (await readAll()).entries()) {
    assertEquals(bytes, changed.subarray(index * 64_000, (index + 1) * 64_000));
  }
  writer.delete(1n, NOW);
  await new Promise((resolve) => setTimeout(resolve, 510));
  for (let offset = 0; offset < 512_000; offset += 64_000) {
    assertEquals(await reader.failure(rangeOf(id, offset, 64_000)), "not-found");
  }
});

Deno.test("an aborted read that waits for read-ahead ends at once", async () => {
  using volumes = new Volumes();
  const id = writeNeedle(volumes);
  await using engine = await Engine.start(volumes.store());
  await using reader = await Reader.start([engine.address], { readAhead: {} });
  for (let offset = 0; offset < 128_000; offset += 64_000) await reader.bytes(rangeOf(id, offset, 64_000));
  const reason = new TypeError("gone");
  const controller = new AbortController();
  const reading = [2, 3, 4, 5].map((index) =>
    reader.bytes(rangeOf(id, index * 64_000, 64_000), controller.signal).catch((error) => error)
  );
  controller.abort(reason);
  for (const outcome of await Promise.all(reading)) assert(outcome === reason || outcome instanceof Uint8Array);
  assertEquals(await reader.bytes(rangeOf(id, 384_000, 64_000)), DATA.subarray(384_000, 448_000));
});
