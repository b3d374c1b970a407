/**
 * The resources of `/v1` that answer JSON, through the typed client.
 *
 * @module
 */
import type { ClientResponse } from "hono/client";
import { createApp, type Observed } from "../../../routes/app.ts";
import { type ApiClient, createApiClient } from "../../../routes/client.ts";
import { Access } from "../../../src/access/mod.ts";
import { ReadError } from "../../../src/engine/reader.ts";
import { assert, assertEquals, assertMatch } from "../../assert.ts";
import { ALL_PATHS, fakeApp, FakeReader } from "../fake_reader.ts";

const OBSERVED: Observed = {
  devices: () =>
    Promise.resolve({
      devices: [{
        name: "rxe0",
        transport: "InfiniBand",
        firmware: "",
        ports: [{
          number: 1,
          state: "ACTIVE",
          linkLayer: "Ethernet",
          mtu: "1024",
          speed: "2.5 × 1",
          gids: ["fe80::1"],
        }],
        limits: { max_qp: 1024 },
        error: "",
      }],
      reason: "",
    }),
  providers: () => Promise.resolve([{ name: "verbs", available: false, reason: "no library" }]),
  connections: () => [{
    id: "c1",
    kind: "engine-client",
    remote: "127.0.0.1:18515",
    transport: "iwarp",
    since: Date.UTC(2026, 0, 2),
    sendCredits: 255,
    receiveCredits: 254,
    inFlight: 1,
    bytes: 4096,
  }],
  regions: () => [{ owner: "engine client", transport: "iwarp", length: 65_536, rights: ["local write"], lent: 4096 }],
};

function stage(): {
  client: ApiClient;
  reader: FakeReader;
  app: ReturnType<typeof fakeApp>["app"];
} {
  const { app, reader } = fakeApp({ observed: OBSERVED });
  const client = createApiClient(
    "http://localhost",
    undefined,
    async (input, init) => await app.request(String(input), init),
  );
  return { client, reader, app };
}

async function body(answer: Promise<ClientResponse<unknown, number, string>>): Promise<unknown> {
  const response = await answer;
  assertEquals([response.status, response.headers.get("cache-control")], [200, "no-store"]);
  return await response.json();
}

Deno.test("/v1/devices, /v1/providers, /v1/connections and /v1/regions tell what the process stands on", async () => {
  const { v1 } = stage().client;
  const { devices } = await OBSERVED.devices();
  assertEquals(await body(v1.devices.$get()), { devices, reason: "" });
  assertEquals(await body(v1.devices[":name"].$get({ param: { name: "rxe0" } })), devices[0]);
  assertEquals(await body(v1.providers.$get()), { providers: await OBSERVED.providers() });
  const [connection] = OBSERVED.connections();
  assertEquals(await body(v1.connections.$get()), {
    connections: [{ ...connection, since: "2026-01-02T00:00:00.000Z" }],
  });
  assertEquals(await body(v1.regions.$get()), { regions: OBSERVED.regions() });
  const missing = await v1.devices[":name"].$get({ param: { name: "mlx5_0" } });
  assertEquals([missing.status, (await missing.json() as { detail: string }).detail], [
    404,
    'no RDMA device is called "mlx5_0"',
  ]);
});

Deno.test("/v1/volumes lists volumes, and their needles a page at a time", async () => {
  const { client: { v1 }, reader } = stage();
  reader.listed = [{
    id: 3,
    collection: "",
    version: 3,
    size: 4096,
    needles: 3,
    deleted: 1,
    counted: true,
    readOnly: false,
    engine: "rdma:127.0.0.1:18515",
  }];
  reader.stored = [{ key: 1n, size: 10 }, { key: 0x2fn, size: 20 }, { key: (1n << 64n) - 1n, size: 30 }];
  assertEquals(await body(v1.volumes.$get()), { volumes: reader.listed });
  const page = (query: { after?: string; limit?: string }): Promise<unknown> =>
    body(v1.volumes[":id"].needles.$get({ param: { id: "3" }, query }));
  const [first, second, third] = [{ key: "1", size: 10 }, { key: "2f", size: 20 }, { key: "f".repeat(16), size: 30 }];
  assertEquals(await page({}), { volume: 3, needles: [first, second, third] });
  assertEquals(await page({ limit: "2" }), { volume: 3, needles: [first, second], next: "2f" });
  assertEquals(await page({ limit: "2", after: "2f" }), { volume: 3, needles: [third] });
});

Deno.test("/v1/volumes refuses parameters that are none, and says what the reader says", async () => {
  const { app, reader } = stage();
  const table: [string, number, string][] = [
    ["/v1/volumes/0/needles", 400, "id: want a volume id, 1 to 4294967295"],
    ["/v1/volumes/4294967296/needles", 400, "id: want a volume id, 1 to 4294967295"],
    ["/v1/volumes/3/needles?limit=0", 400, "limit: want a number from 1 to 1000"],
    ["/v1/volumes/3/needles?limit=1001", 400, "limit: want a number from 1 to 1000"],
    ["/v1/volumes/3/needles?after=xyz", 400, "after: want a key in hexadecimal, of 1 to 16 lower-case digits"],
    ["/v1/volumes/4/needles", 404, "no volume 4"],
  ];
  for (const [path, status, detail] of table) {
    const response = await app.request(path);
    assertEquals([path, response.status, (await response.json()).detail], [path, status, detail]);
  }
  reader.failure = new ReadError("unsupported", "the engine does not list volumes");
  assertEquals((await app.request("/v1/volumes")).status, 501);
});

