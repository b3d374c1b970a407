/**
 * The RDMA providers of this build, in order of preference.
 *
 * @module
 */
import type { Log } from "../routes/log.ts";
import type { EngineLog } from "../src/engine/mod.ts";
import { iwarpProvider } from "../src/iwarp/mod.ts";
import {
  formatAddress,
  type ProtectionDomain,
  type Provider,
  ProviderRegistry,
  type RdmaAddress,
} from "../src/rdma/mod.ts";
import { verbsProvider } from "../src/verbs/mod.ts";
import type { ProviderChoice } from "./provider_flags.ts";

/** The providers, the preferred one first. */
export function providers({ iwarp, spin }: Omit<ProviderChoice, "provider">): Provider[] {
  return [verbsProvider({ spin }), iwarpProvider(iwarp)];
}

/**
 * Opens a protection domain for `address` with each provider that can, the preferred one first, and logs which they are
 * and why not another.
 */
export async function openDomains(
  options: ProviderChoice,
  address: RdmaAddress,
  log: Log,
): Promise<[ProtectionDomain, ...ProtectionDomain[]]> {
  const registry = new ProviderRegistry(providers(options));
  const [first, ...others] = await registry.chooseAll(options.provider, address);
  log.write("info", "providers chosen", {
    address: formatAddress(address),
    transports: [first, ...others].map(({ domain }) => domain.transport).join(", "),
    passed_over: first.passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; "),
  });
  return [first.domain, ...others.map(({ domain }) => domain)];
}

/** A process's log, as the engine's two sides write to it. */
export function engineLog(log: Log): EngineLog {
  return (level, message, fields) => {
    if (log.enabled(level)) log.write(level, message, fields);
  };
}
