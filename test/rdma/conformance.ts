/**
 * The contract of src/rdma/provider.ts as tests: every provider, and every pair of providers that can talk to each
 * other, runs them all.
 *
 * @module
 */
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { CapabilityError, SystemError, VerbsError } from "../../src/rdma/errors.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import type { Endpoint } from "../../src/rdma/provider.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "../assert.ts";
import { extensions } from "./conformance_extensions.ts";
import { complete, completeOne, connectPlayers, nextRequest, pattern, type Players, type Stage } from "./players.ts";
import { readWork, sendWork, writeWork } from "./works.ts";

/** What a pairing is known to fall short of. */
export interface Shortcomings {
  /** The passive side's device lets a peer read whatever it has the key to, whether or not the region allows that. */
  readsUnchecked?: boolean;
}

/** Declares the tests for the pairing `name`; `open` makes a fresh stage. */
export function conformance(
  name: string,
  open: () => Promise<Stage & (Disposable | AsyncDisposable)>,
  shortcomings: Shortcomings = {},
): void {
  const test = (what: string, run: (stage: Stage) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using stage = await open();
      await run(stage);
    });
  messages(test);
  memory(test);
  refusals(test, shortcomings);
  queues(test);
  connections(test);
  extensions(test);
}

/** Declares one test. */
export type Declare = (what: string, run: (stage: Stage) => Promise<void>) => void;

function messages(test: Declare): void {
  for (const length of [0, 1, 3, 4, 1_440, 65_504, 65_505, 1_048_579]) {
    test(`a Send of ${length} bytes arrives whole in the posted receive`, async (stage) => {
      await using players = await connectPlayers(stage);
      const source = stage.active.register(length + 7, 0);
      const target = stage.passive.register(length + 16, Access.LOCAL_WRITE);
      source.bytes.set(pattern(length), 7);
      players.passive.postReceive(11, target, 5, length + 2);
      players.active.postSend({ id: 22, opcode: Opcode.SEND, region: source, offset: 7, length });
      const sent = await completeOne(players.active);
      const received = await completeOne(players.passive);
      assertEquals([sent.id, sent.opcode, sent.status, sent.length], [22, Opcode.SEND, Status.SUCCESS, length]);
      assertEquals([received.id, received.opcode, received.status], [11, Opcode.RECEIVE, Status.SUCCESS]);
      assertEquals([received.length, received.invalidatedKey], [length, 0]);
      assertEquals(target.bytes.slice(5, 5 + length), pattern(length));
      assertEquals([...target.bytes.subarray(0, 5), ...target.bytes.subarray(5 + length)], new Array(16).fill(0));
    });
  }

  test("messages arrive in the order they were posted, each in the next receive", async (stage) => {
    await using players = await connectPlayers(stage);
    const source = stage.active.register(256, 0);
    const target = stage.passive.register(256, Access.LOCAL_WRITE);
    for (let id = 0; id < 64; id++) players.passive.postReceive(id, target, id * 4, 4);
    for (let id = 0; id < 64; id++) source.bytes[id] = id;
    players.active.postSend(Array.from({ length: 64 }, (_, id) => sendWork(id, source, id, 1)));
    const received = await complete(players.passive, 64);
    assertEquals(received.map(({ id }) => id), Array.from({ length: 64 }, (_, id) => id));
    for (let id = 0; id < 64; id++) assertEquals(target.bytes[id * 4], id);
    const sent = await complete(players.active, 64);
    assertEquals(sent.map(({ id }) => id), Array.from({ length: 64 }, (_, id) => id));
  });

  test("both sides send at once without waiting for each other", async (stage) => {
    const receives = (domainOf: (stage: Stage) => Stage["active"]) => {
      const region = domainOf(stage).register(64 * 65_536, Access.LOCAL_WRITE);
      return {
        region,
        prepare: (endpoint: Endpoint) => {
          for (let id = 0; id < 64; id++) endpoint.postReceive(id, region, id * 65_536, 65_536);
        },
      };
    };
    const one = receives((s) => s.active);
    const other = receives((s) => s.passive);
    await using players = await connectPlayers(stage, {
      active: { prepare: one.prepare },
      passive: { prepare: other.prepare },
    });
    const sources = [stage.active.register(65_536, 0), stage.passive.register(65_536, 0)] as const;
    sources[0].bytes.set(pattern(65_536, 1));
    sources[1].bytes.set(pattern(65_536, 2));
    players.active.postSend(Array.from({ length: 64 }, (_, id) => sendWork(id, sources[0], 0, 65_536)));
    players.passive.postSend(Array.from({ length: 64 }, (_, id) => sendWork(id, sources[1], 0, 65_536)));
    await Promise.all([complete(players.active, 128), complete(players.passive, 128)]);
    for (let id = 0; id < 64; id++) {
      assertEquals(one.region.bytes.slice(id * 65_536, (id + 1) * 65_536), pattern(65_536, 2));
      assertEquals(other.region.bytes.slice(id * 65_536, (id + 1) * 65_536), pattern(65_536, 1));
    }
  });

  test("a message that comes before connect() returned fills a receive posted in prepare", async (stage) => {
    const target = stage.active.register(64, Access.LOCAL_WRITE);
    await using players = await connectPlayers(stage, {
      active: { prepare: (endpoint) => endpoint.postReceive(5, target, 0, 64) },
    });
    const hello = stage.active.register(1, 0);
    const first = stage.passive.register(1, Access.LOCAL_WRITE);
    players.passive.postReceive(1, first, 0, 1);
    players.active.postSend(sendWork(1, hello, 0, 1)); // the active side speaks first, as MPA demands
    await completeOne(players.passive);
    const source = stage.passive.register(64, 0);
    source.bytes.set(pattern(64));
    players.passive.postSend(sendWork(2, source, 0, 64));
    const seen = await complete(players.active, 2);
    assertEquals(seen.map(({ id }) => id).sort(), [1, 5]);
    assertEquals(target.bytes.slice(), pattern(64));
  });

  test("the side that accepted sends first where it knows that the peer is connected", async (stage) => {
    const inbox = stage.active.register(4, Access.LOCAL_WRITE);
    await using players = await connectPlayers(stage, {
      active: { prepare: (endpoint) => endpoint.postReceive(5, inbox, 0, 4) },
    });
    const source = stage.passive.register(4, 0);
    source.bytes.set(pattern(4));
    players.passive.postSend(sendWork(1, source, 0, 4));
    players.passive.peerReady();
    assertEquals((await completeOne(players.active)).id, 5);
    assertEquals(inbox.bytes.slice(), pattern(4));
    players.passive.peerReady();
    players.active.peerReady();
  });
}

