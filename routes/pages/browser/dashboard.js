// @ts-check
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The dashboard: what the server tells each second, shown.
 *
 * @module
 */
import { EventLink } from "./events.js";
import { formatSpan, formatTime } from "./format.js";
import { History } from "./history.js";
import { Panels } from "./panels.js";
import { Process } from "./process.js";
import { find, setText } from "./tables.js";
import { TokenForm } from "./token.js";

/** @typedef {import("./history.js").Snapshot} Snapshot */

const root = document.documentElement;
const state = find(document, "#state", HTMLElement);
const retry = find(document, "#retry", HTMLButtonElement);
const uptime = find(document, "#uptime", HTMLElement);
const history = new History();
const panels = new Panels(history);
const form = new TokenForm(() => link.connect());
const process = new Process(() => form.token);

/** When the last snapshot came. @type {Date | undefined} */
let heard;

const link = new EventLink("/v1/events", {
  token: () => form.token,
  onOpen() {
    form.close();
  },
  onEvent({ event, data }) {
    if (event === "snapshot") show(JSON.parse(data));
    else if (event === "failure") panels.addFailure(JSON.parse(data));
  },
  onLost(reason, delay) {
    const since = heard === undefined ? "Not connected" : `Disconnected since ${formatTime(heard)}`;
    enter("lost", `${since}: ${reason}. Trying again in ${formatSpan(Math.ceil(delay / 1000))}.`);
  },
  onDenied(reason) {
    enter("denied", "Waiting for a token");
    form.open(`${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}.`);
  },
});

/** @param {Snapshot} snapshot */
function show(snapshot) {
  heard = new Date();
  enter("live", "Live");
  history.add(snapshot);
  setText(find(document, "#version", HTMLElement), `Version ${snapshot.version}`);
  setText(uptime, `up ${formatSpan(snapshot.uptime)}`);
  panels.render(snapshot);
  process.follow(snapshot);
}

/**
 * @param {"live" | "lost" | "denied"} name
 * @param {string} text
 */
function enter(name, text) {
  root.dataset.state = name;
  setText(state, text);
  const focused = document.activeElement === retry;
  retry.hidden = name !== "lost";
  if (focused && retry.hidden) find(document, "#access-button", HTMLButtonElement).focus();
  document.title = name === "live" ? "Verbena" : `${name === "lost" ? "Disconnected" : "Token needed"} – Verbena`;
}

retry.addEventListener("click", () => link.connect());
link.connect();
