import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { ConfigError, VerbsError } from "../../src/rdma/errors.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "../assert.ts";
import { completeOne } from "../rdma/players.ts";
import { BareInitiator } from "./bare_peer.ts";
import { fpdu, tagged } from "./frames.ts";

const TIMEOUT = 200;
/** A Write of nothing. */
const NOISE = fpdu(tagged({ opcode: 0, stag: 1, address: 0n }));

function readInto(region: MemoryRegion) {
  return { id: 7, opcode: Opcode.READ, region, offset: 0, length: 4, remoteAddress: 0n, remoteKey: 1 };
}

Deno.test("a Read that is never answered ends the connection, whatever else the peer sends", async () => {
  await using peer = await BareInitiator.connect({ operationTimeout: TIMEOUT });
  const endpoint = await peer.accepted();
  endpoint.postSend(readInto(peer.domain.register(4, Access.LOCAL_WRITE)));
  const noise = setInterval(() => writeAll(peer.socket, NOISE).catch(() => {}), TIMEOUT / 10);
  const { graceful, error } = await endpoint.closed;
  clearInterval(noise);
  assert(!graceful && error instanceof VerbsError);
  assertEquals(error.code, "timeout");
  assertMatch(error.message, "posted work did not move for 200 ms");
  assertEquals((await completeOne(endpoint)).status, Status.FLUSHED);
});

Deno.test("a Read that is answered bit by bit takes the time it takes", async () => {
  await using peer = await BareInitiator.connect({ operationTimeout: TIMEOUT });
  const endpoint = await peer.accepted();
  await writeAll(peer.socket, NOISE);
  const sink = peer.domain.register(4, Access.LOCAL_WRITE);
  endpoint.postSend(readInto(sink));
  for (let at = 0; at < 4; at++) {
    await new Promise((resolve) => setTimeout(resolve, 0.75 * TIMEOUT));
    const header = { opcode: 2, stag: sink.remoteKey, address: sink.address + BigInt(at), last: at === 3 };
    await writeAll(peer.socket, fpdu(tagged(header, new Uint8Array([at + 1]))));
  }
  assertEquals((await completeOne(endpoint)).status, Status.SUCCESS);
  assertEquals(sink.bytes.slice(), new Uint8Array([1, 2, 3, 4]));
});

Deno.test("an end with nothing posted stands for as long as it likes", async () => {
  await using peer = await BareInitiator.connect({ operationTimeout: 20 });
  const endpoint = await peer.accepted();
  let over = false;
  endpoint.closed.then(() => over = true);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(over, false);
});

Deno.test("an operation timeout out of range is refused", () => {
  for (const operationTimeout of [-1, NaN, 86_400_001]) {
    const message = `operationTimeout: ${operationTimeout} is not from 0 to 86400000`;
    assertThrows(() => iwarpProvider({ operationTimeout }), ConfigError, message);
  }
});
