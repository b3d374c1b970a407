/**
 * From arguments to an exit code: picks the command, prints help, and turns what is thrown into one line.
 *
 * @module
 */
import { ConfigError, reasonOf, VerbenaError } from "../src/rdma/errors.ts";
import {
  columns,
  type Command,
  type Context,
  helpOf,
  readArguments,
  type Role,
  roleOf,
  SilentFailure,
  suggest,
} from "./command.ts";

/** What the process's outside offers to {@linkcode runCli}, on top of what it offers to commands. */
export interface CliContext extends Context {
  /** Runs the command elsewhere, with the permissions of its role, where this process has not got them. */
  readonly launch?: (role: Role, writes: readonly string[]) => Promise<number> | undefined;
}

/** The exit code of success. */
export const EXIT_OK = 0;
/** The exit code of a command that failed. */
export const EXIT_FAILED = 1;
/** The exit code of arguments that make no sense. */
export const EXIT_USAGE = 2;

/** Carries out `args` and returns the exit code; never throws. */
export async function runCli(
  commands: readonly Command[],
  args: readonly string[],
  context: CliContext,
): Promise<number> {
  const [word = "", ...rest] = args;
  if (word === "--version" || word === "-V") {
    context.print(`verbena ${context.version}`);
    return EXIT_OK;
  }
  if (word === "--help" || word === "-h" || (word === "help" && rest.length === 0)) {
    context.print(overview(commands));
    return EXIT_OK;
  }
  const asksHelp = word === "help";
  const name = asksHelp ? rest[0] ?? "" : word;
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) return unknownCommand(commands, name, context);
  if (asksHelp) {
    context.print(helpOf(command));
    return EXIT_OK;
  }
  return await runCommand(command, rest, context);
}

async function runCommand(command: Command, args: readonly string[], context: CliContext): Promise<number> {
  let debug = args.includes("--debug");
  try {
    const given = readArguments(command, args);
    debug = given.has("debug");
    if (given.has("help")) {
      context.print(helpOf(command));
      return EXIT_OK;
    }
    const { environment } = context;
    const launched = context.launch?.(roleOf(command, given, environment), command.writes?.(given, environment) ?? []);
    if (launched !== undefined) return await launched;
    // Copied, so that a stop asked for from here on is heard: main.ts listens for signals once `stop` has been read.
    await command.run(given, { ...context });
    return EXIT_OK;
  } catch (error) {
    return explain(error, `verbena ${command.name}`, debug, context);
  }
}

/** One line for whatever was thrown, and the exit code for it. */
function explain(error: unknown, who: string, debug: boolean, context: Context): number {
  if (error instanceof SilentFailure) return error.usage ? EXIT_USAGE : EXIT_FAILED;
  const usage = error instanceof ConfigError;
  const hint = usage
    ? `; see ${who} --help`
    : error instanceof Deno.errors.NotCapable
    ? "; deno task verbena runs a command with the permissions of its role, if deno is on the PATH"
    : error instanceof VerbenaError || debug
    ? ""
    : "; --debug shows where it comes from";
  context.report(`${who}: ${reasonOf(error)}${hint}`);
  if (debug && error instanceof Error && error.stack !== undefined) context.report(error.stack);
  return usage ? EXIT_USAGE : EXIT_FAILED;
}

function unknownCommand(commands: readonly Command[], name: string, context: Context): number {
  const names = commands.map((command) => command.name);
  context.report(
    name === ""
      ? overview(commands)
      : name.startsWith("-")
      ? `verbena: the command comes first, then ${name}; see verbena --help`
      : `verbena: unknown command ${JSON.stringify(name)}${suggest(name, names)}; see verbena --help`,
  );
  return EXIT_USAGE;
}

function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }): [string, string] => [name, firstSentence(summary)]);
  return [
    "Usage: verbena COMMAND [ARGUMENT]…",
    "",
    "RDMA for Deno.",
    "",
    ...columns(rows),
    "",
    "verbena COMMAND --help tells more of a command, verbena --version the version.",
  ].join("\n");
}

function firstSentence(text: string): string {
  return text.split(/\. |\.$/)[0] ?? text;
}
