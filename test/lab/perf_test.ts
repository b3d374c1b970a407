/**
 * `verbena perf` and the programs of perftest, over both devices and in both roles; and both sides our own.
 *
 * @module
 */
import { type Plan, planOf, type TestName, TESTS } from "../../src/perftest/plan.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { readinessIdle } from "../../src/verbs/mod.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { Outside } from "../commands/outside.ts";
import { freePorts, Process } from "../interop/process.ts";
import {
  checkResult,
  type Expected,
  expectSuccess,
  ITERATIONS,
  LONG,
  measure,
  programOf,
  stockServer,
} from "./perf_programs.ts";
import { type DeviceName, HOSTS } from "./provider_stage.ts";

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

function expected(plan: Plan, { device }: Way, size: number): Expected {
  return { plan, role: "client", transport: `verbs:${device}`, host: HOSTS[device], size };
}

for (const [way, tests] of TABLE) {
  for (const test of tests) {
    const plan = planOf(test);
    const size = plan.kind === "latency" ? 2 : 65_536;

    await testWith([way.capability], `${programOf(plan)} serves us over ${nameOf(way)}`, async () => {
      const [port = 0] = freePorts(1);
      const flags = flagsOf(way, port);
      await using server = await stockServer(plan, way.managed, port, flags);
      const outside = new Outside();
      await measure(plan, outside, HOSTS[way.device], ...flags, "--json");
      checkResult(outside.printed.join(""), expected(plan, way, size));
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
      checkResult(outside.printed.join(""), expected(plan, way, 5_000));
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
      flags[flags.indexOf("-n") + 1] = LONG;
      await using server = await stockServer(plan, way.managed, port, flags);
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
