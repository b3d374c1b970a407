/**
 * The verbs provider: RDMA through rdma-core, on a machine that has a device for it.
 *
 * @module
 */
import { CapabilityError, ConfigError, reasonOf } from "../../rdma/errors.ts";
import type { Provider } from "../../rdma/provider.ts";
import { VerbsDomain } from "./domain.ts";
import { deviceFor } from "./route.ts";

/** How the provider behaves; the same for every connection of its domains. */
export interface VerbsOptions {
  /**
   * How long completions are polled for after the last, in microseconds, before the program sleeps until the device wakes
   * it; 0 sleeps at once. Between polls the event loop turns. Default 50.
   */
  spin?: number;
}

const DEFAULT_SPIN = 50;
const MAX_SPIN = 1_000_000;

/** Makes the provider. Opens nothing yet. Throws ConfigError for an option out of range. */
export function verbsProvider(options: VerbsOptions = {}): Provider {
  const { spin = DEFAULT_SPIN } = options;
  if (!(spin >= 0 && spin <= MAX_SPIN)) {
    throw new ConfigError(`spin: ${spin} is not from 0 to ${MAX_SPIN} microseconds`);
  }
  return {
    name: "verbs",
    unavailable: async (address) => {
      try {
        await deviceFor(address);
        return undefined;
      } catch (error) {
        if (error instanceof CapabilityError) return reasonOf(error);
        throw error;
      }
    },
    open: async (address) => new VerbsDomain(await deviceFor(address), spin / 1_000),
  };
}
