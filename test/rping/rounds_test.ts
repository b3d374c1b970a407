import fc from "fast-check";
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { CompletionReader } from "../../src/rdma/completion_reader.ts";
import { ConfigError, VerbsError, WireError } from "../../src/rdma/errors.ts";
import { Access, type Endpoint, type Listener, Opcode, type ProtectionDomain } from "../../src/rdma/mod.ts";
import { readText, RpingClient, type RpingOptions, type RpingServeOptions, serveRping } from "../../src/rping/mod.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { nextRequest } from "../rdma/players.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

/** A domain that listens, and where. */
async function listening(): Promise<{ domain: ProtectionDomain; listener: Listener } & AsyncDisposable> {
  const domain = await iwarpProvider().open(LOOPBACK);
  const listener = await domain.listen(LOOPBACK);
  return {
    domain,
    listener,
    async [Symbol.asyncDispose]() {
      await listener.close();
      assertEquals(domain.regionCount, 0);
      domain[Symbol.dispose]();
    },
  };
}

async function serveOne(
  { domain, listener }: { domain: ProtectionDomain; listener: Listener },
  options?: RpingServeOptions,
) {
  return await serveRping(domain, await nextRequest(listener), options);
}

Deno.test("texts of any size go round and come back as they left, and the server sees each of them", async () => {
  for (const size of [26, 64, 4_096, 65_535]) {
    await using stage = await listening();
    const texts: string[] = [];
    const serving = serveOne(stage, {
      onRound: (round, text) => {
        assertEquals([round, text.length], [texts.length, size]);
        texts.push(readText(text));
      },
    });
    await using client = await RpingClient.connect(stage.domain, stage.listener.address, { size });
    for (let round = 0; round < 3; round++) assert(await client.round() > 0);
    assertEquals([client.rounds, client.size], [3, size]);
    await client.close();
    assertEquals(await serving, { rounds: 3, bytes: 3 * size, error: undefined });
    assertEquals(texts.map((text) => text.slice(0, 14)), ["rdma-ping-0: A", "rdma-ping-1: B", "rdma-ping-2: C"]);
    assertEquals(texts.map((text) => text.length), [size - 1, size - 1, size - 1]);
  }
});

Deno.test("a size out of range is refused before anything is connected", async () => {
  await using stage = await listening();
  for (const size of [25, 65_536, 64.5, NaN]) {
    await assertRejects(
      () => RpingClient.connect(stage.domain, stage.listener.address, { size }),
      ConfigError,
      `size: ${size} is not a whole number from 26 to 65535`,
    );
  }
});

/** Connects a client to a server that does what the test says. */
async function withServer(
  serve: (endpoint: Endpoint, reader: CompletionReader) => Promise<void>,
  use: (client: RpingClient) => Promise<void>,
  options: RpingOptions = {},
): Promise<void> {
  await using stage = await listening();
  const scratch = stage.domain.register(64, Access.LOCAL_WRITE);
  const serving = (async () => {
    const request = await nextRequest(stage.listener);
    await using endpoint = await request.accept({ prepare: (endpoint) => endpoint.postReceive(1, scratch, 0, 16) });
    using reader = new CompletionReader(endpoint, "server");
    await serve(endpoint, reader);
  })();
  {
    await using client = await RpingClient.connect(stage.domain, stage.listener.address, options);
    await use(client);
  }
  await serving;
  scratch[Symbol.dispose]();
}

function answer(endpoint: Endpoint, domain: ProtectionDomain, bytes: Uint8Array): Disposable {
  const region = domain.register(Math.max(bytes.length, 1), 0);
  region.bytes.set(bytes);
  endpoint.postSend({ id: 2, opcode: Opcode.SEND, region, offset: 0, length: bytes.length });
  return region;
}

Deno.test("a server that says it is done and has moved nothing is found out", async () => {
  await using stage = await listening();
  const scratch = stage.domain.register(64, Access.LOCAL_WRITE);
  const serving = (async () => {
    const request = await nextRequest(stage.listener);
    await using endpoint = await request.accept({ prepare: (endpoint) => endpoint.postReceive(1, scratch, 0, 16) });
    using reader = new CompletionReader(endpoint, "server");
    using regions = new DisposableStack();
    for (let turn = 0; turn < 2; turn++) {
      while ((await reader.success(5_000)).id !== 1);
      endpoint.postReceive(1, scratch, 0, 16);
      regions.use(answer(endpoint, stage.domain, new Uint8Array(16)));
    }
    await endpoint.closed;
  })();
  {
    await using client = await RpingClient.connect(stage.domain, stage.listener.address);
    const call = `ping 127.0.0.1:${stage.listener.address.port}`;
    await assertRejects(
      () => client.round(),
      VerbsError,
      `${call}: mismatch: round 0: byte 0 of 64 left as 114 and came back as 0`,
    );
  }
  await serving;
  scratch[Symbol.dispose]();
});

Deno.test("a server that is silent ends a round after its time limit", async () => {
  await withServer(
    async (endpoint) => void await endpoint.closed,
    async (client) => {
      await assertRejects(() => client.round(), VerbsError, "timeout: no answer within 50 ms");
    },
    { timeout: 50 },
  );
});

