import { HttpError } from "../../../routes/http_error.ts";
import type { SmbName, SmbOpenDirectory, SmbOpenFile, SmbSource } from "../../../routes/v1/smb_source.ts";
import { PIECE_SIZE } from "../../../routes/stream.ts";
import { MAX_NAMES } from "../../../routes/v1/smb.ts";
import { CapabilityError, SystemError, VerbsError, WireError } from "../../../src/rdma/errors.ts";
import { NtStatus, NtStatusError } from "../../../src/smb/mod.ts";
import { assertEquals, assertMatch, assertRejects } from "../../assert.ts";
import { byteAt, bytesAt, fakeApp } from "../fake_reader.ts";

const PATH = "/v1/smb/nas/data/a/b.bin";
const MODIFIED = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const LAST_MODIFIED = "Fri, 02 Jan 2026 03:04:05 GMT";

/** A server `nas` whose share `data` has one file and one directory. */
class FakeSmb implements SmbSource {
  readonly opened: string[] = [];
  /** Files and directories that are open. */
  open_ = 0;
  size = 1000;
  version = "7-3e8-1";
  transport = "tcp";
  /** Thrown by the next open. */
  failure: unknown;
  /** Pieces that were read. */
  pieces = 0;
  /** What happens before each piece. */
  onPiece: () => void = () => {};
  names: SmbName[] = [{ name: "ü", directory: false, size: 3, modified: MODIFIED }];

  open(server: string, share: string, path: string): Promise<SmbOpenFile | SmbOpenDirectory> {
    this.opened.push(`${server}|${share}|${path}`);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.open_++;
    const [size, version] = [this.size, this.version];
    const close = (): Promise<void> => {
      this.open_--;
      return Promise.resolve();
    };
    if (!path.includes(".")) {
      const names = (): AsyncIterable<SmbName> => ReadableStream.from(this.names);
      return Promise.resolve({ kind: "directory", names, [Symbol.asyncDispose]: close });
    }
    return Promise.resolve({
      kind: "file",
      size,
      modified: MODIFIED,
      version,
      transport: this.transport,
      byRdma: (length) => this.transport !== "tcp" && length >= 500,
      read: (offset, into, signal) => this.#read(offset, into, signal),
      currentVersion: () => Promise.resolve(this.version),
      [Symbol.asyncDispose]: close,
    });
  }

  async #read(offset: number, into: Uint8Array, signal: AbortSignal): Promise<number> {
    await Promise.resolve();
    signal.throwIfAborted();
    this.pieces++;
    this.onPiece();
    const count = Math.max(0, Math.min(into.length, this.size - offset));
    for (let index = 0; index < count; index++) into[index] = byteAt(offset + index);
    return count;
  }
}

function staged(): { smb: FakeSmb; get: (path?: string, headers?: HeadersInit, method?: string) => Promise<Response> } {
  const smb = new FakeSmb();
  const { app } = fakeApp({ smb });
  return {
    smb,
    get: async (path = PATH, headers = {}, method = "GET") => await app.request(path, { headers, method }),
  };
}

Deno.test("GET /v1/smb answers a file, with what tells its state", async () => {
  const { smb, get } = staged();
  const response = await get();
  assertEquals([response.status, Object.fromEntries(response.headers)], [200, {
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
    "content-length": "1000",
    "content-type": "application/octet-stream",
    "cross-origin-resource-policy": "same-origin",
    "etag": '"7-3e8-1"',
    "last-modified": LAST_MODIFIED,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-transport": "tcp",
  }]);
  assertEquals(new Uint8Array(await response.arrayBuffer()), bytesAt(0, 1000));
  assertEquals([smb.opened, smb.open_], [["nas|data|a/b.bin"], 0]);
});

Deno.test("X-Source says rdma only of bytes that are placed by RDMA", async () => {
  const { smb, get } = staged();
  smb.transport = "iwarp";
  const whole = await get();
  assertEquals([whole.headers.get("x-transport"), whole.headers.get("x-source")], ["iwarp", "rdma"]);
  await whole.body?.cancel();
  const short = await get(PATH, { range: "bytes=0-99" });
  assertEquals([short.headers.get("x-transport"), short.headers.get("x-source")], ["iwarp", null]);
  await short.body?.cancel();
  assertEquals(smb.open_, 0);
});

