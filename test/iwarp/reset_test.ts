import { type Completion, completions, Opcode, Status } from "../../src/rdma/completion.ts";
import { VerbsError } from "../../src/rdma/errors.ts";
import { Access, type MemoryRegion } from "../../src/rdma/memory.ts";
import type { Endpoint, Listener, ProtectionDomain } from "../../src/rdma/provider.ts";
import { assert, assertEquals } from "../assert.ts";
import { pattern } from "../rdma/players.ts";
import { LOOPBACK, openDomain, until } from "./bare_peer.ts";
import { CuttingRelay, type Direction } from "./cutting_relay.ts";
import { descriptors } from "./descriptors.ts";
import { concat } from "./frames.ts";

/** Longer than a segment of the shortest ULPDU there is, so that each message can end in its middle. */
const LENGTH = 120;
const SHORT = 20;
const GUARD = 0x5a;
const MARGIN = 8;
const SETUP = 24; // bytes of a request, and of a reply

/** One side's memory, and what the peer puts there. */
class Side implements Disposable {
  readonly window = this.#region(LENGTH, Access.LOCAL_WRITE | Access.REMOTE_WRITE);
  readonly sink = this.#region(LENGTH, Access.LOCAL_WRITE);
  readonly inboxes = [this.#region(LENGTH, Access.LOCAL_WRITE), this.#region(SHORT, Access.LOCAL_WRITE)] as const;
  readonly source = this.#region(LENGTH, Access.REMOTE_READ);

  constructor(readonly domain: ProtectionDomain) {
    this.source.bytes.set(pattern(LENGTH), MARGIN);
  }

  #region(length: number, access: number): MemoryRegion {
    const region = this.domain.register(MARGIN + length + MARGIN, access);
    region.bytes.fill(GUARD);
    return region;
  }

  /** Receives 1 and 2. */
  prepare(endpoint: Endpoint): void {
    for (const [index, inbox] of this.inboxes.entries()) {
      endpoint.postReceive(1 + index, inbox, MARGIN, inbox.length - 2 * MARGIN);
    }
  }

  /** Requests 3 … 6: a Send, a Write, a Read, and a Send behind them all. */
  post(endpoint: Endpoint, { window, source }: Side): void {
    const own = { region: this.source, offset: MARGIN, length: LENGTH };
    const at = ({ address, remoteKey }: MemoryRegion) => ({ remoteAddress: address + BigInt(MARGIN), remoteKey });
    endpoint.postSend([
      { id: 3, opcode: Opcode.SEND, ...own },
      { id: 4, opcode: Opcode.WRITE, ...own, ...at(window) },
      { id: 5, opcode: Opcode.READ, ...own, region: this.sink, ...at(source) },
      { id: 6, opcode: Opcode.SEND, ...own, length: SHORT },
    ]);
  }

  /** Every region holds the start of what was to come, and all of it where a completion says so. */
  check(statuses: Map<number, Status>): void {
    const expected = pattern(LENGTH);
    for (
      const [id, region] of [[1, this.inboxes[0]], [2, this.inboxes[1]], [5, this.sink], [0, this.window]] as const
    ) {
      const { bytes } = region;
      const room = bytes.length - 2 * MARGIN;
      let came = 0;
      while (came < room && bytes[MARGIN + came] === expected[came]) came++;
      const whole = statuses.get(id) === Status.SUCCESS;
      if (whole) assertEquals([id, came], [id, room]);
      const others = [...bytes.subarray(0, MARGIN), ...bytes.subarray(MARGIN + came)];
      if (others.some((byte) => byte !== GUARD)) assertEquals([id, others], [id, "untouched"]);
    }
  }

  [Symbol.dispose](): void {
    for (const region of [this.window, this.sink, ...this.inboxes, this.source]) region[Symbol.dispose]();
  }
}

/** An end of the connection after it is over. */
interface End {
  graceful: boolean;
  error: Error | undefined;
  statuses: Map<number, Status>;
}

/** Lets an endpoint do its work and close when all of it is completed, for better or worse. */
async function live(endpoint: Endpoint): Promise<End> {
  const out = completions(16);
  const found: Completion[] = [];
  const take = () => {
    for (let count; (count = endpoint.poll(out)) > 0;) found.push(...out.slice(0, count).map((each) => ({ ...each })));
  };
  while (found.length < 6) {
    const told = new Promise<void>((resolve) => endpoint.onCompletions = resolve);
    take();
    if (found.length < 6) await told;
  }
  await endpoint.close();
  const { graceful, error } = await endpoint.closed;
  take();
  assertEquals(found.map(({ id }) => id).toSorted(), [1, 2, 3, 4, 5, 6]);
  return { graceful, error, statuses: new Map(found.map(({ id, status }) => [id, status])) };
}

/** A listener and all that is needed to connect to it time and again. */
class Stage implements AsyncDisposable {
  /** The accepted end of the session under way. */
  passive: Promise<End | Error> | undefined;
  sides: readonly [Side, Side];
  readonly #serving = this.#serve();

  private constructor(
    readonly active: ProtectionDomain,
    readonly far: ProtectionDomain,
    readonly listener: Listener,
    readonly relay: CuttingRelay,
  ) {
    this.sides = [new Side(active), new Side(far)];
  }

