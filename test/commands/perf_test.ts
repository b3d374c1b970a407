import { readArguments } from "../../commands/command.ts";
import { perfCommand } from "../../commands/perf.ts";
import { perfOptions } from "../../commands/perf_options.ts";
import { perf } from "../../commands/run_perf.ts";
import { ConfigError, VerbsError } from "../../src/rdma/errors.ts";
import { assertEquals, assertMatch, assertRejects, assertThrows } from "../assert.ts";
import { freePorts } from "../interop/process.ts";
import { Outside } from "./outside.ts";

function optionsOf(...args: string[]): ReturnType<typeof perfOptions> {
  return perfOptions(readArguments(perfCommand, args));
}

Deno.test("verbena perf takes perftest's letters, and its defaults", () => {
  const { plan, ...defaults } = optionsOf("write-bw", "10.7.0.1");
  assertEquals(plan.name, "write-bw");
  assertEquals(defaults, {
    server: false,
    address: { hostname: "10.7.0.1", port: 18515 },
    size: 65_536,
    iterations: 5_000,
    depth: 128,
    inlineSize: 0,
    managed: false,
    provider: "verbs",
    iwarp: { crc: "auto", profile: "software", keepalive: 30_000, operationTimeout: 0 },
    device: undefined,
    port: 1,
    gidIndex: undefined,
    mtu: undefined,
    timeout: 10_000,
    json: false,
  });
  const words = "send-lat 10.7.0.1 -p 9 -s 64 -n 10 -d rxe0 -i 2 -x 3 -m 1024 -I 0 -F --json";
  const { plan: _, ...given } = optionsOf(...words.split(" "));
  assertEquals(given, {
    ...defaults,
    address: { hostname: "10.7.0.1", port: 9 },
    size: 64,
    iterations: 10,
    depth: 1,
    device: "rxe0",
    port: 2,
    gidIndex: 3,
    mtu: 3, // IBV_MTU_1024
    json: true,
  });
});

Deno.test("verbena perf without HOST is a server, on every address that its way of connecting can hear", () => {
  const addressOf = (...args: string[]) => optionsOf("read-lat", ...args).address.hostname;
  assertEquals([addressOf(), addressOf("-R"), addressOf("--listen", "10.7.0.1")], ["::", "0.0.0.0", "10.7.0.1"]);
  assertEquals(addressOf("-R", "--provider", "iwarp"), "::");
});

Deno.test("verbena perf refuses what makes no sense", () => {
  const table: [string[], string][] = [
    [["lat"], `TEST: got "lat", want one of send-lat, write-lat, read-lat, send-bw, write-bw, read-bw`],
    [["send-lat", "h", "-R", "-d", "rxe0"], "--device does not go with --rdma-cm, which chooses by HOST"],
    [["send-lat", "h", "-R", "-x", "1"], "--gid-index does not go with --rdma-cm, which chooses by HOST"],
    [
      ["send-lat", "h", "--provider", "iwarp"],
      "--provider iwarp goes with --rdma-cm (-R) only: keys over TCP are for queue pairs that are connected by hand",
    ],
    [["send-lat", "h", "-R", "--provider", "auto"], `--provider: got "auto", want verbs or iwarp`],
    [["send-lat", "h", "--listen", "::"], "--listen is a server's, which names no HOST"],
    [["send-lat", "h", "-s", "0"], `--size: got "0", want a whole number from 1 to 1073741824`],
    [["send-lat", "h", "-n", "4"], `--iters: got "4", want a whole number from 5 to 100000000`],
    [["send-lat", "h", "-m", "1500"], `--mtu: got "1500", want 256, 512, 1024, 2048 or 4096`],
  ];
  for (const [args, message] of table) {
    assertEquals(assertThrows(() => optionsOf(...args), ConfigError).message, message);
  }
});

Deno.test("verbena perf says that no server listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const options = optionsOf("send-lat", "127.0.0.1", "-p", `${port}`);
  const error = await assertRejects(() => perf(options, new Outside()), VerbsError);
  assertMatch(error.message, `127.0.0.1:${port}`);
  assertEquals(error.code, "refused");
});

Deno.test("verbena perf measures over iwarp with another verbena, and prints it as people or programs want it", async () => {
  const [port = 0] = freePorts(1);
  const flags = ["-R", "--provider", "iwarp", "-p", `${port}`, "-n", "20", "--crc", "on"];
  const [server, client] = [new Outside(), new Outside()];
  const serving = perf(optionsOf("send-lat", ...flags, "--listen", "127.0.0.1"), server);
  await server.line(/^verbena perf send-lat waits for a client on /);
  await perf(optionsOf("send-lat", "127.0.0.1", ...flags, "--json"), client);
  await serving;
  const { microseconds, ...result } = JSON.parse(client.printed.join(""));
  const peer = `127.0.0.1:${port}`;
  assertEquals(result, { test: "send-lat", role: "client", peer, transport: "iwarp", size: 2, iterations: 20 });
  assertEquals(microseconds.count, 19);
  assertMatch(server.printed[1] ?? "", /^send-lat for 127\.0\.0\.1:\d+ over iwarp$/);
});

Deno.test("verbena perf over iwarp ends quietly when it is stopped before a client has come", async () => {
  const [port = 0] = freePorts(1);
  const outside = new Outside();
  const flags = ["-R", "--provider", "iwarp", "-p", `${port}`, "--listen", "127.0.0.1"];
  const serving = perf(optionsOf("read-bw", ...flags), outside);
  await outside.line(/ waits for a client on /);
  outside.controller.abort();
  await serving;
  assertEquals(outside.printed.length, 1);
});
