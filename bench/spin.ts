/**
 * `deno task bench:spin`: what it brings, and costs, to poll for completions before sleeping: `verbena ping`, both sides
 * on one device of the lab's guest, with several values of `--spin`, back to back and paced.
 *
 * Values take turns within each round. Figures are medians over the rounds. Prints a table, then one line of JSON.
 *
 * @module
 */
import { Process } from "../test/interop/process.ts";
import { quantile, table } from "./figures.ts";

/** The lab's devices, and the addresses they own. */
const DEVICES = [["rxe0", "10.7.0.1"], ["siw0", "192.168.77.1"]] as const;
/** Microseconds. */
const SPINS = [0, 50, 1_000];
/** Pings of a run, and milliseconds between two of them. */
const COURSES = [{ count: 400, interval: 0 }, { count: 100, interval: 10 }] as const;
const ROUNDS = 3;
const PINGS_TO_WARM_UP = 200;
/** Milliseconds of a clock tick, `sysconf(_SC_CLK_TCK)`. */
const TICK = 10;
const ROOT = new URL("..", import.meta.url).pathname;

interface Run {
  /** Microseconds of one ping's round, the median. */
  readonly median: number;
  /** And what 99 % of them took at most. */
  readonly p99: number;
  /** Milliseconds of processor that the server took for a ping. */
  readonly processor: number;
}

function verbena(...args: string[]): Process {
  const options = { cwd: ROOT, name: "verbena ping" };
  return new Process(
    Deno.execPath(),
    ["run", "--quiet", "--no-check", "-P=client", "main.ts", "ping", ...args],
    options,
  );
}

// Fields 14 and 15 of proc(5)'s stat, behind the name in parentheses.
async function processorTime(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

async function runOnce(hostname: string, spin: number, course: typeof COURSES[number]): Promise<Run> {
  const common = ["--provider", "verbs", "--spin", `${spin}`, "--json"];
  await using server = verbena("--server", hostname, "-p", "0", ...common);
  const [, port = ""] = await server.line(/"listening":"[^"]*:(\d+)"/, 60_000);
  const ping = async (count: number, interval: number) => {
    await using client = verbena(hostname, "-p", port, "-C", `${count}`, "-i", `${interval}`, ...common);
    const { success } = await client.ended;
    if (!success) throw new Error(client.tail());
    return JSON.parse(client.stdout.join("")).microseconds;
  };
  await ping(PINGS_TO_WARM_UP, 0);
  const before = await processorTime(server.pid);
  const { median, p99 } = await ping(course.count, course.interval);
  const processor = (await processorTime(server.pid) - before) / course.count;
  await server.stop("SIGTERM");
  return { median, p99, processor };
}

function paceOf({ interval }: typeof COURSES[number]): string {
  return interval === 0 ? "back to back" : `every ${interval} ms`;
}

const rows: string[][] = [["device", "pings", "--spin µs", "median µs", "p99 µs", "processor ms"]];
const results: unknown[] = [];
for (const [device, hostname] of DEVICES) {
  for (const course of COURSES) {
    const runs = new Map<number, Run[]>(SPINS.map((spin) => [spin, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const spin of SPINS) runs.get(spin)?.push(await runOnce(hostname, spin, course));
    }
    for (const [spin, all] of runs) {
      const middle = (name: keyof Run) => quantile(all.map((run) => run[name]), 0.5);
      const [median, p99, processor] = [middle("median"), middle("p99"), middle("processor")];
      results.push({ device, ...course, spin, median, p99, processor });
      rows.push([device, paceOf(course), `${spin}`, median.toFixed(0), p99.toFixed(0), processor.toFixed(2)]);
    }
  }
}
// deno-lint-ignore no-console
console.log(`${table(rows)}\n${JSON.stringify(results)}`);
