/**
 * `verbena ping`: its flags.
 *
 * @module
 */
import { RPING_PORT } from "../src/rping/message.ts";
import type { Command } from "./command.ts";
import { pingOptions } from "./ping_options.ts";
import { PROVIDER_FLAGS } from "./provider_flags.ts";

/** `verbena ping`. */
export const pingCommand: Command = {
  name: "ping",
  summary: "Sends a text round by RDMA Read and Write, with rping's protocol, and verifies what comes back.",
  usage: "HOST [-C COUNT] [-S BYTES] [FLAG]… | ping --server [HOST] [FLAG]…",
  role: "client",
  positionals: { minimum: 0, maximum: 1 },
  flags: {
    "server": { type: "boolean", help: "answer clients, one after another, on HOST or on every address" },
    "once": { type: "boolean", help: "with --server: end after the first client" },
    "port": { type: "string", short: "p", value: "PORT", help: `the port (${RPING_PORT})` },
    "count": { type: "string", short: "C", value: "COUNT", help: "rounds; 0: until interrupted (10)" },
    "size": { type: "string", short: "S", value: "BYTES", help: "of the text, 26 to 65535 (64)" },
    "interval": { type: "string", short: "i", value: "MS", help: "pause between two rounds (0)" },
    "timeout": { type: "string", value: "MS", help: "how long each answer may take (5000)" },
    ...PROVIDER_FLAGS,
    "quiet": { type: "boolean", short: "q", help: "print the summary only" },
    "json": { type: "boolean", help: "print the summary as JSON, and nothing else" },
  },
  async run(given, context): Promise<void> {
    const options = pingOptions(given);
    const { ping, servePings } = await import("./run_ping.ts");
    await (options.server ? servePings(options, context) : ping(options, context));
  },
};
