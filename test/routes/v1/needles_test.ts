import fc from "fast-check";
import { ReadError } from "../../../src/engine/reader.ts";
import { HttpError } from "../../../routes/http_error.ts";
import { parseRange } from "../../../routes/v1/range.ts";
import { assert, assertEquals, assertRejects } from "../../assert.ts";
import { bytesAt, fakeApp } from "../fake_reader.ts";

const PATH = "/v1/needles/3,01637037d6";

Deno.test("GET /v1/needles/{file_id} answers the whole needle", async () => {
  const { app, reader } = fakeApp();
  const response = await app.request(PATH);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-length"), "1000");
  assertEquals(response.headers.get("accept-ranges"), "bytes");
  assertEquals(response.headers.get("etag"), '"0a1b2c3d"');
  assertEquals(response.headers.get("x-transport"), "iwarp");
  assertEquals(new Uint8Array(await response.arrayBuffer()), bytesAt(0, 1000));
  assertEquals(reader.lent, 0);
});

Deno.test("GET /v1/needles/{file_id} reads a long needle a piece for each pull, and none that is not pulled", async () => {
  const { app, reader } = fakeApp();
  reader.needleSize = (2 << 20) + 5;
  const response = await app.request(PATH);
  assertEquals(reader.requests.map(({ offset, size }) => [offset, size]), [[0, 1]]);
  const bytes = new Uint8Array(await response.arrayBuffer());
  assertEquals(bytes.length, (2 << 20) + 5);
  assert(bytes.every((byte, index) => byte === ((index * 31 + (index >>> 8)) & 0xff)));
  const pieces = [[0, 1], [0, 1 << 20], [1 << 20, 1 << 20], [2 << 20, 5]];
  assertEquals(reader.requests.map(({ offset, size }) => [offset, size]), pieces);
});

Deno.test("GET /v1/needles/{file_id} serves one range, clipped to the needle", async () => {
  const { app } = fakeApp();
  const table: [string, number, number, string][] = [
    ["bytes=0-0", 0, 1, "bytes 0-0/1000"],
    ["bytes=10-19", 10, 10, "bytes 10-19/1000"],
    ["bytes=990-", 990, 10, "bytes 990-999/1000"],
    ["bytes=990-5000", 990, 10, "bytes 990-999/1000"],
    ["bytes=-3", 997, 3, "bytes 997-999/1000"],
    ["bytes=-5000", 0, 1000, "bytes 0-999/1000"],
  ];
  for (const [range, offset, size, contentRange] of table) {
    const response = await app.request(PATH, { headers: { range } });
    assertEquals([response.status, response.headers.get("content-range")], [206, contentRange]);
    assertEquals(new Uint8Array(await response.arrayBuffer()), bytesAt(offset, size));
  }
});

Deno.test("GET /v1/needles/{file_id} answers 416 with the size for a range past the end", async () => {
  const { app } = fakeApp();
  for (const range of ["bytes=1000-", "bytes=1000-1001", "bytes=-0"]) {
    const response = await app.request(PATH, { headers: { range } });
    assertEquals([response.status, response.headers.get("content-range")], [416, "bytes */1000"]);
    assertEquals(await response.json(), {
      type: "about:blank",
      title: "Range Not Satisfiable",
      status: 416,
      detail: `Range: got ${range}, it has 1000 bytes`,
    });
  }
});

Deno.test("HEAD /v1/needles/{file_id} answers the headers and reads one byte", async () => {
  const { app, reader } = fakeApp();
  const response = await app.request(PATH, { method: "HEAD" });
  assertEquals([response.status, response.headers.get("content-length")], [200, "1000"]);
  assertEquals(await response.text(), "");
  assertEquals(reader.requests.length, 1);
});

Deno.test("GET /v1/needles/{file_id} answers an empty needle with no bytes", async () => {
  const { app, reader } = fakeApp();
  reader.needleSize = 0;
  const response = await app.request(PATH);
  assertEquals([response.status, response.headers.get("content-length"), await response.text()], [200, "0", ""]);
});

Deno.test("GET /v1/needles/{file_id} breaks off when a later piece cannot be read", async () => {
  const { app, reader } = fakeApp();
  const response = await app.request(PATH);
  reader.failure = new ReadError("corrupt", "checksum");
  await assertRejects(() => response.arrayBuffer(), ReadError, "checksum");
});

