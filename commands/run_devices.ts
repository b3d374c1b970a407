/**
 * `verbena devices`, carried out.
 *
 * @module
 */
import { reasonOf, VerbenaError } from "../src/rdma/errors.ts";
import type { Provider } from "../src/rdma/provider.ts";
import { type DeviceReport, listDevices, openDevice, type PortReport, reportDevice } from "../src/verbs/mod.ts";
import type { Context } from "./command.ts";
import { providers } from "./providers.ts";
import { type Cell, tableLines } from "./table.ts";

/** Whether a provider can be used. */
export interface ProviderState {
  /** Its name. */
  readonly name: string;
  /** Whether it can. */
  readonly available: boolean;
  /** Why not, with what to do; null where it can. */
  readonly reason: string | null;
}

/** A device that does not open. */
export interface UnopenedDevice {
  /** Its name. */
  readonly hca_id: string;
  /** Why. */
  readonly error: string;
}

/** What the command tells. */
export interface DevicesReport {
  /** The providers, the preferred one first. */
  readonly providers: readonly ProviderState[];
  /** The devices, in the library's order. */
  readonly devices: readonly (DeviceReport | UnopenedDevice)[];
}

/** Any address of this machine: what a provider is asked about that is to be used at all. */
const ANYWHERE = { hostname: "0.0.0.0", port: 0 };

/** Prints the report. Nothing that is missing makes it fail. */
export async function devices(options: { json: boolean }, context: Context): Promise<void> {
  const report = {
    providers: await providerStates(providers({ iwarp: {}, spin: 0 })),
    devices: reportDevices(),
  };
  if (options.json) context.print(JSON.stringify(report, null, 2));
  else for (const line of devicesLines(report)) context.print(line);
}

/** Asks the providers whether they can be used. */
export async function providerStates(candidates: readonly Provider[]): Promise<ProviderState[]> {
  const states: ProviderState[] = [];
  for (const provider of candidates) {
    const reason = await provider.unavailable(ANYWHERE) ?? null;
    states.push({ name: provider.name, available: reason === null, reason });
  }
  return states;
}

// Without the libraries there is nothing to list; why is among the providers' reasons.
/** The devices of this machine; none where there is no library to ask. */
export function reportDevices(): (DeviceReport | UnopenedDevice)[] {
  try {
    return listDevices().map(({ name }) => reportByName(name));
  } catch (error) {
    if (error instanceof VerbenaError) return [];
    throw error;
  }
}

function reportByName(name: string): DeviceReport | UnopenedDevice {
  try {
    using device = openDevice(name);
    return reportDevice(device);
  } catch (error) {
    if (!(error instanceof VerbenaError)) throw error;
    return { hca_id: name, error: reasonOf(error) };
  }
}

/** The report for people. */
export function devicesLines({ providers, devices }: DevicesReport): string[] {
  const opened = devices.filter((device) => "ports" in device);
  const lines = tableLines(
    providers.map(({ name, available, reason }) => [name, available ? "available" : `not available: ${reason}`]),
  );
  for (const device of devices) {
    if ("error" in device) lines.push("", `${device.hca_id} does not open: ${device.error}`);
  }
  if (opened.length === 0) return lines;
  const head = [
    "device",
    "transport",
    "port",
    "state",
    "link",
    "MTU",
    "speed",
    "index",
    "address",
    "type",
    "interface",
  ];
  return [
    ...lines,
    "",
    ...tableLines([head, ...opened.flatMap(portRows)]),
    "",
    ...tableLines([
      ["limit", ...opened.map((device) => device.hca_id)],
      ...LIMITS.map(([words, name]) => [words, ...opened.map((device) => device.attributes[name] ?? "")]),
    ]),
  ];
}

// One row for each address; what it has in common with the one above is left out.
function portRows({ hca_id, transport, ports }: DeviceReport): Cell[][] {
  return ports.flatMap((port, index) => {
    const own = index === 0 ? [hca_id, transport] : ["", ""];
    const rows = port.gids.map(({ index, gid, type, interface: name }) => [index, gid, type ?? "", name ?? ""]);
    if (rows.length === 0) rows.push(["", "", "", port.interface ?? ""]);
    return rows.map((row, index) => [...(index === 0 ? [...own, ...portCells(port)] : Array(7).fill("")), ...row]);
  });
}

function portCells({ port, attributes }: PortReport): Cell[] {
  const { state, link_layer, active_mtu, active_speed, active_width } = attributes;
  return [
    port,
    `${state}`.replace("PORT_", ""),
    link_layer ?? "",
    active_mtu ?? "",
    `${active_speed} × ${`${active_width}`.replace("X", "")}`,
  ];
}

/** The limits that the table shows, in words, and their names in the report. */
const LIMITS: readonly [string, string][] = [
  ["queue pairs", "max_qp"],
  ["requests of a queue", "max_qp_wr"],
  ["pieces of a request", "max_sge"],
  ["pieces of a Read", "max_sge_rd"],
  ["Reads and atomics under way", "max_qp_init_rd_atom"],
  ["Reads and atomics answered", "max_qp_rd_atom"],
  ["atomics", "atomic_cap"],
  ["completion queues", "max_cq"],
  ["completions of a queue", "max_cqe"],
  ["shared receive queues", "max_srq"],
  ["memory regions", "max_mr"],
  ["bytes of a region", "max_mr_size"],
  ["memory windows", "max_mw"],
  ["address handles", "max_ah"],
  ["multicast groups", "max_mcast_grp"],
  ["protection domains", "max_pd"],
  ["interrupt vectors", "num_comp_vectors"],
];
