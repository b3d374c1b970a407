import { Opcode, Status } from "../../src/rdma/completion.ts";
import { Access } from "../../src/rdma/memory.ts";
import type { IwarpRegion } from "../../src/iwarp/region.ts";
import { assert, assertEquals } from "../assert.ts";
import { Random } from "../random.ts";
import { type Machine, Pair } from "./pair.ts";

const WINDOW = 60_000;
const RECEIVE = 25_000;
const DEPTH = 24;

/** One side, what it expects to receive, and what its window must hold. */
class Side {
  readonly window: IwarpRegion; // the peer writes here
  readonly library: IwarpRegion; // the peer reads here; never changes
  readonly source: IwarpRegion; // never changes
  readonly sink: IwarpRegion;
  readonly inbox: IwarpRegion;
  readonly offered: IwarpRegion[];
  readonly model = new Uint8Array(WINDOW);
  /** Messages the peer has posted, in order. */
  readonly coming: { bytes: Uint8Array; key: number }[] = [];
  /** Of Reads under way: where the bytes go, and which they must be. */
  readonly reads = new Map<number, { at: number; bytes: Uint8Array }>();
  readonly offeredBusy = new Set<number>();
  posted = 0;
  done = 0;
  received = 0;
  #receives = 0;

  constructor(readonly machine: Machine, random: Random) {
    const { table } = machine;
    this.window = table.register(WINDOW, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
    this.library = table.register(WINDOW, Access.REMOTE_READ);
    this.source = table.register(WINDOW, 0);
    this.sink = table.register(DEPTH * RECEIVE, Access.LOCAL_WRITE);
    this.inbox = table.register(DEPTH * RECEIVE, Access.LOCAL_WRITE);
    this.offered = Array.from({ length: 4 }, () => table.register(1, Access.LOCAL_WRITE | Access.REMOTE_INVALIDATE));
    for (const region of [this.library, this.source]) {
      for (let at = 0; at < WINDOW; at++) region.bytes[at] = random.below(256);
    }
    for (let count = 0; count < DEPTH; count++) this.postReceive();
  }

  postReceive(): void {
    const id = this.#receives++;
    this.machine.connection.postReceive(id, this.inbox, id % DEPTH * RECEIVE, RECEIVE);
  }

  /** Polls, and compares all that arrived with what was expected. */
  settle(peer: Side): void {
    for (const { id, opcode, status, length, invalidatedKey } of this.machine.poll()) {
      assertEquals(status, Status.SUCCESS);
      if (opcode === Opcode.RECEIVE) {
        assertEquals(id, this.received++);
        const { bytes, key } = this.coming.shift() as { bytes: Uint8Array; key: number };
        const at = id % DEPTH * RECEIVE;
        assertEquals([length, invalidatedKey], [bytes.length, key]);
        assertSame(this.inbox.bytes.subarray(at, at + length), bytes);
        if (key !== 0) this.#renew(key);
        this.postReceive();
        continue;
      }
      assertEquals(id, this.done++, "requests complete in the order they were posted");
      const read = this.reads.get(id);
      this.reads.delete(id);
      assertEquals(opcode === Opcode.READ, read !== undefined);
      if (read !== undefined) assertSame(this.sink.bytes.subarray(read.at, read.at + length), read.bytes);
    }
    if (this.machine.connection.idle && peer.machine.connection.idle) assertSame(this.window.bytes, this.model);
  }

  #renew(key: number): void {
    const region = this.offered.find(({ remoteKey }) => remoteKey === key);
    assertEquals(region?.valid, false);
    this.offeredBusy.delete(key);
    region?.rotateKey();
  }

  /** Posts one request at random. */
  post(peer: Side, random: Random): void {
    const { connection } = this.machine;
    if (connection.sendSlots === 0) return;
    const length = random.below(3) === 0 ? random.below(16) : random.below(RECEIVE);
    const offset = random.below(WINDOW - length);
    const base = { id: this.posted, region: this.source, offset, length };
    const kind = random.below(4);
    if (kind === 0) {
      const at = random.below(WINDOW - length);
      peer.model.set(this.source.bytes.subarray(offset, offset + length), at);
      const { remoteKey, address } = peer.window;
      connection.postSend({ ...base, opcode: Opcode.WRITE, remoteKey, remoteAddress: address + BigInt(at) });
    } else if (kind === 1) {
      const at = this.posted % DEPTH * RECEIVE;
      this.reads.set(this.posted, { at, bytes: peer.library.bytes.subarray(offset, offset + length) });
      const { remoteKey, address } = peer.library;
      const remoteAddress = address + BigInt(offset);
      connection.postSend({ ...base, opcode: Opcode.READ, region: this.sink, offset: at, remoteKey, remoteAddress });
    } else {
      if (peer.coming.length >= DEPTH - 4) return; // no receive would be there
      const key = kind === 2 ? 0 : peer.#offer();
      const opcode = key === 0 ? Opcode.SEND : Opcode.SEND_INVALIDATE;
      peer.coming.push({ bytes: this.source.bytes.subarray(offset, offset + length), key });
      connection.postSend({ ...base, opcode, remoteKey: key });
    }
    this.posted++;
  }

  #offer(): number {
    const key = this.offered.map(({ remoteKey }) => remoteKey).find((each) => !this.offeredBusy.has(each)) ?? 0;
    if (key !== 0) this.offeredBusy.add(key);
    return key;
  }
}

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals(actual.length, expected.length);
  for (let at = 0; at < actual.length; at++) {
    if (actual[at] !== expected[at]) assertEquals([at, actual[at]], [at, expected[at]]);
  }
}

for (const seed of [1, 2, 3, 4, 5, 6, 11]) {
  const crc = seed % 2 === 0;
  Deno.test(`random work both ways in random pieces, compared byte for byte, CRC ${crc ? "on" : "off"} (seed ${seed})`, () => {
    const random = new Random(seed * 0x9e37);
    const sizes = [1_500, 70_000, 400_000];
    const pair = new Pair({
      crc,
      ird: 1 + seed % 3,
      ord: 1 + seed % 3,
      readyToReceive: (["none", "send", "write", "read"] as const)[seed % 4] ?? "none",
      ulpduSize: [128, 1_442, 65_535][seed % 3] ?? 128,
      sendDepth: DEPTH,
      receiveDepth: DEPTH,
    }, () => 1 + random.below(sizes[random.below(3)] ?? 1));
    const [active, passive] = [new Side(pair.active, random), new Side(pair.passive, random)];
    active.post(passive, random); // the initiator speaks first
    for (let round = 0; round < 2_000; round++) {
      for (let count = random.below(6); count > 0; count--) active.post(passive, random);
      for (let count = random.below(6); count > 0; count--) passive.post(active, random);
      if (random.below(3) > 0) pair.step(random.below(2) === 0);
      else pair.run();
      active.settle(passive);
      passive.settle(active);
    }
    pair.run();
    for (const [side, peer] of [[active, passive], [passive, active]] as const) {
      side.settle(peer);
      assertEquals([side.done, side.coming.length, side.reads.size], [side.posted, 0, 0]);
      assert(side.posted > 1_500, `${side.posted} requests`);
      assertEquals(side.machine.connection.closure, undefined);
    }
  });
}
