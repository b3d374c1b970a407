import fc from "fast-check";
import {
  formatSmbUrl,
  isSmbUrl,
  parsePlace,
  parseSmbUrl,
  plainPath,
  type SmbUrl,
  urlOfPath,
} from "../../commands/smb_url.ts";
import { ConfigError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";

/** A URL of which only some parts are told. */
function url(parts: Partial<SmbUrl>): SmbUrl {
  return {
    host: "nas",
    port: undefined,
    domain: undefined,
    user: undefined,
    password: undefined,
    share: "data",
    components: [],
    slash: false,
    ...parts,
  };
}

Deno.test("parseSmbUrl() reads every part and undoes its percent-encoding", () => {
  const table: [string, Partial<SmbUrl>][] = [
    ["smb://nas/data", {}],
    ["SMB://nas/data/", { slash: true }],
    ["smb://ada@nas/data", { user: "ada" }],
    ["smb://ada:@nas/data", { user: "ada", password: "" }],
    ["smb://ada:a:b%40c%2F%25@nas/data", { user: "ada", password: "a:b@c/%" }],
    ["smb://ada:p@ss@nas/data", { user: "ada", password: "p@ss" }],
    ["smb://LAB;ada:x@nas/data", { domain: "LAB", user: "ada", password: "x" }],
    ["smb://l%3Bab;%C3%A4da@nas/data", { domain: "l;ab", user: "äda" }],
    ["smb://10.0.0.5:1445/data", { host: "10.0.0.5", port: 1445 }],
    ["smb://[::1]:445/data", { host: "::1", port: 445 }],
    ["smb://[fe80::1%25eth0]/data", { host: "fe80::1%eth0" }],
    ["smb://[fe80::1%eth0]/data", { host: "fe80::1%eth0" }],
    ["smb://nas/my%20data/a%20b/ü", { share: "my data", components: ["a b", "ü"] }],
    ["smb://nas/data//a/./b/", { components: ["a", "b"], slash: true }],
    ["smb://nas/data/a?b#c", { components: ["a?b#c"] }],
    ["smb://nas/data/100%25", { components: ["100%"] }],
    ["smb://nas/data/%2A%5B*", { components: ["\\*\\[*"] }],
    ["smb://nas/C$/x", { share: "C$", components: ["x"] }],
  ];
  for (const [text, parts] of table) assertEquals(parseSmbUrl(text), url(parts), text);
});

Deno.test("parseSmbUrl() says what is wrong, and never the password", () => {
  const table: [string, string][] = [
    ["smb:nas/data", '"smb:nas/data": want a URL, as in smb://user@nas/share/path'],
    ["smb://nas", '"smb://nas": the share is missing: smb://nas/SHARE'],
    ["smb://u:secret@nas/", '"smb://u:…@nas/": the share is missing: smb://nas/SHARE'],
    [
      "smb://ada@corp.example:100%@nas/data",
      '"smb://ada@corp.example:…@nas/data": the password is not well percent-encoded: % alone is written %25',
    ],
    ["smb://@nas/data", '"smb://@nas/data": the user has no name'],
    ["smb://nas/data/100%", '"smb://nas/data/100%": the path is not well percent-encoded: % alone is written %25'],
    ["smb://nas/data/%ff", '"smb://nas/data/%ff": the path is not well percent-encoded: % alone is written %25'],
    ["smb://u:se%cret@nas/d", '"smb://u:…@nas/d": the password is not well percent-encoded: % alone is written %25'],
    ["smb://nas/data/a/../b", '"smb://nas/data/a/../b": a path has no component ..'],
    ["smb://nas/data/%2E%2e", '"smb://nas/data/%2E%2e": a path has no component ..'],
    ["smb://nas/data/a%2Fb", '"smb://nas/data/a%2Fb": an encoded separator or NUL in the path: no name can have one'],
    ["smb://nas/data/a%00", '"smb://nas/data/a%00": an encoded separator or NUL in the path: no name can have one'],
    [
      "smb://nas/data/a\\b",
      '"smb://nas/data/a\\\\b": components of the path are separated by /, not by \\',
    ],
    ["smb://nas/..", `"smb://nas/..": the share's name has a separator or NUL in it, or is . or ..`],
    ["smb://a%2Fb/data", '"smb://a%2Fb/data": the host is neither a name nor an address'],
  ];
  for (const [text, message] of table) {
    assertEquals(assertThrows(() => parseSmbUrl(text), ConfigError).message, message);
  }
  const host = "want HOST or HOST:PORT before the share; IPv6 in brackets, @ and : of a password as %40 and %3A";
  for (const text of ["smb:///data", "smb://nas:0/data", "smb://nas:65536/data", "smb://::1/data", "smb://a b/data"]) {
    assertEquals(assertThrows(() => parseSmbUrl(text), ConfigError).message, `${JSON.stringify(text)}: ${host}`);
  }
  assertEquals(
    assertThrows(() => parseSmbUrl("smb://ada:top/secret@nas/data"), ConfigError).message,
    `"smb://ada:…@nas/data": ${host}`,
  );
});

Deno.test("parsePlace() takes smb: for a URL, other schemes and UNC paths for mistakes, and the rest for paths", () => {
  for (const path of [".", "a", "/a/b", "./http://x", "C:\\x", "//nas/data", "sMb"]) {
    assertEquals(parsePlace(path), { path });
  }
  assert(isSmbUrl(parsePlace("sMb://nas/data")));
  const table: [string, string][] = [
    ["http://nas/data", '"http://nas/data": http:// is not served, only smb://; ./http:… names a file here'],
    ["ftp://u:pw@nas/x", '"ftp://u:…@nas/x": ftp:// is not served, only smb://; ./ftp:… names a file here'],
    ["\\\\nas\\data", '"\\\\\\\\nas\\\\data": want a URL, as in smb://user@nas/share/path'],
    ["", '"": want a path or a URL, as in smb://user@nas/share/path'],
  ];
  for (const [text, message] of table) {
    assertEquals(assertThrows(() => parsePlace(text), ConfigError).message, message);
  }
});

Deno.test("formatSmbUrl() writes a URL that reads the same, without the password", () => {
  for (
    const [text, written] of [
      [
        "smb://LAB;a%20da:x@[::1]:445/my%20data/a%20b/*.t[x%5D%2D]t/",
        "smb://LAB;a%20da@[::1]:445/my%20data/a%20b/*.t[x%5D%2D]t/",
      ],
      ["smb://nas/data/%2A-ü", "smb://nas/data/%2A-ü"],
      ["smb://nas/data/%E2%80%AE%0A", "smb://nas/data/%E2%80%AE%0A"],
    ] as const
  ) {
    assertEquals(formatSmbUrl(parseSmbUrl(text)), written);
  }
  assertEquals(urlOfPath(parseSmbUrl("smb://a:b@nas/d/x*"), "p/100% [1]"), "smb://a@nas/d/p/100%25%20%5B1]");
  const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }).filter((text) =>
    !/[\\/\0]/.test(text) && text !== "." && text !== ".."
  );
  fc.assert(fc.property(fc.array(name, { maxLength: 3 }), (names) => {
    const text = urlOfPath(url({ user: "ä@:;" }), names.join("/"));
    assertEquals(plainPath(parseSmbUrl(text)), names.join("/"));
    assertEquals(formatSmbUrl(parseSmbUrl(text)), text);
  }));
});

Deno.test("plainPath() gives the path within the share, and refuses a pattern", () => {
  assertEquals(plainPath(parseSmbUrl("smb://nas/data")), "");
  assertEquals(plainPath(parseSmbUrl("smb://nas/data/a%2A/b/")), "a*/b");
  assertThrows(
    () => plainPath(parseSmbUrl("smb://nas/data/a*")),
    ConfigError,
    "smb://nas/data/a*: a pattern cannot be used here; * is written %2A, ? %3F, [ %5B",
  );
});

Deno.test("parsePlace() survives any text, and what it refuses it refuses as ConfigError", () => {
  const text = fc.string({ unit: fc.constantFrom(..."smb:/@;%250aA[]*?\\\0.-é\ud800 "), maxLength: 32 });
  fc.assert(
    fc.property(text, fc.boolean(), (rest, full) => {
      try {
        const place = parsePlace(full ? `smb://${rest}` : rest);
        if (!isSmbUrl(place)) return;
        const again = parseSmbUrl(formatSmbUrl(place));
        assertEquals(formatSmbUrl(again), formatSmbUrl(place));
      } catch (error) {
        assert(error instanceof ConfigError, `threw ${error}`);
      }
    }),
    { numRuns: 50_000 },
  );
});
