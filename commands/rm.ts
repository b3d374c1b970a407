/**
 * `verbena rm`: its flags.
 *
 * @module
 */
import type { Arguments, Command } from "./command.ts";
import type { RemoveOptions } from "./run_rm.ts";
import { SMB_FLAGS, smbChoice } from "./smb_flags.ts";

/** `verbena rm`. */
export const rmCommand: Command = {
  name: "rm",
  summary: "Removes files of an SMB share. URLs may have patterns. A link is removed, not what it leads to.",
  usage: "[-r] [-f] smb://[DOMAIN;]USER[:PASSWORD]@HOST[:PORT]/SHARE/PATH… [FLAG]…",
  role: "client",
  positionals: { minimum: 1, maximum: Infinity },
  flags: {
    "recursive": { type: "boolean", short: "r", help: "directories with all they hold, too" },
    "force": { type: "boolean", short: "f", help: "no error where there is nothing of the name or pattern" },
    ...SMB_FLAGS,
  },
  async run(given, context): Promise<void> {
    const { remove } = await import("./run_rm.ts");
    await remove(rmOptions(given), context);
  },
};

/** Reads the flags. Throws ConfigError. */
export function rmOptions(given: Arguments): RemoveOptions {
  return {
    urls: given.positionals,
    recursive: given.has("recursive"),
    force: given.has("force"),
    ...smbChoice(given),
  };
}
