import { EngineServers } from "../../commands/engine_servers.ts";
import { createLog } from "../../routes/log.ts";
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { SystemError } from "../../src/rdma/errors.ts";
import type { ProtectionDomain } from "../../src/rdma/provider.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { Volumes } from "../seaweed/volumes.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

function openDomain(): Promise<ProtectionDomain> {
  return iwarpProvider().open(LOOPBACK);
}

Deno.test("engines of one store listen at one port; a provider whose port another has taken is passed over", async () => {
  using volumes = new Volumes();
  const lines: string[] = [];
  const log = createLog({ level: "info", write: (line) => lines.push(line) });
  const domains = [await openDomain(), await openDomain()] as const;
  await using servers = await EngineServers.start(domains, LOOPBACK, volumes.store(), {}, log);
  assertEquals(servers.transports, "iwarp");
  assertMatch(lines.join("\n"), /not listening over this provider too.*EADDRINUSE/);
  assertEquals(servers.statistics(), { accepted: 0, transfers: 0, bytes: 0 });
});

Deno.test("where no provider can listen, the error is the first one's", async () => {
  using volumes = new Volumes();
  const log = createLog({ level: "error", write: () => {} });
  using blocker = Deno.listen({ ...LOOPBACK, transport: "tcp" });
  const address = { ...LOOPBACK, port: blocker.addr.port };
  const start = async () => await EngineServers.start([await openDomain()], address, volumes.store(), {}, log);
  await assertRejects(start, SystemError, "EADDRINUSE");
});
