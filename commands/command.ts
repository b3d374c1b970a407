/**
 * What a command of the command line is: its flags, its help, its role, and the strict reading of its arguments.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ConfigError, VerbenaError } from "../src/rdma/errors.ts";

/** The permission sets of deno.json that commands run with. */
export type Role = "serve" | "serve-rdma" | "engine" | "client" | "config" | "token";

/** One flag. */
export interface Flag {
  /** `string` takes a value, `boolean` none. */
  readonly type: "string" | "boolean";
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** One letter, for the short form. */
  readonly short?: string;
  /** What the value is, in capitals, for the help: `DIR`. */
  readonly value?: string;
  /** One line of help; the default value belongs in it. */
  readonly help: string;
}

/** The flags and values given, after the strict reading. */
export class Arguments {
  readonly #values: ReadonlyMap<string, readonly (string | boolean)[]>;

  /** Holds what was read. */
  constructor(
    values: ReadonlyMap<string, readonly (string | boolean)[]>,
    /** What is not a flag, in order. */ readonly positionals: readonly string[],
  ) {
    this.#values = values;
  }

  /** Whether a boolean flag was given. */
  has(flag: string): boolean {
    return this.#values.has(flag);
  }

  /** The value of a flag, undefined where it was not given. */
  value(flag: string): string | undefined {
    return this.values(flag)[0];
  }

  /** The values of a flag that may be given more than once. */
  values(flag: string): string[] {
    return (this.#values.get(flag) ?? []).filter((value) => typeof value === "string");
  }
}

/** A terminal that a line may be shown on and shown anew. */
export interface Terminal {
  /** Its width in characters, now. */
  readonly columns: number;
  /** Shows `line` where the one before was; what is printed or reported later takes its place. */
  show(line: string): void;
}

/** A command that failed, and has said all there is to say of it. */
export class SilentFailure extends VerbenaError {
  static {
    this.prototype.name = "SilentFailure";
  }

  /** Says what failed, to whoever catches it. */
  constructor(message: string, /** Whether what was asked for made no sense. */ readonly usage = false) {
    super(message);
  }
}

/** Standard output has no reader any more: there is nobody to do this for, and nothing to complain of. */
export class OutputClosed extends SilentFailure {
  static {
    this.prototype.name = "OutputClosed";
  }
}

/** What the process offers to a command. */
export interface Context {
  /** Verbena's version. */
  readonly version: string;
  /** Writes one line of what was asked for. Throws OutputClosed. */
  readonly print: (line: string) => void;
  /** Writes bytes of what was asked for, no faster than they are taken. Throws OutputClosed. */
  readonly writeBytes: (bytes: Uint8Array) => Promise<void>;
  /** Writes one line of what is told beside it: logs, warnings. */
  readonly report: (line: string) => void;
  /** Where progress is shown; undefined where it would not be seen. */
  readonly terminal: Terminal | undefined;
  /** A variable of the environment, one of those that the role's permission set names. */
  readonly environment: (name: string) => string | undefined;
  /** Asks for what nobody is to see; undefined where there is nobody to ask. Rejects where no answer is given. */
  readonly askSecret: (question: string) => Promise<string | undefined>;
  /** Aborts when the process is asked to stop; finish what is under way, then return. */
  readonly stop: AbortSignal;
  /** Has `act` called whenever the process is told that its configuration changed, which else would end it. */
  readonly onHangup: (act: () => void) => void;
}

/** One command. */
export interface Command {
  /** Its word on the command line. */
  readonly name: string;
  /** One line of help. */
  readonly summary: string;
  /** What follows the name in the usage line. */
  readonly usage: string;
  /** The permission set it runs with, which its flags may decide. */
  readonly role: Role | ((given: Arguments, environment: Context["environment"]) => Role);
  /** Paths beyond its permission set that these flags have it write to: sockets. */
  readonly writes?: (given: Arguments, environment: Context["environment"]) => readonly string[];
  /** How many arguments it takes that are not flags. */
  readonly positionals: { readonly minimum: number; readonly maximum: number };
  /** Its flags, beside `--help` and `--debug`, which every command has. */
  readonly flags: Readonly<Record<string, Flag>>;
  /** Carries it out. Throws ConfigError for arguments that make no sense. */
  run(given: Arguments, context: Context): Promise<void>;
}

/** The permission set that a command runs with when it is given these flags and this environment. */
export function roleOf(command: Command, given: Arguments, environment: Context["environment"]): Role {
  return typeof command.role === "function" ? command.role(given, environment) : command.role;
}

/** Flags that every command has. */
export const COMMON_FLAGS: Readonly<Record<string, Flag>> = {
  help: { type: "boolean", short: "h", help: "print this help" },
  debug: { type: "boolean", help: "print the stack of an error" },
};

/**
 * Reads a command's arguments. Throws ConfigError for a flag that is unknown, given twice, without its value or with one
 * it does not take, and for too many or too few other arguments.
 */
export function readArguments(command: Command, args: readonly string[]): Arguments {
  const flags = { ...command.flags, ...COMMON_FLAGS };
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short }]) => [name, { type, ...(short === undefined ? {} : { short }) }]),
  );
  const { tokens, positionals } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values = new Map<string, (string | boolean)[]>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const flag = flags[token.name];
    if (flag === undefined || !Object.hasOwn(flags, token.name)) {
      throw new ConfigError(`unknown flag ${token.rawName}${suggest(token.name, Object.keys(flags), "--")}`);
    }
    addValue(values, token.name, flag, token.value);
  }
  const { minimum, maximum } = command.positionals;
  if (!values.has("help") && (positionals.length < minimum || positionals.length > maximum)) {
    const extra = positionals[maximum];
    throw new ConfigError(
      extra === undefined ? "an argument is missing" : `unexpected argument ${JSON.stringify(extra)}`,
    );
  }
  return new Arguments(values, positionals);
}

