/**
 * `verbena ping` and rdma-core's `rping(1)`, over both devices and in both roles; and our iWARP with the kernel's.
 *
 * @module
 */
import { readArguments } from "../../commands/command.ts";
import { pingCommand } from "../../commands/ping.ts";
import { pingOptions } from "../../commands/ping_options.ts";
import { ping, servePings } from "../../commands/run_ping.ts";
import { MAX_SIZE, MIN_SIZE } from "../../src/rping/message.ts";
import { readinessIdle } from "../../src/verbs/mod.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { Outside } from "../commands/outside.ts";
import { eventually, freePorts, Process, run } from "../interop/process.ts";
import { type DeviceName, HOSTS } from "./provider_stage.ts";

/** Bytes of a text: the fewest, what fills one packet or takes several, the most. */
const SIZES = [MIN_SIZE, 4_097, MAX_SIZE];
const ROUNDS = 3;
const LIMIT = 60; // seconds

function optionsOf(...args: string[]): ReturnType<typeof pingOptions> {
  return pingOptions(readArguments(pingCommand, args));
}

/** rping's server for one client. */
async function rpingServer(hostname: string, port: number, size: number): Promise<Process> {
  const args = ["-s", "-a", hostname, "-p", `${port}`, "-S", `${size}`, "-C", `${ROUNDS}`, "-V"];
  const server = new Process("timeout", [`${LIMIT}`, "rping", ...args]);
  await eventually("rping's server listens", async () => {
    const identifiers = await run("rdma", ["resource", "show", "cm_id"]);
    return identifiers.split("\n").some((line) => line.includes("LISTEN") && line.includes(`${hostname}:${port}`))
      ? true
      : undefined;
  });
  return server;
}

/** Our side, whose peer is rping on a device. */
interface Side {
  readonly capability: Capability;
  readonly device: DeviceName;
  readonly transport: string;
  readonly flags: readonly string[];
}

const VERBS = ["--provider", "verbs"];
const IWARP = ["--provider", "iwarp"];
const SIDES: readonly Side[] = [
  { capability: "rxe", device: "rxe0", transport: "verbs:rxe0", flags: VERBS },
  { capability: "siw", device: "siw0", transport: "verbs:siw0", flags: VERBS },
  { capability: "siw", device: "siw0", transport: "iwarp", flags: [...IWARP, "--crc", "off"] },
  { capability: "siw", device: "siw0", transport: "iwarp", flags: [...IWARP, "--crc", "on"] },
];

for (const { capability, device, transport, flags } of SIDES) {
  const hostname = HOSTS[device];

  for (const size of SIZES) {
    const how = `(${flags.join(" ")})`;

    await testWith([capability], `rping over ${device} serves our ${size} bytes ${how}`, async () => {
      const [port = 0] = freePorts(1);
      await using server = await rpingServer(hostname, port, size);
      const outside = new Outside();
      const args = [hostname, "-p", `${port}`, "-S", `${size}`, "-C", `${ROUNDS}`, "--json"];
      await ping(optionsOf(...args, ...flags), outside);
      const { microseconds: _, ...summary } = JSON.parse(outside.printed.join(""));
      assertEquals(summary, { peer: `${hostname}:${port}`, transport, size, rounds: ROUNDS });
      assertEquals((await server.ended).code, 0, server.tail());
      await readinessIdle();
    });

    await testWith([capability], `rping over ${device} is served its ${size} bytes by us ${how}`, async () => {
      const outside = new Outside();
      const ended = servePings(optionsOf("--server", hostname, "-p", "0", "--once", "--json", ...flags), outside);
      const [line] = await outside.line(/^.*listening.*$/);
      const { listening, transports } = JSON.parse(line);
      assertEquals(transports, [transport]);
      const port = listening.slice(hostname.length + 1);
      const args = ["-c", "-a", hostname, "-p", port, "-S", `${size}`, "-C", `${ROUNDS}`, "-v", "-V"];
      const texts = (await run("timeout", [`${LIMIT}`, "rping", ...args])).trimEnd().split("\n");
      assertEquals(texts.length, ROUNDS);
      assertMatch(texts[0] ?? "", /^ping data: rdma-ping-0: A/);
      await ended;
      const { peer: _, ...client } = JSON.parse(outside.printed[1] ?? "");
      assertEquals(client, { transport, rounds: ROUNDS, bytes: ROUNDS * size, error: null });
      assertEquals(outside.reported, []);
      await readinessIdle();
    });
  }
}
