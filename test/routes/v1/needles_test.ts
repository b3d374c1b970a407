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
