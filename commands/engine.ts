/**
 * `verbena engine`: its flags.
 *
 * @module
 */
import { ENGINE_PORT } from "../src/engine/protocol.ts";
import type { Command } from "./command.ts";
import { engineOptions } from "./engine_options.ts";
import { VOLUME_FLAGS } from "./volume_flags.ts";

/** `verbena engine`. */
export const engineCommand: Command = {
  name: "engine",
  summary:
    "Serves SeaweedFS volume directories, read-only, to verbena serve over RDMA, or on this machine over a socket.",
  usage: "--dir DIR… [--listen HOST[:PORT]] [--socket PATH] [FLAG]…",
  role: "engine",
  positionals: { minimum: 0, maximum: 0 },
  flags: {
    ...VOLUME_FLAGS,
    "listen": {
      type: "string",
      value: "HOST:PORT",
      help: `where RDMA connections are taken; port 0: any ([::]:${ENGINE_PORT}, with --socket none)`,
    },
    "socket": {
      type: "string",
      value: "PATH",
      help: "a Unix socket for this user's processes; without --listen, nothing else is listened on",
    },
    "max-sessions": { type: "string", value: "COUNT", help: "sessions at once (1000)" },
    "grace": { type: "string", value: "MS", help: "how long sessions under way are waited for at the end (5000)" },
  },
  writes: (given) => given.values("socket"),
  async run(given, context): Promise<void> {
    const options = engineOptions(given);
    const { engine } = await import("./run_engine.ts");
    await engine(options, context);
  },
};
