import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Handler,
  type HttpOptions,
  MAX_BODY_SIZE,
  MAX_HEAD_SIZE,
  MAX_TARGET_SIZE,
  serveHttp,
} from "../../commands/http.ts";
import { HttpConnections, MAX_PIPELINED, type Serve } from "../../commands/http_connections.ts";
import { ClientLimits } from "../../routes/limits.ts";
import { type LogLevel, silentLog } from "../../routes/log.ts";
import { CapabilityError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../assert.ts";

const decoder = new TextDecoder();

/** A handler served on a socket. */
class Server implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly listening = Promise.withResolvers<number>();
  readonly done: Promise<boolean>;
  readonly #stop = new AbortController();

  constructor(handler: Handler, hostname = "127.0.0.1", options: Partial<HttpOptions> = {}) {
    this.done = serveHttp(handler, {
      address: { hostname, port: 0 },
      grace: 5_000,
      stop: this.#stop.signal,
      log: {
        enabled: () => true,
        write: (level: LogLevel, message: string) => void this.lines.push(`${level}: ${message}`),
      },
      onListening: ({ port }) => this.listening.resolve(port),
      ...options,
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async connect(text = ""): Promise<Deno.TcpConn> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: await this.listening.promise });
    await connection.write(new TextEncoder().encode(text));
    return connection;
  }

  /** Everything the server says to `text` before it closes the connection. */
  async say(text: string): Promise<string> {
    using connection = await this.connect(text);
    return await readToEnd(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.done;
  }
}

async function readToEnd(connection: Deno.TcpConn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(65_536);
  for (let count; (count = await connection.read(buffer)) !== null;) text += decoder.decode(buffer.subarray(0, count));
  return text;
}

function echo(request: Request): Response {
  return new Response(`${request.method} ${new URL(request.url).pathname}\n`);
}

const MALFORMED = [
  "not http at all\r\n\r\n",
  "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
  "GET / HTTP/1.1\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: x\r\nbad header: y\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
];
for (const request of MALFORMED) {
  Deno.test(`serveHttp() answers 400 to ${JSON.stringify(request)} and closes the connection`, async () => {
    await using server = new Server(echo);
    assertMatch(await server.say(request), /^HTTP\/1\.1 400 /);
  });
}

Deno.test("serveHttp() answers 400 to a Host that is none", async () => {
  await using server = new Server(echo);
  assertMatch(
    await server.say("GET / HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n"),
    /^HTTP\/1\.1 400 .*\r\n\r\nInvalid (URL|host header)\n$/s,
  );
});

Deno.test("serveHttp() answers 431 to a head that is too long, and closes the connection", async () => {
  await using server = new Server(echo);
  const text = await server.say(`GET / HTTP/1.1\r\nHost: x\r\nLong: ${"y".repeat(MAX_HEAD_SIZE)}\r\n`);
  assertMatch(text, /^HTTP\/1\.1 431 /);
});

Deno.test("serveHttp() honours Connection: close, and HTTP/1.0, which has no Host", async () => {
  await using server = new Server(echo);
  for (const request of ["GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /a HTTP/1.0\r\n\r\n"]) {
    const text = await server.say(request);
    assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
    assertMatch(text, /\r\nconnection: close\r\n/i);
    assertMatch(text, /\r\n\r\nGET \/a\n$/);
  }
});

Deno.test("serveHttp() answers pipelined requests in order, whichever is ready first", async () => {
  const slow = Promise.withResolvers<void>();
  await using server = new Server(async (request) => {
    if (request.url.endsWith("/1")) await slow.promise;
    else slow.resolve();
    return echo(request);
  });
  const text = await server.say(
    "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  );
  assertEquals(text.match(/GET \/\d/g), ["GET /1", "GET /2"]);
});

Deno.test("serveHttp() sends the head alone to HEAD, with the length that was promised", async () => {
  await using server = new Server(() => new Response(null, { headers: { "content-length": "12" } }));
  const text = await server.say("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  assertMatch(text, /\r\ncontent-length: 12\r\n/i);
  assertMatch(text, /\r\n\r\n$/);
});

Deno.test("serveHttp() answers 500 where a handler fails, and tells the log", async () => {
  await using server = new Server(() => {
    throw new TypeError("secret of the house");
  });
  const text = await server.say("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  assertMatch(text, /^HTTP\/1\.1 500 .*\r\n\r\ninternal error: the log has the reason\n$/s);
  assertEquals(server.lines, ["error: a handler failed"]);
});

Deno.test("serveHttp() breaks a failed body off short of its length, after the bytes that were there", async () => {
  await using server = new Server(() => {
    let pulls = 0;
    const body = new ReadableStream({
      pull(controller): void {
        if (pulls++ > 0) throw new Error("no more");
        controller.enqueue(new TextEncoder().encode("begun"));
      },
    });
    return new Response(body, { headers: { "content-length": "10" } });
  });
  assertMatch(await server.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), /\r\n\r\nbegun$/);
});

Deno.test("serveHttp() cancels a body whose client goes away", async () => {
  const cancelled = Promise.withResolvers<void>();
  const pulled = Promise.withResolvers<void>();
  await using server = new Server(() => {
    const body = new ReadableStream({
      pull: () => pulled.resolve(),
      cancel: () => cancelled.resolve(),
    }, { highWaterMark: 0 });
    return new Response(body, { headers: { "content-length": "10" } });
  });
  const connection = await server.connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await pulled.promise;
  connection.close();
  await cancelled.promise;
});

Deno.test("serveHttp() at its end closes connections that ask nothing at once, before and after their first request", async () => {
  const server = new Server(echo);
  using silent = await server.connect();
  using asked = await server.connect("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  assertMatch(decoder.decode(await readSome(asked)), "HTTP/1.1 200");
  server.stop();
  assertEquals([await readToEnd(silent), await readToEnd(asked)], ["", ""]);
  assertEquals(await server.done, true);
});

async function readSome(connection: Deno.TcpConn): Promise<Uint8Array> {
  const buffer = new Uint8Array(1000);
  return buffer.subarray(0, await connection.read(buffer) ?? 0);
}

Deno.test("serveHttp() at its end answers what is in progress with Connection: close", async () => {
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const server = new Server(async (request) => {
    asked.resolve();
    await gate.promise;
    return echo(request);
  });
  using connection = await server.connect("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  await asked.promise;
  server.stop();
  gate.resolve();
  assertMatch(await readToEnd(connection), /\r\nconnection: close\r\n.*GET \/a\n$/is);
  assertEquals(await server.done, true);
});

Deno.test("serveHttp() listens on IPv6", async () => {
  await using server = new Server(echo, "::1");
  assertEquals(await (await fetch(`http://[::1]:${await server.listening.promise}/a`)).text(), "GET /a\n");
});

Deno.test("an address that this process may not listen on is refused with what to do", async () => {
  const stop = new AbortController().signal;
  const options = { grace: 0, stop, log: silentLog, onListening: () => assert(false) };
  await assertRejects(
    () => serveHttp(echo, { ...options, address: { hostname: "::2", port: 8081 } }),
    CapabilityError,
    "listen [::2]:8081: this process may not; run it with --allow-net=[::2]:8081",
  );
});

Deno.test("serveHttp() answers 414 to a target that is too long", async () => {
  await using server = new Server(echo);
  const get = (length: number): string =>
    `GET /${"y".repeat(length - 1)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  assertMatch(await server.say(get(MAX_TARGET_SIZE)), /^HTTP\/1\.1 200 /);
  assertMatch(
    await server.say(get(MAX_TARGET_SIZE + 1)),
    /^HTTP\/1\.1 414 .*\r\nx-content-type-options: nosniff\r\n.*\r\n\r\nthe target has 8193 characters, at most 8192\n$/s,
  );
});

Deno.test("serveHttp() throws away a small body, and answers 413 to a longer one or one of unknown length", async () => {
  await using server = new Server(echo);
  const post = (head: string, body: string): string => `DELETE /a HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n${body}`;
  const next = "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const small = await server.say(post(`Content-Length: ${MAX_BODY_SIZE}`, "y".repeat(MAX_BODY_SIZE)) + next);
  assertEquals(small.match(/(DELETE|GET) \/\w/g), ["DELETE /a", "GET /b"]);
  for (
    const head of [
      `Content-Length: ${MAX_BODY_SIZE + 1}`,
      "Content-Length: 99999999999999",
      "Transfer-Encoding: chunked",
    ]
  ) {
    assertMatch(
      await server.say(post(head, "")),
      /^HTTP\/1\.1 413 .*\r\nconnection: close\r\n.*the API takes no bodies; /si,
    );
  }
});

Deno.test("serveHttp() gives routes the URL as parsers of URLs have it, whatever form it came in", async () => {
  await using server = new Server((request) => new Response(`${request.url}\n`));
  const table: [string, string, string][] = [
    ["/a/../b", "x", "http://x/b"],
    ["/a/%2e%2E/b", "x", "http://x/b"],
    ["/a/.%2e/./b?c=/../d", "x", "http://x/b?c=/../d"],
    ["//evil.example/a", "x", "http://x//evil.example/a"],
    ["/a\\..\\b", "x", "http://x/b"],
    ["/a#b", "x", "http://x/a#b"],
    ["http://other:81/a/../b", "x", "http://other:81/b"],
    ["/a", "X.Example:80", "http://x.example/a"],
    ["/a", "[::1]:80", "http://[::1]:80/a"],
  ];
  for (const [target, host, url] of table) {
    const text = await server.say(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assertMatch(text, `\r\n\r\n${url}\n`);
  }
  for (
    const [target, host] of [["*", "x"], ["a", "x"], ["ftp://x/a", "x"], ["/a", "u@x"], ["/a", "x/y"], ["/a", "x?"]]
  ) {
    const text = await server.say(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assertMatch(text, /^HTTP\/1\.1 400 /);
  }
});

Deno.test("serveHttp() says the length of an answer that does not promise one, and sends events as they come", async () => {
  const gate = Promise.withResolvers<void>();
  await using server = new Server((request) => {
    if (request.url.endsWith("/text")) return new Response("four", { status: 404 });
    const body = new ReadableStream({
      async start(controller): Promise<void> {
        controller.enqueue(new TextEncoder().encode("data: 1\n\n"));
        await gate.promise;
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  const text = await server.say("GET /text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  assertMatch(text, /^HTTP\/1\.1 404 .*\r\ncontent-length: 4\r\n.*\r\n\r\nfour$/si);
  using events = await server.connect("GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  let said = "";
  while (!said.includes("data: 1")) said += decoder.decode(await readSome(events));
  gate.resolve();
  await readToEnd(events);
});

Deno.test("serveHttp() cuts off who sends a head or a body too slowly, and who sends nothing at all", async () => {
  await using server = new Server(echo, "127.0.0.1", { timeouts: { head: 50, request: 100 } });
  const table: [string, RegExp][] = [
    ["", /^(HTTP\/1\.1 408 .*)?$/s],
    ["GET / HTTP/1.1\r\nHost: x\r\nX: ", /^HTTP\/1\.1 408 /],
    ["DELETE /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", /^HTTP\/1\.1 200 .*DELETE \/a\n/s],
  ];
  for (const [text, answer] of table) assertMatch(await server.say(text), answer);
});

Deno.test("serveHttp() closes a connection on which nothing more is asked, and none whose answer takes its time", async () => {
  const slowly = async (request: Request): Promise<Response> => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return echo(request);
  };
  await using server = new Server(slowly, "127.0.0.1", {
    stallTimeout: 20,
    timeouts: { head: 10_000, request: 10_000, idle: 100 },
  });
  const [one, two] = ["GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n"];
  const answers = (await server.say(one + two)).match(/GET \/\d/g);
  assertEquals(answers, ["GET /1", "GET /2"]);
  assertEquals(await server.say(""), "");
});

Deno.test("serveHttp() closes connections beyond the ceiling before it reads from them, and counts requests under way", async () => {
  const gate = Promise.withResolvers<void>();
  const limits = new ClientLimits({ maxConnections: 2 });
  const server = new Server(
    async (request) => {
      await gate.promise;
      return echo(request);
    },
    "127.0.0.1",
    { limits },
  );
  using first = await server.connect("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  using second = await server.connect("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  while (limits.inFlight < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  using third = await server.connect();
  assertEquals(await third.read(new Uint8Array(1)).catch(() => null), null);
  assertEquals(limits.connections, 2);
  gate.resolve();
  for (const connection of [first, second]) assertMatch(decoder.decode(await readSome(connection)), "HTTP/1.1 200");
  while (limits.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  server.stop();
  await Promise.all([readToEnd(first), readToEnd(second), server.done]);
  while (limits.connections > 0) await new Promise((resolve) => setTimeout(resolve, 1));
});

Deno.test("HttpConnections reads no more of a pipeline than the piece that its last request came in", async () => {
  const server = createServer();
  let [seen, begun] = [0, 0];
  const serve: Serve = () => begun++;
  const connections = new HttpConnections(server, serve, { idle: 60_000, stall: 60_000 }, new ClientLimits());
  server.on("request", () => seen++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const request = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const bytes = new Uint8Array(40_000 * request.length);
  for (let at = 0; at < bytes.length; at += request.length) bytes.set(request, at);
  {
    using client = await Deno.connect({ hostname: "127.0.0.1", port: (server.address() as AddressInfo).port });
    const writing = (async (): Promise<void> => {
      for (let at = 0; at < bytes.length;) at += await client.write(bytes.subarray(at));
    })().catch(() => {}); // it is never taken whole
    for (let before = -1; before !== seen || seen === 0;) {
      before = seen;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assertEquals(begun, MAX_PIPELINED);
    assert(seen <= MAX_PIPELINED + 65_536 / request.length + 1, `${seen} of 40,000 requests were taken in`);
    server.closeAllConnections();
    await writing;
  }
  await connections.finish();
});
