import { ConfigError } from "../../src/rdma/errors.ts";
import {
  MasterClient,
  parseFileId,
  VolumeServerError,
  type VolumeServerErrorCode,
  VolumeServerReader,
  type VolumeServerReaderOptions,
} from "../../src/seaweed/mod.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { noise } from "./volumes.ts";

const ID = parseFileId("3,01637037d6");
const DATA = noise(10_000);

/** HTTP servers on loopback that answer as each test says, and what they were asked. */
class Servers implements AsyncDisposable {
  readonly asked: { path: string; headers: Headers }[] = [];
  readonly #servers: Deno.HttpServer<Deno.NetAddr>[] = [];

  /** A server's `host:port`. */
  serve(answer: (request: Request) => Response | Promise<Response>): string {
    const handler = (request: Request) => {
      const { pathname, search } = new URL(request.url);
      this.asked.push({ path: pathname + search, headers: new Headers(request.headers) });
      return answer(request);
    };
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
    this.#servers.push(server);
    return `127.0.0.1:${server.addr.port}`;
  }

  /** A master that names these volume servers. */
  master(...servers: string[]): string {
    return `http://${this.serve(() => Response.json({ locations: servers.map((url) => ({ url })) }))}`;
  }

  /** A reader of one volume server that answers so. */
  reader(answer: (request: Request) => Response | Promise<Response>, options?: VolumeServerReaderOptions) {
    return new VolumeServerReader(new MasterClient([this.master(this.serve(answer))]), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.shutdown()));
  }
}

/** Answers a range request as a volume server does. */
function ranged(request: Request): Response {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "") ?? [];
  const [from, to] = [Number(first), Math.min(Number(last), DATA.length - 1)];
  if (from >= DATA.length) return new Response("", { status: 416 });
  const headers = { "content-range": `bytes ${from}-${to}/${DATA.length}` };
  return new Response(DATA.slice(from, to + 1), { status: 206, headers });
}

async function codeOf(run: () => Promise<unknown>): Promise<VolumeServerErrorCode> {
  return (await assertRejects(run, VolumeServerError)).code;
}

Deno.test("readRange() asks the master once, and the volume server for exactly the range", async () => {
  await using servers = new Servers();
  const reader = servers.reader(ranged, { readKey: "secret" });
  for (const [offset, size] of [[0, 10_000], [100, 4096], [9999, 1]] as const) {
    const { bytes, needleSize } = await reader.readRange(ID, offset, size);
    assertEquals([bytes, needleSize], [DATA.slice(offset, offset + size), 10_000]);
  }
  assertEquals(servers.asked.map(({ path }) => path), ["/dir/lookup?volumeId=3", ...Array(3).fill("/3,01637037d6")]);
  const headers = servers.asked[2]?.headers;
  assertEquals([headers?.get("range"), headers?.get("accept-encoding")], ["bytes=100-4195", "identity"]);
  assertEquals(headers?.get("authorization")?.startsWith("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."), true);
});

Deno.test("readRange() takes an answer of 200 only when it is the whole needle and the whole was asked for", async () => {
  await using servers = new Servers();
  const reader = servers.reader(() => new Response(DATA, { headers: { "content-length": "10000" } }));
  assertEquals((await reader.readRange(ID, 0, 10_000)).bytes, DATA);
  assertEquals(await codeOf(() => reader.readRange(ID, 0, 9_999)), "protocol");
  assertEquals(await codeOf(() => reader.readRange(ID, 1, 9_999)), "protocol");
  assertEquals(await codeOf(() => reader.readRange(ID, 0, 10_001)), "protocol");
});

Deno.test("readRange() says why there are no bytes", async () => {
  await using servers = new Servers();
  const piece = (range: string, length = 100, status = 206) =>
    new Response(noise(length), { status, headers: { "content-range": range } });
  const table: [VolumeServerErrorCode, () => Response][] = [
    ["not-found", () => new Response("404 page not found".repeat(10), { status: 404 })],
    ["unauthorized", () => new Response("{}", { status: 401 })],
    ["range", () => new Response("", { status: 416 })],
    ["range", () => piece("bytes 50-99/100", 50)],
    ["unavailable", () => new Response("", { status: 500 })],
    ["unavailable", () => new Response("", { status: 429 })],
    ["protocol", () => new Response(null, { status: 301, headers: { location: "http://127.0.0.1:1/" } })],
    ["protocol", () => new Response(noise(100), { status: 206 })],
    ["protocol", () => piece("bytes 0-99/1000")],
    ["protocol", () => piece("bytes 50-149/1000", 99)],
    ["protocol", () => piece("bytes 50-149/1000", 101)],
    ["protocol", () => piece("bytes 50-149/149")],
    ["protocol", () => piece("bytes 50-149/*")],
    ["protocol", () => piece("bytes 50-149/1000", 100, 200)],
    ["protocol", () => new Response(null, { status: 204 })],
  ];
  for (const [code, answer] of table) {
    const reader = servers.reader(answer);
    assertEquals(await codeOf(() => reader.readRange(ID, 50, 100)), code, `${answer}`);
  }
});

