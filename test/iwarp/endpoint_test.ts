import { type Completion, completions, Opcode, Status } from "../../src/rdma/completion.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import type { Endpoint } from "../../src/rdma/provider.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import { assert, assertEquals, assertMatch, hex } from "../assert.ts";
import { completeOne, connectPlayers, nextRequest, type Players } from "../rdma/players.ts";
import { BareInitiator, LOOPBACK, openDomain, readExactly, readToEnd, until } from "./bare_peer.ts";
import { concat, digits, fpdu, readRequest, tagged, ulpdusOf, untagged } from "./frames.ts";

const ALL = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ;
const opening = fpdu(tagged({ opcode: 0 })); // lets a responder speak

/** All completions there are now. */
function drain(endpoint: Endpoint): Completion[] {
  const out = completions(16);
  const got: Completion[] = [];
  for (let count; (count = endpoint.poll(out)) > 0;) got.push(...out.slice(0, count).map((each) => ({ ...each })));
  return got;
}

function send(id: number, region: MemoryRegion, length: number) {
  return { id, opcode: Opcode.SEND, region, offset: 0, length };
}

function writeTo(id: number, region: MemoryRegion, length: number) {
  return { id, opcode: Opcode.WRITE, region, offset: 0, length, remoteAddress: 0n, remoteKey: 1 };
}

/** Two ends of ours, and what they stand on, gone afterwards. */
async function withPlayers(run: (players: Players) => Promise<void>, options = {}): Promise<void> {
  using active = await openDomain();
  using passive = await openDomain();
  await using players = await connectPlayers({ active, passive, address: LOOPBACK }, options);
  await run(players);
}

/** A short session from a peer: a Send, a Write, a Read Request; with the offsets at which nothing is half-done. */
function session(region: MemoryRegion): { bytes: Uint8Array; borders: Set<number> } {
  const where = { stag: region.remoteKey, address: region.address };
  const frames = [
    untagged({ opcode: 3 }, hex("01020304")),
    tagged({ opcode: 0, ...where }, hex("05060708")),
    untagged({ opcode: 1, queue: 1 }, readRequest({ stag: 1, address: 2n }, 4, where)),
  ].map((ulpdu) => fpdu(ulpdu));
  const borders = new Set([0]);
  let end = 0;
  for (const { length } of frames) borders.add(end += length);
  return { bytes: concat(...frames), borders };
}

Deno.test("a peer that ends its stream at any byte: the end is told truthfully, and each request completes once", async () => {
  const size = 104;
  for (let offset = 0; offset <= size; offset++) {
    await using peer = await BareInitiator.connect();
    using region = peer.domain.register(64, ALL);
    const { bytes, borders } = session(region);
    assertEquals(bytes.length, size);
    const endpoint = await peer.accepted({ prepare: (e) => [1, 2].forEach((id) => e.postReceive(id, region, 32, 8)) });
    await writeAll(peer.socket, bytes.subarray(0, offset));
    await peer.socket.closeWrite();
    const answered = await readToEnd(peer.socket);
    const { graceful, error } = await endpoint.closed;
    assertEquals([offset, graceful], [offset, borders.has(offset)]);
    assertEquals(answered, offset === size ? 24 : 0);
    if (error !== undefined) assertEquals((error as VerbsError).code, "lost");
    const received = offset >= 28;
    assertEquals(drain(endpoint).map(({ id, status }) => [id, status]), [
      [1, received ? Status.SUCCESS : Status.FLUSHED],
      [2, Status.FLUSHED],
    ]);
    assertEquals(digits(region.bytes.subarray(0, 4)), offset >= 52 ? "05060708" : "00000000");
    await endpoint.close();
  }
});

Deno.test("a peer that resets the connection at any byte: each request completes once, and nothing hangs", async () => {
  for (let offset = 0; offset <= 104; offset += 3) {
    await using peer = await BareInitiator.connect();
    using region = peer.domain.register(64, ALL);
    const endpoint = await peer.accepted({ prepare: (e) => [1, 2].forEach((id) => e.postReceive(id, region, 32, 8)) });
    await writeAll(peer.socket, opening);
    endpoint.postSend(send(3, region, 64));
    assertEquals((await completeOne(endpoint)).id, 3);
    await writeAll(peer.socket, session(region).bytes.subarray(0, offset));
    peer.socket.close(); // over unread bytes: a reset
    await endpoint.closed;
    assertEquals(drain(endpoint).map(({ id }) => id), [1, 2]);
    await endpoint.close();
  }
});

Deno.test("a peer that reads our stream up to any byte and goes: each request completes once", async () => {
  for (let offset = 0; offset <= 96; offset += 5) {
    await using peer = await BareInitiator.connect();
    using region = peer.domain.register(64, ALL);
    const endpoint = await peer.accepted();
    await writeAll(peer.socket, opening);
    endpoint.postSend([send(1, region, 16), writeTo(2, region, 12), send(3, region, 0)]);
    endpoint.postSend({ ...writeTo(4, region, 8), opcode: Opcode.READ });
    await readExactly(peer.socket, offset);
    peer.socket.close();
    const { graceful } = await endpoint.closed;
    assertEquals(graceful, false);
    assertEquals(drain(endpoint).map(({ id, status }) => [id, status]), [
      [1, Status.SUCCESS],
      [2, Status.SUCCESS],
      [3, Status.SUCCESS],
      [4, Status.FLUSHED],
    ]);
    await endpoint.close();
  }
});