Deno.test("GET /v1/smb serves one range, clipped to the file", async () => {
  const { smb, get } = staged();
  const table: [string, number, number, string][] = [
    ["bytes=0-0", 0, 1, "bytes 0-0/1000"],
    ["bytes=290-310", 290, 21, "bytes 290-310/1000"],
    ["bytes=990-", 990, 10, "bytes 990-999/1000"],
    ["bytes=900-5000", 900, 100, "bytes 900-999/1000"],
    ["bytes=-700", 300, 700, "bytes 300-999/1000"],
    ["bytes=-5000", 0, 1000, "bytes 0-999/1000"],
  ];
  for (const [range, offset, size, contentRange] of table) {
    const response = await get(PATH, { range });
    assertEquals([response.status, response.headers.get("content-range")], [206, contentRange]);
    assertEquals(new Uint8Array(await response.arrayBuffer()), bytesAt(offset, size));
  }
  for (const range of ["bytes=1000-", "bytes=-0"]) {
    const response = await get(PATH, { range });
    assertEquals([response.status, response.headers.get("content-range")], [416, "bytes */1000"]);
  }
  for (const range of ["bytes=0-1,5-6", "lines=0-1"]) {
    const response = await get(PATH, { range });
    assertEquals([response.status, (await response.arrayBuffer()).byteLength], [200, 1000]);
  }
  assertEquals(smb.open_, 0);
});

Deno.test("HEAD /v1/smb answers the headers and reads nothing", async () => {
  const { smb, get } = staged();
  const response = await get(PATH, { range: "bytes=0-9" }, "HEAD");
  assertEquals([response.status, response.headers.get("content-length"), await response.text()], [206, "10", ""]);
  assertEquals([smb.pieces, smb.open_], [0, 0]);
});

Deno.test("an empty file is an answer without bytes", async () => {
  const { smb, get } = staged();
  smb.size = 0;
  const response = await get();
  assertEquals([response.status, response.headers.get("content-length"), await response.text()], [200, "0", ""]);
  assertEquals(smb.open_, 0);
});

Deno.test("what the client has already is 304; a range of what is no more is all of what is", async () => {
  const { smb, get } = staged();
  const table: [Record<string, string>, number][] = [
    [{ "if-none-match": '"7-3e8-1"' }, 304],
    [{ "if-none-match": 'W/"7-3e8-1", "other"' }, 304],
    [{ "if-none-match": "*" }, 304],
    [{ "if-none-match": '"other"' }, 200],
    [{ "if-none-match": '"other"', "if-modified-since": LAST_MODIFIED }, 200],
    [{ "if-modified-since": LAST_MODIFIED }, 304],
    [{ "if-modified-since": "Fri, 02 Jan 2026 03:04:04 GMT" }, 200],
    [{ "if-modified-since": "yesterday" }, 200],
    [{ "if-match": '"7-3e8-1"' }, 200],
    [{ "if-match": 'W/"7-3e8-1"' }, 412],
    [{ "if-unmodified-since": LAST_MODIFIED }, 200],
    [{ "if-unmodified-since": "Fri, 02 Jan 2026 03:04:04 GMT" }, 412],
    [{ "range": "bytes=0-9", "if-range": '"7-3e8-1"' }, 206],
    [{ "range": "bytes=0-9", "if-range": 'W/"7-3e8-1"' }, 200],
    [{ "range": "bytes=0-9", "if-range": '"old"' }, 200],
    [{ "range": "bytes=0-9", "if-range": LAST_MODIFIED }, 206],
    [{ "range": "bytes=0-9", "if-range": "Fri, 02 Jan 2026 03:04:06 GMT" }, 200],
  ];
  for (const [headers, status] of table) {
    const response = await get(PATH, headers);
    const told = JSON.stringify(headers);
    assertEquals(response.status, status, told);
    if (status !== 412) assertEquals(response.headers.get("etag"), '"7-3e8-1"', told);
    const { byteLength } = await response.arrayBuffer();
    if (status !== 412) assertEquals(byteLength, status === 200 ? 1000 : status === 206 ? 10 : 0, told);
  }
  assertEquals(smb.open_, 0);
});

Deno.test("a piece is read ahead of what the client has taken, and none after it has gone", async () => {
  const { smb, get } = staged();
  smb.size = 10 * PIECE_SIZE + 1;
  const whole = await get(PATH, { range: `bytes=5-${2 * PIECE_SIZE + 6}` });
  assertEquals(new Uint8Array(await whole.arrayBuffer()), bytesAt(5, 2 * PIECE_SIZE + 2));
  assertEquals([smb.pieces, smb.open_], [3, 0]);
  const response = await get();
  assertEquals(smb.pieces, 3);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  assertEquals((await reader.read()).value, bytesAt(0, PIECE_SIZE));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals([smb.pieces, smb.open_], [5, 1]);
  await reader.cancel();
  assertEquals([smb.pieces, smb.open_], [5, 0]);
});

