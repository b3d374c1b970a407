/**
 * `verbena devices`: its flags.
 *
 * @module
 */
import type { Command } from "./command.ts";

/** `verbena devices`. */
export const devicesCommand: Command = {
  name: "devices",
  summary: "Shows RDMA devices, their ports, addresses and limits, and why a provider is not available.",
  usage: "[--json]",
  role: "client",
  positionals: { minimum: 0, maximum: 0 },
  flags: {
    "json": { type: "boolean", help: "print JSON, with the names that ibv_devinfo -v uses" },
  },
  async run(given, context): Promise<void> {
    const { devices } = await import("./run_devices.ts");
    await devices({ json: given.has("json") }, context);
  },
};
