import { EventParser, type ServerEvent } from "../../routes/pages/browser/events.js";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFrequency,
  formatShare,
  formatSpan,
} from "../../routes/pages/browser/format.js";
import { History, KEPT } from "../../routes/pages/browser/history.js";
import type { SnapshotDocument } from "../../routes/v1/schemas.ts";
import { assert, assertEquals } from "../assert.ts";

/** As people see it: spaces that do not break are spaces. */
function plain(text: string): string {
  return text.replaceAll("\u00a0", " ");
}

Deno.test("sizes have three digits that mean something, in the unit that leaves a whole", () => {
  const sizes = [0, 1, 512, 999, 1000, 1023, 1024, 1536, 10_240, 1_048_575, 1_048_576, 5 * 1024 ** 3, 1e18];
  assertEquals(sizes.map((size) => plain(formatBytes(size))), [
    ...["0 B", "1 B", "512 B", "999 B", "0.977 KiB", "0.999 KiB", "1 KiB", "1.5 KiB", "10 KiB", "1 MiB", "1 MiB"],
    ...["5 GiB", "888 PiB"],
  ]);
});

Deno.test("durations are in µs, ms or s", () => {
  assertEquals(
    [0, 0.0005, 0.158, 0.99949, 0.9996, 2.4812, 999.4, 999.6, 4500, 65_000].map((ms) => plain(formatDuration(ms))),
    [
      ...["0 µs", "0.5 µs", "158 µs", "999 µs", "1 ms", "2.48 ms", "999 ms", "1 s", "4.5 s", "65 s"],
    ],
  );
});

Deno.test("lengths of time have their two largest units", () => {
  assertEquals([0, 0.9, 12, 60, 303, 3600, 15_120, 86_400, 273_600, 1e9].map((seconds) => plain(formatSpan(seconds))), [
    ...["0 s", "0 s", "12 s", "1 min", "5 min 3 s", "1 h", "4 h 12 min", "1 d", "3 d 4 h", "11574 d 1 h"],
  ]);
});

Deno.test("counts, frequencies and shares; all and nothing are said only of all and nothing", () => {
  assertEquals([0, 999, 1000, 12_345.6].map(formatCount), ["0", "999", "1,000", "12,346"]);
  assertEquals([0, 0.25, 9.94, 9.96, 6310.4].map(formatFrequency), ["0/s", "0.3/s", "9.9/s", "10/s", "6,310/s"]);
  const shares: [number, number][] = [[0, 0], [0, 10], [1, 1000], [1, 100], [98, 100], [999, 1000], [10, 10]];
  assertEquals(shares.map(([part, whole]) => plain(formatShare(part, whole))), [
    ...["–", "0 %", "< 1 %", "1 %", "98 %", "> 99 %", "100 %"],
  ]);
});

Deno.test("events are the same wherever their text is cut", () => {
  const text =
    ': hello\nevent: snapshot\ndata: {"a":1}\n\nid: 7\r\ndata: one\r\ndata:two\r\n\r\nevent: empty\n\ndata\n\nretry: 5\rdata: x\r\r';
  const whole: ServerEvent[] = [
    { event: "snapshot", data: '{"a":1}' },
    { event: "message", data: "one\ntwo" },
    { event: "message", data: "" },
    { event: "message", data: "x" },
  ];
  for (let cut = 0; cut <= text.length; cut++) {
    const parser = new EventParser();
    const events = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut)), ...parser.push("\n")];
    assertEquals(events, whole, `cut at ${cut}`);
  }
  const bytewise = new EventParser();
  assertEquals([...text, "\n"].flatMap((character) => bytewise.push(character)), whole);
});

/** A snapshot `second` seconds after some start, with so many reads by RDMA of 100 bytes each. */
function snapshotAt(second: number, reads: number, changes: Partial<SnapshotDocument> = {}): SnapshotDocument {
  return {
    time: new Date(Date.UTC(2026, 0, 2) + second * 1000).toISOString(),
    version: "0.1.0",
    uptime: second,
    reads: {
      requests: reads,
      succeeded: reads,
      rdma: reads,
      local: 0,
      http: 0,
      readAheadHits: 0,
      bytes: reads * 100,
      rdmaBytes: reads * 100,
      inFlight: 0,
      errors: {},
    },
    latency: [{ transport: "iwarp", outcome: "success", count: reads, sum: 1, p50: 1, p90: 2, p99: 3, max: 4 }],
    engines: [],
    connections: [],
    pool: { lentBytes: 0, allocatedBytes: 0, ceiling: 0 },
    http: { requests: {}, inFlight: 0, connections: 0, denied: {}, sessions: 0 },
    devices: [],
    failures: [],
    ...changes,
  };
}

Deno.test("a history has what happened each second, from the second snapshot on", () => {
  const history = new History();
  history.add(snapshotAt(10, 1000));
  assertEquals([history.times.length, history.transports()], [0, ["iwarp"]]);
  history.add(snapshotAt(11, 1010));
  history.add(snapshotAt(13, 1050));
  assertEquals([history.rdma, history.bytes], [[10, 20], [1000, 2000]]);
  assertEquals(history.latency.get("iwarp"), { p50: [1, 1], p90: [2, 2], p99: [3, 3] });
  assertEquals([history.sum(history.rdma, 5), history.sum(history.rdma, 1)], [30, 20]);
});

Deno.test("a history breaks its lines where nothing was heard, and begins anew with another process", () => {
  const history = new History();
  for (const [second, reads] of [[0, 0], [1, 5], [21, 25], [22, 26]] as const) history.add(snapshotAt(second, reads));
  assertEquals(history.rdma, [5, null, 1, 1]);
  assertEquals(history.latency.get("iwarp")?.p50, [1, null, 1, 1]);
  history.add(snapshotAt(23, 3, { uptime: 1 }));
  assertEquals([history.times.length, history.rdma], [0, []]);
  history.add(snapshotAt(24, 4, { uptime: 2 }));
  assertEquals([history.rdma, history.latency.get("iwarp")?.p50], [[1], [1]]);
});

Deno.test("quantiles of long ago are not shown as those of now", () => {
  const history = new History();
  for (let second = 0; second < 30; second++) history.add(snapshotAt(second, Math.min(second, 5)));
  // the last read was seen at second 5; its quantiles hold for ten more
  assertEquals(history.latency.get("iwarp")?.p50, Array.from({ length: 29 }, (_, index) => index + 1 <= 15 ? 1 : null));
});

Deno.test("a history stays bounded, with lines of one length, whatever transports come and go", () => {
  const history = new History();
  for (let second = 0; second < 2 * KEPT; second++) {
    const latency = [{
      transport: `verbs:${second % 7}`,
      outcome: "success",
      count: second,
      sum: 1,
      p50: 1,
      p90: 2,
      p99: 3,
      max: 4,
    }];
    history.add(snapshotAt(second, second, { latency }));
  }
  assertEquals(history.times.length, KEPT + 1);
  const lines = [
    history.bytes,
    history.errors,
    ...[...history.latency.values()].flatMap((lines) => Object.values(lines)),
  ];
  assert(lines.every((line) => line.length === history.times.length));
  assertEquals(history.latency.size, 7);
});
