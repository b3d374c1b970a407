import { type HttpOptions, serveHttp } from "../../commands/http.ts";
import { MAX_PIPELINED } from "../../commands/http_connections.ts";
import { MAX_DIRECT_BYTES } from "../../routes/direct_answer.ts";
import { silentLog } from "../../routes/log.ts";
import type { Limits } from "../../routes/service.ts";
import { assert, assertEquals } from "../assert.ts";
import { RawHttp } from "../../bench/raw_http.ts";
import { byteAt, bytesAt, fakeApp, type FakeReader } from "./fake_reader.ts";

const SIZES = [4096, 65_536, 1 << 20];
/** Answers of 1 MiB of which a pipeline always waits: the kernel takes some 4 MiB for a socket that nobody reads. */
const UNTAKEN = 16;
/** Looks in a row that see the same. More than one: a timer that comes late sees nothing of what else comes late. */
const SETTLED_LOOKS = 5;
const encoder = new TextEncoder();

/** The app over a fake reader, served on a socket. A released result is overwritten with 0xee, which no needle holds. */
class Server implements AsyncDisposable {
  readonly reader: FakeReader;
  readonly #stop = new AbortController();
  readonly done: Promise<boolean>;
  port = 0;

  private constructor(grace: number, more: Partial<HttpOptions>, limits: Partial<Limits>, ready: () => void) {
    const { app, reader } = fakeApp({ limits });
    this.reader = reader;
    reader.needleSize = 64 << 20;
    const options: HttpOptions = {
      address: { hostname: "127.0.0.1", port: 0 },
      grace,
      stop: this.#stop.signal,
      log: silentLog,
      ...more,
      onListening: ({ port }) => {
        this.port = port;
        ready();
      },
    };
    this.done = serveHttp((request, bindings) => app.fetch(request, bindings), options);
  }

