/**
 * What a service can tell of its own process: devices, providers, connections and registered memory.
 *
 * @module
 */
import type { ConnectionView, DeviceView, Observed, RegionView } from "../routes/observed.ts";
import type { NeedleReader } from "../src/engine/mod.ts";
import type { Provider } from "../src/rdma/provider.ts";
import type { EngineServers } from "./engine_servers.ts";
import { providerStates, reportDevices } from "./run_devices.ts";
import type { SmbPool } from "./smb_pool.ts";

/** What there is to tell of. */
export interface Parts {
  /** What the service reads through. */
  readonly reader: NeedleReader;
  /** The engines of its own process. */
  readonly servers: EngineServers | undefined;
  /** Its SMB servers. */
  readonly smb: SmbPool | undefined;
  /** The providers that it may use. */
  readonly providers: readonly Provider[];
}

/** Tells of the parts, each time as they are then. */
export function observe({ reader, servers, smb, providers }: Parts): Observed {
  return {
    devices: async () => {
      const devices = reportDevices().map(deviceView);
      return { devices, reason: devices.length > 0 ? "" : await reasonOfNone(providers) };
    },
    providers: async () =>
      (await providerStates(providers)).map(({ reason, ...state }) => ({ ...state, reason: reason ?? "" })),
    connections: (): ConnectionView[] => [
      ...reader.connections(),
      ...servers?.connections() ?? [],
      ...smb?.connections() ?? [],
    ],
    regions: (): RegionView[] => [...reader.regions(), ...servers?.regions() ?? []],
  };
}

// Devices are verbs': why it cannot be used is why there are none.
async function reasonOfNone(providers: readonly Provider[]): Promise<string> {
  const verbs = (await providerStates(providers)).find(({ name }) => name === "verbs");
  return verbs === undefined
    ? "this service does not use devices: --provider iwarp"
    : verbs.reason ?? "there is no device";
}

function deviceView(report: ReturnType<typeof reportDevices>[number]): DeviceView {
  if ("error" in report) {
    const { hca_id: name, error } = report;
    return { name, transport: "", firmware: "", ports: [], limits: {}, error };
  }
  const { hca_id: name, transport, attributes, ports } = report;
  const limits = Object.entries(attributes).filter((entry): entry is [string, number] =>
    entry[0].startsWith("max_") && typeof entry[1] === "number"
  );
  return {
    name,
    transport: String(transport),
    firmware: String(attributes.fw_ver ?? ""),
    ports: ports.map(({ port, attributes: { state, link_layer, active_mtu, active_speed, active_width }, gids }) => ({
      number: port,
      state: String(state).replace("PORT_", ""),
      linkLayer: String(link_layer ?? ""),
      mtu: String(active_mtu ?? ""),
      speed: `${active_speed} × ${String(active_width).replace("X", "")}`,
      gids: gids.map(({ gid }) => gid),
    })),
    limits: Object.fromEntries(limits),
    error: "",
  };
}
