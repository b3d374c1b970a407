/**
 * `verbena config`: its flags.
 *
 * @module
 */
import { type Command, readAction } from "./command.ts";
import { ALL_SETTINGS } from "./config/serve_settings.ts";
import { flagsOf } from "./config/settings.ts";

const ACTIONS = ["check", "schema"] as const;

/** `verbena config`. */
export const configCommand: Command = {
  name: "config",
  summary:
    "Checks a configuration as verbena serve would read it, with all that it names, and starts nothing; or prints the\n" +
    "file's schema. check takes serve's flags, and shows what decides each setting.",
  usage: "check [FILE] [--json] [FLAG]… | schema",
  role: "config",
  positionals: { minimum: 1, maximum: 2 },
  flags: { ...flagsOf(ALL_SETTINGS), "json": { type: "boolean", help: "print JSON" } },
  async run(given, context): Promise<void> {
    const { action, rest: [file] } = readAction(given, ACTIONS, { check: [0, 1], schema: [0, 0] });
    const { checkConfig, printSchema } = await import("./run_config.ts");
    await (action === "schema" ? printSchema(context) : checkConfig(file, given, context));
  },
};
