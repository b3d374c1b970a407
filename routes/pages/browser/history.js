// @ts-check
/**
 * The last minutes, from one snapshot of the server's counters to the next.
 *
 * @module
 */

/** Seconds that are kept. */
export const KEPT = 300;
/** Seconds between two snapshots from which on nothing is known of what was between. */
const GAP = 5;
/** Seconds that quantiles look back. */
const WINDOW = 10;

/**
 * @typedef {import("../../v1/schemas.ts").SnapshotDocument} Snapshot
 * @typedef {(number | null)[]} Line One value a point; null where nothing is known.
 */

/** What happened from one snapshot to the next, a second each: all lines are of the same length. */
export class History {
  /** When, in seconds since 1970. @type {number[]} */
  times = [];
  /** Bytes. @type {Line} */
  bytes = [];
  /** Bytes that RDMA placed. @type {Line} */
  rdmaBytes = [];
  /** Reads by RDMA. @type {Line} */
  rdma = [];
  /** Reads from an engine on this machine. @type {Line} */
  local = [];
  /** Reads by HTTP. @type {Line} */
  http = [];
  /** Reads that failed. @type {Line} */
  errors = [];
  /** Milliseconds by transport. @type {Map<string, {p50: Line, p90: Line, p99: Line}>} */
  latency = new Map();
  /** The latest snapshot. @type {Snapshot | undefined} */
  latest;
  /** Of reads that succeeded, by transport: how many there were, and when the last of them was seen. @type {Map<string, {count: number, at: number}>} */
  #seen = new Map();

  /**
   * Takes the next snapshot.
   *
   * @param {Snapshot} snapshot
   */
  add(snapshot) {
    const before = this.latest;
    this.latest = snapshot;
    const now = Date.parse(snapshot.time) / 1000;
    const seconds = before === undefined ? 0 : now - Date.parse(before.time) / 1000;
    if (before === undefined || seconds <= 0 || seconds > KEPT || snapshot.uptime < before.uptime) {
      // the first, or the first of another process: there is nothing to compare it with
      if (before !== undefined) this.#clear();
      this.#addLatencies(snapshot, now);
      this.#padLatencies();
      return;
    }
    if (seconds > GAP) this.#push(now - seconds / 2, () => null);
    this.#addPoint(before, snapshot, now, seconds);
    this.#addLatencies(snapshot, now);
    this.#padLatencies();
    const old = this.times.findIndex((time) => time >= now - KEPT);
    if (old > 0) { for (const line of [this.times, ...this.#lines()]) line.splice(0, old); }
  }

  /**
   * The sum of a line over its last points, as many as are known of the last `seconds`.
   *
   * @param {Line} line
   * @param {number} seconds
   * @returns {number}
   */
  sum(line, seconds) {
    return line.slice(-seconds).reduce((/** @type {number} */ sum, value) => sum + (value ?? 0), 0);
  }

  /**
   * The transports that reads succeeded over, the one with the most reads first.
   *
   * @returns {string[]}
   */
  transports() {
    return [...this.#seen].sort(([, a], [, b]) => b.count - a.count).map(([transport]) => transport);
  }

  /**
   * @param {Snapshot} before
   * @param {Snapshot} snapshot
   * @param {number} now
   * @param {number} seconds
   */
  #addPoint(before, snapshot, now, seconds) {
    /** @param {(reads: Snapshot["reads"]) => number} of */
    const rate = (of) => Math.max(0, of(snapshot.reads) - of(before.reads)) / seconds;
    const values = new Map([
      [this.bytes, rate(({ bytes }) => bytes)],
      [this.rdmaBytes, rate(({ rdmaBytes }) => rdmaBytes)],
      [this.rdma, rate(({ rdma }) => rdma)],
      [this.local, rate(({ local }) => local)],
      [this.http, rate(({ http }) => http)],
      [this.errors, rate(({ errors }) => Object.values(errors).reduce((sum, count) => sum + count, 0))],
    ]);
    this.#push(now, (line) => values.get(line) ?? null);
  }

  /**
   * @param {Snapshot} snapshot
   * @param {number} now
   */
  #addLatencies(snapshot, now) {
    for (const { transport, outcome, count, p50, p90, p99 } of snapshot.latency) {
      if (outcome !== "success") continue;
      const seen = this.#seen.get(transport);
      if (seen?.count !== count) this.#seen.set(transport, { count, at: now });
      const lines = this.latency.get(transport) ?? { p50: [], p90: [], p99: [] };
      this.latency.set(transport, lines);
      if (this.times.length === 0) continue;
      this.#padLatencies();
      // quantiles of long ago say nothing of now
      if (now - (seen?.count === count ? seen.at : now) > WINDOW) continue;
      for (
        const [line, value] of /** @type {[Line, number][]} */ ([[lines.p50, p50], [lines.p90, p90], [lines.p99, p99]])
      ) {
        line[this.times.length - 1] = value;
      }
    }
  }

  /** A transport that was not there before, or is no more, has its lines as long as all others. */
  #padLatencies() {
    for (const lines of this.latency.values()) {
      for (const line of Object.values(lines)) while (line.length < this.times.length) line.push(null);
    }
  }

  /**
   * @param {number} time
   * @param {(line: Line) => number | null} valueOf
   */
  #push(time, valueOf) {
    this.times.push(time);
    for (const line of this.#lines()) line.push(valueOf(line));
  }

  #clear() {
    for (const line of [this.times, ...this.#lines()]) line.length = 0;
    this.latency.clear();
    this.#seen.clear();
  }

  /** @returns {Line[]} */
  #lines() {
    const latencies = [...this.latency.values()].flatMap(({ p50, p90, p99 }) => [p50, p90, p99]);
    return [this.bytes, this.rdmaBytes, this.rdma, this.local, this.http, this.errors, ...latencies];
  }
}