function memory(test: Declare): void {
  for (const length of [0, 1, 4_096, 65_504, 65_505, 3_000_001]) {
    test(`an RDMA Write of ${length} bytes is placed before the Send behind it arrives`, async (stage) => {
      await using players = await connectPlayers(stage);
      const target = stage.passive.register(length + 10, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
      const source = stage.active.register(length + 1, 0);
      source.bytes.set(pattern(length));
      const note = stage.passive.register(8, Access.LOCAL_WRITE);
      players.passive.postReceive(1, note, 0, 8);
      players.active.postSend([writeWork(2, source, length, target, 5), sendWork(3, source, length, 1)]);
      const received = await completeOne(players.passive);
      assertEquals([received.id, received.length], [1, 1]);
      assertEquals(target.bytes.slice(5, 5 + length), pattern(length));
      assertEquals([...target.bytes.subarray(0, 5), ...target.bytes.subarray(5 + length)], new Array(10).fill(0));
      assertEquals((await complete(players.active, 2)).map(({ id }) => id), [2, 3]);
      assertEquals(players.active.statistics.writeBytes, length);
    });

    test(`an RDMA Read fetches ${length} bytes without the peer's help`, async (stage) => {
      await using players = await connectPlayers(stage);
      const source = stage.passive.register(length + 3, Access.REMOTE_READ);
      const target = stage.active.register(length + 4, Access.LOCAL_WRITE);
      source.bytes.set(pattern(length), 3);
      players.active.postSend(readWork(9, target, 2, length, source, 3));
      const done = await completeOne(players.active);
      assertEquals([done.id, done.opcode, done.status, done.length], [9, Opcode.READ, Status.SUCCESS, length]);
      assertEquals(target.bytes.slice(2, 2 + length), pattern(length));
      assertEquals([target.bytes[0], target.bytes[1], target.bytes[length + 2]], [0, 0, 0]);
    });
  }

  test("more RDMA Reads than the depth allows wait their turn and complete in order", async (stage) => {
    await using players = await connectPlayers(stage, { active: { readDepth: 3 }, passive: { readDepth: 2 } });
    const source = stage.passive.register(100_000, Access.REMOTE_READ);
    const target = stage.active.register(100_000, Access.LOCAL_WRITE);
    source.bytes.set(pattern(100_000));
    const work = Array.from({ length: 50 }, (_, id) => readWork(id, target, id * 2_000, 2_000, source, id * 2_000));
    players.active.postSend(work);
    const done = await complete(players.active, 50);
    assertEquals(done.map(({ id, status }) => [id, status]), work.map(({ id }) => [id, Status.SUCCESS]));
    assertEquals(target.bytes.slice(), pattern(100_000));
  });

  test("Reads in both directions, Writes and Sends at once keep every byte", async (stage) => {
    await using players = await connectPlayers(stage);
    const rights = Access.LOCAL_WRITE | Access.REMOTE_READ | Access.REMOTE_WRITE;
    const size = 400_000;
    const near = stage.active.register(3 * size, rights);
    const far = stage.passive.register(3 * size, rights);
    near.bytes.set(pattern(size, 1));
    far.bytes.set(pattern(size, 2));
    const chunks = Array.from({ length: 40 }, (_, index) => index * 10_000);
    const job = (own: MemoryRegion, peer: MemoryRegion) =>
      chunks.flatMap((at) => [
        readWork(at, own, size + at, 10_000, peer, at),
        {
          id: at + 1,
          opcode: Opcode.WRITE,
          region: own,
          offset: at,
          length: 10_000,
          remoteAddress: peer.address + BigInt(2 * size + at),
          remoteKey: peer.remoteKey,
        },
      ]);
    // A message each, so that the passive side may speak, and as a fence behind the Writes.
    players.passive.postReceive(900, far, size, 0);
    players.passive.postReceive(902, far, size, 0);
    players.active.postSend(sendWork(901, near, 0, 0));
    await completeOne(players.passive);
    await completeOne(players.active);
    players.active.postReceive(902, near, 0, 0);
    players.active.postSend([...job(near, far), sendWork(903, near, 0, 0)]);
    players.passive.postSend([...job(far, near), sendWork(903, far, 0, 0)]);
    const [one, other] = await Promise.all([complete(players.active, 82), complete(players.passive, 82)]);
    assertEquals([...one, ...other].filter(({ status }) => status !== Status.SUCCESS), []);
    assertEquals(near.bytes.slice(size, 2 * size), pattern(size, 2));
    assertEquals(far.bytes.slice(size, 2 * size), pattern(size, 1));
    assertEquals(near.bytes.slice(2 * size), pattern(size, 2));
    assertEquals(far.bytes.slice(2 * size), pattern(size, 1));
  });

  test("Send with Invalidate withdraws the key that was offered, and says which", async (stage) => {
    await using players = await connectPlayers(stage);
    const rights = Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_INVALIDATE;
    const [canSend, canOffer] = [stage.active, stage.passive].map((domain) => domain.capabilities.remoteInvalidate);
    if (!canOffer) assertThrows(() => stage.passive.register(64, rights), CapabilityError, "REMOTE_INVALIDATE");
    if (!canSend) {
      const source = stage.active.register(64, 0);
      const work = { ...sendWork(2, source, 0, 4), opcode: Opcode.SEND_INVALIDATE, remoteKey: 1 };
      assertThrows(() => players.active.postSend([sendWork(1, source, 0, 4), work]), CapabilityError, "no Send with");
      assertEquals(players.active.sendSlots, 256);
    }
    if (!canSend || !canOffer) return;
    const offered = stage.passive.register(64, rights);
    const note = stage.passive.register(8, Access.LOCAL_WRITE);
    const source = stage.active.register(64, 0);
    players.passive.postReceive(1, note, 0, 8);
    const key = offered.remoteKey;
    players.active.postSend({ ...sendWork(2, source, 0, 4), opcode: Opcode.SEND_INVALIDATE, remoteKey: key });
    const received = await completeOne(players.passive);
    assertEquals([received.status, received.invalidatedKey, offered.valid], [Status.SUCCESS, key, false]);
    await completeOne(players.active);
    offered.rotateKey();
    assertEquals(offered.valid, true);
    assert(offered.remoteKey !== key, "a new key");
  });
}

function refusals(test: Declare, { readsUnchecked = false }: Shortcomings): void {
  const broken: [string, (players: Players, target: MemoryRegion, source: MemoryRegion) => void][] = [
    ["with a wrong key", ({ active }, target, source) => {
      active.postSend({ ...writeWork(1, source, 64, target, 0), remoteKey: (target.remoteKey ^ 0x5a5a5a5a) >>> 0 });
    }],
    ["one byte past the end", ({ active }, target, source) => active.postSend(writeWork(1, source, 64, target, 1))],
    ["in front of the start", ({ active }, target, source) => {
      active.postSend({ ...writeWork(1, source, 64, target, 0), remoteAddress: target.address - 1n });
    }],
    ["far outside", ({ active }, target, source) => {
      active.postSend({ ...writeWork(1, source, 64, target, 0), remoteAddress: target.address ^ (1n << 60n) });
    }],
    ["with a key that was rotated away", ({ active }, target, source) => {
      const work = writeWork(1, source, 64, target, 0);
      target.rotateKey();
      active.postSend(work);
    }],
  ];
  for (const [how, provoke] of broken) {
    test(`an RDMA Write ${how} ends the connection and places nothing`, async (stage) => {
      await using players = await connectPlayers(stage);
      const target = stage.passive.register(64, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
      const source = stage.active.register(64, 0);
      source.bytes.fill(0xee);
      provoke(players, target, source);
      const [near, far] = await Promise.all([players.active.closed, players.passive.closed]);
      if (stage.passive.capabilities.reportsRefusals) assertEquals(far.graceful, false);
      if (stage.active.capabilities.reportsRefusals) assertEquals(near.graceful, false);
      assertEquals(target.bytes.slice(), new Uint8Array(64));
    });
  }

  test("an RDMA Write to memory that gives no such right ends the connection and places nothing", async (stage) => {
    await using players = await connectPlayers(stage);
    const target = stage.passive.register(64, Access.LOCAL_WRITE | Access.REMOTE_READ);
    const source = stage.active.register(64, 0);
    source.bytes.fill(0xee);
    players.active.postSend(writeWork(1, source, 64, target, 0));
    const { graceful } = await players.passive.closed;
    if (stage.passive.capabilities.reportsRefusals) assertEquals(graceful, false);
    assertEquals(target.bytes.slice(), new Uint8Array(64));
  });

  const reads: [string, number, bigint, number][] = [
    ["of memory that gives no such right", Access.LOCAL_WRITE | Access.REMOTE_WRITE, 0n, 0],
    ["past the end", Access.REMOTE_READ, 1n, 0],
    ["with a wrong key", Access.REMOTE_READ, 0n, 0x01010101],
  ];
  for (const [how, rights, shift, flip] of reads.slice(readsUnchecked ? 1 : 0)) {
    test(`an RDMA Read ${how} completes as a remote access error and brings nothing`, async (stage) => {
      await using players = await connectPlayers(stage);
      const source = stage.passive.register(64, rights);
      const target = stage.active.register(64, Access.LOCAL_WRITE);
      source.bytes.fill(0xee);
      const work = readWork(4, target, 0, 64, source, 0);
      work.remoteAddress += shift;
      work.remoteKey = (work.remoteKey ^ flip) >>> 0;
      players.active.postSend(work);
      const done = await completeOne(players.active);
      const { reportsRefusals } = stage.active.capabilities;
      assertEquals([done.id, done.status], [4, reportsRefusals ? Status.REMOTE_ACCESS : Status.FLUSHED]);
      assertEquals(target.bytes.slice(), new Uint8Array(64));
      assertEquals((await players.active.closed).graceful, false);
    });
  }

  test("a Send longer than the receive ends the connection and writes nothing behind it", async (stage) => {
    await using players = await connectPlayers(stage);
    const target = stage.passive.register(128, Access.LOCAL_WRITE);
    const source = stage.active.register(64, 0);
    source.bytes.fill(0xee);
    players.passive.postReceive(1, target, 0, 63);
    players.passive.postReceive(2, target, 64, 64);
    players.active.postSend(sendWork(3, source, 0, 64));
    const seen = await complete(players.passive, 2);
    assertEquals(seen.map(({ id, status }) => [id, status]), [[1, Status.LOCAL_LENGTH], [2, Status.FLUSHED]]);
    assertEquals(target.bytes.slice(63), new Uint8Array(65));
  });

  test("local memory is checked when work is posted", async (stage) => {
    await using players = await connectPlayers(stage);
    const { active } = players;
    const region = stage.active.register(64, 0);
    const foreign = stage.passive.register(64, Access.LOCAL_WRITE);
    assertThrows(() => active.postSend(sendWork(1, region, 1, 64)), RangeError, "64 bytes");
    assertThrows(() => active.postSend(sendWork(1, region, -1, 2)), RangeError);
    assertThrows(() => active.postSend(sendWork(1, region, 0.5, 2)), RangeError);
    assertThrows(() => active.postReceive(1, region, 0, 64), RangeError, "LOCAL_WRITE");
    assertThrows(() => active.postReceive(1, foreign, 0, 64), RangeError, "another protection domain");
    region[Symbol.dispose]();
    assertThrows(() => active.postSend(sendWork(1, region, 0, 1)), RangeError, "disposed");
  });

  test("a disposed region's memory is gone from every view", async (stage) => {
    const region = stage.active.register(64, Access.LOCAL_WRITE);
    const view = new DataView(region.bytes.buffer, region.bytes.byteOffset, 64);
    const bytes = region.bytes;
    region[Symbol.dispose]();
    region[Symbol.dispose]();
    assertEquals([bytes.length, region.bytes.length, stage.active.regionCount, stage.active.registeredBytes], [
      0,
      0,
      0,
      0,
    ]);
    assertThrows(() => view.getUint8(0), TypeError);
    await Promise.resolve();
  });
}

function queues(test: Declare): void {
  test("a full send queue refuses, and a list is taken whole or not at all", async (stage) => {
    await using players = await connectPlayers(stage, { active: { sendDepth: 4 } });
    const region = stage.active.register(8, 0);
    const sink = stage.passive.register(8, Access.LOCAL_WRITE);
    for (let id = 0; id < 4; id++) players.passive.postReceive(id, sink, 0, 8);
    const five = Array.from({ length: 5 }, (_, id) => sendWork(id, region, 0, 8));
    assertThrows(() => players.active.postSend(five), SystemError, "ENOMEM");
    assertEquals(players.active.sendSlots, 4);
    players.active.postSend(five.slice(0, 4));
    assertEquals(players.active.sendSlots, 0);
    assertThrows(() => players.active.postSend(sendWork(9, region, 0, 8)), SystemError, "ENOMEM");
    assertEquals((await complete(players.active, 4)).map(({ id }) => id), [0, 1, 2, 3]);
    assertEquals(players.active.sendSlots, 4);
    await complete(players.passive, 4);
  });

  test("a full receive queue refuses", async (stage) => {
    await using players = await connectPlayers(stage, { passive: { receiveDepth: 2 } });
    const region = stage.passive.register(8, Access.LOCAL_WRITE);
    players.passive.postReceive(1, region, 0, 4);
    players.passive.postReceive(2, region, 4, 4);
    assertThrows(() => players.passive.postReceive(3, region, 0, 4), SystemError, "ENOMEM");
  });

  test("work that is outstanding when the connection ends is flushed, and so is what is posted later", async (stage) => {
    await using players = await connectPlayers(stage);
    const region = stage.passive.register(64, Access.LOCAL_WRITE);
    players.passive.postReceive(1, region, 0, 8);
    players.passive.postReceive(2, region, 8, 8);
    await players.active.close();
    await players.passive.closed;
    players.passive.postReceive(3, region, 0, 8);
    players.passive.postSend(sendWork(4, region, 0, 8));
    const seen = await complete(players.passive, 4);
    assertEquals(seen.map(({ id, status }) => [id, status]), [1, 2, 3, 4].map((id) => [id, Status.FLUSHED]));
  });
}

function connections(test: Declare): void {
  test("private data reaches both sides", async (stage) => {
    const request = pattern(56, 1);
    const reply = pattern(40, 2);
    await using players = await connectPlayers(stage, {
      active: { privateData: request },
      passive: { privateData: reply },
    });
    assertEquals(players.passive.privateData.slice(0, 56), request);
    assertEquals(players.active.privateData.slice(0, 40), reply);
    assertEquals(players.active.remote.port, players.listener.address.port);
  });

  test("close() lets what was posted leave, and both sides see an orderly end", async (stage) => {
    await using players = await connectPlayers(stage);
    const source = stage.active.register(1_000_000, 0);
    const target = stage.passive.register(1_000_000, Access.LOCAL_WRITE);
    source.bytes.set(pattern(1_000_000));
    players.passive.postReceive(1, target, 0, 1_000_000);
    players.active.postSend(sendWork(2, source, 0, 1_000_000));
    await players.active.close();
    const [received, sent] = [await completeOne(players.passive), await completeOne(players.active)];
    assertEquals([received.status, sent.status], [Status.SUCCESS, Status.SUCCESS]);
    assertEquals(target.bytes.slice(), pattern(1_000_000));
    assertEquals((await players.active.closed).graceful, true);
    assertEquals((await players.passive.closed).graceful, true);
    await players.active.close(); // once more does nothing
  });

  test("a rejected request says why", async (stage) => {
    await using listener = await stage.passive.listen(stage.address);
    const rejecting = nextRequest(listener).then((request) => request.reject(new TextEncoder().encode("not today")));
    const address = { hostname: stage.address.hostname, port: listener.address.port };
    const error = await assertRejects(() => stage.active.connect(address), VerbsError, "rejected");
    assertMatch(error.message, "not today");
    assertEquals(error.code, "rejected");
    await rejecting;
  });

  test("a request is answered once", async (stage) => {
    await using listener = await stage.passive.listen(stage.address);
    const connecting = stage.active.connect({ hostname: stage.address.hostname, port: listener.address.port });
    const request = await nextRequest(listener);
    await using passive = await request.accept();
    await using active = await connecting;
    await assertRejects(() => request.accept(), RangeError, "already");
    await assertRejects(() => request.reject(), RangeError, "already");
    assertEquals(active.transport.length > 0, passive.transport.length > 0);
  });

  test("connecting where nothing listens is refused, and where nothing answers times out", async (stage) => {
    const listener = await stage.passive.listen(stage.address);
    const address = { hostname: stage.address.hostname, port: listener.address.port };
    const error = await assertRejects(() => stage.active.connect(address, { setupTimeout: 100 }), VerbsError);
    assertEquals(error.code, "timeout");
    await listener.close();
    const refused = await assertRejects(() => stage.active.connect(address), VerbsError);
    assertEquals(refused.code, "refused");
  });

  test("a set-up can be abandoned", async (stage) => {
    await using listener = await stage.passive.listen(stage.address);
    const address = { hostname: stage.address.hostname, port: listener.address.port };
    const controller = new AbortController();
    const connecting = stage.active.connect(address, { signal: controller.signal });
    controller.abort();
    const error = await assertRejects(() => connecting, VerbsError);
    assertEquals(error.code, "aborted");
  });

  test("many connections come and go and leave no region behind", async (stage) => {
    await using listener = await stage.passive.listen(stage.address);
    const address = { hostname: stage.address.hostname, port: listener.address.port };
    const serving = (async () => {
      let served = 0;
      for await (const request of listener) {
        const region = stage.passive.register(4, Access.LOCAL_WRITE);
        await using endpoint = await request.accept({ prepare: (e) => e.postReceive(served, region, 0, 4) });
        assertEquals((await completeOne(endpoint)).status, Status.SUCCESS);
        region[Symbol.dispose]();
        if (++served === 50) break;
      }
    })();
    for (let round = 0; round < 50; round++) {
      using region = stage.active.register(4, 0);
      await using endpoint = await stage.active.connect(address);
      endpoint.postSend(sendWork(round, region, 0, 4));
      await completeOne(endpoint);
    }
    await serving;
    assertEquals([stage.active.regionCount, stage.passive.regionCount], [0, 0]);
  });
}