  static async open(): Promise<Stage> {
    const [active, passive] = [await openDomain({ ulpduSize: 128 }), await openDomain({ ulpduSize: 128 })];
    const listener = await passive.listen(LOOPBACK);
    return new Stage(active, passive, listener, await CuttingRelay.open(listener.address.port));
  }

  async #serve(): Promise<void> {
    for await (const request of this.listener) {
      const [near, own] = this.sides;
      this.passive = request.accept({ prepare: (endpoint) => own.prepare(endpoint) }).then((endpoint) => {
        own.post(endpoint, near);
        return live(endpoint);
      }).catch((error: Error) => error);
    }
  }

  get #refusals(): number {
    return [...this.listener.refused.values()].reduce((sum, count) => sum + count, 0);
  }

  /** A session through the relay, from its set-up to its end; with what became of both ends. */
  async session(): Promise<{ ends: (End | Error | undefined)[]; passed: Record<Direction, Uint8Array> }> {
    this.passive = undefined;
    for (const side of this.sides) side[Symbol.dispose]();
    this.sides = [new Side(this.active), new Side(this.far)];
    const [own, far] = this.sides;
    const refused = this.#refusals;
    let active: End | Error;
    try {
      const endpoint = await this.active.connect(
        { hostname: "127.0.0.1", port: this.relay.port },
        { prepare: (each) => own.prepare(each) },
      );
      own.post(endpoint, far);
      active = await live(endpoint);
    } catch (error) {
      active = error as Error;
    }
    await until(() => this.passive !== undefined || this.#refusals > refused);
    const ends = [active, await this.passive];
    await this.relay.quiet();
    for (const [index, end] of ends.entries()) {
      this.sides[index]?.check(end === undefined || end instanceof Error ? new Map() : end.statuses);
    }
    const { out, back } = this.relay.passed;
    return { ends, passed: { out: concat(...out), back: concat(...back) } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const side of this.sides) side[Symbol.dispose]();
    await this.listener.close();
    await this.#serving;
    await this.relay[Symbol.asyncDispose]();
    assertEquals(sizes(this), [0, 0]);
    this.active[Symbol.dispose]();
    this.far[Symbol.dispose]();
  }
}

const sizes = ({ active, far }: Stage) => [active.regionCount, far.regionCount];

/** Whether a stream ends where nothing is half-done: behind whole FPDUs, the last of each kind of message the last of it. */
function isWhole(stream: Uint8Array): boolean {
  const open = new Map<number, boolean>();
  let at = SETUP;
  while (at + 2 <= stream.length) {
    const size = Math.ceil((2 + ((stream[at] ?? 0) << 8 | (stream[at + 1] ?? 0))) / 4) * 4 + 4;
    if (at + size > stream.length) return false;
    open.set((stream[at + 3] ?? 0) & 15, ((stream[at + 2] ?? 0) & 0x40) === 0);
    at += size;
  }
  return at === stream.length && ![...open.values()].includes(true);
}

const SENDS = [3, 4, 5, 6];
const ALL = [1, 2, ...SENDS];

/** The closure tells the truth. */
function checkEnd(how: "reset" | "end", end: End | Error | undefined, came: Uint8Array, where: string): void {
  if (end === undefined) return; // never heard of the connection
  if (end instanceof Error) {
    assert(end instanceof VerbsError && end.code === "lost", `${where}: ${end.stack}`);
    return assert(came.length <= SETUP, `${where}: the set-up failed: ${end}`);
  }
  const { graceful, error, statuses } = end;
  const succeeded = (ids: number[]) => ids.every((id) => statuses.get(id) === Status.SUCCESS);
  for (const status of statuses.values()) assert(status === Status.SUCCESS || status === Status.FLUSHED, where);
  if (!graceful) assertEquals([where, (error as VerbsError).code], [where, "lost"]);
  if (how === "end") return assertEquals([where, graceful], [where, isWhole(came) && succeeded(SENDS)]);
  // Only who had closed before can be content with a reset.
  assert(graceful ? succeeded(ALL) : /reset|Broken pipe/.test(error?.message ?? ""), `${where}: ${error}`);
}

Deno.test("a session through a relay that cuts nothing succeeds", async () => {
  await using stage = await Stage.open();
  const { ends, passed } = await stage.session();
  for (const end of ends) {
    assert(end !== undefined && !(end instanceof Error));
    assertEquals([end.graceful, [...end.statuses.values()]], [true, new Array(6).fill(Status.SUCCESS)]);
  }
  assert(isWhole(passed.out) && isWhole(passed.back));
});

for (const how of ["reset", "end"] as const) {
  for (const direction of ["out", "back"] as const) {
    const who = direction === "out" ? "the side that connects" : "the side that accepts";
    Deno.test(`a TCP ${how} behind any byte of ${who}: both ends settle, truthfully, and nothing is left or misplaced`, async () => {
      await using stage = await Stage.open();
      const { length } = (await stage.session()).passed[direction];
      const before = [descriptors(), ...sizes(stage)];
      for (let after = 0; after < length; after++) {
        stage.relay.plan = { how, direction, after };
        const { ends, passed } = await stage.session();
        for (const [index, end] of ends.entries()) {
          const came = index === 0 ? passed.back : passed.out;
          checkEnd(how, end, came, `${how} behind ${after} bytes ${direction}, end ${index}`);
        }
      }
      await until(() => descriptors() <= (before[0] ?? 0));
      assertEquals([descriptors(), ...sizes(stage)], before);
    });
  }
}
