import { loadTelemetry } from "../../routes/telemetry.ts";
import { assertEquals } from "../assert.ts";
import { eventually, Process } from "./process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SUCCEEDING = 5;
const FAILING = 2;
const SIZE = 16;

/** One attribute, or one value, as OTLP writes it in JSON. */
interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly doubleValue?: number; readonly intValue?: string | number };
}

/** One point of a metric. */
interface Point {
  readonly attributes: readonly Attribute[];
  readonly asDouble?: number;
  readonly asInt?: string;
  readonly count?: string;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}

/** A metric of one export. */
interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic: boolean };
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
}

/** A span. */
interface Span {
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

/** A collector that keeps what Verbena told: the latest of each metric, and every span. */
class Collector implements AsyncDisposable {
  readonly metrics = new Map<string, Metric>();
  readonly spans: Span[] = [];
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { resourceMetrics = [], resourceSpans = [] } = await request.json();
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { scope, metrics } of scopeMetrics) {
        for (const metric of scope.name === "verbena" ? metrics : []) this.metrics.set(metric.name, metric);
      }
    }
    for (const { scopeSpans } of resourceSpans) {
      for (const { scope, spans } of scopeSpans) if (scope.name === "verbena") this.spans.push(...spans);
    }
    return Response.json({});
  });

  get address(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The points of a metric: their attributes, and their value. */
  points(name: string): Record<string, number> {
    const { sum, gauge, histogram } = this.metrics.get(name) ?? {};
    const points = (sum ?? gauge ?? histogram)?.dataPoints ?? [];
    return Object.fromEntries(points.map(({ attributes, count, asDouble, asInt }) => [
      Object.values(labelsOf(attributes)).join(" "),
      Number(count ?? asDouble ?? asInt),
    ]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function labelsOf(attributes: readonly Attribute[]): Record<string, string | number> {
  const sorted = [...attributes].sort((a, b) => a.key < b.key ? -1 : 1);
  return Object.fromEntries(
    sorted.map(({ key, value }) => [key, value.stringValue ?? Number(value.doubleValue ?? value.intValue)]),
  );
}

/** Starts `verbena serve` on its sample volume; the process, and where it listens. */
async function serve(env: Record<string, string>): Promise<{ process: Process; origin: string; fileId: string }> {
  const args = ["run", "--quiet", "-P=serve", "main.ts", "serve", "--listen", "127.0.0.1:0"];
  const process = new Process(Deno.execPath(), args, { cwd: ROOT, name: "verbena serve", env });
  try {
    const [, origin = ""] = await process.line(/^verbena serve listening on (http:\S+)$/);
    const [, fileId = ""] = await process.line(/file_id=([0-9a-f,]+)/);
    return { process, origin, fileId };
  } catch (error) {
    await process.stop("SIGKILL");
    throw error;
  }
}

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

Deno.test("what a service reads arrives at an OpenTelemetry collector, by name and number", async () => {
  await using collector = new Collector();
  const { process, origin, fileId } = await serve({
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.address,
    OTEL_METRIC_EXPORT_INTERVAL: "200",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_SERVICE_NAME: "verbena",
  });
  await using _process = process;
  for (let count = 0; count < SUCCEEDING; count++) {
    assertEquals(await statusOf(`${origin}/read?file_id=${fileId}&offset=0&size=${SIZE}`), 200);
  }
  for (let count = 0; count < FAILING; count++) {
    assertEquals(await statusOf(`${origin}/read?file_id=1,ff00000000&offset=0&size=${SIZE}`), 404);
  }
  const durations = { "not-found none": FAILING, "success iwarp": SUCCEEDING };
  await eventually("every read's duration and span", () => {
    const { "success iwarp": read, "not-found none": failed } = collector.points("verbena_read_duration_seconds");
    const all = read === SUCCEEDING && failed === FAILING && collector.spans.length >= SUCCEEDING + FAILING;
    const counted = collector.points("verbena_read_requests")[""] === SUCCEEDING + FAILING &&
      collector.points("verbena_http_requests")["4xx"] === FAILING;
    return Promise.resolve(all && counted || undefined);
  });
  assertEquals(collector.points("verbena_read_duration_seconds"), durations);
  assertEquals(collector.points("verbena_read_requests"), { "": SUCCEEDING + FAILING });
  assertEquals(collector.points("verbena_reads"), { rdma: SUCCEEDING, local: 0, http: 0 });
  assertEquals(collector.points("verbena_read_errors"), { "not-found": FAILING });
  assertEquals(collector.points("verbena_read_bytes"), { "": SUCCEEDING * SIZE });
  assertEquals(collector.points("verbena_read_rdma_bytes"), { "": SUCCEEDING * SIZE });
  assertEquals(collector.points("verbena_http_requests")["2xx"], SUCCEEDING);
  assertEquals(collector.points("verbena_http_requests")["4xx"], FAILING);
  const units = ["verbena_read_duration_seconds", "verbena_read_bytes", "verbena_reads"].map((name) =>
    collector.metrics.get(name)?.unit
  );
  assertEquals(units, ["s", "By", ""]);
  assertEquals(collector.metrics.get("verbena_reads")?.sum?.isMonotonic, true);
  const [point] = collector.metrics.get("verbena_read_duration_seconds")?.histogram?.dataPoints ?? [];
  assertEquals([point?.explicitBounds?.length, point?.bucketCounts?.length], [37, 38]);
  const spans = collector.spans.map(({ name, attributes, status }) => ({
    name,
    ...labelsOf(attributes),
    code: status.code,
  }));
  assertEquals(spans, [
    ...Array.from({ length: SUCCEEDING }, () => (
      { name: "read", bytes: SIZE, outcome: "success", transport: "iwarp", code: 0 }
    )),
    ...Array.from({ length: FAILING }, () => (
      { name: "read", bytes: 0, outcome: "not-found", transport: "none", code: 2 }
    )),
  ]);
  for (const { startTimeUnixNano, endTimeUnixNano } of collector.spans) {
    assertEquals(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano), true);
  }
});

Deno.test("OpenTelemetry is not loaded where nothing is exported", async () => {
  assertEquals(await loadTelemetry(), undefined);
});
