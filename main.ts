/**
 * Verbena's command line. Nothing else reads the process's arguments, environment, standard input or signals.
 *
 * @module
 */
import { catCommand } from "./commands/cat.ts";
import { type CliContext, EXIT_FAILED, runCli } from "./commands/cli.ts";
import type { Command } from "./commands/command.ts";
import { configCommand } from "./commands/config.ts";
import { cpCommand } from "./commands/cp.ts";
import { devicesCommand } from "./commands/devices.ts";
import { engineCommand } from "./commands/engine.ts";
import { launch, mustLaunch } from "./commands/launch.ts";
import { lsCommand } from "./commands/ls.ts";
import { mkdirCommand } from "./commands/mkdir.ts";
import { perfCommand } from "./commands/perf.ts";
import { pingCommand } from "./commands/ping.ts";
import { rmCommand } from "./commands/rm.ts";
import { serveCommand } from "./commands/serve.ts";
import { statCommand } from "./commands/stat.ts";
import { tokenCommand } from "./commands/token.ts";
import { Console } from "./commands/terminal.ts";
import configuration from "./deno.json" with { type: "json" };
import { reasonOf } from "./src/rdma/errors.ts";

const COMMANDS: readonly Command[] = [
  serveCommand,
  engineCommand,
  lsCommand,
  statCommand,
  catCommand,
  cpCommand,
  mkdirCommand,
  rmCommand,
  devicesCommand,
  pingCommand,
  perfCommand,
  configCommand,
  tokenCommand,
];

/**
 * Milliseconds within which signals count as one. A terminal's Ctrl-C reaches every process of the group, and those that
 * stand in for another hand it on as well: up to three arrive for one press.
 */
const SAME_PRESS = 500;

/** Columns of a terminal that does not tell. */
const USUAL_COLUMNS = 80;

function columns(): number {
  try {
    return Deno.consoleSize().columns || USUAL_COLUMNS;
  } catch {
    return USUAL_COLUMNS;
  }
}

/** A variable of the environment; none where this process may not look there. */
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
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
  const outside = new Console(Deno.stdout, Deno.stderr, columns);
  const report = (line: string): void => outside.report(line);
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    report(`verbena: ${reasonOf(event.reason)}`);
    if (Deno.args.includes("--debug") && event.reason instanceof Error) report(String(event.reason.stack));
    Deno.exit(EXIT_FAILED);
  });
  let stop: AbortSignal | undefined;
  const context: CliContext = {
    version: configuration.version,
    print: (line) => outside.print(line),
    writeBytes: (bytes) => outside.writeBytes(bytes),
    report,
    terminal: outside.terminal,
    environment: variable,
    askSecret: (question) => outside.askSecret(question, Deno.stdin),
    get stop(): AbortSignal {
      return stop ??= stopSignal();
    },
    onHangup(act): void {
      if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", act);
    },
    launch: (role, writes) => mustLaunch(role) ? launch(role, new URL(import.meta.url), Deno.args, writes) : undefined,
  };
  Deno.exit(await runCli(COMMANDS, Deno.args, context));
}
