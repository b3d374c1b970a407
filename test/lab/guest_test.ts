/**
 * The lab's guest is what the other tests here take it for.
 *
 * @module
 */
import { assertEquals, assertMatch } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { eventually, Process, run } from "../interop/process.ts";

await testWith(["rxe", "siw"], "both RDMA devices are up, each on its interface", async () => {
  assertEquals((await run("rdma", ["link"])).split("\n").map((line) => line.trim()), [
    "link rxe0/1 state ACTIVE physical_state LINK_UP netdev dummy0",
    "link siw0/1 state ACTIVE physical_state LINK_UP netdev veth0",
  ]);
});

/** The lab's devices, and the addresses they own. */
const DEVICES: readonly [Capability, string][] = [["rxe", "10.7.0.1"], ["siw", "192.168.77.1"]];

for (const [device, address] of DEVICES) {
  await testWith([device], `stock rping reaches stock rping over ${device}`, async () => {
    await using server = new Process("timeout", ["60", "rping", "-s", "-a", address, "-C", "3"]);
    await eventually("rping's server listens", async () => {
      const identifiers = await run("rdma", ["resource", "show", "cm_id"]);
      return identifiers.includes("state LISTEN") && identifiers.includes(address) ? true : undefined;
    });
    const pings = await run("timeout", ["60", "rping", "-c", "-a", address, "-C", "3", "-v", "-V"]);
    assertEquals(
      pings.split("\n").map((line) => line.slice(0, 30)),
      ["ping data: rdma-ping-0: ABCDEF", "ping data: rdma-ping-1: BCDEFG", "ping data: rdma-ping-2: CDEFGH"],
    );
    assertEquals((await server.ended).code, 0);
  });
}

await testWith(["rxe", "siw"], "the guest has two processors and any memory may be registered", async () => {
  assertEquals(await run("nproc", []), "2");
  assertEquals(await run("bash", ["-c", "ulimit -l"]), "unlimited");
});

await testWith(["rxe"], "ksmbd and cifs are built with SMB Direct", async () => {
  for (const module of ["ksmbd", "cifs"]) {
    assertMatch(await run("/sbin/modinfo", ["-F", "depends", module]), /(^|,)rdma_cm(,|$)/);
  }
});