Deno.test("errors under /v1 are problem details", async () => {
  const { app } = fakeApp();
  const table: [string, string, number, string][] = [
    ["GET", "/v1/needles/3,02637037d6", 404, "no needle 2"],
    ["GET", "/v1/needles/3", 400, 'file_id: got "3", want one like 3,01637037d6'],
    ["PUT", PATH, 405, "Method not allowed"],
    ["GET", "/v1/other", 404, 'no such resource: "/v1/other"'],
  ];
  for (const [method, path, status, detail] of table) {
    const response = await app.request(path, { method });
    assertEquals(response.headers.get("content-type"), "application/problem+json");
    const body = await response.json();
    assertEquals([response.status, body.status, body.detail], [status, status, detail]);
  }
});

Deno.test("parseRange() takes anything for everything but one well-formed range", () => {
  for (
    const header of [
      null,
      "",
      "bytes",
      "bytes=-",
      "bytes=5-4",
      "bytes=0-1,3-4",
      "items=0-1",
      "bytes=0x1-2",
      "bytes=1-2-3",
    ]
  ) {
    assertEquals(parseRange(header, 10), { offset: 0, length: 10, partial: false });
  }
});

Deno.test("parseRange() survives any header, and what it gives lies within", () => {
  const header = fc.oneof(
    fc.tuple(fc.nat(), fc.nat()).map(([first, last]) => `bytes=${first}-${last}`),
    fc.string({ unit: fc.constantFrom(..."bytes=0123456789-, \t"), maxLength: 24 }),
    fc.nat().map((length) => `bytes=-${length}`),
  );
  fc.assert(
    fc.property(header, fc.nat({ max: 2 ** 31 }), (text, size) => {
      try {
        const { offset, length, partial } = parseRange(text, size);
        assert(offset >= 0 && length >= 0 && offset + length <= size);
        assert(!partial || length > 0);
      } catch (error) {
        assert(error instanceof HttpError && error.status === 416);
      }
    }),
    { numRuns: 100_000 },
  );
});

Deno.test("a needle that was read before is one read, as long as it has the size it had", async () => {
  const { app, reader } = fakeApp();
  const reads = async (): Promise<[number, number, number[][]]> => {
    const from = reader.requests.length;
    const response = await app.request(PATH);
    const bytes = new Uint8Array(await response.arrayBuffer());
    assertEquals(bytes, bytesAt(0, reader.needleSize));
    assertEquals(response.headers.get("content-length"), String(reader.needleSize));
    assertEquals([response.headers.get("etag"), response.headers.get("x-source")], ['"0a1b2c3d"', "rdma"]);
    return [response.status, reader.lent, reader.requests.slice(from).map(({ offset, size }) => [offset, size])];
  };
  assertEquals(await reads(), [200, 0, [[0, 1], [0, 1000]]]);
  assertEquals(await reads(), [200, 0, [[0, 1000]]]);
  reader.needleSize = 1001; // written anew under its id
  assertEquals(await reads(), [200, 0, [[0, 1000], [0, 1], [0, 1001]]]);
  reader.needleSize = 7;
  assertEquals(await reads(), [200, 0, [[0, 1001], [0, 1], [0, 7]]]);
  assertEquals(await reads(), [200, 0, [[0, 7]]]);
  reader.failure = new ReadError("not-found", "it was deleted");
  assertEquals((await app.request(PATH)).status, 404);
});

Deno.test("a needle's tag answers what a client has already, and what state it wants", async () => {
  const { app } = fakeApp();
  const table: [Record<string, string>, number, string | null][] = [
    [{ "if-none-match": '"0a1b2c3d"' }, 304, null],
    [{ "if-none-match": 'W/"0a1b2c3d", "other"' }, 304, null],
    [{ "if-none-match": '"other"' }, 200, "1000"],
    [{ "if-match": '"other"' }, 412, null],
    [{ "if-match": '"0a1b2c3d"' }, 200, "1000"],
    [{ "if-modified-since": new Date().toUTCString() }, 200, "1000"],
    [{ "if-unmodified-since": new Date(0).toUTCString() }, 200, "1000"],
    [{ "range": "bytes=0-9", "if-range": '"0a1b2c3d"' }, 206, "10"],
    [{ "range": "bytes=0-9", "if-range": '"other"' }, 200, "1000"],
  ];
  for (let time = 0; time < 2; time++) { // not known, and then known
    for (const [headers, status, length] of table) {
      const response = await app.request(PATH, { headers });
      assertEquals(
        [response.status, response.headers.get("content-length")],
        [status, length],
        JSON.stringify(headers),
      );
      if (status !== 412) assertEquals(response.headers.get("etag"), '"0a1b2c3d"');
      await response.body?.cancel();
    }
    await (await app.request(PATH)).body?.cancel();
  }
});
