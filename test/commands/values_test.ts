import fc from "fast-check";
import { Arguments } from "../../commands/command.ts";
import { mustLaunch } from "../../commands/launch.ts";
import { serveOptions } from "../../commands/serve_options.ts";
import { parseAddress, parseEngineAddress, parseNumber } from "../../commands/values.ts";
import { formatAddress } from "../../src/rdma/address.ts";
import { ConfigError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";

Deno.test("parseAddress() reads names, IPv4 and bracketed IPv6, and formatAddress() writes them back", () => {
  const table: [string, string, number][] = [
    ["127.0.0.1:8081", "127.0.0.1", 8081],
    ["localhost:0", "localhost", 0],
    ["[::]:18515", "::", 18515],
    ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65535],
  ];
  for (const [text, hostname, port] of table) {
    assertEquals(parseAddress("listen", text), { hostname, port });
    assertEquals(formatAddress({ hostname, port }), text);
  }
  assertEquals(parseAddress("listen", "node-1", 18515), { hostname: "node-1", port: 18515 });
  for (
    const text of [
      "",
      ":1",
      "::1:80",
      "host",
      "host:",
      "host:65536",
      "host:-1",
      "host:1x",
      "[::1]",
      "a b:1",
      "u@h:1",
      "h/p:1",
    ]
  ) {
    assertThrows(() => parseAddress("listen", text), ConfigError, `--listen: got ${JSON.stringify(text)}`);
  }
});

Deno.test("parseEngineAddress() reads rdma: and unix: and nothing else", () => {
  assertEquals(parseEngineAddress("engine", "rdma:10.0.0.1"), { hostname: "10.0.0.1", port: 18515 });
  assertEquals(parseEngineAddress("engine", "rdma:[::1]:7"), { hostname: "::1", port: 7 });
  assertEquals(parseEngineAddress("engine", "unix:/run/verbena.sock"), { path: "/run/verbena.sock" });
  assertEquals(parseEngineAddress("engine", "unix:a b"), { path: "a b" });
  for (const text of ["unix:", "unix:a\0b", "rdma:", "10.0.0.1:1", "tcp:1.2.3.4:5"]) {
    assertThrows(() => parseEngineAddress("engine", text), ConfigError, "--engine");
  }
});

Deno.test("parseNumber(), parseAddress() and parseEngineAddress() survive any text", () => {
  const text = fc.string({ unit: fc.constantFrom(..."rdma:unix[]0123456789.%-x /@"), maxLength: 24 });
  const parsers = [
    (value: string) => assert(parseNumber("x", value, 5, 1000) >= 5),
    (value: string) => assert(parseAddress("x", value, 1).port <= 65535),
    (value: string) => void parseEngineAddress("x", value),
  ];
  fc.assert(
    fc.property(text, (value) => {
      for (const parse of parsers) {
        try {
          parse(value);
        } catch (error) {
          assert(error instanceof ConfigError, `threw ${error}`);
        }
      }
    }),
    { numRuns: 100_000 },
  );
});

Deno.test("verbena serve listens on loopback and reads through nothing where no flag says otherwise", () => {
  assertEquals(serveOptions(new Arguments(new Map(), [])), {
    listen: { hostname: "127.0.0.1", port: 8081 },
    directories: [],
    indexDirectory: undefined,
    engines: [],
    masters: [],
    readKeyFile: undefined,
    provider: "auto",
    iwarp: { crc: "auto", profile: "software", keepalive: 30_000, operationTimeout: 0 },
    spin: 50,
    readAhead: 1048576,
    maxSessions: 1000,
    timeout: 4500,
    grace: 5000,
    logLevel: "info",
    keyFile: undefined,
    revoked: undefined,
    allowedHosts: [],
    anonymous: ["/health", "/read"],
    trust: [],
    cors: [],
    rate: 1000,
    rateNearby: 0,
    concurrency: 1024,
    maxConnections: 4096,
    maxConnectionsEach: 512,
    smb: undefined,
  });
});

Deno.test("mustLaunch() is true only where the role's permissions are missing and Deno may be run", () => {
  const table: [string[], boolean][] = [
    [["run"], true],
    [["run", "net"], false],
    [["net"], false],
    [[], false],
  ];
  for (const [granted, expected] of table) {
    const query = ({ name }: Deno.PermissionDescriptor) =>
      granted.includes(name) ? "granted" as const : "prompt" as const;
    assertEquals(mustLaunch("serve", query), expected);
  }
});
