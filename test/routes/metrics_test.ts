import { Hono } from "hono";
import { LatencyBoard } from "../../routes/latency.ts";
import { metricsRoutes } from "../../routes/metrics.ts";
import {
  chooseFormat,
  escapeLabel,
  renderBound,
  renderFamilies,
  renderNumber,
} from "../../routes/metrics/exposition.ts";
import { MAX_LABEL_VALUES } from "../../routes/metrics/families.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { ENGINE, MEASURED, measuredBoard } from "./measured.ts";

const OPENMETRICS = { headers: { accept: "application/openmetrics-text; version=1.0.0" } };

function metricsApp(measured = MEASURED, board = measuredBoard()): Hono {
  return new Hono().route("/metrics", metricsRoutes(board, () => measured));
}

/** The lines of what the app shows. */
async function lines(app: Hono, init?: RequestInit): Promise<string[]> {
  return (await (await app.request("/metrics", init)).text()).split("\n");
}

Deno.test("/metrics in Prometheus' own format, but for the buckets line by line", async () => {
  const response = await metricsApp().request("/metrics");
  assertEquals([response.status, response.headers.get("content-type"), response.headers.get("vary")], [
    200,
    "text/plain; version=0.0.4; charset=utf-8",
    "accept",
  ]);
  const text = (await response.text()).split("\n").filter((line) => !line.includes("_bucket{"));
  assertEquals(text.join("\n"), await Deno.readTextFile(new URL("metrics.txt", import.meta.url)));
});

Deno.test("/metrics as OpenMetrics describes families, with units, and ends with EOF", async () => {
  const response = await metricsApp().request("/metrics", OPENMETRICS);
  assertEquals(
    response.headers.get("content-type"),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  const text = await response.text();
  assertMatch(
    text,
    '# TYPE verbena_build info\n# HELP verbena_build The version that runs.\nverbena_build_info{version="0.1.0"} 1\n',
  );
  assertMatch(text, "# TYPE verbena_read_bytes counter\n# UNIT verbena_read_bytes bytes\n");
  assertMatch(text, "\nverbena_read_bytes_total 40960\n");
  assertMatch(text, /\n# EOF\n$/);
});

Deno.test("the buckets of one transport and outcome", async () => {
  const shown = (await lines(metricsApp())).filter((line) =>
    line.includes('_bucket{transport="iwarp",outcome="success"')
  );
  assertEquals(shown.length, 38);
  assertEquals([shown[0], shown[6], shown[7], shown[36], shown[37]], [
    'verbena_read_duration_seconds_bucket{transport="iwarp",outcome="success",le="1e-05"} 0',
    'verbena_read_duration_seconds_bucket{transport="iwarp",outcome="success",le="0.0001"} 0',
    'verbena_read_duration_seconds_bucket{transport="iwarp",outcome="success",le="0.00015"} 1',
    'verbena_read_duration_seconds_bucket{transport="iwarp",outcome="success",le="10.0"} 2',
    'verbena_read_duration_seconds_bucket{transport="iwarp",outcome="success",le="+Inf"} 2',
  ]);
});

Deno.test("names from elsewhere cannot end a label, a line or the page", async () => {
  const engine = { ...ENGINE, address: 'a"} 1\nevil\\\ud800' };
  const shown = (await lines(metricsApp({ ...MEASURED, engines: [engine] }))).filter((line) => /evil/.test(line));
  assertEquals(shown, [
    'verbena_engine_connected{engine="a\\"} 1\\nevil\\\\\ufffd"} 1',
    'verbena_engine_circuit_state{engine="a\\"} 1\\nevil\\\\\ufffd",state="closed"} 1',
    'verbena_engine_circuit_state{engine="a\\"} 1\\nevil\\\\\ufffd",state="half-open"} 0',
    'verbena_engine_circuit_state{engine="a\\"} 1\\nevil\\\\\ufffd",state="open"} 0',
  ]);
  assertEquals(escapeLabel("\\n"), "\\\\n");
});

Deno.test("a label has at most so many values, and the rest are counted as other", async () => {
  const errors = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`reason ${index}`, 2]));
  const shown = (await lines(metricsApp({ ...MEASURED, reads: { ...MEASURED.reads, errors } })))
    .filter((line) => line.startsWith("verbena_read_errors_total{"));
  assertEquals(shown.length, MAX_LABEL_VALUES + 1);
  assertEquals(shown.at(-1), `verbena_read_errors_total{reason="other"} ${2 * (100 - MAX_LABEL_VALUES)}`);
});

