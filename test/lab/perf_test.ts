/**
 * `verbena perf` and the programs of perftest, over both devices and in both roles; and both sides our own.
 *
 * @module
 */
import { readArguments } from "../../commands/command.ts";
import { perfCommand } from "../../commands/perf.ts";
import { perfOptions } from "../../commands/perf_options.ts";
import { perf } from "../../commands/run_perf.ts";
import { type Plan, planOf, type TestName, TESTS } from "../../src/perftest/plan.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { readinessIdle } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { Outside } from "../commands/outside.ts";
import { eventually, freePorts, Process, run, within } from "../interop/process.ts";
import { type DeviceName, HOSTS } from "./provider_stage.ts";

const ITERATIONS = 20;
const LIMIT = 30_000;

/** How queue pairs are connected, and over what. */
interface Way {
  readonly capability: Capability;
  readonly device: DeviceName;
  readonly managed: boolean;
}

const BY_KEYS: Way = { capability: "rxe", device: "rxe0", managed: false };
const OVER_SIW: Way = { capability: "siw", device: "siw0", managed: true };
const OVER_RXE: Way = { capability: "rxe", device: "rxe0", managed: true };

const TABLE: readonly [Way, readonly TestName[]][] = [
  [BY_KEYS, TESTS],
  [OVER_SIW, TESTS],
  [OVER_RXE, ["send-lat", "read-bw"]], // the rest is as with the other two
];

function nameOf({ device, managed }: Way): string {
  return managed ? `${device}, connected by rdma_cm` : device;
}

/** Flags that perftest's programs and ours have in common. */
function flagsOf({ device, managed }: Way, port: number, ...more: string[]): string[] {
  const way = managed ? ["-R"] : ["-d", device, "-x", device === "rxe0" ? "1" : "0"];
  return [...way, "-p", `${port}`, "-n", `${ITERATIONS}`, ...more];
}

async function measure(plan: Plan, outside: Outside, ...args: string[]): Promise<void> {
  await perf(perfOptions(readArguments(perfCommand, [plan.name, ...args])), outside);
  await readinessIdle();
}

function programOf({ name }: Plan): string {
  return `ib_${name.replace("-", "_")}`;
}

/** perftest's server, once it listens. */
async function stockServer(plan: Plan, { managed }: Way, port: number, flags: string[]): Promise<Process> {
  const server = new Process(programOf(plan), flags);
  const show = managed ? ["rdma", "resource", "show", "cm_id"] : ["ss", "-ltnH"];
  await eventually("perftest's server listens", async () => {
    if (!server.running) throw new Error(server.tail());
    const [command = "", ...args] = show;
    return new RegExp(`LISTEN.*:${port}\\b`).test(await run(command, args)) ? true : undefined;
  });
  return server;
}

async function expectSuccess(program: Process): Promise<void> {
  assert(await within(program.ended, LIMIT), `it ends:\n${program.tail()}`);
  assertEquals((await program.ended).code, 0, program.tail());
}

/** What one side printed as JSON agrees with what was asked for. */
function checkResult(text: string, plan: Plan, { device }: Way, role: "client" | "server", size: number): void {
  const { peer, microseconds, bandwidth, ...rest } = JSON.parse(text);
  assertEquals(rest, { test: plan.name, role, transport: `verbs:${device}`, size, iterations: ITERATIONS });
  assertMatch(peer, HOSTS[device]);
  const silent = role === "server" && plan.passiveServer;
  if (plan.kind === "latency") {
    assertEquals(bandwidth, undefined);
    if (silent) return assertEquals(microseconds, null);
    const { count, min, median, average, p99, p999, max } = microseconds;
    assertEquals(count, ITERATIONS - 1);
    assert(min > 0 && min <= median && median <= p99 && p99 <= p999 && p999 <= max, text);
    assert(min <= average && average <= max, text);
  } else {
    assertEquals(microseconds, undefined);
    if (silent) return assertEquals(bandwidth, null);
    const { mebibytes, megamessages } = bandwidth;
    assert(megamessages > 0, text);
    assertEquals(Math.round(mebibytes), Math.round(megamessages * 1e6 * size / (1 << 20)));
  }
}

for (const [way, tests] of TABLE) {
  for (const test of tests) {
    const plan = planOf(test);
    const size = plan.kind === "latency" ? 2 : 65_536;

    await testWith([way.capability], `${programOf(plan)} serves us over ${nameOf(way)}`, async () => {
      const [port = 0] = freePorts(1);
      const flags = flagsOf(way, port);
      await using server = await stockServer(plan, way, port, flags);
      const outside = new Outside();
      await measure(plan, outside, HOSTS[way.device], ...flags, "--json");
      checkResult(outside.printed.join(""), plan, way, "client", size);
      await expectSuccess(server);
    });

    await testWith([way.capability], `${programOf(plan)} is served by us over ${nameOf(way)}`, async () => {
      const [port = 0] = freePorts(1);
      const flags = flagsOf(way, port);
      const outside = new Outside();
      const serving = measure(plan, outside, ...flags);
      await outside.line(/^verbena perf .* waits for a client on /);
      await using client = new Process(programOf(plan), [...flags, HOSTS[way.device]]);
      await serving;
      await expectSuccess(client);
      assertMatch(client.tail(), new RegExp(`^ ${size} +${ITERATIONS} `, "m"));
      assertMatch(outside.printed.join("\n"), `${test} for `);
    });
  }
}

for (const way of [BY_KEYS, OVER_SIW]) {
  await testWith([way.capability], `both sides our own, of every test, over ${nameOf(way)}`, async () => {
    const ports = freePorts(TESTS.length);
    const flags = TESTS.map((_, index) => flagsOf(way, ports[index] ?? 0, "-s", "5000"));
    const script = new URL("perf_peer.ts", import.meta.url).pathname;
    const servers = TESTS.map((test, index) => [test, ...flags[index] ?? []].join(" "));
    await using server = new Process(Deno.execPath(), ["run", "--quiet", "--no-check", "-P=lab", script, ...servers]);
    for (const [index, test] of TESTS.entries()) {
      const plan = planOf(test);
      await server.line(new RegExp(`^verbena perf ${test} waits`));
      const outside = new Outside();
      await measure(plan, outside, HOSTS[way.device], ...flags[index] ?? [], "--json");
      checkResult(outside.printed.join(""), plan, way, "client", 5_000);
    }
    await expectSuccess(server);
  });
}

const KILLED: readonly [Way, TestName][] = [
  [BY_KEYS, "send-lat"],
  [OVER_SIW, "write-lat"],
  [OVER_SIW, "read-bw"],
  [OVER_RXE, "write-lat"],
];

for (const [way, test] of KILLED) {
  await testWith(
    [way.capability],
    `a server that is killed ends ${test} over ${nameOf(way)} with an error`,
    async () => {
      const plan = planOf(test);
      const [port = 0] = freePorts(1);
      const flags = flagsOf(way, port);
      flags[flags.indexOf("-n") + 1] = "1000000";
      await using server = await stockServer(plan, way, port, flags);
      const killed = setTimeout(() => server.signal("SIGKILL"), 1_000);
      try {
        const args = [HOSTS[way.device], ...flags, "--timeout", "2000"];
        await assertRejects(() => measure(plan, new Outside(), ...args), VerbsError);
        assertEquals((await server.ended).signal, "SIGKILL");
      } finally {
        clearTimeout(killed);
        await readinessIdle();
      }
    },
  );
}
