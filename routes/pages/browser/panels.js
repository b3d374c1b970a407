// @ts-check
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * What a snapshot has in it: the figures at the top, the charts, and the tables.
 *
 * @module
 */
import { Chart } from "./charts.js";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFrequency,
  formatRate,
  formatShare,
  formatSpan,
  formatTime,
} from "./format.js";
import { find, LiveTable, setText } from "./tables.js";

/**
 * @typedef {import("./history.js").History} History
 * @typedef {import("./history.js").Snapshot} Snapshot
 * @typedef {import("./tables.js").Mark} Mark
 */

/** Failures that are shown. */
const MAX_FAILURES = 50;
/** Seconds that the figures at the top look back. */
const LATELY = 5;
const MINUTE = 60;

/** Distances between ticks that are whole in bytes' own units. */
const BYTE_STEPS = [1, 1024, 1024 ** 2, 1024 ** 3, 1024 ** 4].flatMap((unit) =>
  [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((step) => step * unit)
);

/** Everything but what is asked for apart from the snapshots. */
export class Panels {
  #history;
  #throughput = new Chart(element("#throughput-chart"), {
    series: [
      { label: "By RDMA", color: "rdma", filled: true },
      { label: "All", color: "line", dash: [4, 4] },
    ],
    format: formatRate,
    formatAxis: formatRate,
    floor: 1024,
    steps: BYTE_STEPS,
  });
  #reads = new Chart(element("#reads-chart"), {
    series: [
      { label: "RDMA", color: "rdma", filled: true },
      { label: "Local", color: "local", dash: [2, 3] },
      { label: "HTTP", color: "http", dash: [5, 3] },
      { label: "Failed", color: "bad", dash: [8, 3, 2, 3] },
    ],
    format: formatFrequency,
    formatAxis: formatFrequency,
    floor: 10,
  });
  #latency = new Chart(element("#latency-chart"), {
    series: [
      { label: "p50", color: "q50", filled: true },
      { label: "p90", color: "q90", dash: [6, 3] },
      { label: "p99", color: "q99", dash: [2, 3] },
    ],
    format: formatDuration,
    formatAxis: formatDuration,
    floor: 0.1,
    logarithmic: true,
  });
  #transport = find(document, "#transport", HTMLSelectElement);
  #latencies = new LiveTable(element("#latencies"), [
    { label: "Transport" },
    { label: "Outcome", wide: true },
    { label: "Reads", numeric: true },
    { label: "p50", numeric: true },
    { label: "p90", numeric: true },
    { label: "p99", numeric: true },
    { label: "Longest", numeric: true },
  ]);
  #sources = new LiveTable(element("#sources"), [
    { label: "Source", wide: true },
    { label: "Reads", numeric: true },
    { label: "Share", numeric: true },
  ]);
  #engines = new LiveTable(element("#engines"), [
    { label: "Engine" },
    { label: "Over" },
    { label: "State" },
    { label: "Last error", wide: true },
  ]);
  #connections = new LiveTable(element("#connections"), [
    { label: "Peer", wide: true },
    { label: "Kind" },
    { label: "Over" },
    { label: "For", numeric: true },
    { label: "In flight", numeric: true },
    { label: "Credits out, in", numeric: true },
    { label: "Data", numeric: true },
  ]);
  #failures = new LiveTable(element("#failures"), [
    { label: "Latest" },
    { label: "Status" },
    { label: "Times", numeric: true },
    { label: "Request" },
    { label: "Reason", wide: true },
  ]);
  /** What is shown as failed: as the last snapshot had it, and what came since. @type {Snapshot["failures"]} */
  #failed = [];

  /** @param {History} history */
  constructor(history) {
    this.#history = history;
    this.#transport.addEventListener("change", () => this.#renderLatency());
  }

  /** @param {Snapshot} snapshot */
  render(snapshot) {
    const { times, bytes, rdmaBytes, rdma, local, http, errors } = this.#history;
    this.#renderTiles(snapshot);
    this.#throughput.render(times, [rdmaBytes, bytes]);
    this.#reads.render(times, [rdma, local, http, errors]);
    this.#renderTransports();
    this.#renderLatency();
    this.#renderLatencies(snapshot);
    this.#renderSources(snapshot);
    this.#renderEngines(snapshot);
    this.#renderConnections(snapshot);
    this.#failed = snapshot.failures;
    this.#renderFailures();
    this.#renderHttp(snapshot);
  }

  /** @param {Snapshot["failures"][number]} failure */
  addFailure(failure) {
    this.#failed = [failure, ...this.#failed].slice(0, MAX_FAILURES);
    this.#renderFailures();
  }

  /** @param {Snapshot} snapshot */
  #renderTiles({ reads, pool, latency }) {
    const history = this.#history;
    const points = Math.min(LATELY, history.times.length);
    /** @param {import("./history.js").Line} line */
    const rate = (line) => points === 0 ? 0 : history.sum(line, points) / points;
    const recent = rate(history.rdma) + rate(history.local) + rate(history.http);
    const measured = points > 0;
    show("throughput", measured ? formatRate(rate(history.bytes)) : "–");
    show("throughput-sub", `${formatBytes(reads.bytes)} in all`);
    show("reads", measured ? formatFrequency(recent) : "–");
    show("reads-sub", `${formatCount(reads.inFlight)} in flight, ${formatCount(reads.succeeded)} in all`);
    const best = latency.filter(({ outcome }) => outcome === "success").sort((a, b) => b.count - a.count)[0];
    show("median", best === undefined ? "–" : formatDuration(best.p50));
    show("median-sub", best === undefined ? "no read yet" : `99 of 100 within ${formatDuration(best.p99)}`);
    show("share", formatShare(reads.rdma, reads.succeeded));
    show("share-sub", reads.succeeded === 0 ? "no read yet" : `lately ${formatShare(rate(history.rdma), recent)}`);
    const failed = Object.values(reads.errors).reduce((sum, count) => sum + count, 0);
    const lately = Math.round(history.sum(history.errors, MINUTE));
    show("failed", formatCount(lately));
    show("failed-sub", `in the last minute, ${formatCount(failed)} in all`);
    element("#failed").classList.toggle("bad", lately > 0);
    show("pool", formatBytes(pool.lentBytes));
    show("pool-sub", `of ${formatBytes(pool.ceiling)}`);
    const meter = find(document, "#pool-meter", HTMLMeterElement);
    meter.value = pool.ceiling === 0 ? 0 : pool.lentBytes / pool.ceiling;
    meter.textContent = formatShare(pool.lentBytes, pool.ceiling);
  }

  #renderTransports() {
    const transports = this.#history.transports();
    const select = this.#transport;
    const known = new Set([...select.options].map(({ value }) => value));
    for (const transport of transports) if (!known.has(transport)) select.add(new Option(transport, transport));
    for (const option of [...select.options]) if (!transports.includes(option.value)) option.remove();
    element("#transport-label").hidden = transports.length === 0;
  }

  #renderLatency() {
    const { times, latency } = this.#history;
    const { p50 = [], p90 = [], p99 = [] } = latency.get(this.#transport.value) ?? {};
    const known = p50.length === times.length;
    this.#latency.render(times, known ? [p50, p90, p99] : [0, 1, 2].map(() => times.map(() => null)));
  }

  /** @param {Snapshot} snapshot */
  #renderLatencies({ latency }) {
    const rows = latency.map(({ transport, outcome, count, p50, p90, p99, max }) => ({
      key: JSON.stringify([transport, outcome]),
      cells: [
        transport || "none",
        outcome === "success" ? outcome : mark(outcome, "bad"),
        formatCount(count),
        ...[p50, p90, p99, max].map(formatDuration),
      ],
    }));
    const hint =
      `No read yet. Try one: curl -s -o needle.bin '${location.origin}/v1/needles/3,01637037d6' with a file id of yours.`;
    this.#latencies.render(rows, hint);
  }

  /** @param {Snapshot} snapshot */
  #renderSources({ reads }) {
    const sources = /** @type {const} */ ([
      ["rdma", "RDMA", reads.rdma],
      ["local", "Local engine", reads.local],
      ["http", "HTTP fallback", reads.http],
    ]);
    const all = reads.rdma + reads.local + reads.http;
    let from = 0;
    for (const [name, , count] of sources) {
      const bar = find(document, `#sources rect.${name}`, SVGRectElement);
      const width = all === 0 ? 0 : 100 * count / all;
      bar.setAttribute("x", String(from));
      bar.setAttribute("width", String(width));
      from += width;
    }
    this.#sources.render(sources.map(([name, label, count]) => ({
      key: name,
      cells: [label, formatCount(count), formatShare(count, all)],
    })));
  }

  /** @param {Snapshot} snapshot */
  #renderEngines({ engines }) {
    const rows = engines.map(({ address, connected, transport, circuit, lastError }, index) => ({
      key: `${index} ${address}`,
      cells: [address, transport || "–", engineState(connected, circuit), lastError || "–"],
    }));
    const hint =
      "No engine is read through. Start one beside the volumes, verbena engine --dir DIR, and give its address " +
      "here: verbena serve --engine rdma:HOST.";
    this.#engines.render(rows, hint);
  }

  /** @param {Snapshot} snapshot */
  #renderConnections({ connections, time }) {
    const now = Date.parse(time);
    const rows = connections.map((
      { id, kind, remote, transport, since, inFlight, sendCredits, receiveCredits, bytes },
    ) => ({
      key: `${kind} ${id}`,
      cells: [
        remote,
        KINDS[kind] ?? kind,
        transport,
        formatSpan((now - Date.parse(since)) / 1000),
        formatCount(inFlight),
        creditsOf(sendCredits, receiveCredits),
        formatBytes(bytes),
      ],
    }));
    this.#connections.render(rows, "No connection stands. One is made at the first read.");
  }

  /** What failed in the same way several times is one row, at the time of the latest. */
  #renderFailures() {
    /** @type {Map<string, {latest: Snapshot["failures"][number], count: number}>} */
    const kinds = new Map();
    for (const latest of this.#failed) {
      const { method, path, status, reason } = latest;
      const key = JSON.stringify([method, path, status, reason]);
      const kind = kinds.get(key);
      if (kind === undefined) kinds.set(key, { latest, count: 1 });
      else kind.count++;
    }
    const rows = [...kinds].map(([key, { latest: { time, method, path, status, reason }, count }]) => ({
      key,
      cells: [
        formatTime(new Date(time)),
        mark(status === 200 ? "cut off" : String(status), status >= 500 || status === 200 ? "bad" : "warn"),
        formatCount(count),
        `${method} ${path}`,
        reason,
      ],
    }));
    this.#failures.render(rows, "None since the service started.");
  }

  /** @param {Snapshot} snapshot */
  #renderHttp({ http }) {
    const answered = Object.entries(http.requests).map(([kind, count]) => `${formatCount(count)} ${kind}`).join(", ");
    const denied = Object.values(http.denied).reduce((sum, count) => sum + count, 0);
    show(
      "http",
      `HTTP answers: ${answered}; ${formatCount(http.inFlight)} in progress, ${formatCount(denied)} denied.`,
    );
  }
}

/** @type {Readonly<Record<string, string>>} */
const KINDS = { "engine-client": "engine", "engine-server": "reader", "smb": "SMB" };

/**
 * Both directions; none to send with stands out, for nothing can be asked then.
 *
 * @param {number | undefined} send
 * @param {number | undefined} receive
 */
function creditsOf(send, receive) {
  if (send === undefined && receive === undefined) return "–";
  const [out, back] = [send, receive].map((count) => count === undefined ? "–" : formatCount(count));
  return mark(`${out}, ${back}`, send === 0 ? "bad" : "plain");
}

/**
 * @param {boolean} connected
 * @param {string} circuit
 */
function engineState(connected, circuit) {
  if (circuit === "open") return mark("given up for now", "bad");
  if (circuit === "half-open") return mark("on trial", "warn");
  return connected ? mark("connected", "good") : mark("not connected", "warn");
}

/**
 * @param {string} text
 * @param {Mark["mood"]} mood
 * @returns {Mark}
 */
function mark(text, mood) {
  return { text, mood };
}

/**
 * @param {string} id
 * @param {string} text
 */
function show(id, text) {
  setText(element(`#${id}`), text);
}

/** @param {string} selector */
function element(selector) {
  return find(document, selector, HTMLElement);
}
