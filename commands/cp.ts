/**
 * `verbena cp`: its flags.
 *
 * @module
 */
import type { Arguments, Command } from "./command.ts";
import type { CopyCommandOptions } from "./run_cp.ts";
import { SMB_FLAGS, smbChoice } from "./smb_flags.ts";
import { parseNumber } from "./values.ts";

/** `verbena cp`. */
export const cpCommand: Command = {
  name: "cp",
  summary:
    "Copies files from an SMB share, to one, or between two. URLs of sources may have patterns. A file has its\n" +
    "name only once all of it is there; until then it is NAME.partial-…. A link that is named is followed; links within\n" +
    "directories are not copied, and told.",
  usage: "[-r] [-p] [-f] [--resume] [--verify] SOURCE… TARGET [FLAG]…",
  role: "client",
  positionals: { minimum: 2, maximum: Infinity },
  flags: {
    "recursive": { type: "boolean", short: "r", help: "directories with all they hold, too" },
    "preserve": { type: "boolean", short: "p", help: "give copies their sources' times of modification" },
    "force": { type: "boolean", short: "f", help: "replace files that have the name" },
    "resume": {
      type: "boolean",
      help:
        "go on where an earlier copy of the same source, by size and time, was broken off; keep what is not finished",
    },
    "verify": { type: "boolean", help: "read back what was written, compare its SHA-256 with the source's, print it" },
    "jobs": { type: "string", short: "j", value: "COUNT", help: "files at once, 1 to 64 (4)" },
    "quiet": { type: "boolean", short: "q", help: "show no progress" },
    ...SMB_FLAGS,
  },
  async run(given, context): Promise<void> {
    const { copy } = await import("./run_cp.ts");
    await copy(cpOptions(given), context);
  },
};

/** Reads the flags. Throws ConfigError. */
export function cpOptions(given: Arguments): CopyCommandOptions {
  return {
    sources: given.positionals.slice(0, -1),
    target: given.positionals.at(-1) ?? "",
    recursive: given.has("recursive"),
    preserve: given.has("preserve"),
    force: given.has("force"),
    resume: given.has("resume"),
    verify: given.has("verify"),
    jobs: parseNumber("jobs", given.value("jobs") ?? "4", 1, 64),
    quiet: given.has("quiet"),
    ...smbChoice(given),
  };
}
