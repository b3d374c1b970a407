/**
 * Every route, asked with every kind of token there is: who gets in, and that nobody else learns what is behind.
 *
 * @module
 */
import { createApp } from "../../routes/app.ts";
import { HttpError } from "../../routes/http_error.ts";
import type { App } from "../../routes/app.ts";
import { Access, generateKey, type KeySet, mintToken, parseKeySet } from "../../src/access/mod.ts";
import { SignJWT } from "jose";
import { assert, assertEquals } from "../assert.ts";
import { FakeReader } from "./fake_reader.ts";

const NOW = Date.UTC(2026, 10, 22, 12);
const HOUR = 3_600;
const FID = "3,01637037d6";
const READ_KEY = new TextEncoder().encode("the key of security.toml");
const HERE = { remoteAddress: "127.0.0.1" };
const ELSEWHERE = { remoteAddress: "192.0.2.7" };

/** A route, with what is asked of it, the scope that is just enough, and its status then. */
interface Door {
  readonly route: string;
  readonly path: string;
  readonly scope: string;
  readonly status: number;
}

const DOORS: readonly Door[] = [
  { route: "GET /read", path: `/read?file_id=${FID}&size=5`, scope: "needle:read:3", status: 200 },
  { route: "GET /health", path: "/health", scope: "devices:read", status: 200 },
  { route: "GET /stats", path: "/stats", scope: "stats:read", status: 200 },
  { route: "DELETE /cleanup", path: "/cleanup?temp_file=/tmp/rdma-cache/x", scope: "admin", status: 200 },
  { route: "GET /benchmark", path: `/benchmark?file_id=${FID}&size=5&iterations=1`, scope: "admin", status: 200 },
  { route: "GET /metrics", path: "/metrics", scope: "stats:read", status: 200 },
  { route: "GET /v1/needles/:file_id", path: `/v1/needles/${FID}`, scope: "needle:read:3", status: 200 },
  { route: "GET /v1/smb/*", path: "/v1/smb/nas/media/films/a", scope: "smb:read:nas/media/films", status: 404 },
  { route: "GET /v1/devices", path: "/v1/devices", scope: "devices:read", status: 200 },
  { route: "GET /v1/devices/:name", path: "/v1/devices/rxe0", scope: "devices:read", status: 404 },
  { route: "GET /v1/providers", path: "/v1/providers", scope: "devices:read", status: 200 },
  { route: "GET /v1/connections", path: "/v1/connections", scope: "devices:read", status: 200 },
  { route: "GET /v1/regions", path: "/v1/regions", scope: "devices:read", status: 200 },
  { route: "GET /v1/sessions", path: "/v1/sessions", scope: "sessions:read", status: 200 },
  { route: "GET /v1/sessions/:id", path: "/v1/sessions/7", scope: "sessions:read", status: 404 },
  { route: "DELETE /v1/sessions/:id", path: "/v1/sessions/7", scope: "sessions:cancel", status: 404 },
  { route: "GET /v1/volumes", path: "/v1/volumes", scope: "needle:read:3", status: 200 },
  { route: "GET /v1/volumes/:id/needles", path: "/v1/volumes/3/needles", scope: "needle:read:3", status: 200 },
  { route: "GET /v1/stats", path: "/v1/stats", scope: "stats:read", status: 200 },
  { route: "HEAD /v1/events", path: "/v1/events", scope: "stats:read", status: 200 },
];

/** Routes that are the same for everybody, and hold no data. */
const OPEN = ["GET /", "GET /assets/:name", "GET /docs", "GET /openapi.json"];

const WRONG_SCOPES = [
  "needle:read:4",
  "smb:read:nas/media/filmsx",
  "smb:read:nas/other",
  "devices:read",
  "stats:read",
  "sessions:read",
  "sessions:cancel",
];

const keys = await keySet("one");
const strangers = await keySet("one");
const revoked = await mintToken(keys, { scopes: ["admin"], expires: HOUR, now: NOW });

async function keySet(name: string): Promise<KeySet> {
  return await parseKeySet(JSON.stringify({ keys: [await generateKey("EdDSA", name)] }));
}

