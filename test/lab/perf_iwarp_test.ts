/**
 * `verbena perf` over our iWARP and the programs of perftest over the kernel's, in both roles.
 *
 * @module
 */
import { planOf, type TestName, TESTS } from "../../src/perftest/plan.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { Outside } from "../commands/outside.ts";
import { eventually, freePorts, Process, run } from "../interop/process.ts";
import { checkResult, expectSuccess, ITERATIONS, LONG, measure, programOf, stockServer } from "./perf_programs.ts";
import { HOSTS } from "./provider_stage.ts";

const host = HOSTS.siw0;
const IWARP = ["--provider", "iwarp"];

/** Flags that perftest's programs and ours have in common. */
function flagsOf(port: number, ...more: string[]): string[] {
  return ["-R", "-p", `${port}`, "-n", `${ITERATIONS}`, ...more];
}

/** The same, of a test that will be broken off. */
function longFlagsOf(port: number): string[] {
  return ["-R", "-p", `${port}`, "-n", LONG];
}

function sizeOf(test: TestName): number {
  return planOf(test).kind === "latency" ? 2 : 65_536;
}

/** The flags of our iWARP with which each test is tried as a client. */
const TABLE: readonly [TestName, string[]][] = [
  ...TESTS.map((test): [TestName, string[]] => [test, ["--crc", "on"]]),
  ["write-bw", ["--crc", "off", "--iwarp-profile", "hardware"]],
];

for (const [test, own] of TABLE) {
  const plan = planOf(test);
  await testWith(["siw"], `${programOf(plan)} over siw0 serves our iWARP (${own.join(" ")})`, async () => {
    const [port = 0] = freePorts(1);
    const flags = flagsOf(port);
    await using server = await stockServer(plan, true, port, flags);
    const outside = new Outside();
    await measure(plan, outside, host, ...flags, ...IWARP, ...own, "--json");
    checkResult(outside.printed.join(""), { plan, role: "client", transport: "iwarp", host, size: sizeOf(test) });
    await expectSuccess(server);
  });
}

for (const test of TESTS) {
  const plan = planOf(test);
  await testWith(["siw"], `${programOf(plan)} over siw0 is served by our iWARP`, async () => {
    const [port = 0] = freePorts(1);
    const flags = flagsOf(port);
    const outside = new Outside();
    const serving = measure(plan, outside, ...flags, ...IWARP);
    await outside.line(/^verbena perf .* waits for a client on /);
    await using client = new Process(programOf(plan), [...flags, host]);
    await serving;
    await expectSuccess(client);
    assertMatch(client.tail(), new RegExp(`^ ${sizeOf(test)} +${ITERATIONS} `, "m"));
    assertMatch(outside.printed.join("\n"), `${test} for `);
  });
}

await testWith(["siw"], "ib_write_lat over siw0 that is killed ends the test of our iWARP", async () => {
  const plan = planOf("write-lat");
  const [port = 0] = freePorts(1);
  const flags = longFlagsOf(port);
  await using server = await stockServer(plan, true, port, flags);
  const killed = setTimeout(() => server.signal("SIGKILL"), 1_000);
  try {
    const args = [host, ...flags, ...IWARP, "--timeout", "2000"];
    await assertRejects(() => measure(plan, new Outside(), ...args), VerbsError);
    assertEquals((await server.ended).signal, "SIGKILL");
  } finally {
    clearTimeout(killed);
  }
});

await testWith(["siw"], "ib_read_bw over siw0 that is killed ends the test that our iWARP serves", async () => {
  const plan = planOf("read-bw");
  const [port = 0] = freePorts(1);
  const flags = longFlagsOf(port);
  const outside = new Outside();
  const serving = assertRejects(() => measure(plan, outside, ...flags, ...IWARP), VerbsError);
  await outside.line(/ waits for a client on /);
  await using client = new Process(programOf(plan), [...flags, host]);
  await eventually("the client has both of its connections", async () => {
    const connections = await run("ss", ["-tnH", "state", "established", "sport", "=", `:${port}`]);
    return connections.trim().split("\n").length === 2 ? true : undefined;
  });
  client.signal("SIGKILL");
  await serving;
  assertEquals((await client.ended).signal, "SIGKILL");
});
