import { ConfigError, VerbsError } from "../../src/rdma/errors.ts";
import { iwarpProvider } from "../../src/iwarp/mod.ts";
import { writeAll } from "../../src/iwarp/setup.ts";
import { closeQuietly } from "../../src/iwarp/endpoint.ts";
import { assert, assertEquals, assertRejects, assertThrows, hex } from "../assert.ts";
import { nextRequest } from "../rdma/players.ts";
import { BareInitiator, LOOPBACK, openDomain, readExactly, readToEnd, setupFrame, until } from "./bare_peer.ts";
import { concat, digits, fpdu, untagged } from "./frames.ts";

const nonsense: [string, Uint8Array, string][] = [
  ["a line of HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), "request key, byte 0"],
  ["a reply instead of a request", setupFrame("reply"), "request key, byte 9"],
  ["an unknown revision", concat(setupFrame("request").subarray(0, 17), hex("090000")), "revision, 1 or 2 are known"],
  [
    "too much private data",
    concat(setupFrame("request").subarray(0, 18), hex("0201")),
    "private data length, at most 512",
  ],
  [
    "an FPDU behind the request",
    concat(setupFrame("request"), fpdu(untagged({ opcode: 3 }))),
    "bytes behind the request",
  ],
];
for (const [what, bytes, reason] of nonsense) {
  Deno.test(`a listener that is sent ${what} hangs up and counts it`, async () => {
    await using peer = await BareInitiator.connect();
    await writeAll(peer.socket, bytes);
    await readToEnd(peer.socket);
    await until(() => peer.listener.refused.size > 0);
    assertEquals([...peer.listener.refused], [[reason, 1]]);
  });
}

Deno.test("a listener refuses markers with a reply that says so", async () => {
  await using peer = await BareInitiator.connect();
  const request = setupFrame("request");
  request[16] = (request[16] ?? 0) | 0x80;
  await writeAll(peer.socket, request);
  const reply = await readExactly(peer.socket, 24);
  assertEquals(digits(reply.subarray(16)), "7002000400000000"); // CRC as asked for, reject, enhanced
  assertEquals([await readToEnd(peer.socket), [...peer.listener.refused]], [0, [["markers", 1]]]);
});

Deno.test("a listener counts those who leave at any byte of their request, and goes on", async () => {
  await using peer = await BareInitiator.connect();
  const request = setupFrame("request");
  for (let size = 0; size < request.length; size++) {
    const socket = await Deno.connect({ hostname: "127.0.0.1", port: peer.listener.address.port });
    await writeAll(socket, request.subarray(0, size));
    socket.close();
  }
  await until(() => peer.listener.refused.get("lost") === request.length);
  const incoming = await peer.request();
  await incoming.reject();
  assertEquals(peer.listener.refused.size, 1);
});

Deno.test("half a request and then silence is given up on, and counted", async () => {
  await using peer = await BareInitiator.connect();
  await writeAll(peer.socket, setupFrame("request").subarray(0, 10));
  assertEquals(await readToEnd(peer.socket), 0);
  assertEquals([...peer.listener.refused], [["timeout", 1]]);
});

Deno.test("closing a listener does not wait for peers who say nothing, nor for requests not taken", async () => {
  await using peer = await BareInitiator.connect();
  const other = await Deno.connect({ hostname: "127.0.0.1", port: peer.listener.address.port });
  await writeAll(other, setupFrame("request"));
  await peer.listener.close();
  assert(await readToEnd(peer.socket) !== undefined && await readToEnd(other) !== undefined);
  other.close();
  assertEquals([...peer.listener.refused], []);
});

Deno.test("everyone who waits for a request hears that the listener closed", async () => {
  await using peer = await BareInitiator.connect();
  const waiting = [1, 2, 3].map(async () => {
    for await (const _ of peer.listener) return "a request";
    return "the end";
  });
  await Promise.resolve();
  await peer.listener.close();
  assertEquals(await Promise.all(waiting), ["the end", "the end", "the end"]);
});

Deno.test("rejecting a peer that is gone is no error, rejecting with too many words is", async () => {
  await using peer = await BareInitiator.connect();
  const request = await peer.request();
  await assertRejects(() => request.reject(new Uint8Array(249)), RangeError, "at most 248");
  peer.socket.close();
  await request.reject();
});

Deno.test("accepting with an option that makes no sense hangs up, and says which", async () => {
  for (const options of [{ sendDepth: 0 }, { receiveDepth: 70_000 }, { readDepth: -1 }, { readDepth: 0.5 }]) {
    await using peer = await BareInitiator.connect();
    const request = await peer.request();
    await assertRejects(() => request.accept(options), ConfigError, Object.keys(options)[0] ?? "");
    await readToEnd(peer.socket);
  }
});

/** A domain connecting to a bare listener that answers with `answer` and then does as told. */
async function connectTo(answer: (socket: Deno.TcpConn) => Promise<void>, options = {}): Promise<unknown> {
  using domain = await openDomain();
  const listener = Deno.listen(LOOPBACK);
  const serving = listener.accept().then(async (socket) => {
    await readExactly(socket, 24);
    await answer(socket);
    return socket;
  });
  try {
    await using _endpoint = await domain.connect({ hostname: "127.0.0.1", port: listener.addr.port }, options);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    listener.close();
    closeQuietly(await serving);
  }
}

const answers: [string, (socket: Deno.TcpConn) => Promise<void>, string, RegExp][] = [
  ["nonsense", (socket) => writeAll(socket, new Uint8Array(30)), "protocol", /reply key, byte 0/],
  ["the request itself", (socket) => writeAll(socket, setupFrame("request")), "protocol", /reply key, byte 9/],
  [
    "half a reply and a goodbye",
    async (socket) => (await writeAll(socket, setupFrame("reply").subarray(0, 19)), socket.close()),
    "lost",
    /after 19 bytes/,
  ],
  ["half a reply and silence", (socket) => writeAll(socket, setupFrame("reply").subarray(0, 19)), "timeout", /50 ms/],
];
for (const [what, answer, code, message] of answers) {
  Deno.test(`connecting to a peer that answers with ${what} fails: ${code}`, async () => {
    const error = await connectTo(answer, { setupTimeout: 50 });
    assert(error instanceof VerbsError, `${error}`);
    assertEquals(error.code, code);
    assert(message.test(error.message), error.message);
  });
}

Deno.test("the caller's own mistakes come back as they are", async () => {
  const answer = (socket: Deno.TcpConn) => writeAll(socket, setupFrame("reply"));
  const mistake = new TypeError("in prepare");
  const prepare = () => {
    throw mistake;
  };
  assertEquals(await connectTo(answer, { prepare }), mistake);
  using domain = await openDomain();
  await using listener = await domain.listen(LOOPBACK);
  const privateData = new Uint8Array(249);
  const { port } = listener.address;
  await assertRejects(
    () => domain.connect({ hostname: "127.0.0.1", port }, { privateData }),
    RangeError,
    "at most 248",
  );
});

Deno.test("an endpoint that was prepared and then not accepted ends, and completes what was posted", async () => {
  await using peer = await BareInitiator.connect();
  const request = await peer.request();
  const signal = AbortSignal.abort();
  let closed: Promise<unknown> | undefined;
  let flushed = 0;
  const prepare = (
    endpoint: Parameters<NonNullable<import("../../src/rdma/provider.ts").EndpointOptions["prepare"]>>[0],
  ) => {
    endpoint.postReceive(1, peer.domain.register(8, 1), 0, 8);
    closed = endpoint.closed;
    endpoint.closed.then(() =>
      flushed = endpoint.poll([{ id: 0, opcode: 0, status: 0, length: 0, invalidatedKey: 0, immediate: 0 }])
    );
  };
  const error = await assertRejects(() => request.accept({ signal, prepare }), VerbsError);
  await closed;
  assertEquals([error.code, flushed], ["aborted", 1]);
});

Deno.test("options of the provider that make no sense are refused", () => {
  for (const ulpduSize of [127, 65_536, 1.5]) {
    assertThrows(() => iwarpProvider({ ulpduSize }), ConfigError, `${ulpduSize}`);
  }
});

Deno.test("an FPDU in the same segment as the reply is not lost", async () => {
  using domain = await openDomain();
  using region = domain.register(8, 1);
  const listener = Deno.listen(LOOPBACK);
  const serving = listener.accept().then(async (socket) => {
    await readExactly(socket, 24);
    await writeAll(socket, concat(setupFrame("reply"), fpdu(untagged({ opcode: 3 }, hex("0102")))));
    return socket;
  });
  const prepare = (endpoint: { postReceive: (id: number, r: typeof region, offset: number, length: number) => void }) =>
    endpoint.postReceive(1, region, 0, 8);
  const endpoint = await domain.connect({ hostname: "127.0.0.1", port: listener.addr.port }, { prepare });
  await until(() => endpoint.statistics.receives === 1);
  assertEquals(digits(region.bytes), "0102000000000000");
  (await serving).close();
  listener.close();
  await endpoint.close();
});

Deno.test("a request waits for its answer however many others come and go", async () => {
  await using peer = await BareInitiator.connect();
  const first = await peer.request();
  for (let round = 0; round < 20; round++) {
    const socket = await Deno.connect({ hostname: "127.0.0.1", port: peer.listener.address.port });
    await writeAll(socket, setupFrame("request"));
    await (await nextRequest(peer.listener)).reject();
    assertEquals(await readToEnd(socket), 24);
    socket.close();
  }
  const endpoint = await first.accept();
  await readExactly(peer.socket, 24);
  peer.socket.close();
  assertEquals(await endpoint.closed, { graceful: true });
});
