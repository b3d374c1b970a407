/**
 * Domains of the verbs provider on the guest's devices.
 *
 * @module
 */
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import type { ProtectionDomain, RdmaAddress } from "../../src/rdma/provider.ts";
import { readinessIdle, type VerbsOptions, verbsProvider } from "../../src/verbs/mod.ts";
import { type Capability, capable } from "../capabilities.ts";

/** The guest's devices. */
export type DeviceName = "rxe0" | "siw0";

/** The address of each device's interface. */
export const HOSTS: Readonly<Record<DeviceName, string>> = { rxe0: "10.7.0.1", siw0: "192.168.77.1" };

/** The devices, and what a test of each needs. */
export const DEVICES: readonly [Capability, DeviceName][] = [["rxe", "rxe0"], ["siw", "siw0"]];

/** Two domains on a device. */
export interface ProviderStage extends AsyncDisposable {
  active: ProtectionDomain;
  passive: ProtectionDomain;
  /** Where `passive` can listen. */
  address: RdmaAddress;
}

/** Opens two domains on a device; disposing them leaves no thread waiting. */
export async function openStage(device: DeviceName, options: VerbsOptions = {}): Promise<ProviderStage> {
  const provider = verbsProvider(options);
  const address = { hostname: HOSTS[device], port: 0 };
  const active = await provider.open(address);
  const passive = await provider.open(address);
  return {
    active,
    passive,
    address,
    async [Symbol.asyncDispose]() {
      active[Symbol.dispose]();
      passive[Symbol.dispose]();
      await readinessIdle();
    },
  };
}

/** Opens a domain of our iWARP and one on siw0, which can reach each other. siw leaves it to its peer to want CRCs. */
export async function openMixedStage(active: "iwarp" | "verbs", crc: "on" | "off" = "on"): Promise<ProviderStage> {
  const address = { hostname: HOSTS.siw0, port: 0 };
  const ours = await iwarpProvider({ crc }).open(address);
  const kernels = await verbsProvider().open(address);
  return {
    active: active === "iwarp" ? ours : kernels,
    passive: active === "iwarp" ? kernels : ours,
    address,
    async [Symbol.asyncDispose]() {
      ours[Symbol.dispose]();
      kernels[Symbol.dispose]();
      await readinessIdle();
    },
  };
}

// Libraries, each device's own too, stay open, and the sanitizer would hold that against the test that opens them.
for (const [capability, device] of DEVICES) {
  if (await capable(capability)) await (await openStage(device))[Symbol.asyncDispose]();
}
