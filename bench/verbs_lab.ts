/**
 * perftest's programs and Verbena in turn, in the lab's guest, on the same devices. Prints figures as JSON.
 *
 * Both ends spin, and the guest's kernel does its part of the work in threads of its own. So that these are not kept
 * waiting, all contenders alike are scheduled as idle. The machine must have nothing else to do: an emulated processor
 * that waits for a real one adds milliseconds to whoever is measured.
 *
 * @module
 */
import { perftestByKeys, perftestManaged, type PerftestOptions, planOf, type TestName } from "../src/perftest/mod.ts";
import { reasonOf } from "../src/rdma/errors.ts";
import { eventually, Process, run } from "../test/interop/process.ts";
import { quantile } from "./figures.ts";

/** The programs at both ends, client first. */
export const CONTENDERS = ["perftest, perftest", "Verbena, perftest", "Verbena, Verbena"] as const;

/** What was measured, of each contender: medians over the rounds, of microseconds or MiB/s. */
export interface LabFigure {
  /** The device. */
  readonly device: string;
  /** The test. */
  readonly test: TestName;
  /** Bytes of a message. */
  readonly size: number;
  /** In the order of {@linkcode CONTENDERS}. */
  readonly values: readonly number[];
}

const DEVICES = [
  { device: "rxe0", host: "10.7.0.1", managed: false },
  { device: "siw0", host: "192.168.77.1", managed: true },
] as const;
const CASES: readonly [TestName, number, number][] = [
  ...(["send-lat", "write-lat", "read-lat"] as const).flatMap((test): [TestName, number, number][] => [
    [test, 2, 300],
    [test, 4_096, 300],
  ]),
  ["send-bw", 65_536, 100],
  ["write-bw", 65_536, 100],
  ["read-bw", 65_536, 100],
];
const IDLY = ["chrt", "-i", "0"];
const SELF = [Deno.execPath(), "run", "--quiet", "--no-check", "--cached-only", "-P=lab"];

type Device = typeof DEVICES[number];
let nextPort = 19_000;

async function benchDevice(where: Device, rounds: number): Promise<LabFigure[]> {
  const samples = CASES.map(() => CONTENDERS.map((): number[] => []));
  for (let round = -1; round < rounds; round++) { // round −1 warms up
    const ports = CASES.map(() => nextPort++);
    const servers = CASES.map(([test, size, count], index) => flags(where, test, size, count, ports[index] ?? 0));
    const peer = new URL("../test/lab/perf_peer.ts", import.meta.url).pathname;
    const [command = "", ...args] = [
      ...IDLY,
      ...SELF,
      peer,
      ...servers.map((each) => [...each, "-I", "0"].join(" ")),
    ];
    await using own = new Process(command, args);
    await own.line(/^verbena perf \S+ waits /); // its start takes a processor
    for (const [index, [test, size, count]] of CASES.entries()) {
      const options = { test, size, iterations: count, depth: depthOf(test), inlineSize: 0, timeout: 20_000 };
      const values = [
        await again(() => stockAgainstStock(where, test, size, count)),
        await again(() => againstStock(where, options)),
        await againstOwn(where, options, own, ports[index] ?? 0),
      ];
      const seconds = Math.round(performance.now() / 1_000);
      // deno-lint-ignore no-console -- it takes minutes
      console.error(
        `${where.device} ${test} ${size}: ${values.map((each) => each.toFixed(1)).join("  ")} (${seconds} s)`,
      );
      if (round < 0) continue;
      for (const [contender, value] of values.entries()) samples[index]?.[contender]?.push(value);
    }
  }
  return CASES.map(([test, size], index) => ({
    device: where.device,
    test,
    size,
    values: (samples[index] ?? []).map((each) => quantile(each, 0.5)),
  }));
}

// A server of perftest's may leave before it is measured: another is started.
async function again(measurement: () => Promise<number>): Promise<number> {
  try {
    return await measurement();
  } catch (error) {
    // deno-lint-ignore no-console -- what is measured once more is said
    console.error(`once more: ${reasonOf(error)}`);
    return await measurement();
  }
}

function depthOf(test: TestName): number {
  return planOf(test).kind === "latency" ? 1 : 128;
}

function flags({ device, managed }: Device, test: TestName, size: number, count: number, port: number): string[] {
  const way = managed ? ["-R"] : ["-d", device, "-x", "1"];
  return [test, ...way, "-s", `${size}`, "-n", `${count}`, "-p", `${port}`];
}

async function stockServer(where: Device, test: TestName, size: number, count: number): Promise<[Process, number]> {
  const port = nextPort++;
  const [name = "", ...rest] = flags(where, test, size, count, port);
  const [command = "", ...args] = [...IDLY, `ib_${name.replace("-", "_")}`, ...rest];
  const server = new Process(command, args);
  const [show = "", ...what] = where.managed ? ["rdma", "resource", "show", "cm_id"] : ["ss", "-ltnH"];
  await eventually(
    "perftest's server",
    async () => new RegExp(`LISTEN.*:${port}\\b`).test(await run(show, what)) ? true : undefined,
  );
  return [server, port];
}

async function stockAgainstStock(where: Device, test: TestName, size: number, count: number): Promise<number> {
  const [server, port] = await stockServer(where, test, size, count);
  await using _server = server;
  const [name = "", ...rest] = flags(where, test, size, count, port);
  const [command = "", ...args] = [...IDLY, `ib_${name.replace("-", "_")}`, ...rest, where.host];
  const line = (await run(command, args)).split("\n").find((each) => each.trim().startsWith(`${size} `)) ?? "";
  const columns = line.trim().split(/\s+/).map(Number);
  await server.ended;
  const value = planOf(test).kind === "latency" ? columns[4] : columns[3]; // t_typical; the average
  if (value === undefined || !(value > 0)) throw new Error(`ib_${name} printed ${JSON.stringify(line)}`);
  return value;
}

async function againstStock(where: Device, options: PerftestOptions): Promise<number> {
  const [server, port] = await stockServer(where, options.test, options.size, options.iterations);
  await using _server = server;
  const value = await measure(where, options, port);
  await server.ended;
  return value;
}

async function againstOwn(where: Device, options: PerftestOptions, own: Process, port: number): Promise<number> {
  await own.line(new RegExp(`^verbena perf ${options.test} waits .*:${port}$`));
  return await measure(where, options, port);
}

async function measure({ device, host, managed }: Device, options: PerftestOptions, port: number): Promise<number> {
  const address = { hostname: host, port };
  const result = managed
    ? await perftestManaged(address, options)
    : await perftestByKeys(address, options, { device, port: 1, gidIndex: 1 });
  const value = "microseconds" in result ? result.microseconds?.median : result.bandwidth?.mebibytes;
  if (value === undefined) throw new Error(`${options.test} measured nothing`);
  return value;
}

if (import.meta.main) {
  await run("chrt", ["-a", "-i", "-p", "0", `${Deno.pid}`]);
  const rounds = Number(Deno.args[0] ?? 5);
  const figures: LabFigure[] = [];
  for (const device of DEVICES) figures.push(...await benchDevice(device, rounds));
  // deno-lint-ignore no-console -- the figures are what it is for
  console.log(JSON.stringify(figures));
  Deno.exit(0);
}
