/**
 * A client that can reach an engine in several ways.
 *
 * @module
 */
import { EngineClient, EngineReader, rdmaWays } from "../../src/engine/mod.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { FakeDomain } from "../rdma/fake_domain.ts";
import { noise, NOW, Volumes } from "../seaweed/volumes.ts";
import { Engine, openDomain, rangeOf } from "./stage.ts";

Deno.test("an engine that does not answer to the preferred provider is read through the next", async () => {
  using volumes = new Volumes();
  const data = noise(50_000, 1);
  const id = volumes.writer(1).append({ key: 1n, cookie: 2, data }, NOW);
  await using engine = await Engine.start(volumes.store());
  const preferred = new FakeDomain();
  const client = new EngineClient(rdmaWays([preferred, await openDomain()], engine.address));
  await using reader = new EngineReader([client]);
  await reader.settled();
  assertEquals([client.health.connected, client.health.transport], [true, "iwarp"]);
  using result = await reader.read(rangeOf(id, 100, 40_000));
  assertEquals([result.bytes.slice(), result.transport], [data.slice(100, 40_100), "iwarp"]);
  assertEquals(preferred.regionCount, 0);
});

Deno.test("where no way leads to the engine, the reason of each is told", async () => {
  const address = { hostname: "127.0.0.1", port: 1 };
  await using client = new EngineClient(rdmaWays([new FakeDomain(), await openDomain()], address));
  await client.settled;
  const { connected, lastError } = client.health;
  assertEquals(connected, false);
  assertMatch(lastError, /^fake: a fake domain connects to nothing; iwarp: connect 127\.0\.0\.1:1: refused/);
});
