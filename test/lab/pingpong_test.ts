/**
 * Ping-pong with rdma-core's example programs over rxe0, in both roles.
 *
 * @module
 */
import { openDevice } from "../../src/verbs/mod.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { capable, testWith } from "../capabilities.ts";
import { eventually, freePorts, Process } from "../interop/process.ts";
import { type PingPongOptions, playPingPong } from "./pingpong.ts";

// Opened once and before the tests: a library stays open, and the sanitizer would hold that against the test.
const device = await capable("rxe") ? openDevice("rxe0") : undefined;

const HOST = "10.7.0.1";
const GAMES: readonly Omit<PingPongOptions, "server">[] = [
  { type: "RC", size: 4_096, rounds: 50 },
  { type: "UD", size: 512, rounds: 50 },
];

for (const game of GAMES) {
  const { type, size, rounds } = game;
  const program = `ibv_${type.toLowerCase()}_pingpong`;
  const [port = 0] = freePorts(1);
  const args = ["-d", "rxe0", "-g", "1", "-p", `${port}`, "-s", `${size}`, "-n", `${rounds}`];

  await testWith(["rxe"], `${program} serves our client`, async () => {
    assert(device !== undefined);
    await using server = new Process(program, args);
    using connection = await eventually("a connection", () => Deno.connect({ hostname: HOST, port }));
    assertEquals(await playPingPong(device, connection, { ...game, server: false }), rounds);
    await expectSuccess(server, rounds);
  });

  await testWith(["rxe"], `${program} is served by us`, async () => {
    assert(device !== undefined);
    using listener = Deno.listen({ hostname: HOST, port: 0 });
    args[args.indexOf("-p") + 1] = `${listener.addr.port}`;
    await using client = new Process(program, [...args, HOST]);
    using connection = await listener.accept();
    assertEquals(await playPingPong(device, connection, { ...game, server: true }), rounds);
    await expectSuccess(client, rounds);
  });
}

async function expectSuccess(program: Process, rounds: number): Promise<void> {
  const { success } = await program.ended;
  assert(success, program.tail());
  assertMatch(program.tail(), `${rounds} iters in`);
}
