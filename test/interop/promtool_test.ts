import { metricsRoutes } from "../../routes/metrics.ts";
import { ASSETS } from "../../routes/pages/assets.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { PROMETHEUS_CLIENT_VERSION, testWith } from "../capabilities.ts";
import { ENGINE, MEASURED, measuredBoard } from "../routes/measured.ts";
import { installFromPypi } from "./pip_install.ts";
import { Process, run } from "./process.ts";

/** Parses its input as strictly as the format's authors do, and prints each family as its type, name and samples. */
const PARSER = `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.type, family.name, family.unit or "-", len(family.samples))
`;

/** A name that someone chose to break the page with. */
const HOSTILE = { ...ENGINE, address: 'a"} 1\nevil\\ \u2028#' };
const MEASURED_OF_ALL_SORTS = { ...MEASURED, engines: [...MEASURED.engines, HOSTILE] };

async function metricsAs(accept: string): Promise<string> {
  const routes = metricsRoutes(measuredBoard(), () => MEASURED_OF_ALL_SORTS);
  return await (await routes.request("/", { headers: { accept } })).text();
}

await testWith(["promtool"], "promtool check metrics has nothing to say about /metrics", async () => {
  const promtool = new Process("promtool", ["check", "metrics"], { input: await metricsAs("text/plain") });
  const { code } = await promtool.ended;
  assertEquals([code, promtool.stdout, promtool.stderr], [0, [], []]);
});

await testWith(["promtool"], "promtool has nothing to say about /metrics of a real service either", async () => {
  const args = ["run", "--quiet", "-P=serve", "main.ts", "serve", "--listen", "127.0.0.1:0"];
  const cwd = new URL("../../", import.meta.url).pathname;
  await using service = new Process(Deno.execPath(), args, { cwd, name: "verbena serve" });
  const [, origin = ""] = await service.line(/^verbena serve listening on (http:\S+)$/);
  const [, read = ""] = await service.line(/'(http:\S+\/read\?\S+)&size=\d+'/);
  const [, token = ""] = await service.line(/TOKEN=(\S+)/);
  await (await fetch(`${read}&size=16`)).arrayBuffer();
  const response = await fetch(`${origin}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const input = await response.text();
  assertMatch(input, '\nverbena_reads_total{source="rdma"} 1\n');
  const promtool = new Process("promtool", ["check", "metrics"], { input });
  assertEquals([(await promtool.ended).code, promtool.stdout, promtool.stderr], [0, [], []]);
});

await testWith(["promtool"], "promtool, which complains of bad names, was asked", async () => {
  const promtool = new Process("promtool", ["check", "metrics"], { input: "# TYPE reads counter\nreads 1\n" });
  assertEquals((await promtool.ended).code, 3);
});

await testWith(["promtool"], "promtool parses every expression of the Grafana dashboard", async () => {
  const { panels } = JSON.parse(ASSETS.get("grafana.json")?.body ?? "");
  const expressions: string[] = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$(job|instance)/g, ".*"))
  );
  const rules = expressions.map((expr, index) => ({ record: `verbena:panel:${index}`, expr }));
  // JSON is YAML
  const file = await Deno.makeTempFile({ suffix: ".yml" });
  try {
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "verbena", rules }] }));
    assertMatch(await run("promtool", ["check", "rules", file]), `SUCCESS: ${expressions.length} rules found`);
  } finally {
    await Deno.remove(file);
  }
});

await testWith(["prometheus-client"], "prometheus_client takes /metrics for OpenMetrics", async () => {
  const folder = await installFromPypi("prometheus_client", PROMETHEUS_CLIENT_VERSION);
  const input = await metricsAs("application/openmetrics-text; version=1.0.0");
  const families = await run("python3", ["-c", PARSER], { input, env: { PYTHONPATH: folder } });
  assertEquals(families.split("\n"), [
    "info verbena_build - 1",
    "gauge process_start_time_seconds seconds 1",
    `histogram verbena_read_duration_seconds seconds ${2 * (38 + 2)}`,
    "counter verbena_read_requests - 1",
    "counter verbena_reads - 3",
    "counter verbena_read_errors - 2",
    "counter verbena_read_ahead_hits - 1",
    "counter verbena_read_bytes bytes 1",
    "counter verbena_read_rdma_bytes bytes 1",
    "gauge verbena_reads_in_flight - 1",
    "counter verbena_http_requests - 4",
    "counter verbena_http_denied - 3",
    "gauge verbena_http_requests_in_flight - 1",
    "gauge verbena_http_connections - 1",
    "gauge verbena_sessions - 1",
    "gauge verbena_pool_lent_bytes bytes 1",
    "gauge verbena_pool_allocated_bytes bytes 1",
    "gauge verbena_pool_ceiling_bytes bytes 1",
    "gauge verbena_engine_connected - 3",
    "gauge verbena_engine_circuit_state - 9",
    "gauge verbena_connections - 2",
    "gauge verbena_connection_requests_in_flight - 2",
    "gauge verbena_connection_send_credits - 1",
    "gauge verbena_connection_receive_credits - 1",
    "gauge verbena_device_active - 2",
  ]);
});
