/**
 * `verbena engine`: its flags.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { ENGINE_SETTINGS } from "./config/engine_settings.ts";
import { readFileOf } from "./config/file.ts";
import { CONFIG_FLAG, flagsOf } from "./config/settings.ts";
import { engineOptions } from "./engine_options.ts";

/** `verbena engine`. */
export const engineCommand: Command = {
  name: "engine",
  summary:
    "Serves SeaweedFS volume directories, read-only, to verbena serve over RDMA, or on this machine over a socket.",
  usage: "--dir DIR… [--listen HOST[:PORT]] [--socket PATH] [--config FILE] [FLAG]…",
  role: "engine",
  positionals: { minimum: 0, maximum: 0 },
  flags: { ...CONFIG_FLAG, ...flagsOf(ENGINE_SETTINGS) },
  writes: (given) => given.values("socket"),
  async run(given, context): Promise<void> {
    const { environment } = context;
    const options = engineOptions(given, environment, await readFileOf(given.value("config"), environment));
    const { engine } = await import("./run_engine.ts");
    await engine(options, context);
  },
};
