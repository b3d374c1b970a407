import { type Completion, completions, Opcode } from "../../src/rdma/completion.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import type { Endpoint, Listener, ProtectionDomain } from "../../src/rdma/provider.ts";
import { closeQuietly } from "../../src/iwarp/endpoint.ts";
import type { MpaKind } from "../../src/iwarp/mpa.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import { assert, assertEquals } from "../assert.ts";
import { Random } from "../random.ts";
import { LOOPBACK, openDomain, readExactly, readToEnd, REPLY_SIZE, setupFrame, until } from "./bare_peer.ts";
import { descriptors } from "./descriptors.ts";
import { concat, fpdu } from "./frames.ts";
import { type Field, fieldsOf, FRAMES, mutated, type Places, widthOf } from "./mutations.ts";
import type { Memory } from "./referee.ts";

const SESSIONS = 6_000;
const AT_ONCE = 20;
const LINGER = 100;

/** The memory of one session. */
class Ground implements Disposable {
  readonly #regions: MemoryRegion[] = [];
  readonly places: Places;
  readonly inbox: MemoryRegion;
  readonly sink: MemoryRegion;

  constructor(domain: ProtectionDomain) {
    const region = (length: number, access: number) => {
      const made = domain.register(length, access);
      this.#regions.push(made);
      return made;
    };
    const rights = { write: true, read: true, invalidate: true, atomic: true };
    const memory = ({ remoteKey: stag, address }: MemoryRegion): Memory => {
      return { stag, address, bytes: new Uint8Array(0), rights, valid: true };
    };
    this.inbox = region(64, Access.LOCAL_WRITE);
    this.sink = region(64, Access.LOCAL_WRITE);
    this.places = {
      open: memory(region(64, Access.LOCAL_WRITE | Access.REMOTE_WRITE)),
      readable: memory(region(64, Access.REMOTE_READ)),
      counters: memory(region(64, Access.REMOTE_ATOMIC)),
      sink: memory(this.sink),
      offered: [memory(region(16, Access.REMOTE_INVALIDATE)), memory(region(16, Access.REMOTE_INVALIDATE))],
    };
  }

  /** Six requests: what a session of right frames completes, and a Send. */
  readonly prepare = (endpoint: Endpoint): void => {
    for (const id of [1, 2, 3]) endpoint.postReceive(id, this.inbox, 0, 32);
    for (const [id, offset, length] of [[4, 8, 24], [5, 40, 0]] as const) {
      const remote = { remoteAddress: 1n, remoteKey: 9 };
      endpoint.postSend({ id, opcode: Opcode.READ, region: this.sink, offset, length, ...remote });
    }
    endpoint.postSend({ id: 6, opcode: Opcode.SEND, region: this.sink, offset: 0, length: 64 });
  };

  [Symbol.dispose](): void {
    for (const region of this.#regions) region[Symbol.dispose]();
  }
}

/** A session's frames up to some place, one of them spoilt, the last perhaps cut off. */
function stream(places: Places, random: Random): Uint8Array {
  const frames = FRAMES.slice(0, random.below(FRAMES.length)).map(([, make]) => make(places));
  const spoilt = random.below(frames.length + 1);
  const whole = concat(...frames.map((ulpdu, at) => {
    if (at !== spoilt) return fpdu(ulpdu);
    const fields = fieldsOf(ulpdu);
    const field = fields[random.below(fields.length)] as Field;
    return mutated(ulpdu, [{ field, value: random.below(2 ** 32) % 2 ** widthOf(field) }], true);
  }));
  return random.below(3) === 0 ? whole.subarray(0, random.below(whole.length + 1)) : whole;
}

/** How a hostile peer leaves: at once, over what it has not read, which resets; or when it has said so; or read all. */
async function leave(socket: Deno.TcpConn, random: Random): Promise<void> {
  const manners = random.below(3);
  if (manners > 0) await socket.closeWrite().catch(() => {}); // it is gone already
  if (manners > 1) await readToEnd(socket);
  closeQuietly(socket);
}

/** Every request completes once, whatever the peer did. */
async function settle(endpoint: Endpoint, random: Random): Promise<void> {
  if (random.below(4) === 0) await endpoint.close({ linger: LINGER });
  await endpoint.closed;
  await endpoint.close();
  const out: Completion[] = completions(16);
  const count = endpoint.poll(out);
  assertEquals(out.slice(0, count).map(({ id }) => id).toSorted(), [1, 2, 3, 4, 5, 6]);
}

/** Sends that a peer that is gone does not take are no error here. */
async function say(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  await writeAll(socket, bytes).catch(() => {});
}

/** A set-up frame, now and then with a byte of it spoilt, or cut off. */
function setup(kind: MpaKind, random: Random): { bytes: Uint8Array; right: boolean } {
  const bytes = setupFrame(kind);
  const right = random.below(4) > 0;
  if (!right) bytes[random.below(18)] = random.below(256);
  return {
    bytes: right ? bytes : bytes.subarray(0, random.below(2) === 0 ? bytes.length : random.below(bytes.length)),
    right,
  };
}

/** Hostile peers of one domain, in both roles. */
class Arena implements AsyncDisposable {
  /** Endpoints that there were, and connections that came to nothing when asked for or accepted. */
  readonly seen = { endpoints: 0, failures: 0 };
  readonly #grounds = new Map<number, Ground>(); // by the port that the peer connects from
  readonly #work: Promise<void>[] = [];
  #attacks = 0;
  #requests = 0;
  readonly #serving = this.#serve();

