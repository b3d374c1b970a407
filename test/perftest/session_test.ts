import fc from "fast-check";
import { type Channel, type Role, TcpChannel } from "../../src/perftest/channel.ts";
import { type Keys, NO_KEYS } from "../../src/perftest/keys.ts";
import { planOf, TESTS } from "../../src/perftest/plan.ts";
import { bandwidthOf, latencyOf } from "../../src/perftest/result.ts";
import { Session } from "../../src/perftest/session.ts";
import { VerbsError, WireError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";

/** One end of a channel within the process, which notes the sizes of what goes out. */
class End implements Channel {
  readonly remote = { hostname: "peer", port: 1 };
  readonly sizes: number[] = [];
  peer: End | undefined;
  #bytes: number[] = [];
  #news = Promise.withResolvers<void>();

  constructor(readonly text: boolean) {}

  static pair(text: boolean): [End, End] {
    const [one, other] = [new End(text), new End(text)];
    [one.peer, other.peer] = [other, one];
    return [one, other];
  }

  send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.sizes.push(bytes.length);
    this.peer?.put(bytes);
    return Promise.resolve();
  }

  put(bytes: Iterable<number>): void {
    this.#bytes.push(...bytes);
    this.#news.resolve();
  }

  async receive(size: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#bytes.length < size) {
      if (this.peer === undefined) throw new VerbsError("receive", "lost");
      this.#news = Promise.withResolvers();
      await this.#news.promise;
    }
    return Uint8Array.from(this.#bytes.splice(0, size));
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const gid = new Uint8Array(16).fill(1);
const CLIENT: Keys = { ...NO_KEYS, queuePair: 1, remoteKey: 2, address: 3n, gid };
const SERVER: Keys = { ...NO_KEYS, queuePair: 4, remoteKey: 5, address: 6n, gid };

/** One side's whole course. */
async function course(session: Session, own: Keys, log: string[]): Promise<Keys> {
  const { version, mtu } = await session.agree(session.role === "client" ? 5 : 3);
  log.push(`${version}, MTU ${mtu}`);
  if (!session.channel.text) await session.meet();
  const peer = await session.introduce(own);
  await session.begin(() => log.push("receives posted"));
  if (session.plan.reports) {
    const { average } = await session.report({ size: 1, iterations: 2, peak: 3, average: own.queuePair, rate: 0 });
    log.push(`average ${average}`);
  }
  await session.close();
  return peer;
}

Deno.test("both sides of every test go through the same course, over lines and over structs", async () => {
  for (const text of [true, false]) {
    for (const name of TESTS) {
      const plan = planOf(name);
      const [one, other] = End.pair(text);
      const logs: [string[], string[]] = [[], []];
      const keys = await Promise.all([
        course(new Session(one, "client", plan), CLIENT, logs[0]),
        course(new Session(other, "server", plan), SERVER, logs[1]),
      ]);
      assertEquals(keys, [SERVER, CLIENT], name);
      const told = plan.reports ? [["average 4"], ["average 1"]] : [[], []];
      for (const [index, log] of logs.entries()) {
        assertEquals(log, ["6.06, MTU 3", "receives posted", ...told[index] ?? []], name);
      }
      const handshakes = (text ? 0 : 1) + plan.handshakesBefore + plan.handshakesAfter;
      assertEquals(one.sizes, [
        ...[16, 4, 4, 2],
        ...new Array(handshakes).fill(text ? 108 : 56),
        ...(plan.reports ? [text ? 108 : 56, 8, 8, 8, 8, 8] : []),
        ...(plan.closes ? [text ? 108 : 56] : []),
        ...(plan.closes && text ? [5] : []),
      ], name);
      assertEquals(other.sizes, one.sizes, name);
    }
  }
});

Deno.test("perftest's tests differ in their handshakes as its programs do", () => {
  const table = TESTS.map((name) => {
    const { handshakesBefore, handshakesAfter, reports, closes } = planOf(name);
    return [name, handshakesBefore, handshakesAfter, reports, closes];
  });
  assertEquals(table, [
    ["send-lat", 1, 3, false, true],
    ["write-lat", 2, 2, false, false],
    ["read-lat", 2, 2, false, true],
    ["send-bw", 1, 3, false, true],
    ["write-bw", 1, 2, true, true],
    ["read-bw", 1, 2, true, true],
  ]);
});

Deno.test("a peer may send anything: the course comes to an end, or to an error of ours", async () => {
  const good = [...new TextEncoder().encode("6.06"), ...new Array(12).fill(0), 0, 0, 16, 0, 0, 0, 0, 64, 51, 0];
  const bytes = fc.tuple(fc.nat(good.length), fc.uint8Array({ maxLength: 400 }))
    .map(([kept, rest]) => [...good.slice(0, kept), ...rest]);
  await fc.assert(
    fc.asyncProperty(
      bytes,
      fc.constantFrom<Role>("client", "server"),
      fc.constantFrom(...TESTS),
      fc.boolean(),
      async (given, role, name, text) => {
        const end = new End(text); // whose peer has left
        end.put(given);
        try {
          await course(new Session(end, role, planOf(name)), CLIENT, []);
        } catch (error) {
          assert(error instanceof WireError || error instanceof VerbsError, `threw ${error}`);
        }
      },
    ),
    { numRuns: 5_000 },
  );
});

async function connected(timeout: number, signal?: AbortSignal): Promise<[TcpChannel, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const options = { timeout, ...(signal === undefined ? {} : { signal }) };
  const channel = await TcpChannel.connect({ hostname: "127.0.0.1", port }, options);
  return [channel, await listener.accept()];
}

Deno.test("a silent peer ends the exchange over TCP with an error, and so does one that leaves", async () => {
  {
    const [channel, peer] = await connected(50);
    using _peer = peer;
    await using _channel = channel;
    await peer.write(new Uint8Array(3));
    const error = await assertRejects(() => channel.receive(4), VerbsError, "the peer was silent for 50 ms");
    assertEquals(error.code, "timeout");
  }
  {
    const [channel, peer] = await connected(5_000);
    await using _channel = channel;
    await peer.write(new Uint8Array(3));
    peer.close();
    const error = await assertRejects(() => channel.receive(4), VerbsError, "the peer closed the connection");
    assertEquals(error.code, "lost");
  }
});

Deno.test("the exchange over TCP ends with the caller's reason when it is aborted", async () => {
  const controller = new AbortController();
  const [channel, peer] = await connected(5_000, controller.signal);
  using _peer = peer;
  await using _channel = channel;
  const receiving = assertRejects(() => channel.receive(4), Error, "enough");
  controller.abort(new Error("enough"));
  await receiving;
});

Deno.test("nobody listening is told as such", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const error = await assertRejects(
    () => TcpChannel.connect({ hostname: "127.0.0.1", port }, { timeout: 5_000 }),
    VerbsError,
    "start the server first",
  );
  assertEquals(error.code, "refused");
});

Deno.test("latency is half of what lies between two messages, bandwidth in MiB and millions of messages", () => {
  const { count, min, median, max } = latencyOf(Float64Array.of(0, 1, 3, 4), 2);
  assertEquals([count, min, median, max], [3, 500, 500, 1_000]);
  assertEquals(latencyOf(Float64Array.of(0, 1), 1).max, 1_000);
  assertEquals(bandwidthOf(1 << 20, 1_000, 500), { mebibytes: 2_000, megamessages: 0.002 });
});