Deno.test("a server that leaves in the middle of a round ends it", async () => {
  await withServer(
    async (_endpoint, reader) => void await reader.success(5_000),
    async (client) => {
      await assertRejects(() => client.round(), VerbsError, "lost");
    },
  );
});

Deno.test("an answer of another length than a message's ends the round", async () => {
  await using stage = await listening();
  const scratch = stage.domain.register(64, Access.LOCAL_WRITE);
  const serving = (async () => {
    const request = await nextRequest(stage.listener);
    await using endpoint = await request.accept({ prepare: (endpoint) => endpoint.postReceive(1, scratch, 0, 16) });
    using reader = new CompletionReader(endpoint, "server");
    await reader.success(5_000);
    using _region = answer(endpoint, stage.domain, new Uint8Array(15));
    await endpoint.closed;
  })();
  {
    await using client = await RpingClient.connect(stage.domain, stage.listener.address);
    await assertRejects(() => client.round(), WireError, "rping: message length: got 15");
  }
  await serving;
  scratch[Symbol.dispose]();
});

Deno.test("aborting ends a round with the signal's reason", async () => {
  const controller = new AbortController();
  await withServer(
    async (_endpoint, reader) => {
      await reader.success(5_000);
      controller.abort(new Error("enough"));
      await reader.endpoint.closed;
    },
    async (client) => void await assertRejects(() => client.round(), Error, "enough"),
    { signal: controller.signal },
  );
});

/** Sends `messages` to a server, each after its answer or alone; how the server saw it. */
async function sendTo(messages: readonly Uint8Array[], options: RpingServeOptions = {}) {
  await using stage = await listening();
  const serving = serveOne(stage, options);
  const scratch = stage.domain.register(256, Access.LOCAL_WRITE);
  {
    await using endpoint = await stage.domain.connect(stage.listener.address, {
      prepare: (endpoint) => {
        for (let slot = 0; slot < 8; slot++) endpoint.postReceive(1, scratch, slot * 16, 16);
      },
    });
    using reader = new CompletionReader(endpoint, "client");
    using regions = new DisposableStack();
    for (const message of messages) {
      regions.use(answer(endpoint, stage.domain, message));
      for (;;) {
        const { id, status } = await reader.next(5_000);
        if (status !== 0 || id === 1) break;
      }
    }
    if (messages.length === 0) await endpoint.closed;
    await endpoint.close();
  }
  const served = await serving;
  scratch[Symbol.dispose]();
  return served;
}

function offer(address: bigint, key: number, size: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, address);
  view.setUint32(8, key);
  view.setUint32(12, size);
  return new Uint8Array(view.buffer);
}

Deno.test("a client whose messages make no sense is dropped, with what was wrong with them", async () => {
  const table: [Uint8Array[], RegExp][] = [
    [[new Uint8Array(0)], /^rping: message length: got 0$/],
    [[new Uint8Array(15)], /^rping: message length: got 15$/],
    [[new Uint8Array(17)], /length/],
    [[offer(0n, 1, 65_536)], /^rping: buffer size: got 65536$/],
    [[offer(0n, 0x1234_5600, 64)], /^client 127\.0\.0\.1:\d+: /],
    [[offer(2n ** 64n - 1n, 1, 2)], /^rping: buffer address: got \d+$/],
  ];
  for (const [messages, expected] of table) {
    const { rounds, error } = await sendTo(messages);
    assert(error !== undefined && expected.test(error.message), `${error?.message} for ${messages}`);
    assertEquals(rounds, 0);
  }
});

Deno.test("a client that is silent between two rounds is dropped after its time limit", async () => {
  const { rounds, error } = await sendTo([], { idle: 50 });
  assertEquals(rounds, 0);
  assert(/: timeout: no answer within 50 ms$/.test(error?.message ?? ""), error?.message);
});

Deno.test("a sink with less room than the text is refused", async () => {
  await using stage = await listening();
  const serving = serveOne(stage);
  using text = stage.domain.register(64, Access.REMOTE_READ | Access.REMOTE_WRITE);
  const scratch = stage.domain.register(32, Access.LOCAL_WRITE);
  {
    await using endpoint = await stage.domain.connect(stage.listener.address, {
      prepare: (endpoint) => {
        for (let slot = 0; slot < 2; slot++) endpoint.postReceive(1, scratch, slot * 16, 16);
      },
    });
    using reader = new CompletionReader(endpoint, "client");
    using _source = answer(endpoint, stage.domain, offer(text.address, text.remoteKey, 64));
    while ((await reader.success(5_000)).id !== 1);
    using _sink = answer(endpoint, stage.domain, offer(text.address, text.remoteKey, 63));
    await endpoint.closed;
  }
  const { rounds, error } = await serving;
  assertEquals([rounds, error?.message], [0, "rping: room for a text of 64 bytes: got 63"]);
  scratch[Symbol.dispose]();
});

Deno.test("a server ends, and not with a defect, whatever a client sends it", async () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 24 }),
    fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 70_000 }))
      .map(([address, key, size]) => offer(address, key, size)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 3 }), async (messages) => {
      const { rounds } = await sendTo(messages as Uint8Array[], { timeout: 1_000, idle: 1_000 });
      assert(rounds <= 1);
    }),
    { numRuns: 300 },
  );
});