  private constructor(readonly domain: ProtectionDomain, readonly listener: Listener) {}

  static async open(): Promise<Arena> {
    const domain = await openDomain();
    return new Arena(domain, await domain.listen(LOOPBACK));
  }

  async #serve(): Promise<void> {
    for await (const request of this.listener) {
      this.#requests++;
      const { prepare } = this.#grounds.get(request.remote.port) as Ground;
      this.#work.push(this.#live(request.accept({ prepare }), new Random(request.remote.port)));
    }
  }

  async #live(connecting: Promise<Endpoint>, random: Random): Promise<void> {
    let endpoint: Endpoint;
    try {
      endpoint = await connecting;
    } catch (error) {
      assert(error instanceof VerbsError, `${error}`);
      this.seen.failures++;
      return;
    }
    this.seen.endpoints++;
    await settle(endpoint, random);
  }

  /** A peer that connects to us. */
  async attack(random: Random): Promise<void> {
    const ground = new Ground(this.domain);
    const socket = await Deno.connect({ hostname: "127.0.0.1", port: this.listener.address.port });
    this.#attacks++;
    this.#grounds.set(socket.localAddr.port, ground);
    await this.#speak(socket, "request", ground, random);
  }

  /** Waits for our ends, and gives their memory back. */
  async quiet(): Promise<void> {
    await until(() => this.#requests + this.refusals === this.#attacks);
    await Promise.all(this.#work.splice(0));
    for (const ground of this.#grounds.values()) ground[Symbol.dispose]();
    this.#grounds.clear();
  }

  /** Set-ups that the listener refused. */
  get refusals(): number {
    return [...this.listener.refused.values()].reduce((sum, count) => sum + count, 0);
  }

  /** A peer that we connect to. */
  async ambush(random: Random): Promise<void> {
    using ground = new Ground(this.domain);
    const listener = Deno.listen(LOOPBACK);
    const serving = listener.accept().then((socket) => this.#speak(socket, "reply", ground, random));
    const { prepare } = ground;
    const { port } = listener.addr;
    await this.#live(this.domain.connect({ hostname: "127.0.0.1", port }, { prepare }), random);
    await serving;
    listener.close();
  }

  async #speak(socket: Deno.TcpConn, kind: MpaKind, { places }: Ground, random: Random): Promise<void> {
    const { bytes, right } = setup(kind, random);
    if (kind === "reply") await readExactly(socket, REPLY_SIZE);
    await say(socket, bytes);
    if (right) {
      if (kind === "request") await readExactly(socket, REPLY_SIZE);
      await say(socket, stream(places, random));
    }
    await leave(socket, random);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
    await this.#serving;
    this.domain[Symbol.dispose]();
  }
}

Deno.test("thousands of hostile sessions, twenty at a time, leave no descriptor, no region and no request", async () => {
  await using arena = await Arena.open();
  const random = new Random(0x2545_f491);
  const batch = async () => {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => {
      const own = new Random(1 + random.below(2 ** 32 - 1));
      return at % 2 === 0 ? arena.attack(own) : arena.ambush(own);
    }));
    await arena.quiet();
  };
  await batch();
  const before = descriptors();
  for (let count = AT_ONCE; count < SESSIONS; count += AT_ONCE) await batch();
  await until(() => descriptors() <= before);
  assertEquals([descriptors(), arena.domain.regionCount], [before, 0]);
  const { endpoints, failures } = arena.seen;
  assertEquals(endpoints + failures + arena.refusals, SESSIONS);
  assert(endpoints > SESSIONS / 2 && failures > 0 && arena.refusals > 0);
});
