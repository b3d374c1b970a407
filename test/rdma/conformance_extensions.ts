/**
 * The part of the contract that not every device has: immediate data and atomics.
 *
 * @module
 */
import { Opcode, Status } from "../../src/rdma/completion.ts";
import { CapabilityError } from "../../src/rdma/errors.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import type { ProtectionDomain, SendWork } from "../../src/rdma/provider.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import type { Declare } from "./conformance.ts";
import { complete, completeOne, connectPlayers, pattern, type Players, type Stage } from "./players.ts";
import { readWork, sendWork, writeWork } from "./works.ts";

const FULL = (1n << 64n) - 1n;
const SHARED = Access.LOCAL_WRITE | Access.REMOTE_ATOMIC;

/** Declares them. */
export function extensions(test: Declare): void {
  immediates(test);
  atomics(test);
}

function immediates(test: Declare): void {
  for (const length of [0, 1, 100_000]) {
    test(`an RDMA Write of ${length} bytes with immediate data completes a receive`, async (stage) => {
      await using players = await connectPlayers(stage, { passive: { immediate: true } });
      if (!haveBoth(stage, "immediate")) return refusesToPost(stage, players, { opcode: Opcode.WRITE_IMMEDIATE });
      const target = stage.passive.register(length, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
      const source = stage.active.register(length, 0);
      source.bytes.set(pattern(length));
      const inbox = stage.passive.register(16, Access.LOCAL_WRITE);
      for (const id of [1, 2]) players.passive.postReceive(id, inbox, 8 * (id - 1), 8);
      const write = { ...writeWork(3, source, length, target, 0), opcode: Opcode.WRITE_IMMEDIATE };
      players.active.postSend([{ ...write, immediate: 0xfedc_ba98 }, { ...write, id: 4, immediate: 1 }]);
      const received = await complete(players.passive, 2);
      assertEquals(target.bytes.slice(), pattern(length));
      assertEquals(
        received.map(({ id, opcode, status, length, immediate }) => [id, opcode, status, length, immediate]),
        [
          [1, Opcode.RECEIVE_IMMEDIATE, Status.SUCCESS, 0, 0xfedc_ba98],
          [2, Opcode.RECEIVE_IMMEDIATE, Status.SUCCESS, 0, 1],
        ],
      );
      const sent = await complete(players.active, 2);
      assertEquals(
        sent.map(({ id, opcode, status, length }) => [id, opcode, status, length]),
        [[3, Opcode.WRITE_IMMEDIATE, Status.SUCCESS, length], [4, Opcode.WRITE_IMMEDIATE, Status.SUCCESS, length]],
      );
      assertEquals(inbox.bytes.slice(), new Uint8Array(16));
    });
  }

  test("a Send behind immediate data fills the receive behind its", async (stage) => {
    if (!haveBoth(stage, "immediate")) return;
    await using players = await connectPlayers(stage, { passive: { immediate: true } });
    const inbox = stage.passive.register(8, Access.LOCAL_WRITE);
    const target = stage.passive.register(4, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    const source = stage.active.register(4, 0);
    source.bytes.set(pattern(4));
    for (const id of [1, 2]) players.passive.postReceive(id, inbox, 4 * (id - 1), 4);
    const write = { ...writeWork(3, source, 4, target, 0), opcode: Opcode.WRITE_IMMEDIATE, immediate: 7 };
    players.active.postSend([write, sendWork(4, source, 0, 4)]);
    const [first, second] = await complete(players.passive, 2);
    assertEquals([first?.id, first?.opcode, first?.immediate], [1, Opcode.RECEIVE_IMMEDIATE, 7]);
    assertEquals([second?.id, second?.opcode, second?.immediate, second?.length], [2, Opcode.RECEIVE, 0, 4]);
    assertEquals(inbox.bytes.slice(), new Uint8Array([0, 0, 0, 0, ...pattern(4)]));
  });

  test("immediate data that was not asked for ends the connection and completes no receive with success", async (stage) => {
    if (!haveBoth(stage, "immediate")) return;
    await using players = await connectPlayers(stage);
    const inbox = stage.passive.register(8, Access.LOCAL_WRITE);
    const target = stage.passive.register(4, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    players.passive.postReceive(1, inbox, 0, 8);
    const source = stage.active.register(4, 0);
    players.active.postSend({ ...writeWork(3, source, 4, target, 0), opcode: Opcode.WRITE_IMMEDIATE, immediate: 7 });
    assertEquals((await players.passive.closed).graceful, false);
    const received = await completeOne(players.passive);
    assertEquals([received.id, received.status], [1, Status.FLUSHED]);
  });

  test("immediate data must be a number of 32 bits", async (stage) => {
    if (!stage.active.capabilities.immediate) return;
    await using players = await connectPlayers(stage);
    const source = stage.active.register(4, 0);
    const work = { id: 1, opcode: Opcode.WRITE_IMMEDIATE, region: source, offset: 0, length: 4 };
    for (const immediate of [undefined, -1, 2 ** 32, 0.5]) {
      const wrong = { ...work, remoteAddress: 0n, remoteKey: 1, ...(immediate === undefined ? {} : { immediate }) };
      assertThrows(() => players.active.postSend(wrong), RangeError, `immediate ${immediate} is not`);
    }
  });
}

function atomics(test: Declare): void {
  test("Fetch and Add gives the old value and adds, and what is carried beyond 64 bits is lost", async (stage) => {
    await using players = await connectPlayers(stage);
    if (!haveBoth(stage, "atomics")) return refusesAtomics(stage, players);
    const word = register(stage.passive, SHARED, [0x0123_4567_ffff_ffffn, FULL]);
    const old = stage.active.register(24, Access.LOCAL_WRITE);
    players.active.postSend([
      atomic(1, old, 0, word, 0, { add: 1n }),
      atomic(2, old, 8, word, 0, { add: FULL }),
      atomic(3, old, 16, word, 8, { add: 3n }),
    ]);
    const done = await complete(players.active, 3);
    assertEquals(
      done.map(({ id, opcode, status, length }) => [id, opcode, status, length]),
      [1, 2, 3].map((id) => [id, Opcode.FETCH_ADD, Status.SUCCESS, 8]),
    );
    assertEquals(values(old), [0x0123_4567_ffff_ffffn, 0x0123_4568_0000_0000n, FULL]);
    assertEquals(values(word), [0x0123_4567_ffff_ffffn, 2n]);
  });

  test("Compare and Swap exchanges eight bytes if they are the expected ones", async (stage) => {
    await using players = await connectPlayers(stage);
    if (!haveBoth(stage, "atomics")) return refusesAtomics(stage, players);
    const word = register(stage.passive, SHARED, [5n, 0x8000_0000_0000_0005n]);
    const old = stage.active.register(32, Access.LOCAL_WRITE);
    players.active.postSend([
      atomic(1, old, 0, word, 0, { compare: 5n, swap: FULL - 1n }),
      atomic(2, old, 8, word, 0, { compare: 5n, swap: 6n }),
      atomic(3, old, 16, word, 8, { compare: 5n, swap: 6n }),
      atomic(4, old, 24, word, 8, { compare: 0x8000_0000_0000_0005n, swap: 0n }),
    ]);
    const done = await complete(players.active, 4);
    assertEquals(
      done.map(({ id, opcode, status }) => [id, opcode, status]),
      [1, 2, 3, 4].map((id) => [id, Opcode.COMPARE_SWAP, Status.SUCCESS]),
    );
    assertEquals(values(old), [5n, FULL - 1n, 0x8000_0000_0000_0005n, 0x8000_0000_0000_0005n]);
    assertEquals(values(word), [FULL - 1n, 0n]);
  });

  test("additions from both sides at once, among Reads and Writes, lose nothing", async (stage) => {
    await using players = await connectPlayers(stage, { active: { readDepth: 3 }, passive: { readDepth: 3 } });
    if (!haveBoth(stage, "atomics")) return;
    const rounds = 50;
    const ends = [[players.active, stage.active], [players.passive, stage.passive]] as const;
    const words = ends.map(([, domain]) =>
      register(domain, SHARED | Access.REMOTE_READ | Access.REMOTE_WRITE, [0n, 0n])
    );
    const [hello, inbox] = [stage.active.register(1, 0), stage.passive.register(1, Access.LOCAL_WRITE)];
    players.passive.postReceive(1, inbox, 0, 1);
    players.active.postSend(sendWork(1, hello, 0, 1)); // over iWARP the active side speaks first
    await Promise.all([completeOne(players.active), completeOne(players.passive)]);
    await Promise.all(ends.map(async ([endpoint, domain], side) => {
      const word = words[1 - side] as MemoryRegion;
      const old = domain.register(24 * rounds, Access.LOCAL_WRITE);
      const work = Array.from({ length: rounds }, (_, round): SendWork[] => [
        atomic(round, old, 24 * round, word, 0, { add: 3n }),
        readWork(round, old, 24 * round + 8, 8, word, 0),
        writeWork(round, old, 8, word, 8),
      ]).flat();
      endpoint.postSend(work);
      const done = await complete(endpoint, work.length);
      assertEquals(
        done.map(({ id, opcode, status }) => [id, opcode, status]),
        work.map(({ id, opcode }) => [id, opcode, 0]),
      );
      const seen = values(old);
      for (let round = 0; round < rounds; round++) assertEquals(seen[3 * round], 3n * BigInt(round));
    }));
    for (const word of words) assertEquals(values(word)[0], 3n * BigInt(rounds));
  });

  const refused: [string, number, bigint, number][] = [
    ["on memory that gives no such right", Access.LOCAL_WRITE | Access.REMOTE_WRITE | Access.REMOTE_READ, 0n, 0],
    ["past the end", SHARED, 16n, 0],
    ["with a wrong key", SHARED, 0n, 0x01010101],
  ];
  for (const [how, rights, shift, flip] of refused) {
    test(`an atomic ${how} completes as a remote access error and changes nothing`, async (stage) => {
      if (!haveBoth(stage, "atomics")) return;
      await using players = await connectPlayers(stage);
      const word = register(stage.passive, rights, [7n, 8n]);
      const old = stage.active.register(8, Access.LOCAL_WRITE);
      const work = atomic(4, old, 0, word, 0, { add: 1n });
      work.remoteAddress = word.address + shift;
      work.remoteKey = (word.remoteKey ^ flip) >>> 0;
      players.active.postSend(work);
      const done = await completeOne(players.active);
      assertEquals([done.id, done.status], [4, Status.REMOTE_ACCESS]);
      assertEquals([...values(word), ...values(old)], [7n, 8n, 0n]);
      assertEquals((await players.active.closed).graceful, false);
    });
  }

  test("atomics that make no sense are refused when they are posted", async (stage) => {
    if (!stage.active.capabilities.atomics) return;
    await using players = await connectPlayers(stage);
    const old = stage.active.register(16, Access.LOCAL_WRITE);
    const work: SendWork = {
      id: 1,
      opcode: Opcode.FETCH_ADD,
      region: old,
      offset: 0,
      length: 8,
      remoteAddress: 64n,
      remoteKey: 1,
      add: 1n,
    };
    const post = (changes: Partial<SendWork>) => () => players.active.postSend({ ...work, ...changes });
    assertThrows(post({ length: 16 }), RangeError, "an atomic of 16 bytes, not 8");
    assertThrows(post({ remoteAddress: 68n }), RangeError, "not aligned to 8");
    assertThrows(post({ add: FULL + 1n }), RangeError, "add 18446744073709551616 is not");
    assertThrows(post({ opcode: Opcode.COMPARE_SWAP, compare: 1n }), RangeError, "swap undefined is not");
    assertThrows(post({ region: stage.active.register(8, 0) }), RangeError, "LOCAL_WRITE");
    assertEquals(players.active.sendSlots, 256);
  });
}

/** Whether both sides have it. Ends the test's work where they have not: what is refused is looked at by its own. */
function haveBoth({ active, passive }: Stage, what: "immediate" | "atomics"): boolean {
  return active.capabilities[what] && passive.capabilities[what];
}

function refusesToPost(stage: Stage, players: Players, changes: Partial<SendWork>): void {
  const name = changes.opcode === Opcode.WRITE_IMMEDIATE ? "immediate" : "atomics";
  if (stage.active.capabilities[name]) return; // it has them, the peer has not
  const region = stage.active.register(8, Access.LOCAL_WRITE);
  const work = { id: 1, opcode: Opcode.WRITE, region, offset: 0, length: 8, remoteAddress: 0n, remoteKey: 1 };
  const operands = { immediate: 1, add: 1n, compare: 1n, swap: 1n };
  assertThrows(() => players.active.postSend({ ...work, ...operands, ...changes }), CapabilityError, `has no ${name}`);
  assertEquals(players.active.sendSlots, 256);
}

function refusesAtomics(stage: Stage, players: Players): void {
  for (const opcode of [Opcode.FETCH_ADD, Opcode.COMPARE_SWAP]) refusesToPost(stage, players, { opcode });
  for (const domain of [stage.active, stage.passive]) {
    if (!domain.capabilities.atomics) assertThrows(() => domain.register(8, SHARED), CapabilityError, "has no atomics");
  }
}

function register(domain: ProtectionDomain, access: number, words: bigint[]): MemoryRegion {
  const region = domain.register(8 * words.length, access);
  const view = new DataView(region.bytes.buffer, region.bytes.byteOffset);
  for (const [index, word] of words.entries()) view.setBigUint64(8 * index, word, true);
  return region;
}

function values({ bytes }: MemoryRegion): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, index) => view.getBigUint64(8 * index, true));
}

/** An atomic on the eight bytes at `at` of `word`, whose old value goes to `offset` of `old`. */
function atomic(
  id: number,
  old: MemoryRegion,
  offset: number,
  word: MemoryRegion,
  at: number,
  operands: { add: bigint } | { compare: bigint; swap: bigint },
): SendWork {
  const opcode = "add" in operands ? Opcode.FETCH_ADD : Opcode.COMPARE_SWAP;
  const remoteAddress = word.address + BigInt(at);
  return { id, opcode, region: old, offset, length: 8, remoteAddress, remoteKey: word.remoteKey, ...operands };
}
