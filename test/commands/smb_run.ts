/**
 * The commands that reach an SMB server, run in this process with a server in memory in its place.
 *
 * @module
 */
import { catCommand, catOptions } from "../../commands/cat.ts";
import { runCli } from "../../commands/cli.ts";
import type { Arguments, Command, Context } from "../../commands/command.ts";
import { cpCommand, cpOptions } from "../../commands/cp.ts";
import { lsCommand, lsOptions } from "../../commands/ls.ts";
import { mkdirCommand, mkdirOptions } from "../../commands/mkdir.ts";
import { rmCommand, rmOptions } from "../../commands/rm.ts";
import { cat } from "../../commands/run_cat.ts";
import { copy } from "../../commands/run_cp.ts";
import { list } from "../../commands/run_ls.ts";
import { makeDirectories } from "../../commands/run_mkdir.ts";
import { remove } from "../../commands/run_rm.ts";
import { stat } from "../../commands/run_stat.ts";
import type { Connect } from "../../commands/smb_connections.ts";
import { statCommand, statOptions } from "../../commands/stat.ts";
import { MemoryServer } from "./memory_share.ts";
import { Outside } from "./outside.ts";

type Carry = (given: Arguments, context: Context, connect: Connect) => Promise<void>;

const COMMANDS: readonly [Command, Carry][] = [
  [lsCommand, (given, context, connect) => list(lsOptions(given), context, connect)],
  [statCommand, (given, context, connect) => stat(statOptions(given), context, connect)],
  [catCommand, (given, context, connect) => cat(catOptions(given), context, connect)],
  [cpCommand, (given, context, connect) => copy(cpOptions(given), context, connect)],
  [mkdirCommand, (given, context, connect) => makeDirectories(mkdirOptions(given), context, connect)],
  [rmCommand, (given, context, connect) => remove(rmOptions(given), context, connect)],
];

/** What a run came to. */
export interface Ran {
  /** The exit code. */
  code: number;
  /** Lines of standard output. */
  printed: string[];
  /** Lines of standard error. */
  reported: string[];
}

/** A server in memory, and a way to run commands with it. */
export class Stage {
  /** The server, `nas`. */
  readonly server = new MemoryServer();
  /** Who was connected to, with the options. */
  readonly connections: [string, Parameters<Connect>[1]][] = [];
  /** The world around the latest run. */
  outside = new Outside();
  /** Thrown where a connection is made. */
  refusal: unknown;

  /** Runs a command line; `prepare` sets the world around it up. */
  async run(args: string[], prepare: (outside: Outside) => void = () => {}): Promise<Ran> {
    this.outside = new Outside();
    prepare(this.outside);
    const connect: Connect = (hostname, options) => {
      this.connections.push([hostname, options]);
      return this.refusal === undefined ? Promise.resolve(this.server) : Promise.reject(this.refusal);
    };
    const commands = COMMANDS.map(([command, carry]): Command => ({
      ...command,
      run: (given, context) => carry(given, context, connect),
    }));
    const { outside } = this;
    const code = await runCli(commands, args, {
      version: outside.version,
      print: outside.print,
      report: outside.report,
      writeBytes: outside.writeBytes,
      terminal: outside.terminal,
      environment: outside.environment,
      askSecret: outside.askSecret,
      onHangup: outside.onHangup,
      get stop(): AbortSignal {
        return outside.stop;
      },
    });
    return { code, printed: outside.printed, reported: outside.reported };
  }
}
