import { devicesLines, type DevicesReport, providerStates } from "../../commands/run_devices.ts";
import type { Provider } from "../../src/rdma/provider.ts";
import { assertEquals, assertMatch } from "../assert.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

function provider(name: string, reason?: string): Provider {
  return {
    name,
    unavailable: () => Promise.resolve(reason),
    open: () => Promise.reject(new Error("not to be opened")),
  };
}

const REPORT: DevicesReport = {
  providers: [
    { name: "verbs", available: true, reason: null },
    { name: "iwarp", available: false, reason: "--allow-net does not cover 0.0.0.0:0" },
  ],
  devices: [
    {
      hca_id: "rxe0",
      node: "uverbs0",
      transport: "InfiniBand",
      attributes: { max_qp: 1_048_560, max_qp_wr: 1_048_576, atomic_cap: "ATOMIC_HCA" },
      device_cap_names: [],
      ports: [{
        port: 1,
        attributes: {
          state: "PORT_ACTIVE",
          link_layer: "Ethernet",
          active_mtu: 1_024,
          active_speed: "2.5 Gbps",
          active_width: "1X",
        },
        interface: "dummy0",
        gids: [
          { index: 0, gid: "fe80::1", type: "RoCE v2", interface: "dummy0" },
          { index: 1, gid: "::ffff:10.7.0.1", type: "RoCE v2", interface: "dummy0" },
        ],
      }],
    },
    { hca_id: "mlx5_0", error: "ibv_open_device(mlx5_0): EACCES: no permission" },
  ],
};

Deno.test("verbena devices shows providers, what does not open, addresses and limits", () => {
  const lines = devicesLines(REPORT);
  assertEquals(lines.slice(0, 10), [
    "verbs  available",
    "iwarp  not available: --allow-net does not cover 0.0.0.0:0",
    "",
    "mlx5_0 does not open: ibv_open_device(mlx5_0): EACCES: no permission",
    "",
    "device  transport   port  state   link       MTU  speed         index  address          type     interface",
    "rxe0    InfiniBand     1  ACTIVE  Ethernet  1024  2.5 Gbps × 1      0  fe80::1          RoCE v2  dummy0",
    "                                                                    1  ::ffff:10.7.0.1  RoCE v2  dummy0",
    "",
    "limit                              rxe0",
  ]);
  assertEquals(lines[10], "queue pairs                     1048560");
});

Deno.test("verbena devices says of each provider whether it can be had, and why not", async () => {
  assertEquals(await providerStates([provider("verbs", "no RDMA device: modprobe one"), provider("iwarp")]), [
    { name: "verbs", available: false, reason: "no RDMA device: modprobe one" },
    { name: "iwarp", available: true, reason: null },
  ]);
});

Deno.test("verbena devices exits with 0 whatever is missing, in words and as JSON", async () => {
  for (const args of [[], ["--json"]]) {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--permission-set=serve", "main.ts", "devices", ...args],
      cwd: ROOT,
    });
    const { code, stdout } = await command.output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0);
    if (args.length === 0) assertMatch(text, /^iwarp +available$/m);
    else assertEquals(Object.keys(JSON.parse(text)), ["providers", "devices"]);
  }
});
