/**
 * A process of servers: each argument is the flags of one `verbena perf`, and they run one after another.
 *
 * @module
 */
import { type Context, readArguments } from "../../commands/command.ts";
import { perfCommand } from "../../commands/perf.ts";
import { perfOptions } from "../../commands/perf_options.ts";
import { perf } from "../../commands/run_perf.ts";

// deno-lint-ignore no-console -- its output is what it says to the tests
const print = (line: string): void => console.log(line);
const context: Context = {
  version: "",
  print,
  writeBytes: () => Promise.resolve(),
  report: print,
  terminal: undefined,
  environment: () => undefined,
  askSecret: () => Promise.resolve(undefined),
  onHangup: () => {},
  stop: new AbortController().signal,
};

for (const flags of Deno.args) await perf(perfOptions(readArguments(perfCommand, flags.split(" "))), context);
