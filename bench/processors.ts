/**
 * On which processors the two processes of a bench run. Left to itself, Linux puts them now on two, now on one for the
 * sake of its cache, and rates then differ twofold from one round to the next, and latencies more.
 *
 * @module
 */
import { run } from "../test/interop/process.ts";

/** Where the two processes are while figures are taken. */
export interface Placement {
  /** In a word, for JSON. */
  readonly name: string;
  /** In words, for readers. */
  readonly title: string;
  /** The processor of this process and of the other; undefined leaves both to the system. */
  readonly processors: readonly [own: number, other: number] | undefined;
}

/** A processor for each, and one for both, as far as this machine lets that be chosen. */
export async function placements(): Promise<Placement[]> {
  let allowed: string;
  try {
    allowed = await run("taskset", ["-c", "-p", `${Deno.pid}`]); // pid 7's current affinity list: 0-3,6
  } catch {
    const title = "Wherever the system puts the two processes, for want of taskset (apt-get install util-linux):";
    return [{ name: "anywhere", title, processors: undefined }];
  }
  const numbers = allowed.split(":")[1]?.match(/\d+/g)?.map(Number) ?? [];
  const [first = 0, last = 0] = [numbers[0], numbers.at(-1)]; // neighbours may share a core
  const together: Placement = {
    name: "together",
    title: "One processor for both processes:",
    processors: [first, first],
  };
  if (first === last) return [together];
  return [{ name: "apart", title: "A processor for each process:", processors: [first, last] }, together];
}

/** Binds all threads of the process to `processor`, or leaves it where it is. */
export async function bind(pid: number, processor: number | undefined): Promise<void> {
  if (processor !== undefined) await run("taskset", ["-a", "-c", "-p", `${processor}`, `${pid}`]);
}

/** A command line that runs on `processor`, or anywhere. */
export function on(processor: number | undefined, command: string, args: readonly string[]): [string, string[]] {
  return processor === undefined ? [command, [...args]] : ["taskset", ["-c", `${processor}`, command, ...args]];
}