async function mint(scope: string, of: KeySet = keys, now = NOW): Promise<string> {
  return (await mintToken(of, { scopes: [scope], subject: "tester", expires: HOUR, now })).token;
}

function stage(anonymous?: readonly string[]): { app: App; lines: Record<string, unknown>[]; opened: string[] } {
  const lines: Record<string, unknown>[] = [];
  const opened: string[] = [];
  const reader = new FakeReader();
  const app = createApp({
    reader,
    version: "0.1.0",
    log: {
      enabled: (level) => level !== "debug",
      write: (_, message, fields) => void lines.push({ message, ...fields }),
    },
    clock: { now: () => NOW, elapsed: () => 0 },
    smb: {
      open: (server, share, path) => {
        opened.push(`${server}/${share}/${path}`);
        return Promise.reject(new HttpError(404, "no such file"));
      },
    },
    access: new Access({
      keys,
      revoked: new Set([revoked.id]),
      seaweedReadKey: READ_KEY,
      trusted: ["198.51.100.0/24"],
      allowedHosts: ["Verbena.Example.org"],
      ...(anonymous === undefined ? {} : { anonymous }),
    }),
  });
  return { app, lines, opened };
}

async function ask(
  app: App,
  route: string,
  path: string,
  token: string | undefined,
  env: { remoteAddress: string } = HERE,
  headers: Record<string, string> = {},
): Promise<Response> {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const [method = ""] = route.split(" ");
  return await app.request(path, { method, headers: { ...authorization, ...headers } }, env);
}

