/**
 * `verbena perf`: its flags.
 *
 * @module
 */
import { PERFTEST_PORT, TESTS } from "../src/perftest/plan.ts";
import type { Command } from "./command.ts";
import { perfOptions } from "./perf_options.ts";
import { IWARP_FLAGS } from "./provider_flags.ts";

/** `verbena perf`. */
export const perfCommand: Command = {
  name: "perf",
  summary: `Measures latency and bandwidth, with perftest's protocol. TEST is one of ${TESTS.join(", ")}.`,
  usage: "TEST [HOST] [FLAG]…; without HOST, serves one client",
  role: "client",
  positionals: { minimum: 1, maximum: 2 },
  flags: {
    "port": { type: "string", short: "p", value: "PORT", help: `the port (${PERFTEST_PORT})` },
    "listen": { type: "string", value: "HOST", help: "where a server listens (every address; verbs with -R, of IPv4)" },
    "size": { type: "string", short: "s", value: "BYTES", help: "of a message (2, of bandwidth 65536)" },
    "iters": { type: "string", short: "n", value: "COUNT", help: "messages (1000, of write-bw 5000)" },
    "rdma-cm": { type: "boolean", short: "R", help: "connect through rdma_cm, as iWARP devices must" },
    "provider": { type: "string", value: "NAME", help: "what moves the bytes: verbs, or with -R iwarp (verbs)" },
    ...IWARP_FLAGS,
    "device": {
      type: "string",
      short: "d",
      value: "NAME",
      help: "the RDMA device (the first that is active); not with -R",
    },
    "ib-port": { type: "string", short: "i", value: "PORT", help: "of the device (1); not with -R" },
    "gid-index": { type: "string", short: "x", value: "INDEX", help: "the GID (the best for HOST); not with -R" },
    "mtu": { type: "string", short: "m", value: "BYTES", help: "the path's MTU at most (the port's); not with -R" },
    "depth": { type: "string", short: "t", value: "COUNT", help: "requests under way at once, of bandwidth (128)" },
    "inline": {
      type: "string",
      short: "I",
      value: "BYTES",
      help: "messages of up to so many bytes go inline (0; latency of Sends and Writes: 64)",
    },
    "timeout": { type: "string", value: "MS", help: "how long the peer may be silent (10000)" },
    "force": { type: "boolean", short: "F", help: "nothing: perftest's users are used to it" },
    "json": { type: "boolean", help: "print the result as JSON, and nothing else" },
  },
  async run(given, context): Promise<void> {
    const options = perfOptions(given);
    const { perf } = await import("./run_perf.ts");
    await perf(options, context);
  },
};