Deno.test("a file that fails, shrinks or changes during the answer breaks it off before its last byte", async () => {
  const changes: [(smb: FakeSmb) => void, RegExp][] = [
    [(smb) => smb.size = PIECE_SIZE + 600, /the file ended 400 bytes early/],
    [(smb) => smb.version = "7-3e8-2", /the file changed during the answer/],
    [() => {
      throw new SystemError("read", "ECONNRESET", "the wire was cut");
    }, /the wire was cut/],
  ];
  for (const [change, reason] of changes) {
    const { smb, get } = staged();
    smb.size = PIECE_SIZE + 1000;
    smb.onPiece = () => {
      if (smb.pieces === 2) change(smb);
    };
    const response = await get();
    await assertRejects(() => response.arrayBuffer(), Error, reason);
    assertEquals(smb.open_, 0);
  }
});

Deno.test("a directory is listed for who accepts JSON, and not found for others", async () => {
  const { smb, get } = staged();
  const plain = await get("/v1/smb/nas/data/dir/");
  assertEquals([plain.status, (await plain.json()).detail], [
    404,
    '"dir" is a directory; Accept: application/json lists it',
  ]);
  const listed = await get("/v1/smb/nas/data/", { accept: "text/html, application/json;q=0.9" });
  assertEquals([listed.status, await listed.json()], [200, {
    server: "nas",
    share: "data",
    path: "",
    complete: true,
    entries: [{ name: "ü", type: "file", size: 3, modified: "2026-01-02T03:04:05.678Z" }],
  }]);
  smb.names = Array.from({ length: MAX_NAMES + 1 }, (_, index) => ({
    name: `${index}`,
    directory: true,
    size: 0,
    modified: 0,
  }));
  const long = await (await get("/v1/smb/nas/data", { accept: "application/json" })).json();
  assertEquals([long.complete, long.entries.length, long.entries[0].type, smb.open_], [
    false,
    MAX_NAMES,
    "directory",
    0,
  ]);
});

Deno.test("what an SMB server refuses, or does not answer, is a problem with the status that says so", async () => {
  const table: [unknown, number, string | null][] = [
    [new HttpError(404, "no SMB server is configured"), 404, null],
    [new NtStatusError("open x", NtStatus.OBJECT_NAME_NOT_FOUND), 404, null],
    [new NtStatusError("open x", NtStatus.OBJECT_PATH_NOT_FOUND), 404, null],
    [new NtStatusError("open x", NtStatus.BAD_NETWORK_NAME), 404, null],
    [new NtStatusError("open x", NtStatus.ACCESS_DENIED), 403, null],
    [new NtStatusError("open x", NtStatus.SHARING_VIOLATION), 409, null],
    [new NtStatusError("log on", NtStatus.LOGON_FAILURE), 502, null],
    [new CapabilityError("no cipher"), 502, null],
    [new WireError("smb2", "StructureSize", 3), 502, null],
    [new SystemError("read", "ECONNRESET", "cut"), 503, "1"],
    [new VerbsError("read", "lost"), 503, "1"],
    [new SystemError("read", "ETIMEDOUT", "no answer"), 504, null],
    [new TypeError("defect"), 500, null],
  ];
  for (const [failure, status, retryAfter] of table) {
    const { smb, get } = staged();
    smb.failure = failure;
    const response = await get();
    const body = await response.json();
    assertEquals([response.status, response.headers.get("retry-after"), response.headers.get("content-type")], [
      status,
      retryAfter,
      "application/problem+json",
    ]);
    assertEquals([body.status, body.title === "Error"], [status, false]);
  }
});

Deno.test("paths are decoded, and what cannot be a name never reaches a server", async () => {
  const { smb, get } = staged();
  for (
    const path of [
      "/v1/smb/nas/my%20data/%C3%BC/100%25.bin",
      "/v1/smb/nas/data//a///b.bin",
      "/v1/smb/n/d/a/../../../nas/d/b.c",
    ]
  ) {
    await (await get(path)).body?.cancel();
  }
  assertEquals(smb.opened.splice(0), ["nas|my data|ü/100%.bin", "nas|data|a/b.bin", "nas|d|b.c"]);
  const refused = [
    "a%2Fb",
    "a%5Cb",
    "a%00",
    "file:stream",
    "%2A",
    "a%3Fb",
    "%ff",
    "%",
    "..%20",
    ".%2E.",
    "%20",
    ".%20./x",
  ];
  for (const name of refused) {
    const response = await get(`/v1/smb/nas/data/${name}`);
    assertEquals(response.status, 400, name);
    assertMatch((await response.json()).detail, /^path: /);
  }
  for (const path of ["/v1/smb", "/v1/smb/", "/v1/smb/nas", "/v1/smb/nas/"]) {
    assertEquals((await get(path)).status, 404);
  }
  assertEquals((await get(PATH, {}, "PUT")).status, 405);
  assertEquals(smb.opened, []);
});

Deno.test("without a configuration there is nothing under /v1/smb", async () => {
  const { app } = fakeApp();
  const response = await app.request(PATH);
  assertEquals([response.status, (await response.json()).detail], [
    404,
    "no SMB server is configured: verbena serve --config FILE",
  ]);
});
