/**
 * `verbena mkdir`: its flags.
 *
 * @module
 */
import type { Arguments, Command } from "./command.ts";
import type { MkdirOptions } from "./run_mkdir.ts";
import { SMB_FLAGS, smbChoice } from "./smb_flags.ts";

/** `verbena mkdir`. */
export const mkdirCommand: Command = {
  name: "mkdir",
  summary: "Makes directories on an SMB share.",
  usage: "[-p] smb://[DOMAIN;]USER[:PASSWORD]@HOST[:PORT]/SHARE/PATH… [FLAG]…",
  role: "client",
  positionals: { minimum: 1, maximum: Infinity },
  flags: {
    "parents": { type: "boolean", short: "p", help: "make those above, too; no error where there is one already" },
    ...SMB_FLAGS,
  },
  async run(given, context): Promise<void> {
    const { makeDirectories } = await import("./run_mkdir.ts");
    await makeDirectories(mkdirOptions(given), context);
  },
};

/** Reads the flags. Throws ConfigError. */
export function mkdirOptions(given: Arguments): MkdirOptions {
  return { urls: given.positionals, parents: given.has("parents"), ...smbChoice(given) };
}
