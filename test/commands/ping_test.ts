import { readArguments } from "../../commands/command.ts";
import { pingCommand } from "../../commands/ping.ts";
import { pingOptions } from "../../commands/ping_options.ts";
import { ping, servePings } from "../../commands/run_ping.ts";
import { ConfigError, VerbsError } from "../../src/rdma/errors.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "../assert.ts";
import { Outside } from "./outside.ts";

function optionsOf(...args: string[]): ReturnType<typeof pingOptions> {
  return pingOptions(readArguments(pingCommand, args));
}

/** A server on loopback, over iwarp. */
async function serving(...args: string[]): Promise<{ outside: Outside; port: string; ended: Promise<void> }> {
  const outside = new Outside();
  const ended = servePings(optionsOf("--server", "127.0.0.1", "-p", "0", "--provider", "iwarp", ...args), outside);
  const [, port] = await outside.line(/^verbena ping listening on 127\.0\.0\.1:(\d+) over iwarp$/);
  return { outside, port: port ?? "", ended };
}

Deno.test("verbena ping takes rping's letters, and its defaults but for the count", () => {
  const defaults = {
    server: false,
    address: { hostname: "10.7.0.1", port: 7174 },
    once: false,
    count: 10,
    size: 64,
    interval: 0,
    timeout: 5_000,
    provider: "auto",
    iwarp: { crc: "auto", profile: "software", keepalive: 30_000, operationTimeout: 0 },
    spin: 50,
    quiet: false,
    json: false,
  };
  assertEquals(optionsOf("10.7.0.1"), defaults);
  assertEquals(optionsOf("fe80::1%eth0", "-p", "9", "-C", "0", "-S", "26", "-q"), {
    ...defaults,
    address: { hostname: "fe80::1%eth0", port: 9 },
    count: Infinity,
    size: 26,
    quiet: true,
  });
  const listening = { ...defaults, server: true, address: { hostname: "::", port: 7174 } };
  assertEquals(optionsOf("--server"), listening);
  assertEquals(optionsOf("--server", "[::1]", "--once", "--json"), {
    ...listening,
    address: { hostname: "::1", port: 7174 },
    once: true,
    quiet: true,
    json: true,
  });
});

Deno.test("verbena ping refuses what makes no sense", () => {
  const table: [string[], string][] = [
    [[], "HOST is missing: name the server to ping, or --server"],
    [["h", "--once"], "--once goes with --server"],
    [["--server", "-C", "3"], "--count is the client's to choose, not the server's"],
    [["--server", "--size", "64"], "--size is the client's to choose, not the server's"],
    [["h", "-S", "25"], `--size: got "25", want a whole number from 26 to 65535`],
    [["h", "-S", "65536"], `--size: got "65536", want a whole number from 26 to 65535`],
    [["h", "-p", "0"], `--port: got "0", want a whole number from 1 to 65535`],
    [["h:1"], `HOST: got "h:1", want a name or a numeric address`],
    [["u@h"], `HOST: got "u@h", want a name or a numeric address`],
    [["h", "--provider", "tcp"], `--provider: got "tcp", want auto, verbs or iwarp`],
  ];
  for (const [args, message] of table) {
    assertEquals(assertThrows(() => optionsOf(...args), ConfigError).message, message);
  }
});

Deno.test("verbena ping goes round with its own server, which then serves the next client", async () => {
  const { outside, port, ended } = await serving();
  const address = ["127.0.0.1", "-p", port, "--provider", "iwarp"];
  const first = new Outside();
  await ping(optionsOf(...address, "-C", "3"), first);
  assertEquals(first.printed.length, 4);
  for (const round of [1, 2, 3]) {
    assertMatch(first.printed[round - 1] ?? "", new RegExp(`^round ${round}: 64 bytes in \\d+\\.\\d µs$`));
  }
  assertMatch(first.printed[3] ?? "", /^3 rounds of 64 bytes over iwarp, verified: min [\d.]+, .* max [\d.]+ µs$/);
  const second = new Outside();
  await ping(optionsOf(...address, "-C", "2", "-S", "65535", "--json"), second);
  const { microseconds, ...summary } = JSON.parse(second.printed.join("\n"));
  assertEquals(summary, { peer: `127.0.0.1:${port}`, transport: "iwarp", size: 65_535, rounds: 2 });
  assertEquals(Object.keys(microseconds), ["min", "median", "average", "p99", "max"]);
  await outside.line(/^127\.0\.0\.1:\d+ round 2: 65535 bytes: rdma-ping-1: BCDEFGHIJKLMNOPQRSTUVWXYZ\[\\$/);
  outside.controller.abort();
  await ended;
  const left = outside.printed.filter((line) => line.includes(" left after ")).map((line) => line.replace(/^\S+ /, ""));
  assertEquals(left, ["left after 3 rounds over iwarp", "left after 2 rounds over iwarp"]);
  assertEquals(outside.reported, []);
});

Deno.test("verbena ping --server --json says where it listens and what each client did, a line each", async () => {
  const outside = new Outside();
  const options = optionsOf("--server", "127.0.0.1", "-p", "0", "--provider", "iwarp", "--once", "--json");
  const ended = servePings(options, outside);
  const [line] = await outside.line(/^.*listening.*$/);
  const { listening, ...rest } = JSON.parse(line);
  assertEquals(rest, { transports: ["iwarp"] });
  const port = listening.replace("127.0.0.1:", "");
  await ping(optionsOf("127.0.0.1", "-p", port, "-C", "2", "-q", "--provider", "iwarp"), new Outside());
  await ended;
  const { peer, ...client } = JSON.parse(outside.printed[1] ?? "");
  assertMatch(peer, /^127\.0\.0\.1:\d+$/);
  assertEquals(client, { transport: "iwarp", rounds: 2, bytes: 128, error: null });
  assertEquals(outside.printed.length, 2);
});

Deno.test("verbena ping --server --once ends after its first client", async () => {
  const { port, ended } = await serving("--once", "-q");
  await ping(optionsOf("127.0.0.1", "-p", port, "-C", "1", "-q", "--provider", "iwarp"), new Outside());
  await ended;
});

Deno.test("verbena ping told to stop prints what it has", async () => {
  const { outside, port, ended } = await serving("-q");
  const client = new Outside();
  const pinging = ping(optionsOf("127.0.0.1", "-p", port, "-C", "0", "-i", "60000", "--provider", "iwarp"), client);
  await client.line(/^round 1: /);
  client.controller.abort();
  await pinging;
  assertMatch(client.printed.at(-1) ?? "", /^1 round of 64 bytes over iwarp, verified: /);
  outside.controller.abort();
  await ended;
});

Deno.test("verbena ping says that nothing listens", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  taken.close();
  const client = new Outside();
  const error = await assertRejects(
    () => ping(optionsOf("127.0.0.1", "-p", `${port}`, "--provider", "iwarp"), client),
    VerbsError,
    `connect 127.0.0.1:${port}: refused`,
  );
  assert(error.code === "refused");
  assertEquals(client.printed, []);
});
