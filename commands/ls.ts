/**
 * `verbena ls`: its flags.
 *
 * @module
 */
import type { Arguments, Command } from "./command.ts";
import type { ListOptions } from "./run_ls.ts";
import { SMB_FLAGS, smbChoice } from "./smb_flags.ts";

/** `verbena ls`. */
export const lsCommand: Command = {
  name: "ls",
  summary: "Lists directories of an SMB share. URLs may have patterns, `*`, `?`, `[a-c]` and `**`; times are UTC.",
  usage: "[-l] [-a] [-R] smb://[DOMAIN;]USER[:PASSWORD]@HOST[:PORT]/SHARE/PATH… [FLAG]…",
  role: "client",
  positionals: { minimum: 1, maximum: Infinity },
  flags: {
    "long": { type: "boolean", short: "l", help: "attributes, size and time of each" },
    "all": { type: "boolean", short: "a", help: "those that are hidden, or begin with a dot, too" },
    "recursive": { type: "boolean", short: "R", help: "what is in directories, too; links are not followed" },
    ...SMB_FLAGS,
    "json": { type: "boolean", help: "print JSON" },
  },
  async run(given, context): Promise<void> {
    const { list } = await import("./run_ls.ts");
    await list(lsOptions(given), context);
  },
};

/** Reads the flags. Throws ConfigError. */
export function lsOptions(given: Arguments): ListOptions {
  return {
    urls: given.positionals,
    long: given.has("long"),
    all: given.has("all"),
    recursive: given.has("recursive"),
    json: given.has("json"),
    ...smbChoice(given),
  };
}
