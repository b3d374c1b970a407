/**
 * Verbena's command line. Nothing else reads the process's arguments, its environment or its signals.
 *
 * @module
 */
import { type CliContext, EXIT_FAILED, runCli } from "./commands/cli.ts";
import type { Command } from "./commands/command.ts";
import { devicesCommand } from "./commands/devices.ts";
import { engineCommand } from "./commands/engine.ts";
import { launch, mustLaunch } from "./commands/launch.ts";
import { perfCommand } from "./commands/perf.ts";
import { pingCommand } from "./commands/ping.ts";
import { serveCommand } from "./commands/serve.ts";
import configuration from "./deno.json" with { type: "json" };
import { reasonOf } from "./src/rdma/errors.ts";

const COMMANDS: readonly Command[] = [serveCommand, engineCommand, devicesCommand, pingCommand, perfCommand];

/**
 * Milliseconds within which signals count as one. A terminal's Ctrl-C reaches every process of the group, and those that
 * stand in for another hand it on as well: up to three arrive for one press.
 */
const SAME_PRESS = 500;

function writeLine(stream: { writeSync(bytes: Uint8Array): number }, line: string): void {
  let bytes = new TextEncoder().encode(`${line}\n`);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}

/** A signal that aborts at the first request to stop; the second ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const stop = (): void => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort();
    } else if (performance.now() - first > SAME_PRESS) {
      Deno.exit(EXIT_FAILED);
    }
  };
  Deno.addSignalListener("SIGINT", stop);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);
  return controller.signal;
}

if (import.meta.main) {
  const report = (line: string): void => writeLine(Deno.stderr, line);
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    report(`verbena: ${reasonOf(event.reason)}`);
    if (Deno.args.includes("--debug") && event.reason instanceof Error) report(String(event.reason.stack));
    Deno.exit(EXIT_FAILED);
  });
  let stop: AbortSignal | undefined;
  const context: CliContext = {
    version: configuration.version,
    print: (line) => writeLine(Deno.stdout, line),
    report,
    get stop(): AbortSignal {
      return stop ??= stopSignal();
    },
    launch: (role) => mustLaunch(role) ? launch(role, new URL(import.meta.url), Deno.args) : undefined,
  };
  Deno.exit(await runCli(COMMANDS, Deno.args, context));
}
