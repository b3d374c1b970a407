/**
 * Our client and the kernel's in turn, in the lab's guest, to the same ksmbd. Prints figures as JSON.
 *
 * @module
 */
import { iwarpProvider } from "../src/iwarp/mod.ts";
import { ProviderRegistry } from "../src/rdma/registry.ts";
import { verbsProvider } from "../src/verbs/mod.ts";
import { ALICE } from "../test/interop/smb_conf.ts";
import { Ksmbd } from "../test/lab/ksmbd.ts";
import { HOSTS } from "../test/lab/provider_stage.ts";
import { compare, type Contender, kernel, verbena } from "./smb_contenders.ts";

/** What the kernel's client asks for at a time over SMB Direct: as much as its rxe and siw can register. */
const REQUEST = "rsize=524288,wsize=524288";
const RANDOM_READS = 500;

if (import.meta.main) {
  const rounds = Number(Deno.args[0] ?? 3);
  await using _ksmbd = await Ksmbd.start();
  const { name, password } = ALICE;
  const registry = new ProviderRegistry([verbsProvider(), iwarpProvider()]);
  const credentials = { user: name, password };
  await using contenders = new AsyncDisposableStack();
  const all: Contender[] = [];
  for (
    const contender of [
      () => kernel(HOSTS.rxe0, name, password, `rdma,${REQUEST}`),
      () => verbena(HOSTS.rxe0, { credentials, registry, rdma: "verbs" }),
      () => kernel(HOSTS.rxe0, name, password, "soft"),
      () => verbena(HOSTS.rxe0, { credentials, rdma: "off" }),
      () => verbena(HOSTS.siw0, { credentials, registry, rdma: "iwarp" }),
    ]
  ) all.push(contenders.use(await contender()));
  // deno-lint-ignore no-console -- figures are what it is for
  console.log(JSON.stringify(await compare(all, rounds, RANDOM_READS)));
}
