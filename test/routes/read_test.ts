import { ReadError, type ReadErrorCode } from "../../src/engine/reader.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { ask, bytesAt, fakeApp, type FakeReader } from "./fake_reader.ts";

const FILE_ID = "3,01637037d6";

Deno.test("new Response() copies a view when it is made, so that a read may be released before it is sent", async () => {
  const view = new Uint8Array(4096).fill(1);
  const response = new Response(view);
  view.fill(2);
  assertEquals(new Uint8Array(await response.arrayBuffer()), new Uint8Array(4096).fill(1));
});

Deno.test("/read by file id answers exactly the bytes asked for, as weed mount takes them", async () => {
  const { app, reader } = fakeApp();
  const path = `/read?file_id=${FILE_ID}&offset=10&size=64&volume_server=http://10.0.0.1:8080`;
  const response = await app.request(path);
  assertEquals(response.status, 200);
  assertEquals(Object.fromEntries(response.headers), {
    "cache-control": "no-store",
    "content-length": "64",
    "content-type": "application/octet-stream",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-rdma-used": "true",
    "x-session-id": "b2f1",
    "x-source": "rdma",
    "x-transport": "iwarp",
  });
  assertEquals(new Uint8Array(await response.arrayBuffer()), bytesAt(10, 64));
  assertEquals(reader.requests, [{ volume: 3, key: 1n, cookie: 0x637037d6, offset: 10, size: 64 }]);
  assertEquals(reader.lent, 0);
});

