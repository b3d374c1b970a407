import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { endpointLoops } from "../../src/perftest/endpoint_loops.ts";
import { EndpointMemory } from "../../src/perftest/endpoint_memory.ts";
import { NO_KEYS } from "../../src/perftest/keys.ts";
import {
  type PerftestOptions,
  perftestOver,
  type PerftestResult,
  planOf,
  servePerftestOver,
  type TestName,
  TESTS,
} from "../../src/perftest/mod.ts";
import { CapabilityError, VerbsError, WireError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import type { Endpoint, Listener, ProtectionDomain, RdmaAddress } from "../../src/rdma/provider.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { freePorts } from "../interop/process.ts";

function optionsOf(test: TestName, more: Partial<PerftestOptions> = {}): PerftestOptions {
  const depth = planOf(test).kind === "latency" ? 1 : 16;
  return { test, size: 5_000, iterations: 40, depth, inlineSize: 0, timeout: 5_000, ...more };
}

/** Domains of both sides, and where the server is to listen. */
interface Stage extends Disposable {
  readonly client: ProtectionDomain;
  readonly server: ProtectionDomain;
  readonly address: RdmaAddress;
}

async function openStage(): Promise<Stage> {
  const [port = 0] = freePorts(1);
  const address = { hostname: "127.0.0.1", port };
  const provider = iwarpProvider({ crc: "on" });
  const client = await provider.open(address);
  const server = await provider.open(address);
  return {
    client,
    server,
    address,
    [Symbol.dispose]() {
      assertEquals([client.regionCount, server.regionCount], [0, 0]);
      client[Symbol.dispose]();
      server[Symbol.dispose]();
    },
  };
}

/** Starts a server; resolves once it listens. */
async function serve(
  { server, address }: Stage,
  options: PerftestOptions,
): Promise<{ served: Promise<PerftestResult>; arrived: Promise<void> }> {
  const listening = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const served = servePerftestOver(server, address, options, {
    onListening: listening.resolve,
    onClient: arrived.resolve,
  });
  served.catch(() => {}); // whoever wants it looks later
  await listening.promise;
  return { served, arrived: arrived.promise };
}

async function accepted(listener: Listener): Promise<Endpoint> {
  for await (const request of listener) return await request.accept();
  throw new Error("the listener is closed");
}

function checkResult(result: PerftestResult, test: TestName, measured: boolean): void {
  const { size, iterations, transport } = result;
  assertEquals([result.test, transport, size, iterations], [test, "iwarp", 5_000, 40]);
  if ("microseconds" in result) {
    assertEquals([result.microseconds !== null, planOf(test).kind], [measured, "latency"]);
    if (result.microseconds === null) return;
    const { count, min, median, max } = result.microseconds;
    assertEquals(count, 39);
    assert(min > 0 && min <= median && median <= max);
  } else {
    assertEquals([result.bandwidth !== null, planOf(test).kind], [measured, "bandwidth"]);
    if (result.bandwidth !== null) assert(result.bandwidth.megamessages > 0);
  }
}

for (const test of TESTS) {
  Deno.test(`both sides of ${test} are our own over iwarp`, async () => {
    using stage = await openStage();
    const options = optionsOf(test);
    const { served } = await serve(stage, options);
    const result = await perftestOver(stage.client, stage.address, options);
    assertEquals(result.role, "client");
    assertEquals(result.peer, `127.0.0.1:${stage.address.port}`);
    checkResult(result, test, true);
    const other = await served;
    assertEquals(other.role, "server");
    checkResult(other, test, !planOf(test).passiveServer);
  });
}

Deno.test("Sends that outnumber the receives wait for the credits that their receiver writes", async () => {
  using stage = await openStage();
  const options = optionsOf("send-bw", { size: 1, iterations: 3_000, depth: 1_000 });
  const { served } = await serve(stage, options);
  const result = await perftestOver(stage.client, stage.address, options);
  assertEquals([result.iterations, (await served).iterations], [3_000, 3_000]);
});

Deno.test("Writes count beyond what their last byte can", async () => {
  using stage = await openStage();
  const options = optionsOf("write-lat", { size: 1, iterations: 600 });
  const { served } = await serve(stage, options);
  await perftestOver(stage.client, stage.address, options);
  await served;
});

for (const test of TESTS) {
  Deno.test(`a client that is stopped ends ${test} on both sides`, async () => {
    using stage = await openStage();
    const iterations = 1_000_000;
    const { served, arrived } = await serve(stage, { ...optionsOf(test), iterations });
    const controller = new AbortController();
    const options = { ...optionsOf(test), iterations, signal: controller.signal };
    const measuring = assertRejects(() => perftestOver(stage.client, stage.address, options), Error, "enough");
    await arrived;
    setTimeout(() => controller.abort(new Error("enough")), 100);
    await measuring;
    const error = await assertRejects(() => served, VerbsError);
    assertEquals(error.code, "lost");
  });
}

Deno.test("a server that is stopped ends the test of its client", async () => {
  using stage = await openStage();
  const iterations = 1_000_000;
  const controller = new AbortController();
  const { served, arrived } = await serve(stage, {
    ...optionsOf("read-bw"),
    iterations,
    signal: controller.signal,
  });
  const measuring = assertRejects(
    () => perftestOver(stage.client, stage.address, { ...optionsOf("read-bw"), iterations }),
    VerbsError,
  );
  await arrived;
  setTimeout(() => controller.abort(new Error("enough")), 100);
  await assertRejects(() => served, Error, "enough");
  await measuring;
});

Deno.test("a server that is stopped before a client has come says why, and listens no more", async () => {
  using stage = await openStage();
  const controller = new AbortController();
  const { served } = await serve(stage, { ...optionsOf("send-lat"), signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => served, Error, "enough");
  const error = await assertRejects(
    () => perftestOver(stage.client, stage.address, optionsOf("send-lat")),
    VerbsError,
  );
  assertEquals(error.code, "refused");
});

Deno.test("a client that never comes for the test itself, or says nothing, ends by the timeout", async () => {
  using stage = await openStage();
  const { served } = await serve(stage, optionsOf("send-lat", { timeout: 50 }));
  using region = stage.client.register(64, Access.LOCAL_WRITE);
  await using endpoint = await stage.client.connect(stage.address, {
    prepare: (endpoint) => endpoint.postReceive(1, region, 0, 64),
  });
  const error = await assertRejects(() => served, VerbsError, "no answer within 50 ms");
  assertEquals(error.code, "timeout");
  await endpoint.closed;
});

Deno.test("a peer that falls silent within the test ends it by the timeout", async () => {
  using stage = await openStage();
  await using listener = await stage.server.listen(stage.address);
  const accepting = accepted(listener);
  await using endpoint = await stage.client.connect(stage.address);
  await using _silent = await accepting;
  const agreed = { version: "6.06", cycleSize: 4_096, cacheLineSize: 64, mtu: 3 };
  using memory = new EndpointMemory(stage.client, planOf("write-lat"), optionsOf("write-lat"), "client", agreed);
  using loop = endpointLoops(endpoint, memory, "client", NO_KEYS).writePingPong();
  const error = await assertRejects(() => loop.run({ call: "test", timeout: 20 }), VerbsError);
  assertEquals(error.message, "test: timeout: nothing moved for 20 ms");
});

Deno.test("a first message that is too short ends the test with an error that names it", async () => {
  using stage = await openStage();
  const { served } = await serve(stage, optionsOf("send-lat"));
  using region = stage.client.register(64, Access.LOCAL_WRITE);
  await using endpoint = await stage.client.connect(stage.address);
  endpoint.postSend({ id: 1, opcode: 0, region, offset: 0, length: 3 });
  await assertRejects(() => served, WireError, "bytes of a message, 16: got 3");
  await endpoint.closed;
});

Deno.test("messages that no region has room for are refused before they are tried", async () => {
  using stage = await openStage();
  const options = optionsOf("write-bw", { size: 1 << 30 });
  const { served } = await serve(stage, optionsOf("write-bw"));
  await assertRejects(() => perftestOver(stage.client, stage.address, options), CapabilityError, "choose a smaller");
  await assertRejects(() => served, VerbsError);
});
