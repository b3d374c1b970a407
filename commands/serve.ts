/**
 * `verbena serve`: its flags.
 *
 * @module
 */
import type { Arguments, Command, Context } from "./command.ts";
import { CONFIG_VARIABLE } from "./config/file.ts";
import { ALL_SETTINGS, SERVE_SETTINGS } from "./config/serve_settings.ts";
import { CONFIG_FLAG, find, flagsOf } from "./config/settings.ts";

/** What an engine's address begins with where it is a Unix socket's path. To connect takes the right to write to it. */
const SOCKET = "unix:";

/** `verbena serve`. */
export const serveCommand: Command = {
  name: "serve",
  summary:
    "Serves SeaweedFS needles, read over RDMA, to weed mount and other HTTP clients. Without --dir and --engine: a\n" +
    "sample volume. Each flag is a variable, too (VERBENA_READ_AHEAD), and a key of the configuration file.",
  usage: "[--listen HOST:PORT] [--dir DIR]… [--engine ADDRESS]… [--config FILE] [FLAG]…",
  role: (given, environment) => mayUseDevices(given, environment) ? "serve-rdma" : "serve",
  positionals: { minimum: 0, maximum: 0 },
  writes: (given, environment) =>
    find(SERVE_SETTINGS.engines, { given, environment }).texts
      .filter((address) => address.startsWith(SOCKET)).map((address) => address.slice(SOCKET.length)),
  flags: { ...CONFIG_FLAG, ...flagsOf(ALL_SETTINGS) },
  async run(given, context): Promise<void> {
    const { openServe } = await import("./open_serve.ts");
    const options = await openServe(given, context);
    const { serve } = await import("./run_serve.ts");
    await serve(options, context);
  },
};

// Devices are reached through libraries, which is a right of its own; an engine of this process listens on the loopback,
// where there are none, and one behind a socket is on this machine. SMB servers, and what a file names, are elsewhere.
function mayUseDevices(given: Arguments, environment: Context["environment"]): boolean {
  const textsOf = (name: keyof typeof SERVE_SETTINGS): readonly string[] =>
    find(SERVE_SETTINGS[name], { given, environment }).texts;
  const [provider] = textsOf("provider");
  if (provider !== "auto") return provider === "verbs";
  const config = given.value("config") ?? environment(CONFIG_VARIABLE) ?? "";
  return config !== "" || textsOf("engines").some((address) => !address.startsWith(SOCKET));
}