Deno.test("/read refuses the mount a range that ends at the needle's end, and nobody else", async () => {
  const { app, reader } = fakeApp();
  const mount = "&volume_server=http://10.0.0.1:8080";
  const range = (offset: number, size: number) => `/read?file_id=${FILE_ID}&offset=${offset}&size=${size}`;
  const refused = await app.request(`${range(900, 100)}${mount}`);
  assertEquals(refused.status, 422);
  assertMatch(await refused.text(), /^the range ends at the needle's end[^\n]+\n?$/);
  assertEquals(refused.headers.get("x-rdma-used"), null);
  assertEquals((await app.request(`${range(0, 1000)}${mount}`)).status, 422);
  assertEquals((await app.request(`${range(900, 99)}${mount}`)).status, 200);
  assertEquals((await app.request(range(900, 100))).status, 200);
  assertEquals(reader.lent, 0);
});

Deno.test("/read does not claim RDMA for bytes that came over HTTP", async () => {
  const { app, reader } = fakeApp();
  reader.source = "http";
  const { headers } = await app.request(`/read?file_id=${FILE_ID}&size=1`);
  assertEquals(
    [headers.get("x-source"), headers.get("x-rdma-used"), headers.get("x-transport")],
    ["http", "false", "http"],
  );
});

Deno.test("/read takes the offset as 0 where none is given", async () => {
  const { app, reader } = fakeApp();
  assertEquals((await app.request(`/read?file_id=${FILE_ID}&size=5`)).status, 200);
  assertEquals(reader.requests[0]?.offset, 0);
});

Deno.test("/read takes a file id that is percent-encoded", async () => {
  const { app } = fakeApp();
  assertEquals((await app.request(`/read?file_id=3%2C01637037d6&size=5`)).status, 200);
});

Deno.test("/read by volume, needle and cookie answers the JSON of SeaweedFS's sidecar", async () => {
  const { app, reader } = fakeApp();
  const response = await app.request("/read?volume=3&needle=1&cookie=0x637037d6&offset=1&size=40&volume_server=x");
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(response.headers.get("x-source"), "rdma");
  assertEquals(response.headers.get("x-rdma-used"), "true");
  assertEquals(await response.json(), {
    success: true,
    volume_id: 3,
    needle_id: 1,
    cookie: "0x637037d6",
    is_rdma: true,
    source: "rdma",
    transport: "iwarp",
    session_id: "b2f1",
    duration: "0s",
    data_size: 40,
    timestamp: "2026-01-02T03:04:05.000Z",
    use_temp_file: false,
    temp_file: "",
    data_preview: Array.from(bytesAt(1, 32), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  });
  assertEquals(reader.lent, 0);
});

Deno.test("/read by file id answers JSON to who accepts application/json", async () => {
  const { app } = fakeApp();
  const init = { headers: { accept: "text/html, application/json;q=0.9" } };
  const response = await app.request(`/read?file_id=${FILE_ID}&size=5`, init);
  assertEquals((await response.json()).data_size, 5);
});

Deno.test("/read by numbers reads 4096 bytes where no size or size 0 is given", async () => {
  const { app, reader } = fakeApp();
  reader.needleSize = 5000;
  for (const size of ["", "&size=0"]) {
    assertEquals((await app.request(`/read?volume=3&needle=1&cookie=1668298710${size}`)).status, 200);
    assertEquals(reader.requests.at(-1)?.size, 4096);
  }
});

const BIG = "18446744073709551615";
Deno.test("/read by numbers takes and refuses by the digit: a needle key beyond 2^53 stays exact", async () => {
  const { app, reader } = fakeApp();
  assertEquals(await ask(app, `/read?volume=3&needle=${BIG}&cookie=1`), [404, `no needle ${BIG}\n`]);
  assertEquals(reader.requests[0]?.key, 0xffff_ffff_ffff_ffffn);
});

const NUMBER = "want a decimal number from";
const REFUSALS: [string, number, string][] = [
  ["", 400, "volume: missing; give file_id, or volume, needle and cookie"],
  ["file_id=&size=1", 400, `file_id: got "", want one like 3,01637037d6`],
  ["file_id=3&size=1", 400, `file_id: got "3", want one like 3,01637037d6`],
  ["file_id=3,01637037d6_1&size=1", 400, `file_id: got "3,01637037d6_1", want one like 3,01637037d6`],
  ["file_id=0,01637037d6&size=1", 400, `file_id: got "0,01637037d6", want one like 3,01637037d6`],
  [`file_id=${FILE_ID}`, 400, "size: missing; give size"],
  [`file_id=${FILE_ID}&size=`, 400, "size: missing; give size"],
  [`file_id=${FILE_ID}&size=0`, 400, `size: got "0", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=-1`, 400, `size: got "-1", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=1.5`, 400, `size: got "1.5", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=1e3`, 400, `size: got "1e3", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=0x10`, 400, `size: got "0x10", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=+5`, 400, `size: got " 5", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=%205`, 400, `size: got " 5", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=%0A5`, 400, `size: got "\\n5", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=05`, 400, `size: got "05", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=9007199254740992`, 400, `size: got "9007199254740992", ${NUMBER} 1 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=67108865`, 413, "size: got 67108865, at most 67108864 bytes are read at once"],
  [`file_id=${FILE_ID}&size=1&offset=`, 400, `offset: got "", ${NUMBER} 0 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=1&offset=-1`, 400, `offset: got "-1", ${NUMBER} 0 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=1&offset=NaN`, 400, `offset: got "NaN", ${NUMBER} 0 to 9007199254740991`],
  [`file_id=${FILE_ID}&size=1&size=2`, 400, "size: given more than once"],
  [`file_id=${FILE_ID}&file_id=${FILE_ID}&size=2`, 400, "file_id: given more than once"],
  [`file_id=${FILE_ID}&size=%zz`, 400, `query: "%zz" is not well-formed percent-encoding`],
  [`file_id=${FILE_ID}&size=1&volume=3`, 400, "file_id: give it or volume, needle and cookie, not both"],
  ["volume=0&needle=1&cookie=1", 400, `volume: got "0", ${NUMBER} 1 to 4294967295`],
  ["volume=4294967296&needle=1&cookie=1", 400, `volume: got "4294967296", ${NUMBER} 1 to 4294967295`],
  ["volume=3&cookie=1", 400, "needle: missing; give needle"],
  ["volume=3&needle=0&cookie=1", 400, `needle: got "0", ${NUMBER} 1 to ${BIG}`],
  ["volume=3&needle=18446744073709551616&cookie=1", 400, `needle: got "18446744073709551616", ${NUMBER} 1 to ${BIG}`],
  ["volume=3&needle=1", 400, "cookie: missing; give cookie"],
  [
    "volume=3&needle=1&cookie=0x100000000",
    400,
    `cookie: got "0x100000000", want a number from 0 to 4294967295, decimal or 0x and hexadecimal`,
  ],
  [`file_id=${FILE_ID}&size=1&${"x=1&".repeat(31)}`, 400, "query: more than 32 parameters"],
  [`file_id=${FILE_ID}&size=1&x=${"y".repeat(8192)}`, 414, "query: 8222 characters, at most 8192 are taken"],
];
for (const [query, status, line] of REFUSALS) {
  Deno.test(`/read?${query.length > 100 ? `${query.slice(0, 60)}…` : query} is refused with ${status}`, async () => {
    const { app, reader } = fakeApp();
    const response = await app.request(`/read?${query}`);
    assertEquals([response.status, await response.text()], [status, `${line}\n`]);
    assertEquals(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assertEquals(reader.requests, []);
  });
}

const FAILURES: [ReadErrorCode, number, string | null][] = [
  ["not-found", 404, null],
  ["range", 416, null],
  ["unsupported", 501, null],
  ["corrupt", 500, null],
  ["busy", 503, "1"],
  ["unavailable", 503, "1"],
  ["timeout", 504, null],
  ["internal", 500, null],
];
for (const [code, status, retryAfter] of FAILURES) {
  Deno.test(`/read answers ${status} where a read fails with ${code}`, async () => {
    const { app, reader } = fakeApp();
    reader.failure = new ReadError(code, "line one\nline two");
    const response = await app.request(`/read?file_id=${FILE_ID}&size=1`);
    assertEquals([response.status, await response.text()], [status, "line one line two\n"]);
    assertEquals(response.headers.get("retry-after"), retryAfter);
    assertEquals(response.headers.get("x-source"), null);
  });
}

Deno.test("/read passes on when it is worth asking again, in whole seconds", async () => {
  const { app, reader } = fakeApp();
  reader.failure = new ReadError("unavailable", "the engine is away", 2.5);
  assertEquals((await app.request(`/read?file_id=${FILE_ID}&size=1`)).headers.get("retry-after"), "3");
});

Deno.test("/read answers 500 and no bytes where the reader gives too many or too few", async () => {
  for (const excess of [1, -1]) {
    const { app, reader } = fakeApp();
    reader.excess = excess;
    const line = `the reader gave ${5 + excess} bytes: volume 3, needle 1, 5 bytes at 0\n`;
    assertEquals(await ask(app, `/read?file_id=${FILE_ID}&size=5`), [500, line]);
    assertEquals(reader.lent, 0);
  }
});

Deno.test("/read keeps the reason of a defect to the log", async () => {
  const { app, reader, lines } = fakeApp();
  reader.failure = new TypeError("secret of the house");
  assertEquals(await ask(app, `/read?file_id=${FILE_ID}&size=5`), [500, "internal error: the log has the reason\n"]);
  assertEquals(lines, ["error: request failed"]);
});

Deno.test("/read refuses every method but GET", async () => {
  const { app, reader } = fakeApp();
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"]) {
    const response = await app.request(`/read?file_id=${FILE_ID}&size=5`, { method });
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow"), "GET");
    assertEquals(await response.text(), method === "HEAD" ? "" : "Method not allowed\n");
  }
  assertEquals(reader.requests, []);
});

Deno.test("/read answers 504 when the bytes do not come in time, and abandons the read", async () => {
  const { app, reader } = fakeApp({ limits: { readTimeout: 5 } });
  reader.gate = new Promise(() => {});
  const [status, text] = await ask(app, `/read?file_id=${FILE_ID}&size=5`);
  assertEquals([status, text], [504, "no bytes within 5 ms: volume 3, needle 1, 5 bytes at 0\n"]);
  assertEquals(reader.aborted.length, 1);
});

Deno.test("/read abandons the read when its client goes away", async () => {
  const { app, reader } = fakeApp();
  reader.gate = new Promise(() => {});
  const client = new AbortController();
  const answer = app.request(`/read?file_id=${FILE_ID}&size=5`, { signal: client.signal });
  while (reader.requests.length === 0) await Promise.resolve();
  client.abort();
  assertEquals((await answer).status, 499);
  assertMatch(String(reader.aborted[0]), "the client went away");
});

Deno.test("/read answers 503 beyond the ceiling of reads, and again 200 below it", async () => {
  const { app, reader } = fakeApp({ limits: { maxReads: 1 } });
  const gate = Promise.withResolvers<void>();
  reader.gate = gate.promise;
  const first = app.request(`/read?file_id=${FILE_ID}&size=5`);
  const second = await app.request(`/read?file_id=${FILE_ID}&size=5`);
  assertEquals([second.status, second.headers.get("retry-after")], [503, "1"]);
  gate.resolve();
  assertEquals((await first).status, 200);
  assertEquals((await app.request(`/read?file_id=${FILE_ID}&size=5`)).status, 200);
});

Deno.test("/read streams what is longer than a piece, in pieces, and releases each", async () => {
  const { app, reader } = fakeApp();
  reader.needleSize = 3 << 20;
  const response = await app.request(`/read?file_id=${FILE_ID}&offset=5&size=2097155`);
  assertEquals([response.status, response.headers.get("content-length")], [200, "2097155"]);
  assertEquals(new Uint8Array(await response.arrayBuffer()), bytesAt(5, 2097155));
  assertEquals(reader.requests.map(({ offset, size }) => [offset, size]), [
    [5, 1 << 20],
    [5 + (1 << 20), 1 << 20],
    [5 + (2 << 20), 3],
  ]);
  assertEquals(reader.lent, 0);
});

Deno.test("/read answers 416 before the first byte where a later piece would lie outside the needle", async () => {
  const { app, reader } = fakeApp();
  reader.needleSize = 2 << 20;
  const line = "the needle has 2097152 bytes: volume 3, needle 1, 2097153 bytes at 0\n";
  assertEquals(await ask(app, `/read?file_id=${FILE_ID}&size=2097153`), [416, line]);
  assertEquals(reader.lent, 0);
});

Deno.test("/read breaks off where a later piece is not of the needle, or the way, that the headers promised", async () => {
  const changes: ((reader: FakeReader) => void)[] = [
    (reader) => reader.needleSize++,
    (reader) => reader.checksum++,
    (reader) => reader.source = "http",
    (reader) => reader.failure = new ReadError("corrupt", "the checksum does not hold"),
  ];
  for (const change of changes) {
    const { app, reader } = fakeApp();
    reader.needleSize = 2 << 20;
    const response = await app.request(`/read?file_id=${FILE_ID}&size=2097152`);
    change(reader);
    await assertRejects(() => response.arrayBuffer(), ReadError);
    assertEquals(reader.lent, 0);
  }
});
