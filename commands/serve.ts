/**
 * `verbena serve`: its flags.
 *
 * @module
 */
import type { Arguments, Command } from "./command.ts";
import { serveOptions } from "./serve_options.ts";
import { VOLUME_FLAGS } from "./volume_flags.ts";

/** `verbena serve`. */
export const serveCommand: Command = {
  name: "serve",
  summary:
    "Serves SeaweedFS needles, read over RDMA, to weed mount and other HTTP clients. Without --dir and --engine: a\n" +
    "sample volume.",
  usage: "[--listen HOST:PORT] [--dir DIR]… [--engine rdma:HOST]… [FLAG]…",
  role: (given) => mayUseDevices(given) ? "serve-rdma" : "serve",
  positionals: { minimum: 0, maximum: 0 },
  flags: {
    ...VOLUME_FLAGS,
    "listen": { type: "string", value: "HOST:PORT", help: "where HTTP listens; port 0: any (127.0.0.1:8081)" },
    "engine": { type: "string", value: "ADDRESS", multiple: true, help: "read through this engine; repeatable" },
    "master": {
      type: "string",
      value: "HOST:PORT",
      multiple: true,
      help: "for /v1 reads that no engine answers: find a volume server through this master; repeatable",
    },
    "read-key-file": { type: "string", value: "FILE", help: "SeaweedFS's jwt.signing.read.key, for those reads" },
    "config": { type: "string", value: "FILE", help: "JSON that names SMB servers, for /v1/smb, and their settings" },
    "read-ahead": { type: "string", value: "BYTES", help: "read ahead of sequential readers; 0: off (1048576)" },
    "max-sessions": { type: "string", value: "COUNT", help: "reads in progress at once (1000)" },
    "timeout": { type: "string", value: "MS", help: "how long one read may take (4500)" },
    "grace": { type: "string", value: "MS", help: "how long reads in progress are waited for at the end (5000)" },
  },
  async run(given, context): Promise<void> {
    const options = serveOptions(given);
    const { serve } = await import("./run_serve.ts");
    await serve(options, context);
  },
};

// Devices are reached through libraries, which is a right of its own; an engine of this process listens on the loopback,
// where there are none. SMB servers are elsewhere.
function mayUseDevices(given: Arguments): boolean {
  const provider = given.value("provider") ?? "auto";
  return provider === "verbs" || (provider === "auto" && (given.has("engine") || given.has("config")));
}
