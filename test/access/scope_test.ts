/**
 * Scopes: what they allow, and that nothing looks like them.
 *
 * @module
 */
import { Access, allows, describeNeed, type Need, parseScope } from "../../src/access/mod.ts";
import { ConfigError } from "../../src/rdma/errors.ts";
import { assertEquals, assertThrows } from "../assert.ts";

function smb(server: string, share: string, path = ""): Need {
  return { kind: "smb", place: { server, share, path } };
}

const NEEDS: readonly Need[] = [
  { kind: "needle", volume: 3 },
  { kind: "needle", volume: 33 },
  { kind: "needle", volume: undefined },
  smb("nas", "media"),
  smb("nas", "media", "films"),
  smb("nas", "media", "films/a b,c.mkv"),
  smb("nas", "media", "filmsx"),
  smb("nas", "media", "Films"),
  smb("nas", "mediax", "films"),
  smb("other", "media", "films"),
  { kind: "smb", place: undefined },
  { kind: "devices:read" },
  { kind: "stats:read" },
  { kind: "sessions:read" },
  { kind: "sessions:cancel" },
  { kind: "admin" },
  { kind: "token" },
];

/** Which of {@linkcode NEEDS} a scope meets, by index. */
const TABLE: readonly [string, readonly number[]][] = [
  ["needle:read", [0, 1, 2, 16]],
  ["needle:read:3", [0, 2, 16]],
  ["needle:read:3,5", [0, 2, 16]],
  ["needle:read:33,4294967295", [1, 2, 16]],
  ["smb:read:nas/media", [3, 4, 5, 6, 7, 10, 16]],
  ["smb:read:nas/media/", [3, 4, 5, 6, 7, 10, 16]],
  ["smb:read:nas/media/films", [4, 5, 10, 16]],
  ["smb:read:nas/media/films/a%20b%2Cc.mkv", [5, 10, 16]],
  ["smb:read:NAS/media", [10, 16]],
  ["devices:read", [11, 16]],
  ["stats:read", [12, 16]],
  ["sessions:read", [13, 16]],
  ["sessions:cancel", [14, 16]],
  ["admin", NEEDS.map((_, index) => index)],
];

for (const [text, met] of TABLE) {
  Deno.test(`${text} allows ${met.length} of ${NEEDS.length} needs`, () => {
    const scopes = [parseScope(text)];
    assertEquals(NEEDS.flatMap((need, index) => allows(scopes, need) ? [index] : []), met);
  });
}

Deno.test("no scope allows nothing but being known", () => {
  assertEquals(NEEDS.filter((need) => allows([], need)), [{ kind: "token" }]);
});

const WRONG = [
  "",
  "needle",
  "needle:write",
  "needle:read:",
  "needle:read:0",
  "needle:read:03",
  "needle:read:3,",
  "needle:read:4294967296",
  "needle:read:3 5",
  "smb:read:",
  "smb:read:nas",
  "smb:read:nas/",
  "smb:read:/media",
  "smb:read:nas//media",
  "smb:read:nas/media/../x",
  "smb:read:nas/media/%2e%2e/x",
  "smb:read:nas/media/a%2Fb",
  "smb:read:nas/media/a%5Cb",
  "smb:read:nas/media/a b",
  "smb:read:nas/media/%zz",
  "Admin",
  "admin:x",
  "toString",
  "a".repeat(2_049),
];

Deno.test("what only looks like a scope is refused", () => {
  for (const text of WRONG) assertThrows(() => parseScope(text), ConfigError, "scope ");
});

Deno.test("a need names the scope that would have met it, and that scope does", () => {
  for (const need of [...NEEDS, smb("n s", "m/x", "a%b/ü")]) {
    const text = describeNeed(need);
    if (need.kind === "token" || (need.kind === "smb" && need.place === undefined)) continue;
    if (need.kind === "smb" && need.place?.share === "m/x") continue; // no share has such a name
    assertEquals([text, allows([parseScope(text)], need)], [text, true]);
  }
});

Deno.test("addresses nearby are this machine's and those of networks that are trusted", () => {
  const access = new Access({ trusted: ["10.0.0.0/8", "fd00::/8", "192.0.2.7"] });
  const nearby = (address: string): [boolean, boolean] => [access.isLoopback(address), access.isTrusted(address)];
  assertEquals(
    ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].map(nearby),
    [[true, false], [true, false], [true, false], [true, false]],
  );
  assertEquals(
    ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "192.0.2.7"].map(nearby),
    [[false, true], [false, true], [false, true], [false, true]],
  );
  assertEquals(
    ["192.0.2.8", "11.0.0.1", "fe80::1", "", "localhost", "127.0.0.1.example", "10.1"].map(nearby),
    new Array(7).fill([false, false]),
  );
});

Deno.test("networks, names and paths that are none are refused, and the rules stay as they were", () => {
  const access = new Access({ anonymous: ["/v1/needles/"], trusted: [] });
  for (const network of ["10.0.0.0/33", "10.0.0/8", "fd00::/129", "all", "10.0.0.0/8/9", ""]) {
    assertThrows(() => access.replace({ trusted: [network] }), ConfigError, "network ");
  }
  for (const name of ["", "a:80", "a b", "*.example.org", "http://a", "a..b", ".a", "a.", "[::1]", "x".repeat(254)]) {
    assertThrows(() => access.replace({ allowedHosts: [name] }), ConfigError, "host ");
  }
  for (const path of ["", "v1", "/", "/v1//x", "/v1/../x", "/%76", "/v1?x", "/a b"]) {
    assertThrows(() => access.replace({ anonymous: [path] }), ConfigError, "anonymous path ");
  }
  assertEquals(access.isAnonymous("/v1/needles/3,01637037d6"), true);
});

Deno.test("a path without a token is compared by its segments", () => {
  const access = new Access({ anonymous: ["/v1/needles", "/health"] });
  const paths = [
    "/health",
    "/health/",
    "/healthy",
    "/v1/needles",
    "/v1/needles/3",
    "/v1/needlesx",
    "/v1",
    "/Health",
    "//health",
  ];
  assertEquals(paths.filter((path) => access.isAnonymous(path)), [
    "/health",
    "/health/",
    "/v1/needles",
    "/v1/needles/3",
  ]);
});
