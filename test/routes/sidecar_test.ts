import type { App } from "../../routes/app.ts";
import { createLog } from "../../routes/log.ts";
import { formatDuration } from "../../routes/format.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { ask, fakeApp, type FakeReader } from "./fake_reader.ts";

const TIMESTAMP = "2026-01-02T03:04:05.000Z";

async function document(app: App, path: string, init?: RequestInit): Promise<unknown> {
  const response = await app.request(path, init);
  assertEquals([response.status, response.headers.get("content-type")], [200, "application/json"]);
  return await response.json();
}

Deno.test("/health is what weed mount needs to turn RDMA on", async () => {
  const { app } = fakeApp();
  assertEquals(await document(app, "/health"), {
    status: "healthy",
    timestamp: TIMESTAMP,
    version: "0.1.0",
    rdma: {
      enabled: true,
      connected: true,
      type: "local",
      transport: "iwarp",
      zerocopy_enabled: false,
      pooling_enabled: true,
    },
  });
});

Deno.test("/health is 503 and says why while reads would not be served", async () => {
  const { app, reader } = fakeApp();
  const [engine] = reader.state.engines;
  assert(engine);
  const away = {
    ...engine,
    connected: false,
    circuit: "open" as const,
    lastError: "connect rdma:127.0.0.1:18515: refused",
  };
  reader.state = { ready: false, engines: [away] };
  const response = await app.request("/health");
  assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
  const body = await response.json();
  assertEquals([body.status, body.rdma.enabled, body.rdma.connected], ["unhealthy", false, false]);
  assertEquals(body.rdma.error, "connect rdma:127.0.0.1:18515: refused");
});

Deno.test("/health does not say RDMA is enabled where there is no engine at all", async () => {
  const { app, reader } = fakeApp();
  reader.state = { ready: true, engines: [] };
  const response = await app.request("/health");
  assertEquals([response.status, (await response.json()).rdma.error], [503, "no engine is configured"]);
});

Deno.test("/health is healthy, and says that RDMA is not there, where engines are reached by a Unix socket alone", async () => {
  const { app, reader } = fakeApp();
  const [engine] = reader.state.engines;
  assert(engine);
  reader.state = { ready: true, engines: [{ ...engine, address: "unix", transport: "local" }] };
  const { status, rdma } = await document(app, "/health") as { status: string; rdma: Record<string, unknown> };
  assertEquals([status, rdma.enabled, rdma.connected, rdma.transport], ["healthy", false, true, "local"]);
});

Deno.test("/stats has every name that SeaweedFS's sidecar and its scripts use", async () => {
  const { app } = fakeApp();
  const [, text] = await ask(app, "/stats");
  assertMatch(text, '"rdma_enabled":true');
  assertEquals(JSON.parse(text), {
    enabled: true,
    connected: true,
    rdma_enabled: true,
    transport: "iwarp",
    total_requests: 12,
    total_reads: 10,
    successful_reads: 10,
    failed_reads: 2,
    rdma_reads: 9,
    local_reads: 0,
    http_fallbacks: 1,
    read_ahead_hits: 2,
    total_bytes_read: 40960,
    in_flight: 0,
    errors: { "not-found": 2 },
    connections: 1,
    pool: { lent_bytes: 0, allocated_bytes: 65536, ceiling: 1 << 26 },
    rdma: { enabled: true, connected: true, transport: "iwarp" },
    capabilities: {
      device_name: "iwarp",
      version: "0.1.0",
      max_sessions: 1000,
      max_transfer_size: 1 << 30,
      real_rdma: false,
    },
    engines: [{
      address: "rdma:127.0.0.1:18515",
      connected: true,
      transport: "iwarp",
      circuit: "closed",
      last_error: "",
    }],
    volume_server_url: "",
    rdma_socket_path: "",
    client_type: "local",
    version: "0.1.0",
    timestamp: TIMESTAMP,
  });
});

Deno.test("/cleanup succeeds for a temporary file, of which there is none, and refuses any other path", async () => {
  const { app } = fakeApp();
  const init = { method: "DELETE" };
  assertEquals(await document(app, "/cleanup?temp_file=%2Ftmp%2Frdma-cache%2Fvol3.tmp", init), {
    success: true,
    message: "no such temporary file: none is ever made",
    temp_file: "/tmp/rdma-cache/vol3.tmp",
    timestamp: TIMESTAMP,
  });
  for (
    const path of ["/etc/passwd", "/tmp/rdma-cache", "/tmp/rdma-cache/../x", "tmp/rdma-cache/x", "/tmp/rdma-cache2/x"]
  ) {
    const line = `temp_file: got ${JSON.stringify(path)}, want a file in /tmp/rdma-cache\n`;
    assertEquals(await ask(app, `/cleanup?temp_file=${encodeURIComponent(path)}`, init), [400, line]);
  }
  assertEquals(await ask(app, "/cleanup", init), [400, "temp_file: missing; give the path of a temporary file\n"]);
});