Deno.test("readRange() tries every replica, and asks the master again when what it remembered serves no more", async () => {
  await using servers = new Servers();
  const [gone, good] = [servers.serve(() => new Response("", { status: 404 })), servers.serve(ranged)];
  const replicas = new VolumeServerReader(new MasterClient([servers.master("127.0.0.1:1", gone, good)]));
  assertEquals((await replicas.readRange(ID, 5, 5)).server, good);
  let moved = false;
  const master = servers.serve(() => Response.json({ locations: [{ url: moved ? good : gone }] }));
  const reader = new VolumeServerReader(new MasterClient([`http://${master}`]));
  assertEquals(await codeOf(() => reader.readRange(ID, 5, 5)), "not-found");
  moved = true;
  assertEquals((await reader.readRange(ID, 5, 5)).bytes, DATA.slice(5, 10));
});

Deno.test("readRange() refuses ranges of no, too many and odd numbers of bytes before it asks anyone", async () => {
  await using servers = new Servers();
  const reader = servers.reader(ranged, { largestRange: 100 });
  const ranges = [[0, 0], [0, 101], [-1, 5], [0.5, 5], [0, NaN], [2 ** 53 - 1, 5]] as const;
  for (const [offset, size] of ranges) assertEquals(await codeOf(() => reader.readRange(ID, offset, size)), "range");
  assertEquals(servers.asked.length, 0);
});

Deno.test("readRange() ends with its time and with its signal", async () => {
  await using servers = new Servers();
  const held = Promise.withResolvers<Response>();
  const reader = servers.reader(() => held.promise);
  assertEquals(await codeOf(() => reader.readRange(ID, 0, 5, { timeout: 20 })), "timeout");
  const controller = new AbortController();
  const reason = new Error("enough");
  const read = reader.readRange(ID, 0, 5, { signal: controller.signal });
  controller.abort(reason);
  await assertRejects(() => read, Error, "enough");
  held.resolve(new Response(""));
});

Deno.test("lookup() remembers for a while, and asks the next master when one is away", async () => {
  await using servers = new Servers();
  let now = 0;
  const master = servers.master("10.0.0.1:8080", "[::1]:8080");
  const client = new MasterClient(["http://127.0.0.1:1", master], { now: () => now, remember: 100 });
  const { signal } = new AbortController();
  for (const time of [0, 99, 100, 150]) {
    now = time;
    assertEquals(await client.lookup(3, signal), ["10.0.0.1:8080", "[::1]:8080"]);
  }
  assertEquals(servers.asked.length, 2);
});

Deno.test("lookup() takes hosts and ports from the master's answer, and nothing else", async () => {
  await using servers = new Servers();
  const { signal } = new AbortController();
  const bad = ["a:80/x", "user@a:80", "a:80?x", "a", "http://a:80", "a:99999", "a b:80", "", 5, null, "[::1]x:80"];
  const answers: [VolumeServerErrorCode, () => Response][] = [
    ["protocol", () => Response.json({ locations: bad.map((url) => ({ url })) })],
    ["protocol", () => Response.json({ locations: [] })],
    ["protocol", () => Response.json(null)],
    ["protocol", () => Response.json([null])],
    ["protocol", () => Response.json({ locations: [null, 5, "x"] })],
    ["protocol", () => new Response("<html>")],
    ["protocol", () => new Response(new Uint8Array(2_000_000))],
    ["not-found", () => new Response("{}", { status: 404 })],
    ["unavailable", () => new Response("{}", { status: 503 })],
  ];
  for (const [code, answer] of answers) {
    const client = new MasterClient([`http://${servers.serve(answer)}`]);
    assertEquals(await codeOf(() => client.lookup(3, signal)), code, `${answer}`);
  }
});

Deno.test("a master's address is a scheme, a host and a port", () => {
  for (const address of ["127.0.0.1:9333", "ftp://a:1", "http://a:1/x", "http://u:p@a:1", "http://a:1?x", ""]) {
    assertThrows(() => new MasterClient([address]), ConfigError, "is no server address");
  }
  assertThrows(() => new MasterClient([]), ConfigError, "name at least one");
});
