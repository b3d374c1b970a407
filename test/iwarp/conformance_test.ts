import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { conformance } from "../rdma/conformance.ts";

const address = { hostname: "127.0.0.1", port: 0 };

for (const crc of ["on", "off"] as const) {
  for (const [revision, ulpduSize] of [[2, 65_518], [1, 65_518], [2, 1_442]] as const) {
    conformance(`iwarp to iwarp, crc ${crc}, MPA revision ${revision}, ULPDUs of ${ulpduSize}`, async () => {
      const provider = iwarpProvider({ crc, revision, ulpduSize });
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
