/**
 * The lab's guest is what the other tests here take it for.
 *
 * @module
 */
import { assertEquals, assertMatch } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { run } from "../interop/process.ts";

await testWith(["rxe", "siw"], "both RDMA devices are up, each on its interface", async () => {
  assertEquals((await run("rdma", ["link"])).split("\n").map((line) => line.trim()), [
    "link rxe0/1 state ACTIVE physical_state LINK_UP netdev dummy0",
    "link siw0/1 state ACTIVE physical_state LINK_UP netdev veth0",
  ]);
});

await testWith(["rxe"], "ksmbd and cifs are built with SMB Direct", async () => {
  for (const module of ["ksmbd", "cifs"]) {
    assertMatch(await run("/sbin/modinfo", ["-F", "depends", module]), /(^|,)rdma_cm(,|$)/);
  }
});
