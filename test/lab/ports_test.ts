/**
 * Over iWARP a connection is TCP's, and rdma_cm gives out local ports without asking TCP.
 *
 * @module
 */
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import { assertEquals } from "../assert.ts";
import { testWith } from "../capabilities.ts";
import { completeOne, nextRequest } from "../rdma/players.ts";
import { HOSTS, openStage } from "./provider_stage.ts";

const RANGE = "/proc/sys/net/ipv4/ip_local_port_range";
/** None of those that the kernel gives out otherwise, in which connections of other tests may linger. */
const FIRST = 20_000;
const PORTS = 40;
const ROUNDS = 30;

/** Leaves the kernel few ports to choose from, and half of those to TCP. */
async function takeHalfOfThePorts(hostname: string): Promise<AsyncDisposable> {
  const taken = Array.from({ length: PORTS / 2 }, (_, index) => Deno.listen({ hostname, port: FIRST + 2 * index }));
  const range = await Deno.readTextFile(RANGE);
  await Deno.writeTextFile(RANGE, `${FIRST} ${FIRST + PORTS - 1}`);
  return {
    async [Symbol.asyncDispose]() {
      for (const listener of taken) listener.close();
      await Deno.writeTextFile(RANGE, range);
    },
  };
}

testWith(["siw"], "siw0 connects and listens on ports that TCP has free", async () => {
  await using stage = await openStage("siw0");
  await using _taken = await takeHalfOfThePorts(HOSTS.siw0);
  for (let round = 0; round < ROUNDS; round++) {
    await using listener = await stage.passive.listen(stage.address);
    using sink = stage.passive.register(4, Access.LOCAL_WRITE);
    using source = stage.active.register(4, 0);
    const connecting = stage.active.connect({ ...stage.address, port: listener.address.port });
    const request = await nextRequest(listener);
    await using passive = await request.accept({ prepare: (endpoint) => endpoint.postReceive(round, sink, 0, 4) });
    await using active = await connecting;
    active.postSend({ id: round, opcode: Opcode.SEND, region: source, offset: 0, length: 4 });
    assertEquals((await completeOne(passive)).status, Status.SUCCESS);
  }
});
