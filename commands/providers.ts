/**
 * The RDMA providers of this build, in order of preference.
 *
 * @module
 */
import type { Log } from "../routes/log.ts";
import type { EngineLog } from "../src/engine/mod.ts";
import { iwarpProvider } from "../src/iwarp/mod.ts";
import { formatAddress, type ProtectionDomain, ProviderRegistry, type RdmaAddress } from "../src/rdma/mod.ts";
import type { CrcMode, ProviderName } from "./values.ts";

/** Opens a protection domain that reaches `address`, and logs which provider it is and why not another. */
export async function openDomain(
  options: { provider: ProviderName; crc: CrcMode },
  address: RdmaAddress,
  log: Log,
): Promise<ProtectionDomain> {
  const registry = new ProviderRegistry([iwarpProvider({ crc: options.crc })]);
  const { domain, passedOver } = await registry.choose(options.provider, address);
  log.write("info", "provider chosen", {
    address: formatAddress(address),
    transport: domain.transport,
    passed_over: passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; "),
  });
  return domain;
}

/** A process's log, as the engine's two sides write to it. */
export function engineLog(log: Log): EngineLog {
  return (level, message, fields) => {
    if (log.enabled(level)) log.write(level, message, fields);
  };
}