Deno.test("a peer that stops reading: the send queue fills, and close() returns within its linger", async () => {
  await using peer = await BareInitiator.connect();
  using region = peer.domain.register(1 << 20, ALL);
  const endpoint = await peer.accepted({ sendDepth: 16 });
  await writeAll(peer.socket, opening);
  const taken: number[] = [];
  let posted = 0;
  let quiet = 0;
  while (quiet < 20) { // until nothing has moved for a while
    quiet++;
    while (endpoint.sendSlots > 0) endpoint.postSend(writeTo(posted++, region, 1 << 20));
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const { id } of drain(endpoint)) {
      taken.push(id);
      quiet = 0;
    }
  }
  while (endpoint.sendSlots > 0) endpoint.postSend(writeTo(posted++, region, 1 << 20));
  await endpoint.close({ linger: 20 });
  const { graceful, error } = await endpoint.closed;
  assert(error instanceof VerbsError);
  assertEquals([graceful, error.code, endpoint.statistics.errors.toJSON()], [false, "timeout", { timeout: 1 }]);
  const left = drain(endpoint);
  assertEquals(left.map(({ status }) => status), new Array(16).fill(Status.FLUSHED));
  assertEquals([...taken, ...left.map(({ id }) => id)], Array.from({ length: posted }, (_, id) => id));
});

Deno.test("a peer that never ends its half does not keep close() waiting beyond the linger", async () => {
  await using peer = await BareInitiator.connect();
  const endpoint = await peer.accepted();
  await endpoint.close({ linger: 10 });
  assertEquals(await endpoint.closed, { graceful: true });
  assertEquals(await readToEnd(peer.socket), 0);
});

Deno.test("after a fault the peer is sent the Terminate and the end of the stream, and closed resolves by itself", async () => {
  await using peer = await BareInitiator.connect();
  const endpoint = await peer.accepted();
  await writeAll(peer.socket, concat(opening, fpdu(untagged({ opcode: 3 }))));
  const found = ulpdusOf(await readExactly(peer.socket, 48));
  assertEquals(found.map((ulpdu) => digits(ulpdu.subarray(18, 22))), ["1202c000"]);
  assertEquals(await readToEnd(peer.socket), 0);
  peer.socket.close();
  assertEquals((await endpoint.closed).graceful, false);
  assertEquals(endpoint.statistics.errors.toJSON(), { "no buffer available": 1 });
});

Deno.test("a fault met while sending ends the connection even where the peer stays silent", async () => {
  await using peer = await BareInitiator.connect();
  const region = peer.domain.register(8, ALL);
  const endpoint = await peer.accepted();
  await writeAll(peer.socket, opening);
  endpoint.postSend(send(1, region, 8));
  region[Symbol.dispose]();
  assertEquals((await completeOne(endpoint)).status, Status.LOCAL_PROTECTION);
  const { graceful, error } = await endpoint.closed; // the peer neither reads nor closes
  assert(!graceful && error instanceof VerbsError);
  assertMatch(error.message, "disposed while work used it");
});

Deno.test("a peer's Terminate is read even where writing to it fails first", async () => {
  await using peer = await BareInitiator.connect();
  using region = peer.domain.register(1 << 20, ALL);
  const endpoint = await peer.accepted();
  const read = untagged({ opcode: 1, queue: 1 });
  await writeAll(peer.socket, opening);
  endpoint.postSend({ ...writeTo(1, region, 8), opcode: Opcode.READ });
  await readExactly(peer.socket, 52);
  await writeAll(peer.socket, fpdu(untagged({ opcode: 7, queue: 2 }, concat(hex("0100e000002e"), read))));
  for (let id = 2; id < 100; id++) endpoint.postSend(writeTo(id, region, 1 << 20));
  peer.socket.close();
  const { error } = await endpoint.closed;
  assertEquals([(error as VerbsError).code, drain(endpoint)[0]?.status], ["terminated by peer", Status.REMOTE_ACCESS]);
  await endpoint.close();
});

for (const when of ["a message arrives", "a Send completes", "the connection ends"] as const) {
  Deno.test(`an onCompletions that throws when ${when} costs the connection and nothing else`, async () => {
    await withPlayers(async ({ active, passive, stage }) => {
      const region = stage.passive.register(8, ALL);
      const source = stage.active.register(8, ALL);
      const victim = when === "a Send completes" ? active : passive;
      passive.postReceive(1, region, 0, 8);
      victim.onCompletions = () => {
        throw new Error("a defect in the handler");
      };
      if (when === "the connection ends") await active.close();
      else active.postSend(send(2, source, 8));
      const { graceful, error } = await victim.closed;
      if (when === "the connection ends") assertEquals(graceful, true);
      else assertMatch(error?.message ?? "", "onCompletions threw: a defect in the handler");
      assertEquals(drain(victim).length, 1);
      await Promise.all([active.close(), passive.close()]);
    });
  });
}

