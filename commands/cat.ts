/**
 * `verbena cat`: its flags.
 *
 * @module
 */
import type { Arguments, Command } from "./command.ts";
import type { CatOptions } from "./run_cat.ts";
import { SMB_FLAGS, smbChoice } from "./smb_flags.ts";

/** `verbena cat`. */
export const catCommand: Command = {
  name: "cat",
  summary: "Writes files of an SMB share to standard output, byte for byte. URLs may have patterns.",
  usage: "smb://[DOMAIN;]USER[:PASSWORD]@HOST[:PORT]/SHARE/PATH… [FLAG]…",
  role: "client",
  positionals: { minimum: 1, maximum: Infinity },
  flags: SMB_FLAGS,
  async run(given, context): Promise<void> {
    const { cat } = await import("./run_cat.ts");
    await cat(catOptions(given), context);
  },
};

/** Reads the flags. Throws ConfigError. */
export function catOptions(given: Arguments): CatOptions {
  return { urls: given.positionals, ...smbChoice(given) };
}
