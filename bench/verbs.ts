/**
 * `deno task bench:verbs`: what calling verbs from TypeScript costs, and Verbena next to perftest in the lab's guest.
 * `--calls` and `--lab` run one part only; a number is how many rounds the lab's part has.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- figures are what it is for
import { run } from "../test/interop/process.ts";
import { table } from "./figures.ts";
import { runInLab } from "./lab.ts";
import type { CallCosts } from "./verbs_calls.ts";
import { CONTENDERS, type LabFigure } from "./verbs_lab.ts";

const ROOT = new URL("../", import.meta.url).pathname;
/** What was aimed at. */
const AIMS = { call: 25, latency: 1.15, bandwidth: 0.9 };

const LINES: readonly [keyof CallCosts, string][] = [
  ["postSend", "post a Send: write it and call"],
  ["fillSend", "  write it"],
  ["callSend", "  call"],
  ["postReceive", "post a receive: write it and call"],
  ["poll", "poll one completion: call and read it"],
  ["callPoll", "  call"],
  ["bare", "the library function alone"],
];

async function calls(): Promise<void> {
  const [shim, pointer] = [await costs("shim"), await costs("pointer")];
  console.log(`\nCalls, ns; aim: at most ${AIMS.call} to post, and to poll`);
  const rows = LINES.map(([name, words]) => [words, shim[name].toFixed(1), pointer[name].toFixed(0)]);
  console.log(table([["", "shim", "UnsafeFnPointer"], ...rows]));
}

async function costs(reach: string): Promise<CallCosts> {
  return JSON.parse(
    await run(Deno.execPath(), ["run", "--quiet", "-P=test", "bench/verbs_calls.ts", reach], { cwd: ROOT }),
  );
}

async function lab(rounds: number): Promise<void> {
  const figures = await runInLab("verbs_lab.ts", rounds) as LabFigure[];
  const [, first = "", second = ""] = CONTENDERS;
  console.log(
    `\nClient, server: medians of ${rounds} rounds; aim: latency at most ${AIMS.latency} ×, bandwidth ${AIMS.bandwidth} ×`,
  );
  console.log(table([
    ["device, test, bytes", "", CONTENDERS[0], first, "ratio", second, "ratio"],
    ...figures.map((figure) => row(figure)),
  ]));
}

function row({ device, test, size, values }: LabFigure): string[] {
  const [stock = NaN, own = NaN, both = NaN] = values;
  const unit = test.endsWith("-lat") ? "µs" : "MiB/s";
  const cells = [
    stock.toFixed(1),
    own.toFixed(1),
    (own / stock).toFixed(2),
    both.toFixed(1),
    (both / stock).toFixed(2),
  ];
  return [`${device} ${test} ${size}`, unit, ...cells];
}

if (import.meta.main) {
  const only = Deno.args.find((argument) => argument.startsWith("--"));
  if (only !== "--lab") await calls();
  if (only !== "--calls") await lab(Number(Deno.args.find((argument) => /^\d+$/.test(argument)) ?? 3));
}