Deno.test("connections of one peer are one sample: their number, and the least of their credits", async () => {
  const since = "2026-01-02T03:04:00.000Z";
  const connection = { id: "1", kind: "engine-server", transport: "iwarp", since, inFlight: 1, bytes: 0 } as const;
  const connections = [
    { ...connection, remote: "10.0.0.7:40001", sendCredits: 9, receiveCredits: 200 },
    { ...connection, remote: "10.0.0.7:40002", sendCredits: 3, receiveCredits: 255 },
    { ...connection, remote: "[::1]:1" },
  ];
  const shown = (await lines(metricsApp({ ...MEASURED, connections }))).filter((line) =>
    line.startsWith("verbena_connection")
  );
  const [many, one] = ["10.0.0.7", "[::1]"].map((peer) => `{kind="engine-server",transport="iwarp",peer="${peer}"}`);
  assertEquals(shown, [
    `verbena_connections${many} 2`,
    `verbena_connections${one} 1`,
    `verbena_connection_requests_in_flight${many} 2`,
    `verbena_connection_requests_in_flight${one} 1`,
    `verbena_connection_send_credits${many} 3`,
    `verbena_connection_receive_credits${many} 200`,
  ]);
});

Deno.test("the format is the one that Accept likes best", () => {
  const prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  const asked: (string | null)[] = [
    prometheus,
    "application/openmetrics-text",
    "Application/OpenMetrics-Text; Version=1.0.0",
    "application/openmetrics-text; version=2.0.0",
    "application/openmetrics-text;q=0.4, text/plain;q=0.5",
    "application/openmetrics-text;q=0",
    "text/html, */*;q=0.8",
    "application/openmetrics-text;q=x",
    "",
    null,
  ];
  const [openmetrics, plain] = ["openmetrics", "prometheus"];
  assertEquals(asked.map(chooseFormat), [
    ...[1, 2, 3].map(() => openmetrics),
    ...Array.from({ length: 7 }, () => plain),
  ]);
});

Deno.test("numbers, and bounds as Go writes them", () => {
  assertEquals([1e-5, 1.5e-5, 7e-5, 1e-4, 1.5e-4, 0.1, 1, 10, Infinity, 1e-10].map(renderBound), [
    ...["1e-05", "1.5e-05", "7e-05", "0.0001", "0.00015", "0.1", "1.0", "10.0", "+Inf", "1e-10"],
  ]);
  assertEquals([2 ** 53 - 1, 0.1, -Infinity, NaN].map(renderNumber), ["9007199254740991", "0.1", "-Inf", "NaN"]);
});

Deno.test("a service that has done nothing has metrics too", async () => {
  const idle = metricsApp(
    { ...MEASURED, engines: [], connections: [], devices: [], reads: { ...MEASURED.reads, errors: {} } },
    new LatencyBoard({ elapsed: () => 0 }),
  );
  const text = await (await idle.request("/metrics", OPENMETRICS)).text();
  assertEquals([/duration|engine|connection_|device/.test(text), /verbena_reads_in_flight 1\n/.test(text)], [
    false,
    true,
  ]);
  assertEquals(renderFamilies([], "prometheus"), "");
});

Deno.test("/metrics takes GET and HEAD", async () => {
  const response = await metricsApp().request("/metrics", { method: "HEAD" });
  assertEquals([response.status, await response.text()], [200, ""]);
});