Deno.test("completions of work posted after the end are told, however late", async () => {
  await withPlayers(async ({ active, passive, stage }) => {
    const region = stage.passive.register(8, ALL);
    await Promise.all([active.close(), passive.close()]);
    await passive.closed;
    for (let id = 0; id < 5; id++) {
      const told = new Promise<void>((resolve) => passive.onCompletions = resolve);
      if (id % 2 === 0) passive.postReceive(id, region, 0, 8);
      else passive.postSend(send(id, region, 8));
      assertEquals(drain(passive).length, 1);
      passive.postReceive(id, region, 0, 8);
      await told;
      assertEquals(drain(passive).map(({ status }) => status), [Status.FLUSHED]);
    }
  });
});

Deno.test("close() may be called by both sides at once, many times, and while the connection breaks", async () => {
  for (let round = 0; round < 50; round++) {
    await withPlayers(async ({ active, passive, stage }) => {
      const region = stage.active.register(65_536, ALL);
      for (let id = 0; id < round % 5; id++) active.postSend(send(id, region, 65_536)); // no receive: a fault
      await Promise.all([active.close({ linger: 100 }), passive.close({ linger: 100 }), active.close()]);
      await Promise.all([active.closed, passive.closed]);
      assertEquals(drain(active).length, round % 5);
    });
  }
});

Deno.test("close() from within onCompletions, right behind a fault, still lets the Terminate leave", async () => {
  await using peer = await BareInitiator.connect();
  using region = peer.domain.register(8, ALL);
  const endpoint = await peer.accepted({ prepare: (each) => each.postReceive(1, region, 0, 8) });
  let closing: Promise<void> | undefined;
  endpoint.onCompletions = () => closing = endpoint.close();
  await writeAll(peer.socket, concat(opening, fpdu(untagged({ opcode: 3, sequence: 9 }))));
  assertEquals(await readToEnd(peer.socket), 48);
  peer.socket.close();
  await closing;
  assertEquals((await endpoint.closed).graceful, false);
});

Deno.test("close() waits for what the socket has not taken yet, and for the answers to Reads", async () => {
  await withPlayers(async ({ active, passive, stage }) => {
    const size = 20_000_000;
    const source = stage.passive.register(size, ALL);
    const sink = stage.active.register(size, ALL);
    source.bytes.fill(7);
    const { address: remoteAddress, remoteKey } = source;
    active.postSend({ id: 1, opcode: Opcode.READ, region: sink, offset: 0, length: size, remoteAddress, remoteKey });
    await active.close({ linger: 20_000 });
    assertEquals(drain(active).map(({ status, length }) => [status, length]), [[Status.SUCCESS, size]]);
    assertEquals(sink.bytes[size - 1], 7);
    assertEquals([await active.closed, await passive.closed], [{ graceful: true }, { graceful: true }]);
  });
});

Deno.test("a Write the user posts from within onCompletions leaves without another call", async () => {
  await withPlayers(async ({ active, passive, stage }) => {
    const [near, far] = [stage.active.register(8, ALL), stage.passive.register(8, ALL)];
    let rounds = 0;
    const answer = (endpoint: Endpoint, region: MemoryRegion) => () => {
      for (const { opcode, status } of drain(endpoint)) {
        if (opcode !== Opcode.RECEIVE || status !== Status.SUCCESS) continue;
        rounds++;
        endpoint.postReceive(rounds, region, 0, 8);
        if (rounds < 2_000) endpoint.postSend(send(rounds, region, 8));
      }
    };
    active.onCompletions = answer(active, near);
    passive.onCompletions = answer(passive, far);
    for (const [endpoint, region] of [[active, near], [passive, far]] as const) endpoint.postReceive(0, region, 0, 8);
    active.postSend(send(0, near, 8));
    await until(() => rounds === 2_000);
  });
});

Deno.test("a thousand connections come and go, fifty at a time, and leave nothing", async () => {
  using active = await openDomain();
  using passive = await openDomain();
  await using listener = await passive.listen(LOOPBACK);
  const address = { hostname: "127.0.0.1", port: listener.address.port };
  for (let batch = 0; batch < 20; batch++) {
    const accepting = (async () => {
      const accepted: Endpoint[] = [];
      while (accepted.length < 50) accepted.push(await (await nextRequest(listener)).accept());
      await Promise.all(accepted.map((endpoint) => endpoint.closed));
      await Promise.all(accepted.map((endpoint) => endpoint.close()));
    })();
    const connected = await Promise.all(Array.from({ length: 50 }, () => active.connect(address)));
    await Promise.all(connected.map((endpoint) => endpoint.close()));
    await accepting;
  }
  assertEquals([active.regionCount, passive.regionCount, [...listener.refused]], [0, 0, []]);
});
