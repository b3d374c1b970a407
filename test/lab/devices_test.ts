/**
 * `verbena devices --json` against `ibv_devinfo -v`, on the lab's two devices.
 *
 * @module
 */
import { parseGid } from "../../src/verbs/gid.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { type Capability, testWith } from "../capabilities.ts";
import { run } from "../interop/process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What ibv_devinfo prints: `name: value` lines of the device and of its one port, flags' names, and GIDs. */
interface Printed {
  readonly device: ReadonlyMap<string, string>;
  readonly port: ReadonlyMap<string, string>;
  readonly flags: readonly string[];
  readonly gids: readonly { index: number; gid: string; type: string }[];
}

async function devinfo(name: string): Promise<Printed> {
  const device = new Map<string, string>();
  const port = new Map<string, string>();
  const flags: string[] = [];
  const gids: { index: number; gid: string; type: string }[] = [];
  let fields = device;
  for (const line of (await run("ibv_devinfo", ["-v", "-d", name])).split("\n")) {
    const gid = /^\s+GID\[\s*(\d+)\]:\s+(\S+), (.*)$/.exec(line);
    const field = /^\s*(\w+):\s*(.*?)\s*$/.exec(line);
    const flag = /^\t{5}([A-Z][A-Z_0-9]+)$/.exec(line);
    if (gid !== null) gids.push({ index: Number(gid[1]), gid: gid[2] ?? "", type: gid[3] ?? "" });
    else if (field !== null) {
      const [, name = "", value = ""] = field;
      if (name === "port") fields = port;
      fields.set(name, value);
    } else if (flag !== null && !device.has("max_sge")) flags.push(flag[1] ?? "");
  }
  return { device, port, flags, gids };
}

/** One value of each in the same form: names without their number in parentheses, numbers as bigints. */
function plain(value: string | number): string | bigint {
  const text = `${value}`.replace(/ \(\d+\)$/, "").replace("invalid value", "0");
  return /^(0x[0-9a-fA-F]+|\d+)$/.test(text) ? BigInt(text) : text;
}

interface Json {
  readonly hca_id: string;
  readonly transport: string;
  readonly attributes: Record<string, string | number>;
  readonly device_cap_names: readonly string[];
  readonly ports: readonly {
    readonly port: number;
    readonly attributes: Record<string, string | number>;
    readonly interface: string;
    readonly gids: readonly { index: number; gid: string; type: string | null; interface: string | null }[];
  }[];
}

async function verbenaDevices(...args: string[]): Promise<string> {
  return await run("deno", ["run", "--quiet", "--no-check", "-P=client", "main.ts", "devices", ...args], { cwd: ROOT });
}

/** Every field of ours is one of theirs, with the same value. */
function compare(ours: Record<string, string | number>, theirs: ReadonlyMap<string, string>): void {
  for (const [name, value] of Object.entries(ours)) {
    const printed = theirs.get(name);
    assert(printed !== undefined, `ibv_devinfo has no ${name}`);
    assertEquals(plain(value), plain(printed), name);
  }
}

const DEVICES: readonly { capability: Capability; name: string; interface: string; fields: [number, number] }[] = [
  { capability: "rxe", name: "rxe0", interface: "dummy0", fields: [43, 21] },
  { capability: "siw", name: "siw0", interface: "veth0", fields: [43, 20] },
];

for (const { capability, name, interface: network, fields } of DEVICES) {
  await testWith([capability], `verbena devices --json agrees with ibv_devinfo -v on all of ${name}`, async () => {
    const report = JSON.parse(await verbenaDevices("--json"));
    const ours: Json = report.devices.find((each: Json) => each.hca_id === name);
    const theirs = await devinfo(name);
    assertEquals(theirs.device.get("hca_id"), name);
    assertEquals(plain(ours.transport), plain(theirs.device.get("transport") ?? ""));
    compare(ours.attributes, theirs.device);
    assertEquals(ours.device_cap_names, theirs.flags);
    const [port] = ours.ports;
    assert(port !== undefined && ours.ports.length === 1);
    assertEquals(`${port.port}`, theirs.port.get("port"));
    assertEquals([Object.keys(ours.attributes).length, Object.keys(port.attributes).length], fields);
    compare(port.attributes, theirs.port);
    assertEquals(port.interface, network);
    assertEquals(
      port.gids.map(({ index, gid, type, interface: name }) => [index, parseGid(gid), type, name]),
      theirs.gids.map(({ index, gid, type }) => [index, parseGid(gid), type, network]),
    );
  });
}

await testWith(["rxe", "siw"], "verbena devices shows both devices to people", async () => {
  const text = await verbenaDevices();
  assertMatch(text, /^rxe0 +InfiniBand +1 +ACTIVE +Ethernet +1024 /m);
  assertMatch(text, /^ +1 +::ffff:10\.7\.0\.1 +RoCE v2 +dummy0$/m);
  assertMatch(text, /^siw0 +iWARP +1 +ACTIVE +Ethernet +1024 /m);
  assertMatch(text, /^limit +rxe0 +siw0$/m);
  assertMatch(text, /^queue pairs +1048560 +102400$/m);
});
