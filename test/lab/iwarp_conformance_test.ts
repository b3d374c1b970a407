/**
 * The contract of providers between our iWARP and the kernel's, both ways round.
 *
 * @module
 */
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import type { ProtectionDomain } from "../../src/rdma/provider.ts";
import { readinessIdle, verbsProvider } from "../../src/verbs/mod.ts";
import { conformance } from "../rdma/conformance.ts";
import { HOSTS, type ProviderStage } from "./provider_stage.ts";

const address = { hostname: HOSTS.siw0, port: 0 };

/** A stage with a domain of each provider. */
async function openMixed(active: "iwarp" | "verbs"): Promise<ProviderStage> {
  const ours = await iwarpProvider({ crc: "on" }).open(address);
  const kernels = await verbsProvider().open(address);
  const roles: [ProtectionDomain, ProtectionDomain] = active === "iwarp" ? [ours, kernels] : [kernels, ours];
  return {
    active: roles[0],
    passive: roles[1],
    address,
    async [Symbol.asyncDispose]() {
      ours[Symbol.dispose]();
      kernels[Symbol.dispose]();
      await readinessIdle();
    },
  };
}

conformance("iwarp to siw", () => openMixed("iwarp"), { readsUnchecked: true });
conformance("siw to iwarp", () => openMixed("verbs"));
