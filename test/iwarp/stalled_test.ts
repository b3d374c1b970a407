import { type Completion, completions, Opcode, Status } from "../../src/rdma/completion.ts";
import { SystemError, VerbsError } from "../../src/rdma/errors.ts";
import { Access } from "../../src/rdma/memory.ts";
import type { Endpoint } from "../../src/rdma/provider.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "../assert.ts";
import { BareInitiator, until } from "./bare_peer.ts";
import { concat, fpdu, readRequest, tagged, untagged } from "./frames.ts";

/** Reads outstanding that are agreed on. */
const DEPTH = 16;
/** So large that the socket cannot take it, and that to keep it would show. */
const LARGE = 64 << 20;
/** What memory may grow by, whatever the peer asks for: the rest is the garbage of the tests themselves. */
const SLACK = 8 << 20;
const KEEPALIVE = 200;
const HELLO = fpdu(tagged({ opcode: 0, stag: 1 }));

/** The n-th Read Request. */
function ask(n: number, source: { remoteKey: number; address: bigint }, size: number): Uint8Array<ArrayBuffer> {
  const { remoteKey: stag, address } = source;
  const request = readRequest({ stag: 5, address: 0n }, size, { stag, address });
  return fpdu(untagged({ opcode: 1, queue: 1, sequence: n }, request));
}

/** Asks `batch` Reads at a time until it cannot, reading nothing. */
async function flood(peer: BareInitiator, batch: number, make: (n: number) => Uint8Array): Promise<number> {
  let asked = 0;
  try {
    for (;;) await writeAll(peer.socket, concat(...Array.from({ length: batch }, () => make(++asked))));
  } catch {
    return asked; // hung up on
  }
}

/** Bytes that buffers hold. */
const held = () => Deno.memoryUsage().external;

function drain(endpoint: Endpoint): Completion[] {
  const out = completions(64);
  const count = endpoint.poll(out);
  return out.slice(0, count);
}

for (const [what, size] of [["64 MiB", LARGE], ["a byte", 1], ["nothing", 0]] as const) {
  Deno.test(`a flood of Reads of ${what} by a peer that takes no answer ends at the depth agreed on, and holds no memory`, async () => {
    await using peer = await BareInitiator.connect();
    using region = peer.domain.register(LARGE, Access.REMOTE_READ);
    const endpoint = await peer.accepted();
    const before = held();
    let most = 0;
    const watch = setInterval(() => most = Math.max(most, held() - before), 1);
    const flooding = flood(peer, size === LARGE ? 1 : 1_000, (n) => ask(n, region, size));
    const { graceful, error } = await endpoint.closed;
    clearInterval(watch);
    await flooding;
    assert(!graceful && error instanceof VerbsError);
    assertEquals([error.code, endpoint.statistics.errors.toJSON()], ["terminated", { "remote operation error": 1 }]);
    assertMatch(error.message, `more than ${DEPTH} RDMA Reads`);
    assert(most < SLACK, `${most} bytes more than before`);
    await endpoint.close();
  });
}

Deno.test("as many Reads as were agreed on wait for a peer that takes no answer, until close() gives up on it", async () => {
  await using peer = await BareInitiator.connect();
  using region = peer.domain.register(LARGE, Access.REMOTE_READ);
  const endpoint = await peer.accepted();
  const before = held();
  await writeAll(peer.socket, concat(...Array.from({ length: DEPTH }, (_, at) => ask(1 + at, region, LARGE))));
  await until(() => endpoint.statistics.servedBytes > 0);
  await endpoint.close({ linger: 50 });
  const { graceful, error } = await endpoint.closed;
  assertEquals([graceful, (error as VerbsError).code], [false, "timeout"]);
  assert(held() - before < SLACK);
});

Deno.test("a peer that asks for a Read, takes no answer and falls silent is lost by its keepalive", async () => {
  await using peer = await BareInitiator.connect({ keepalive: KEEPALIVE });
  using region = peer.domain.register(LARGE, Access.REMOTE_READ);
  const endpoint = await peer.accepted();
  await writeAll(peer.socket, ask(1, region, LARGE));
  const { graceful, error } = await endpoint.closed;
  assertEquals([graceful, (error as VerbsError).code], [false, "lost"]);
  assertMatch(error?.message ?? "", "no sign of life");
});

Deno.test("what is posted for a peer that stops reading is bounded by the send queue, and copied no sooner than sent", async () => {
  await using peer = await BareInitiator.connect();
  using region = peer.domain.register(LARGE, 0);
  const sendDepth = 32;
  const endpoint = await peer.accepted({ sendDepth });
  await writeAll(peer.socket, HELLO);
  const before = held();
  const work = { opcode: Opcode.WRITE, region, offset: 0, length: LARGE, remoteAddress: 0n, remoteKey: 1 };
  for (let id = 0; id < sendDepth; id++) endpoint.postSend({ id, ...work });
  assertThrows(() => endpoint.postSend({ id: sendDepth, ...work }), SystemError, "all 32 slots are taken");
  let taken = -1;
  while (taken !== endpoint.statistics.writes) { // until it takes nothing any more
    taken = endpoint.statistics.writes;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert(held() - before < SLACK);
  await endpoint.close({ linger: 50 });
  assertEquals(drain(endpoint).map(({ id, status }) => [id, status]), [
    ...Array.from({ length: taken }, (_, id) => [id, Status.SUCCESS]),
    ...Array.from({ length: sendDepth - taken }, (_, at) => [taken + at, Status.FLUSHED]),
  ]);
});

Deno.test("a peer that asks for Reads up to the depth while our own Writes wait for it ends as it must, and holds no memory", async () => {
  await using peer = await BareInitiator.connect();
  using region = peer.domain.register(LARGE, Access.REMOTE_READ);
  const endpoint = await peer.accepted({ sendDepth: 8 });
  await writeAll(peer.socket, HELLO);
  const before = held();
  for (let id = 0; id < 8; id++) {
    endpoint.postSend({ id, opcode: Opcode.WRITE, region, offset: 0, length: LARGE, remoteAddress: 0n, remoteKey: 1 });
  }
  const flooding = flood(peer, 1, (n) => ask(n, region, LARGE));
  const { error } = await endpoint.closed;
  await flooding;
  assertEquals((error as VerbsError).code, "terminated");
  assertEquals(drain(endpoint).map(({ id }) => id), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert(held() - before < SLACK);
  await endpoint.close();
});