Deno.test("every route there is has a door, or is one of those that hold no data", () => {
  const { app } = stage();
  const served = new Set(
    app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`),
  );
  const known = [...DOORS.map(({ route }) => route.replace("HEAD /v1/events", "GET /v1/events")), ...OPEN];
  assertEquals([...served].sort(), [...known].sort());
});

for (const { route, path, scope, status } of DOORS) {
  Deno.test(`${route} opens to ${scope} and to admin, and to nothing else`, async () => {
    const { app } = stage([]);
    for (const enough of [scope, "admin"]) {
      for (const env of [HERE, ELSEWHERE]) {
        const response = await ask(app, route, path, await mint(enough), env);
        assertEquals([enough, response.status], [enough, status]);
        await response.body?.cancel();
      }
    }
    const refused: [string, string | undefined, string][] = [
      ["no token", undefined, ""],
      ["another key", await mint("admin", strangers), "no key of this service signed the token"],
      ["expired", await mint("admin", keys, NOW - HOUR * 1000), "the token has expired"],
      ["not yet", await mint("admin", keys, NOW + 1000), "the token is not valid yet"],
      ["revoked", revoked.token, "the token was revoked"],
      ["none at all", "x", "the token is not well formed"],
    ];
    for (const [kind, token, reason] of refused) {
      for (const env of [HERE, ELSEWHERE]) {
        const response = await ask(app, route, path, token, env);
        const challenge = response.headers.get("www-authenticate") ?? "";
        assertEquals([kind, response.status], [kind, 401]);
        assert(challenge.startsWith('Bearer realm="verbena"'), challenge);
        assertEquals(challenge.includes(`error="invalid_token", error_description="${reason}"`), token !== undefined);
        await response.body?.cancel();
      }
    }
    for (const wrong of WRONG_SCOPES) {
      if (wrong === scope || route.endsWith("/health")) continue;
      const response = await ask(app, route, path, await mint(wrong));
      // A scope for some needle lists volumes, of which it names one.
      const expected = route === "GET /v1/volumes" && wrong === "needle:read:4" ? 200 : 403;
      assertEquals([wrong, response.status], [wrong, expected]);
      await response.body?.cancel();
    }
  });
}

Deno.test("a refusal names the scope, as text and as problem details", async () => {
  const { app } = stage([]);
  const plain = await ask(app, "GET", `/read?file_id=${FID}&size=5`, undefined);
  assertEquals([plain.status, await plain.text()], [401, "a token with the scope needle:read is needed\n"]);
  const problem = await ask(app, "GET", `/v1/needles/${FID}`, await mint("needle:read:4"));
  assertEquals(problem.headers.get("content-type"), "application/problem+json");
  assertEquals(
    problem.headers.get("www-authenticate"),
    'Bearer realm="verbena", error="insufficient_scope", error_description="the token lacks the scope", scope="needle:read:3"',
  );
  assertEquals(await problem.json(), {
    type: "about:blank",
    title: "Forbidden",
    status: 403,
    detail: "the token lacks the scope needle:read:3",
  });
});

Deno.test("who may not read learns nothing of what there is: the same answer, and nothing was looked up", async () => {
  const { app, opened } = stage([]);
  const token = await mint("needle:read:4");
  const answers = async (path: string): Promise<string> => {
    const response = await ask(app, "GET", path, token);
    return `${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`;
  };
  assertEquals(await answers("/v1/needles/3,01637037d6"), await answers("/v1/needles/3,02637037d6"));
  assertEquals(await answers("/read?file_id=3,01637037d6&size=5"), await answers("/read?file_id=3,09637037d6&size=5"));
  const smb = await mint("smb:read:nas/media");
  assertEquals((await ask(app, "GET", "/v1/smb/other/media/a", smb)).status, 403);
  assertEquals((await ask(app, "GET", "/v1/sessions/7", await mint("stats:read"))).status, 403);
  assertEquals(opened, []);
});

/** Paths asked for with `smb:read:nas/media/films`: the status, and what was opened. */
const PATHS: readonly [string, number, string?][] = [
  ["films", 404, "nas/media/films"],
  ["films/", 404, "nas/media/films"],
  ["films/a", 404, "nas/media/films/a"],
  ["films//a", 404, "nas/media/films/a"],
  ["//films/a", 404, "nas/media/films/a"],
  ["films/%61", 404, "nas/media/films/a"],
  ["%66ilms/a", 404, "nas/media/films/a"],
  ["films/./a", 404, "nas/media/films/a"],
  ["films/%2e/a", 404, "nas/media/films/a"],
  ["films/x/../a", 404, "nas/media/films/a"],
  ["films/../films/a", 404, "nas/media/films/a"],
  ["films/../secret", 403],
  ["films/%2e%2e/secret", 403],
  ["films/%2E%2e/secret", 403],
  ["films/.%2e/secret", 403],
  ["films%2f..%2fsecret", 400],
  ["films%2Fa", 400],
  ["films%5c..%5csecret", 400],
  ["films/..%5csecret", 400],
  ["films%00/a", 400],
  ["films:stream", 400],
  ["films/..%00/a", 400],
  ["Films/a", 403],
  ["FILMS/a", 403],
  ["films./a", 403],
  ["films%20/a", 403],
  ["filmsx/a", 403],
  ["film/a", 403],
  ["", 403],
  ["../media2/films/a", 403],
  ["../media/films/a", 404, "nas/media/films/a"],
  ["../../NAS/media/films/a", 403],
  ["../Media/films/a", 403],
];

for (const [path, status, opens] of PATHS) {
  Deno.test(`a scope for films of a share: ${JSON.stringify(path)} gets ${status}`, async () => {
    const { app, opened } = stage([]);
    const response = await ask(app, "GET", `/v1/smb/nas/media/${path}`, await mint("smb:read:nas/media/films"));
    assertEquals([response.status, opened], [status, opens === undefined ? [] : [opens]]);
  });
}

Deno.test("a scope for one volume opens none of the ways to another", async () => {
  const { app } = stage([]);
  const token = await mint("needle:read:3");
  const table: [string, number][] = [
    [`/read?file_id=${FID}&size=5`, 200],
    ["/read?volume=3&needle=1&cookie=1668298710&size=5", 200],
    ["/read?file_id=4,01637037d6&size=5", 403],
    ["/read?volume=4&needle=1&cookie=1668298710&size=5", 403],
    [`/read?file_id=${FID}&file_id=4,01637037d6&size=5`, 400],
    [`/read?file_id=${FID}&volume=4&size=5`, 400],
    ["/read?%66ile_id=4,01637037d6&size=5", 403],
    ["/v1/needles/03,01637037d6", 200],
    ["/v1/needles/4,01637037d6", 403],
    ["/v1/needles/%34,01637037d6", 403],
    ["/v1/needles/4%2c01637037d6", 403],
    ["/v1/needles/3,01637037d6/../4,01637037d6", 403],
    ["/v1/volumes/4/needles", 403],
    ["/v1/volumes/3/needles", 200],
    ["/v1/volumes/03/needles", 400],
    ["//v1/needles/4,01637037d6", 404],
    ["/V1/needles/4,01637037d6", 404],
    ["/v1//needles/4,01637037d6", 404],
  ];
  for (const [path, status] of table) assertEquals([path, (await ask(app, "GET", path, token)).status], [path, status]);
});

Deno.test("a token of SeaweedFS's reads its needle by either way, and nothing else", async () => {
  const { app } = stage([]);
  const token = await new SignJWT({ fid: FID }).setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(NOW / 1000 + 10).sign(READ_KEY);
  const table: [string, number][] = [
    [`/v1/needles/${FID}`, 200],
    [`/read?file_id=${FID}&size=5`, 200],
    ["/health", 200],
    ["/v1/needles/3,02637037d6", 403],
    ["/v1/needles/3,01637037d7", 403],
    ["/read?file_id=4,01637037d6&size=5", 403],
    ["/v1/volumes/3/needles", 403],
    ["/v1/stats", 403],
    ["/stats", 403],
  ];
  for (const [path, status] of table) assertEquals([path, (await ask(app, "GET", path, token)).status], [path, status]);
  // Volume servers take the scheme in capitals, and send it so.
  const shouted = await app.request(`/v1/needles/${FID}`, { headers: { authorization: `BEARER ${token}` } }, ELSEWHERE);
  assertEquals(shouted.status, 200);
  const volumes = await ask(app, "GET", "/v1/volumes", token);
  assertEquals([volumes.status, await volumes.json()], [200, { volumes: [] }]);
});

Deno.test("without a token only who is nearby gets only what is listed", async () => {
  const { app } = stage();
  const near = async (path: string, env: { remoteAddress: string }, headers: Record<string, string> = {}) =>
    (await ask(app, "GET", path, undefined, env, headers)).status;
  const read = `/read?file_id=${FID}&size=5`;
  for (const address of ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1", "198.51.100.9"]) {
    const env = { remoteAddress: address };
    assertEquals([address, await near("/health", env), await near(read, env)], [address, 200, 200]);
    for (const path of ["/stats", "/benchmark", "/metrics", "/v1/stats", `/v1/needles/${FID}`, "/v1/volumes"]) {
      assertEquals([path, await near(path, env)], [path, 401]);
    }
  }
  for (const address of ["192.0.2.7", "198.51.101.9", "::ffff:192.0.2.7", "fe80::1", ""]) {
    const env = { remoteAddress: address };
    assertEquals([address, await near("/health", env), await near(read, env)], [address, 401, 401]);
  }
});

Deno.test("a proxy's client, and a page of some site, is not nearby", async () => {
  const { app } = stage();
  const status = async (headers: Record<string, string>, env = HERE): Promise<number> =>
    (await ask(app, "GET", "/health", undefined, env, headers)).status;
  const trusted = { remoteAddress: "198.51.100.9" };
  for (
    const host of [
      "127.0.0.1:8081",
      "localhost:8081",
      "localhost",
      "[::1]:8081",
      "10.0.0.1",
      "me.localhost:1",
      "storage7:8081",
      "verbena.storage.svc.cluster.local:8081",
      "nas.home.arpa",
      "VERBENA.example.org:8081",
    ]
  ) {
    assertEquals([host, await status({ host }), await status({ host }, trusted)], [host, 200, 200]);
  }
  for (
    const host of [
      "attacker.example:8081",
      "verbena.example.org.attacker.example",
      "x.verbena.example.org",
      "127.0.0.1.example",
      "localhost.example",
      "evil-internal.example",
      "x.local.example",
      "127.0.0.1@x",
      "127.0.0.1.",
      "x.local.",
      ".local",
      "a..local",
      "1.2.3",
      "a b",
      "",
    ]
  ) {
    assertEquals([host, await status({ host }), await status({ host }, trusted)], [host, 401, 401]);
  }
  const refused = await ask(app, "GET", "/health", undefined, trusted, { host: "nas.example.org:8081" });
  assertEquals(
    await refused.text(),
    `a token with the scope any is needed: the configuration's allowedHosts has no "nas.example.org:8081"\n`,
  );
  for (const name of ["forwarded", "x-forwarded-for", "x-real-ip", "via", "x-forwarded-proto", "cf-connecting-ip"]) {
    assertEquals([await status({ [name]: "192.0.2.7" }), await status({ [name]: "127.0.0.1" }, trusted)], [401, 401]);
  }
  assertEquals([await status({ "sec-fetch-site": "cross-site" }), await status({ "sec-fetch-site": "none" })], [
    401,
    200,
  ]);
});

Deno.test("a token that is refused is not made good by being nearby", async () => {
  const { app } = stage();
  assertEquals((await ask(app, "GET", "/health", "x")).status, 401);
  assertEquals((await app.request("/health", { headers: { authorization: "Basic eDp5" } }, HERE)).status, 401);
});

Deno.test("each request that is denied is one line of the log, without query, cookie or names of files", async () => {
  const { app, lines } = stage([]);
  await ask(app, "GET", `/read?file_id=${FID}&size=5`, undefined, ELSEWHERE);
  await ask(app, "GET", `/v1/needles/${FID}`, await mint("needle:read:4"), ELSEWHERE);
  await ask(app, "GET", "/v1/smb/nas/media/secret/plan.txt", await mint("smb:read:nas/other"), ELSEWHERE);
  const shown = lines.map(({ address, method, path, status, need, subject }) => ({
    address,
    method,
    path,
    status,
    need,
    subject,
  }));
  const common = { address: "192.0.2.7", method: "GET" };
  assertEquals(shown, [
    { ...common, path: "/read", status: 401, need: "needle:read", subject: undefined },
    { ...common, path: "/v1/needles/3…", status: 403, need: "needle:read:3", subject: "tester" },
    {
      ...common,
      path: "/v1/smb/nas/media/…",
      status: 403,
      need: "smb:read:nas/media/…",
      subject: "tester",
    },
  ]);
});

Deno.test("what failed names no cookie and no file, however it was asked", async () => {
  const { app } = stage([]);
  const needles = await mint("needle:read:3");
  const smb = await mint("smb:read:nas/media");
  for (const path of ["3,02637037d6_1", "3,02637037d6", "3/02637037d6"]) {
    await ask(app, "GET", `/v1/needles/${path}`, needles);
    await ask(app, "GET", `/v1/needl%65s/${path}`, needles);
    await ask(app, "GET", `/read?file_id=${path}&size=5`, needles);
  }
  await ask(app, "GET", "/v1/%73mb/nas/media/private/salaries.xls", smb);
  await ask(app, "GET", "/v1/smb/nas/media/private%2Fsalaries.xls", smb);
  const { failures } = await (await ask(app, "GET", "/v1/stats", await mint("stats:read"))).json();
  const text = JSON.stringify(failures);
  assertEquals([text.includes("637037d6"), text.includes("salaries")], [false, false]);
});

Deno.test("who listens to events hears no more of them than the token is good for", async () => {
  let now = NOW;
  const clock = { now: () => now, elapsed: () => 0 };
  const log = { enabled: () => false, write: () => {} };
  const app = createApp({ reader: new FakeReader(), version: "0.1.0", log, clock, access: new Access({ keys }) });
  const response = await ask(app, "GET", "/v1/events", await mint("stats:read"));
  const events = response.body?.getReader();
  assertEquals((await events?.read())?.done, false);
  now += HOUR * 1000;
  let heard = 0;
  while ((await events?.read())?.done === false) heard++;
  assertEquals(heard, 0);
});

Deno.test("of many denials in one second twenty are told, and all are counted", async () => {
  const { app, lines } = stage([]);
  for (let i = 0; i < 100; i++) await ask(app, "GET", "/stats", undefined);
  assertEquals(lines.length, 20);
  const { http } = await (await ask(app, "GET", "/v1/stats", await mint("stats:read"))).json();
  assertEquals([http.denied, http.requests["4xx"]], [{ 401: 100, 403: 0, 429: 0 }, 100]);
});
