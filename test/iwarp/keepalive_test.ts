import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import { Opcode } from "../../src/rdma/completion.ts";
import { ConfigError, VerbsError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "../assert.ts";
import { connectPlayers } from "../rdma/players.ts";
import { BareInitiator, LOOPBACK, readExactly } from "./bare_peer.ts";
import { fpdu, readRequest, tagged, untagged } from "./frames.ts";

/** Milliseconds: whoever answers has all the time of the event loop's next turns. */
const KEEPALIVE = 200;
const NOWHERE = { stag: 1, address: 0n };

/** The n-th Read of nothing that asks for a sign of life, and the answer to any. */
function question(n: number): Uint8Array<ArrayBuffer> {
  return fpdu(untagged({ opcode: 1, queue: 1, sequence: n }, readRequest(NOWHERE, 0, NOWHERE)));
}
const ANSWER = fpdu(tagged({ opcode: 2, ...NOWHERE }));
/** A Write of nothing: the initiator's first FPDU, without which a responder may not speak. */
const HELLO = fpdu(tagged({ opcode: 0, ...NOWHERE }));

Deno.test("a silent peer is asked for a sign of life as long as it gives one, and is lost when it does not", async () => {
  await using peer = await BareInitiator.connect({ keepalive: KEEPALIVE });
  const endpoint = await peer.accepted();
  await writeAll(peer.socket, HELLO);
  for (let n = 1; n <= 3; n++) {
    const asked = await readExactly(peer.socket, question(n).length);
    assertEquals(asked, question(n));
    await writeAll(peer.socket, ANSWER);
  }
  await readExactly(peer.socket, question(4).length);
  const { graceful, error } = await endpoint.closed;
  assert(!graceful && error instanceof VerbsError);
  assertEquals(error.code, "lost");
  assertMatch(error.message, "the peer gave no sign of life for 200 ms after it was asked for one");
});

Deno.test("a peer that stops reading is lost, whatever waits for it", async () => {
  await using peer = await BareInitiator.connect({ keepalive: KEEPALIVE });
  const endpoint = await peer.accepted({ sendDepth: 64 });
  await writeAll(peer.socket, HELLO);
  const region = peer.domain.register(1 << 20, 0);
  for (let id = 0; id < 64; id++) {
    endpoint.postSend({
      id,
      opcode: Opcode.WRITE,
      region,
      offset: 0,
      length: 1 << 20,
      remoteAddress: 0n,
      remoteKey: 1,
    });
  }
  const { error } = await endpoint.closed;
  assertMatch(error?.message ?? "", "no sign of life");
});

Deno.test("a peer that talks and does not listen is lost, once bytes wait for it in vain", async () => {
  await using peer = await BareInitiator.connect({ keepalive: KEEPALIVE });
  const endpoint = await peer.accepted({ sendDepth: 64 });
  const region = peer.domain.register(1 << 20, 0);
  const work = { id: 1, opcode: Opcode.WRITE, region, offset: 0, length: 1 << 20, remoteAddress: 0n, remoteKey: 1 };
  endpoint.postSend(new Array(64).fill(work));
  const talk = setInterval(() => writeAll(peer.socket, HELLO).catch(() => {}), KEEPALIVE / 10);
  const { error } = await endpoint.closed;
  clearInterval(talk);
  assertMatch(error?.message ?? "", "the peer took nothing of what waits for it for 200 ms");
});

Deno.test("two idle ends of ours keep each other, a responder that may not speak yet asks nothing", async () => {
  const provider = iwarpProvider({ keepalive: KEEPALIVE });
  const [active, passive] = [await provider.open(LOOPBACK), await provider.open(LOOPBACK)];
  const players = await connectPlayers({ active, passive, address: LOOPBACK });
  await using quiet = await BareInitiator.connect({ keepalive: KEEPALIVE });
  const held = await quiet.accepted();
  let over = 0;
  for (const endpoint of [players.active, players.passive, held]) endpoint.closed.then(() => over++);
  await new Promise((resolve) => setTimeout(resolve, 5 * KEEPALIVE));
  assertEquals(over, 0);
  await players[Symbol.asyncDispose]();
  assertEquals([await players.active.closed, await players.passive.closed], [{ graceful: true }, { graceful: true }]);
  quiet.socket.close();
  await held.closed;
  active[Symbol.dispose]();
  passive[Symbol.dispose]();
});

Deno.test("a keepalive out of range is refused", () => {
  for (const keepalive of [-1, NaN, 86_400_001]) {
    assertThrows(() => iwarpProvider({ keepalive }), ConfigError, `keepalive: ${keepalive} is not from 0 to 86400000`);
  }
});
