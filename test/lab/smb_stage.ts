/**
 * Our SMB client and the guest's ksmbd.
 *
 * @module
 */
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { ProviderRegistry } from "../../src/rdma/registry.ts";
import { connectSmb, type SmbOptions, type SmbServer } from "../../src/smb/mod.ts";
import { verbsProvider } from "../../src/verbs/mod.ts";
import type { Capability } from "../capabilities.ts";
import { ALICE } from "../interop/smb_conf.ts";
import { HOSTS } from "./provider_stage.ts";

/** What carries the bytes: its name, what it needs, where ksmbd is, and the settings that lead there. */
export const WAYS: readonly [string, Capability, string, Pick<SmbOptions, "rdma">][] = [
  ["verbs:rxe0", "rxe", HOSTS.rxe0, { rdma: "verbs" }],
  ["verbs:siw0", "siw", HOSTS.siw0, { rdma: "verbs" }],
  ["iwarp", "siw", HOSTS.siw0, { rdma: "iwarp" }],
  ["tcp", "rxe", HOSTS.rxe0, { rdma: "off" }],
];

/** Connects as ALICE with every provider at hand. */
export async function connectKsmbd(hostname: string, options: SmbOptions): Promise<SmbServer> {
  const registry = new ProviderRegistry([verbsProvider(), iwarpProvider()]);
  const credentials = { user: ALICE.name, password: ALICE.password };
  return await connectSmb(hostname, { credentials, registry, ...options });
}
