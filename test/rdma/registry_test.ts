import { CapabilityError, ConfigError } from "../../src/rdma/errors.ts";
import type { ProtectionDomain, Provider } from "../../src/rdma/provider.ts";
import { ProviderRegistry } from "../../src/rdma/registry.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { FakeDomain } from "./fake_domain.ts";

const address = { hostname: "10.0.0.1", port: 18_515 };

function provider(name: string, behaviour: { reason?: string; failure?: Error } = {}): Provider & { opened: number } {
  const made = {
    name,
    opened: 0,
    unavailable: () => Promise.resolve(behaviour.reason),
    open: (): Promise<ProtectionDomain> => {
      made.opened++;
      return behaviour.failure === undefined ? Promise.resolve(new FakeDomain()) : Promise.reject(behaviour.failure);
    },
  };
  return made;
}

Deno.test("auto takes the first provider that can, and asks no further", async () => {
  const first = provider("verbs");
  const second = provider("iwarp");
  const choice = await new ProviderRegistry([first, second]).choose("auto", address);
  assertEquals([choice.provider.name, choice.passedOver, second.opened], ["verbs", [], 0]);
});

Deno.test("auto says why it passed over the preferred ones", async () => {
  const registry = new ProviderRegistry([
    provider("verbs", { reason: "libibverbs.so.1 not found: apt-get install libibverbs1" }),
    provider("exotic", { failure: new CapabilityError("no device\n reaches it") }),
    provider("iwarp"),
  ]);
  const { provider: taken, passedOver } = await registry.choose("auto", address);
  assertEquals(taken.name, "iwarp");
  assertEquals(passedOver, [
    { name: "verbs", reason: "libibverbs.so.1 not found: apt-get install libibverbs1" },
    { name: "exotic", reason: "no device reaches it" },
  ]);
});

Deno.test("a provider asked for by name is taken even where another would be preferred", async () => {
  const first = provider("verbs");
  const choice = await new ProviderRegistry([first, provider("iwarp")]).choose("iwarp", address);
  assertEquals([choice.provider.name, choice.passedOver, first.opened], ["iwarp", [], 0]);
});

Deno.test("a provider asked for by name that cannot is an error with its reason, and no other stands in", async () => {
  const other = provider("iwarp");
  const registry = new ProviderRegistry([provider("verbs", { reason: "no device" }), other]);
  const error = await assertRejects(() => registry.choose("verbs", address), CapabilityError);
  assertEquals(error.message, "no RDMA provider reaches 10.0.0.1:18515 (verbs: no device)");
  assertEquals(other.opened, 0);
});

Deno.test("when none can, the error has every reason", async () => {
  const registry = new ProviderRegistry([
    provider("verbs", { reason: "no device" }),
    provider("iwarp", {
      failure: new CapabilityError("no network"),
    }),
  ]);
  const error = await assertRejects(() => registry.choose("auto", address), CapabilityError);
  assertEquals(error.message, "no RDMA provider reaches 10.0.0.1:18515 (verbs: no device; iwarp: no network)");
});

Deno.test("an unknown name is told the names there are", async () => {
  const registry = new ProviderRegistry([provider("verbs"), provider("iwarp")]);
  assertEquals(registry.names, ["auto", "verbs", "iwarp"]);
  await assertRejects(() => registry.choose("VERBS", address), ConfigError, "VERBS is not one of auto, verbs, iwarp");
});

Deno.test("a defect in a provider is not taken for a reason to pass it over", async () => {
  const registry = new ProviderRegistry([provider("verbs", { failure: new TypeError("defect") }), provider("iwarp")]);
  await assertRejects(() => registry.choose("auto", address), TypeError, "defect");
});

Deno.test("chooseAll() opens every provider that can, the preferred one first, and says why not the others", async () => {
  const registry = new ProviderRegistry([
    provider("verbs"),
    provider("exotic", { reason: "no device" }),
    provider("iwarp"),
  ]);
  const choices = await registry.chooseAll("auto", address);
  assertEquals(choices.map(({ provider }) => provider.name), ["verbs", "iwarp"]);
  assertEquals(choices.at(-1)?.passedOver, [{ name: "exotic", reason: "no device" }]);
  assertEquals((await registry.chooseAll("iwarp", address)).map(({ provider }) => provider.name), ["iwarp"]);
  const error = await assertRejects(() => registry.chooseAll("exotic", address), CapabilityError);
  assertEquals(error.message, "no RDMA provider reaches 10.0.0.1:18515 (exotic: no device)");
});

Deno.test("chooseAll() leaves no domain open when a later provider has a defect", async () => {
  const domain = new FakeDomain();
  domain.register(64, 0);
  const first: Provider = { ...provider("verbs"), open: () => Promise.resolve(domain) };
  const registry = new ProviderRegistry([first, provider("iwarp", { failure: new TypeError("defect") })]);
  await assertRejects(() => registry.chooseAll("auto", address), TypeError, "defect");
  assertEquals(domain.regionCount, 0);
});
