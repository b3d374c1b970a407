// @ts-check
/// <reference lib="dom" />
/**
 * What is asked for beside the snapshots: reads in progress, which can be cancelled here, and the devices.
 *
 * @module
 */
import { authorization, detailOf } from "./events.js";
import { formatBytes, formatSpan } from "./format.js";
import { find, LiveTable, setText } from "./tables.js";

/**
 * @typedef {import("./history.js").Snapshot} Snapshot
 * @typedef {{id: number, kind: string, target: string, caller: string, address: string, since: string, bytes: number}} Session
 * @typedef {{number: number, state: string, linkLayer: string, mtu: string, speed: string}} Port
 * @typedef {{name: string, transport: string, firmware: string, ports: Port[], error: string}} Device
 */

/** Snapshots between two looks at the devices. */
const DEVICE_INTERVAL = 15;

/** Reads in progress, and devices. */
export class Process {
  #tokenOf;
  #sessions = new LiveTable(find(document, "#sessions", HTMLElement), [
    { label: "What", wide: true },
    { label: "Who" },
    { label: "For", numeric: true },
    { label: "Sent", numeric: true },
    { label: "Action" },
  ]);
  #devices = new LiveTable(find(document, "#devices", HTMLElement), [
    { label: "Device" },
    { label: "Transport" },
    { label: "State" },
    { label: "Port", wide: true },
  ]);
  #outcome = find(document, "#sessions-outcome", HTMLElement);
  #asking = false;
  #untilDevices = 0;
  #token = "";
  /** What the token was refused, by path: not asked for again with it. @type {Map<string, Error>} */
  #refused = new Map();

  /** @param {() => string} tokenOf The token to show. */
  constructor(tokenOf) {
    this.#tokenOf = tokenOf;
  }

  /**
   * Asks what there is to ask after a snapshot. What cannot be had is said where it would be.
   *
   * @param {Snapshot} snapshot
   */
  follow(snapshot) {
    if (this.#asking) return;
    this.#asking = true;
    this.#ask(snapshot).finally(() => this.#asking = false);
  }

  /** @param {Snapshot} snapshot */
  async #ask(snapshot) {
    if (this.#token !== this.#tokenOf()) {
      this.#token = this.#tokenOf();
      this.#untilDevices = 0;
      this.#refused.clear();
    }
    if (this.#untilDevices-- <= 0) {
      this.#untilDevices = DEVICE_INTERVAL;
      await this.#showDevices(snapshot);
    }
    await this.#showSessions(snapshot);
  }

  /** @param {Snapshot} snapshot */
  async #showSessions({ http, time }) {
    if (http.sessions === 0) return this.#sessions.render([], "None at the moment.");
    try {
      /** @type {{sessions: Session[]}} */
      const { sessions } = await this.#get("/v1/sessions");
      const now = Date.parse(time);
      const rows = sessions.map(({ id, target, caller, address, since, bytes }) => ({
        key: String(id),
        cells: [
          target,
          address === "" ? caller : `${caller} at ${address}`,
          formatSpan((now - Date.parse(since)) / 1000),
          formatBytes(bytes),
          {
            action: "Cancel",
            name: `Cancel the read of ${target} by ${caller}`,
            run: () => void this.#cancel(id, target),
          },
        ],
      }));
      this.#sessions.render(rows, "None at the moment.");
    } catch (error) {
      this.#sessions.render([], `${http.sessions} in progress, of which no more can be shown: ${messageOf(error)}.`);
    }
  }

  /**
   * @param {number} id
   * @param {string} target
   */
  async #cancel(id, target) {
    try {
      const response = await fetch(`/v1/sessions/${id}`, { method: "DELETE", headers: authorization(this.#tokenOf()) });
      // one that is not there has ended by itself
      if (!response.ok && response.status !== 404) throw new Error(await detailOf(response));
      setText(
        this.#outcome,
        response.ok ? `The read of ${target} is being ended.` : `The read of ${target} had ended.`,
      );
    } catch (error) {
      setText(this.#outcome, `The read of ${target} goes on: ${messageOf(error)}.`);
    }
  }

  /** @param {Snapshot} snapshot */
  async #showDevices(snapshot) {
    try {
      /** @type {{devices: Device[], reason: string}} */
      const { devices, reason } = await this.#get("/v1/devices");
      const rows = devices.flatMap(({ name, transport, ports, error }) => {
        /** @type {(Port | undefined)[]} */
        const shown = ports.length === 0 ? [undefined] : ports;
        return shown.map((port) => ({
          key: `${name} ${port?.number}`,
          cells: [name, transport || "–", error === "" ? stateOf(port?.state ?? "") : error, describe(port)],
        }));
      });
      const hint = "None is seen, and none is needed: bytes go by iWARP over TCP.";
      this.#devices.render(rows, reason === "" ? hint : `${hint} RDMA devices: ${reason}.`);
    } catch (error) {
      const rows = snapshot.devices.map(({ name, state }) => ({ key: name, cells: [name, "–", stateOf(state), "–"] }));
      this.#devices.render(rows, `They cannot be shown: ${messageOf(error)}.`);
    }
  }

  /** @param {string} path */
  async #get(path) {
    const refused = this.#refused.get(path);
    if (refused !== undefined) throw refused;
    const response = await fetch(path, { headers: authorization(this.#token), cache: "no-store" });
    if (response.ok) return await response.json();
    const error = new Error(await detailOf(response));
    if (response.status === 401 || response.status === 403) this.#refused.set(path, error);
    throw error;
  }
}

/**
 * @param {string} state
 * @returns {import("./tables.js").Mark}
 */
function stateOf(state) {
  return { text: state || "–", mood: /\bactive\b/i.test(state) ? "good" : "warn" };
}

/** @param {Port | undefined} port */
function describe(port) {
  if (port === undefined) return "–";
  return [`port ${port.number}`, port.linkLayer, port.speed, `MTU ${port.mtu}`].filter((part) => part !== "").join(
    ", ",
  );
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
