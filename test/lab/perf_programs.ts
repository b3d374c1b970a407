/**
 * What the tests of `verbena perf` in the lab have in common: our side, perftest's programs, and how results look.
 *
 * @module
 */
import { readArguments } from "../../commands/command.ts";
import { perfCommand } from "../../commands/perf.ts";
import { perfOptions } from "../../commands/perf_options.ts";
import { perf } from "../../commands/run_perf.ts";
import type { Plan } from "../../src/perftest/plan.ts";
import { readinessIdle } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import type { Outside } from "../commands/outside.ts";
import { eventually, Process, run, within } from "../interop/process.ts";

/** Messages of a test. */
export const ITERATIONS = 20;
/** Messages of a test that is broken off. */
export const LONG = "1000000";
const LIMIT = 30_000;

/** Runs `verbena perf` in this process. */
export async function measure(plan: Plan, outside: Outside, ...args: string[]): Promise<void> {
  await perf(perfOptions(readArguments(perfCommand, [plan.name, ...args])), outside);
  await readinessIdle();
}

/** perftest's program. */
export function programOf({ name }: Plan): string {
  return `ib_${name.replace("-", "_")}`;
}

/** perftest's server, once it listens: with `managed` through rdma_cm. */
export async function stockServer(plan: Plan, managed: boolean, port: number, flags: string[]): Promise<Process> {
  const server = new Process(programOf(plan), flags);
  const show = managed ? ["rdma", "resource", "show", "cm_id"] : ["ss", "-ltnH"];
  await eventually("perftest's server listens", async () => {
    if (!server.running) throw new Error(server.tail());
    const [command = "", ...args] = show;
    return new RegExp(`LISTEN.*:${port}\\b`).test(await run(command, args)) ? true : undefined;
  });
  return server;
}

/** Waits for the end of a program, which must be a good one. */
export async function expectSuccess(program: Process): Promise<void> {
  assert(await within(program.ended, LIMIT), `it ends:\n${program.tail()}`);
  assertEquals((await program.ended).code, 0, program.tail());
}

/** What was asked for. */
export interface Expected {
  readonly plan: Plan;
  readonly role: "client" | "server";
  readonly transport: string;
  /** The other side. */
  readonly host: string;
  readonly size: number;
}

/** What one side printed as JSON agrees with what was asked for. */
export function checkResult(text: string, { plan, role, transport, host, size }: Expected): void {
  const { peer, microseconds, bandwidth, ...rest } = JSON.parse(text);
  assertEquals(rest, { test: plan.name, role, transport, size, iterations: ITERATIONS });
  assertMatch(peer, host);
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
