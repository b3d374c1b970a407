import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { conformance } from "../rdma/conformance.ts";

const address = { hostname: "127.0.0.1", port: 0 };

for (const crc of ["on", "off"] as const) {
  for (const [revision, profile] of [[2, "software"], [1, "software"], [2, "hardware"]] as const) {
    conformance(`iwarp to iwarp, crc ${crc}, MPA revision ${revision}, for ${profile}`, async () => {
      const provider = iwarpProvider({ crc, revision, profile });
      const active = await provider.open(address);
      const passive = await provider.open(address);
      return {
        active,
        passive,
        address,
        [Symbol.dispose]() {
          active[Symbol.dispose]();
          passive[Symbol.dispose]();
        },
      };
    });
  }
}