Deno.test("/benchmark reads the needle it is told and reports as SeaweedFS's sidecar does", async () => {
  const seen: { reader?: FakeReader } = {};
  const clock = { now: () => Date.parse(TIMESTAMP), elapsed: () => 750 * (seen.reader?.requests.length ?? 0) };
  const { app, reader } = fakeApp({ clock });
  seen.reader = reader;
  assertEquals(await document(app, "/benchmark?iterations=2&size=512&file_id=3,01637037d6"), {
    benchmark_results: {
      iterations: 2,
      size_per_op: 512,
      total_duration: "1.5s",
      successful_ops: 2,
      failed_ops: 0,
      rdma_ops: 2,
      http_ops: 0,
      avg_latency: "750ms",
      throughput_mbps: "0.00",
      ops_per_sec: "1.3",
      total_bytes: 1024,
    },
    rdma_enabled: true,
    timestamp: TIMESTAMP,
  });
  assertEquals(reader.requests.length, 2);
  assertEquals(reader.lent, 0);
});

Deno.test("/benchmark reads the sample, and no more of it than there is, when told no needle", async () => {
  const { app, reader } = fakeApp({ samples: [{ fileId: "3,01637037d6", size: 100 }] });
  await document(app, "/benchmark");
  assertEquals([reader.requests.length, reader.requests[0]?.size], [10, 100]);
});

Deno.test("/benchmark counts reads that fail, with the last reason", async () => {
  const { app } = fakeApp();
  const body = await document(app, "/benchmark?iterations=3&volume=3&needle=9&cookie=1") as {
    benchmark_results: Record<string, unknown>;
  };
  const { successful_ops, failed_ops, rdma_ops, last_error } = body.benchmark_results;
  assertEquals([successful_ops, failed_ops, rdma_ops, last_error], [0, 3, 0, "no needle 9"]);
});

Deno.test("/benchmark is bounded in iterations, size and number", async () => {
  const { app, reader } = fakeApp({ limits: { readTimeout: 20 } });
  assertEquals(await ask(app, "/benchmark?iterations=2"), [
    400,
    "file_id: missing; give file_id, or volume, needle and cookie, of a needle to read\n",
  ]);
  const query = "file_id=3,01637037d6";
  assertEquals((await ask(app, `/benchmark?${query}&iterations=10001`))[0], 400);
  assertEquals((await ask(app, `/benchmark?${query}&size=1048577`))[0], 413);
  reader.gate = new Promise(() => {});
  const first = app.request(`/benchmark?${query}&iterations=1`);
  assertEquals(await ask(app, `/benchmark?${query}`), [503, "busy: another benchmark is running\n"]);
  assertEquals((await first).status, 200);
});

Deno.test("the sidecar's routes refuse other methods and paths with one line", async () => {
  const { app } = fakeApp();
  for (const [path, allow] of [["/health", "GET"], ["/stats", "GET"], ["/benchmark", "GET"], ["/cleanup", "DELETE"]]) {
    const response = await app.request(path ?? "", { method: "PUT" });
    assertEquals([response.status, response.headers.get("allow"), await response.text()], [
      405,
      allow,
      "Method not allowed\n",
    ]);
  }
  assertEquals(await ask(app, "/nothing"), [404, 'no such resource: "/nothing"\n']);
  for (
    const path of ["//", "/%00", "/%ff", "/%zz", "/read/", "/READ", "/v1", "/v1/needles/", "/v1/needles/1,01/x", "/?/"]
  ) {
    assert([200, 404].includes((await ask(app, path))[0]), path);
  }
  for (const name of ["%ff", "%zz", "%00", "..", "%2e%2e%2f", "1,01637037d6%20"]) {
    assert([400, 404].includes((await ask(app, `/v1/needles/${name}`))[0]), name);
  }
});

Deno.test("createLog() writes one JSON object a line, from its level up, and clips what it is given", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", write: (line) => lines.push(line), now: () => 0 });
  log.write("debug", "unseen");
  log.write("warn", "two\nlines", { time: "forged", bytes: 5, url: "x".repeat(1025), absent: undefined });
  assertEquals(lines, [
    `{"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"two\\nlines","bytes":5,"url":"${"x".repeat(1024)}…"}`,
  ]);
  assertEquals([log.enabled("debug"), log.enabled("info")], [false, true]);
});

Deno.test("a log at debug has a line for each request; a log at info has one only for failures of this side", async () => {
  for (const [level, expected] of [["debug", ["request"]], ["info", []]] as const) {
    const messages: string[] = [];
    const log = createLog({ level, write: (line) => messages.push(JSON.parse(line).message) });
    await ask(fakeApp({ log }).app, "/health");
    assertEquals(messages, expected);
  }
});

Deno.test("formatDuration() prints as Go does", () => {
  const table: [number, string][] = [
    [0, "0s"],
    [0.00085, "850ns"],
    [0.4032, "403.2µs"],
    [2.48, "2.48ms"],
    [1500, "1.5s"],
    [90_000, "1m30s"],
    [3_661_000, "1h1m1s"],
  ];
  for (const [milliseconds, text] of table) assertEquals(formatDuration(milliseconds), text);
});
