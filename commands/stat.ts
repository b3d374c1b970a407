/**
 * `verbena stat`: its flags.
 *
 * @module
 */
import type { Arguments, Command } from "./command.ts";
import type { StatOptions } from "./run_stat.ts";
import { SMB_FLAGS, smbChoice } from "./smb_flags.ts";

/** `verbena stat`. */
export const statCommand: Command = {
  name: "stat",
  summary: "Shows what an SMB server knows of files and directories. URLs may have patterns; times are UTC.",
  usage: "smb://[DOMAIN;]USER[:PASSWORD]@HOST[:PORT]/SHARE/PATH… [FLAG]…",
  role: "client",
  positionals: { minimum: 1, maximum: Infinity },
  flags: { ...SMB_FLAGS, "json": { type: "boolean", help: "print JSON" } },
  async run(given, context): Promise<void> {
    const { stat } = await import("./run_stat.ts");
    await stat(statOptions(given), context);
  },
};

/** Reads the flags. Throws ConfigError. */
export function statOptions(given: Arguments): StatOptions {
  return { urls: given.positionals, json: given.has("json"), ...smbChoice(given) };
}