  static async start(
    grace = 5_000,
    more: Partial<HttpOptions> = {},
    limits: Partial<Limits> = {},
  ): Promise<Server> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = new Server(grace, more, limits, resolve);
    await promise;
    return server;
  }

  stop(): void {
    this.#stop.abort();
  }

  async connect(): Promise<Deno.TcpConn> {
    return await Deno.connect({ hostname: "127.0.0.1", port: this.port });
  }

  /** Waits until so many reads were asked for and what is lent stops changing: the sockets are full. */
  async settled(requests: number): Promise<number> {
    while (this.reader.requests.length < requests) await pause(1);
    const seen = (): string => `${this.reader.requests.length} ${this.reader.lent}`;
    for (let [before, same] = ["", 0]; same < SETTLED_LOOKS; same = before === seen() ? same + 1 : 0) {
      before = seen();
      await pause(20);
    }
    return this.reader.lent;
  }

  /** Waits until everything lent has come back. */
  async released(): Promise<void> {
    while (this.reader.lent > 0) await pause(1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.done;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function readRequest(offset: number, size: number, more = ""): string {
  return `GET /read?file_id=3,01637037d6&offset=${offset}&size=${size} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
}

async function write(connection: Deno.TcpConn, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function readToEnd(connection: Deno.TcpConn): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const buffer = new Uint8Array(1 << 16);
  try {
    for (let count; (count = await connection.read(buffer)) !== null;) chunks.push(buffer.slice(0, count));
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** Takes answers apart; the last may be short. */
function answersIn(bytes: Uint8Array<ArrayBuffer>): { head: string; body: Uint8Array<ArrayBuffer> }[] {
  const answers = [];
  const text = new TextDecoder("latin1").decode(bytes);
  for (let at = 0; at < bytes.length;) {
    const end = text.indexOf("\r\n\r\n", at) + 4;
    const head = text.slice(at, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    answers.push({ head, body: bytes.slice(end, end + length) });
    at = end + length;
  }
  return answers;
}

function assertBytesAt(body: Uint8Array, offset: number): void {
  const wrong = body.findIndex((byte, index) => byte !== byteAt(offset + index));
  assertEquals(wrong, -1, `byte ${wrong} of the answer at ${offset} is ${body[wrong]}`);
}

for (const size of SIZES) {
  Deno.test(`a client that stops reading a pipeline of ${size}-byte reads gets every byte as it was`, async () => {
    await using server = await Server.start();
    using connection = await server.connect();
    const count = Math.min(400, (24 << 20) / size);
    let requests = "";
    for (let n = 0; n < count; n++) {
      requests += readRequest(n * 7, size, n === count - 1 ? "Connection: close\r\n" : "");
    }
    const writing = write(connection, requests);
    await server.settled(MAX_PIPELINED);
    const received = await readToEnd(connection);
    await writing;
    const answers = answersIn(received);
    assertEquals(answers.length, count);
    for (const [n, { head, body }] of answers.entries()) {
      assert(head.startsWith("HTTP/1.1 200 "), head);
      assertEquals(body.length, size);
      assertBytesAt(body, n * 7);
    }
    await server.released();
  });

  Deno.test(`${size}-byte reads one after the other over one connection, read in small sips, are right`, async () => {
    await using server = await Server.start();
    using client = await RawHttp.connect(`127.0.0.1:${server.port}`, size);
    for (let n = 0; n < 50; n++) {
      assertEquals(await client.exchange(readRequest(n, size), 200), bytesAt(n, size));
    }
    await server.released();
  });
}

Deno.test("registered memory is held while a client does not read, and comes back when it goes away", async () => {
  await using server = await Server.start();
  const connections = await Promise.all(Array.from({ length: 4 }, () => server.connect()));
  for (const connection of connections) await write(connection, readRequest(0, 1 << 20).repeat(UNTAKEN));
  assertEquals(await server.settled(4 * MAX_PIPELINED), 4 * MAX_PIPELINED);
  const asked = server.reader.requests.length;
  for (const connection of connections) connection.close();
  await server.released();
  assertEquals(server.reader.requests.length, asked);
});

Deno.test("of a long answer that waits behind others of its pipeline one byte is read, and all of it in its turn", async () => {
  await using server = await Server.start();
  const { reader } = server;
  using connection = await server.connect();
  const size = 12 << 20;
  await write(connection, readRequest(0, size) + readRequest(7, size, "Connection: close\r\n"));
  await server.settled(2);
  const asked = reader.requests.filter(({ offset }) => offset % (1 << 20) === 7).map(({ size }) => size);
  assertEquals(asked, [1]);
  const answers = answersIn(await readToEnd(connection));
  assertEquals(answers.map(({ body }) => body.length), [size, size]);
  assertBytesAt(answers[0]?.body ?? new Uint8Array(1), 0);
  assertBytesAt(answers[1]?.body ?? new Uint8Array(1), 7);
  await server.released();
});

Deno.test("an answer beyond the bytes that may wait for sockets is copied: nothing is refused or wrong", async () => {
  await using server = await Server.start();
  const stalled = await Promise.all(Array.from({ length: 12 }, () => server.connect()));
  for (const connection of stalled) for (let n = 0; n < 8; n++) await write(connection, readRequest(n, 1 << 20));
  assert(await server.settled(12 * MAX_PIPELINED) <= MAX_DIRECT_BYTES >> 20);
  using client = await RawHttp.connect(`127.0.0.1:${server.port}`, 1 << 20);
  assertEquals(await client.exchange(readRequest(9, 1 << 20), 200), bytesAt(9, 1 << 20));
  for (const connection of stalled) connection.close();
  await server.released();
});

Deno.test("no more waits for clients that do not take it than the ceiling says; a read beyond it gets 503", async () => {
  await using server = await Server.start(5_000, {}, { maxWaitingBytes: 4 << 20 });
  const stalled = await Promise.all(Array.from({ length: 12 }, () => server.connect()));
  for (const connection of stalled) for (let n = 0; n < 8; n++) await write(connection, readRequest(n, 1 << 20));
  assert(await server.settled(4) <= 4);
  for (const connection of stalled) connection.close();
  await server.released();

  await using narrow = await Server.start(5_000, {}, { maxWaitingBytes: 65_536 });
  using client = await RawHttp.connect(`127.0.0.1:${narrow.port}`, 1 << 20);
  await client.exchange(readRequest(9, 65_537), 503);
  assertEquals(await client.exchange(readRequest(9, 65_536), 200), bytesAt(9, 65_536));
  await narrow.released();
});

Deno.test("a client that takes nothing of its answers for the stall timeout is cut off, and its memory comes back", async () => {
  await using server = await Server.start(5_000, { stallTimeout: 200 });
  using connection = await server.connect();
  await write(connection, readRequest(0, 1 << 20).repeat(UNTAKEN));
  while (server.reader.lent < MAX_PIPELINED) await pause(1);
  await server.released();
  for (const { body } of answersIn(await readToEnd(connection))) assertBytesAt(body, 0);
});

Deno.test("streams count among what waits for clients: one beyond the ceiling gets 503, until another ends", async () => {
  await using server = await Server.start(5_000, {}, { maxWaitingBytes: 2 << 20 });
  const origin = `http://127.0.0.1:${server.port}`;
  const status = async (): Promise<number> => {
    const client = new AbortController();
    const { status } = await fetch(`${origin}/v1/needles/3,01637037d6`, { signal: client.signal });
    client.abort();
    return status;
  };
  const stalled = await Promise.all([server.connect(), server.connect()]);
  for (const connection of stalled) {
    await write(connection, "GET /v1/needles/3,01637037d6 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  await server.settled(2);
  assertEquals(await status(), 503);
  const { sessions } = await (await fetch(`${origin}/v1/sessions`)).json();
  assertEquals(sessions.length, 2);
  for (const connection of stalled) connection.close();
  while ((await (await fetch(`${origin}/v1/sessions`)).json()).sessions.length > 0) await pause(1);
  assertEquals(await status(), 200);
});

Deno.test("a session that is cancelled ends although its client takes nothing", async () => {
  await using server = await Server.start();
  using connection = await server.connect();
  await write(connection, "GET /v1/needles/3,01637037d6 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await server.settled(1);
  const sessions = `http://127.0.0.1:${server.port}/v1/sessions`;
  const [session] = (await (await fetch(sessions)).json()).sessions;
  const cancelled = await fetch(`${sessions}/${session.id}`, { method: "DELETE" });
  await cancelled.body?.cancel();
  assertEquals(cancelled.status, 204);
  assertEquals((await (await fetch(sessions)).json()).sessions, []);
  await pause(1_500); // what it could still take it has not taken
  const { length } = await readToEnd(connection).catch(() => new Uint8Array());
  assert(length < 64 << 20, `${length} bytes of 64 MiB`);
});

Deno.test("a client whose answer takes longer than the stall timeout is not cut off", async () => {
  await using server = await Server.start(5_000, { stallTimeout: 20 });
  server.reader.gate = pause(100);
  using client = await RawHttp.connect(`127.0.0.1:${server.port}`, 1000);
  assertEquals(await client.exchange(readRequest(0, 1000), 200), bytesAt(0, 1000));
});

Deno.test("a read whose client left before the bytes came is released", async () => {
  await using server = await Server.start();
  const gate = Promise.withResolvers<void>();
  const { reader } = server;
  reader.gate = gate.promise;
  const connection = await server.connect();
  await write(connection, readRequest(0, 1000) + readRequest(1, 1000));
  while (reader.requests.length < 2) await pause(1);
  connection.close();
  while (reader.aborted.length === 0) await pause(1);
  gate.resolve();
  await server.released();
});

Deno.test("a stop lets an answer on its way to a slow client arrive whole", async () => {
  const server = await Server.start();
  using connection = await server.connect();
  await write(connection, readRequest(0, 1 << 20).repeat(MAX_PIPELINED));
  await server.settled(MAX_PIPELINED);
  server.stop();
  await pause(50);
  const answers = answersIn(await readToEnd(connection));
  assertEquals(answers.length, MAX_PIPELINED);
  for (const { body } of answers) {
    assertEquals(body.length, 1 << 20);
    assertBytesAt(body, 0);
  }
  assertEquals(await server.done, true);
  assertEquals(server.reader.lent, 0);
});

Deno.test("an answer cut off at the end of the grace sends none of the bytes that came after its release", async () => {
  const server = await Server.start(20);
  using connection = await server.connect();
  await write(connection, readRequest(0, 1 << 20).repeat(UNTAKEN));
  assertEquals(await server.settled(MAX_PIPELINED), MAX_PIPELINED);
  server.stop();
  assertEquals(await server.done, false);
  assertEquals(server.reader.lent, 0); // and overwritten
  const answers = answersIn(await readToEnd(connection));
  assert(answers.length < UNTAKEN);
  for (const { body } of answers) assertBytesAt(body, 0);
});
