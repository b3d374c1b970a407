/**
 * Listening on every address, over the guest's RDMA devices.
 *
 * @module
 */
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import { assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { completeOne, nextRequest } from "../rdma/players.ts";
import { DEVICES, HOSTS, openStage } from "./provider_stage.ts";

for (const [capability, device] of DEVICES) {
  for (const wildcard of ["::", "0.0.0.0"]) {
    await testWith(
      [capability],
      `a listener on ${wildcard} is reached over ${device} by IPv4, again and again`,
      async () => {
        await using stage = await openStage(device);
        let port = 0;
        for (let round = 0; round < 3; round++) {
          await using listener = await stage.passive.listen({ hostname: wildcard, port });
          port = listener.address.port;
          using region = stage.passive.register(8, Access.LOCAL_WRITE);
          using source = stage.active.register(8, 0);
          const accepting = nextRequest(listener).then((request) =>
            request.accept({ prepare: (endpoint) => endpoint.postReceive(1, region, 0, 8) })
          );
          await using active = await stage.active.connect({ hostname: HOSTS[device], port });
          await using passive = await accepting;
          active.postSend({ id: 1, opcode: Opcode.SEND, region: source, offset: 0, length: 8 });
          assertEquals((await completeOne(passive)).status, Status.SUCCESS);
        }
      },
    );
  }
}