Deno.test("a session is listed while it reads, and ended by whoever may", async () => {
  const { client: { v1 }, reader, app } = stage();
  reader.gate = new Promise(() => {});
  const answer = app.request("/v1/needles/3,01637037d6");
  while (reader.requests.length === 0) await Promise.resolve();
  const session = {
    id: 1,
    kind: "needle",
    target: "volume 3, needle 1",
    caller: "anonymous",
    address: "127.0.0.1",
    since: "2026-01-02T03:04:05.000Z",
    bytes: 0,
  };
  assertEquals(await body(v1.sessions.$get()), { sessions: [session] });
  assertEquals(await body(v1.sessions[":id"].$get({ param: { id: "1" } })), session);
  assertEquals((await v1.sessions[":id"].$delete({ param: { id: "1" } })).status, 204);
  const refused = await answer;
  assertEquals([refused.status, (await refused.json()).detail], [503, "the read was cancelled"]);
  assertEquals(await body(v1.sessions.$get()), { sessions: [] });
  assertEquals((await v1.sessions[":id"].$delete({ param: { id: "1" } })).status, 404);
});

Deno.test("a stream that is ended breaks off short of what it promised", async () => {
  const { client: { v1 }, reader, app } = stage();
  reader.needleSize = 3 << 20;
  const response = await app.request("/v1/needles/3,01637037d6");
  const stream = response.body?.getReader();
  assertEquals((await stream?.read())?.value?.length, 1 << 20);
  const { sessions } = await (await v1.sessions.$get()).json() as { sessions: { id: number; bytes: number }[] };
  assertEquals(sessions.map(({ bytes }) => bytes), [1 << 20]);
  await v1.sessions[":id"].$delete({ param: { id: String(sessions[0]?.id) } });
  let broken = "";
  await stream?.read().catch((error) => broken = String(error));
  assertMatch(broken, "the read was cancelled");
  assertEquals(await body(v1.sessions.$get()), { sessions: [] });
});

Deno.test("/v1/stats tells what happened, and gives nothing away", async () => {
  const { client: { v1 }, app } = stage();
  await (await app.request("/v1/needles/3,01637037d6")).arrayBuffer();
  await app.request("/v1/needles/3,02637037d6?token=secret");
  await app.request("/v1/smb/nas/media/plan.txt");
  const snapshot = await body(v1.stats.$get()) as Record<string, never>;
  assertEquals(snapshot.latency, [
    { transport: "iwarp", outcome: "success", count: 2, sum: 0, p50: 0, p90: 0, p99: 0, max: 0 },
    { transport: "none", outcome: "not-found", count: 1, sum: 0, p50: 0, p90: 0, p99: 0, max: 0 },
  ]);
  const common = { time: "2026-01-02T03:04:05.000Z", method: "GET", status: 404 };
  assertEquals(snapshot.failures, [
    { ...common, path: "/v1/smb/nas/media/…", reason: "Not Found" },
    { ...common, path: "/v1/needles/3…", reason: "no needle 2" },
  ]);
  assertEquals(snapshot.http, {
    requests: { "2xx": 1, "3xx": 0, "4xx": 2, "5xx": 0 },
    inFlight: 1,
    connections: 0,
    denied: { 401: 0, 403: 0, 429: 0 },
    sessions: 0,
  });
});

Deno.test("/v1/events begins with a snapshot, tells of failures as they come, and ends with the server", async () => {
  const stop = new AbortController();
  const reader = new FakeReader();
  const app = createApp({
    reader,
    version: "0.1.0",
    log: { enabled: () => false, write: () => {} },
    access: new Access({ anonymous: ALL_PATHS }),
  });
  const env = { remoteAddress: "127.0.0.1", stop: stop.signal };
  const response = await app.request("/v1/events", {}, env);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const events = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const next = async (): Promise<[string, Record<string, never>]> => {
    const [event = "", data = ""] = (await events?.read())?.value?.split("\n") ?? [];
    return [event, JSON.parse(data.slice("data: ".length))];
  };
  const [event, snapshot] = await next();
  assertEquals([event, snapshot.version], ["event: snapshot", "0.1.0"]);
  await app.request("/v1/needles/3,02637037d6", {}, env);
  const [failed, failure] = await next();
  assertEquals([failed, failure.reason], ["event: failure", "no needle 2"]);
  stop.abort();
  let last = await events?.read();
  while (last?.done === false) last = await events?.read(); // a snapshot may have been on its way
  assert(last?.done);
});