/**
 * The action that a command's first argument names, and the arguments after it. Throws ConfigError where it is none of
 * them, and for too few or too many arguments, of which `counts` has the least and the most.
 */
export function readAction<A extends string>(
  given: Arguments,
  actions: readonly A[],
  counts: Readonly<Record<A, readonly [least: number, most: number]>>,
): { action: A; rest: readonly string[] } {
  const [word = "", ...rest] = given.positionals;
  const action = actions.find((name) => name === word);
  if (action === undefined) {
    const hint = suggest(word, actions) || `; want ${actions.join(", ")}`;
    throw new ConfigError(`unknown action ${JSON.stringify(word)}${hint}`);
  }
  const [least, most] = counts[action];
  if (rest.length < least) throw new ConfigError(`${action}: an argument is missing`);
  if (rest.length > most) throw new ConfigError(`${action}: unexpected argument ${JSON.stringify(rest[most])}`);
  return { action, rest };
}

function addValue(
  values: Map<string, (string | boolean)[]>,
  name: string,
  flag: Flag,
  value: string | undefined,
): void {
  const placeholder = flag.value ?? "VALUE";
  if (flag.type === "boolean" && value !== undefined) {
    throw new ConfigError(`--${name} takes no value, got ${JSON.stringify(value)}`);
  }
  if (flag.type === "string" && (value === undefined || value === "")) {
    throw new ConfigError(`--${name} needs a value: --${name} ${placeholder}`);
  }
  const present = values.get(name);
  if (present !== undefined && flag.multiple !== true) throw new ConfigError(`--${name} is given more than once`);
  values.set(name, [...(present ?? []), value ?? true]);
}

/** `; did you mean --listen?` where one of `names` is near enough, else nothing. */
export function suggest(given: string, names: readonly string[], prefix = ""): string {
  let best = "";
  let least = Math.min(3, given.length);
  for (const name of names) {
    const distance = name.startsWith(given) && given.length > 1 ? 1 : editDistance(given.slice(0, 64), name);
    if (distance < least) [best, least] = [name, distance];
  }
  return best === "" ? "" : `; did you mean ${prefix}${best}?`;
}

/** Insertions, deletions and substitutions that make one word of the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** A command's help. */
export function helpOf(command: Command): string {
  const flags = Object.entries({ ...command.flags, ...COMMON_FLAGS }).map(([name, flag]): [string, string] => [
    `${flag.short === undefined ? "" : `-${flag.short}, `}--${name}${
      flag.type === "string" ? ` ${flag.value ?? "VALUE"}` : ""
    }`,
    flag.help,
  ]);
  return [`Usage: verbena ${command.name} ${command.usage}`, "", command.summary, "", ...columns(flags)].join("\n");
}

/** Two columns, the first as wide as its longest entry. */
export function columns(rows: readonly [string, string][]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
