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
import type { CrcMode, ProviderName } from "./values.ts";

/** Which provider is asked for, and how the providers are to behave. */
export interface ProviderChoice {
  /** What moves the bytes. */
  readonly provider: ProviderName;
  /** CRCs of iWARP's frames. */
  readonly crc: CrcMode;
}

/** The providers, the preferred one first. `crc` is that of iWARP's frames. */
export function providers(crc: CrcMode): Provider[] {
  return [verbsProvider(), iwarpProvider({ crc })];
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
  const registry = new ProviderRegistry(providers(options.crc));
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
