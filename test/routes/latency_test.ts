import { LatencyBoard, MAX_SERIES } from "../../routes/latency.ts";
import { assertEquals } from "../assert.ts";

/** A board, and the hand that moves its clock, in milliseconds. */
function boardAt(): { board: LatencyBoard; at: (now: number) => void } {
  let elapsed = 0;
  return { board: new LatencyBoard({ elapsed: () => elapsed }), at: (now) => elapsed = now };
}

Deno.test("LatencyBoard sums up each transport and outcome, in order", () => {
  const { board } = boardAt();
  board.record("iwarp", "success", 0.25);
  board.record("http", "success", 2);
  board.record("iwarp", "not-found", 0.5);
  board.record("iwarp", "success", 0.25);
  assertEquals(board.summaries(), [
    { transport: "http", outcome: "success", count: 1, sum: 2, p50: 2000, p90: 2000, p99: 2000, max: 2000 },
    { transport: "iwarp", outcome: "not-found", count: 1, sum: 0.5, p50: 500, p90: 500, p99: 500, max: 500 },
    { transport: "iwarp", outcome: "success", count: 2, sum: 0.5, p50: 250, p90: 250, p99: 250, max: 250 },
  ]);
  assertEquals(board.series().map(({ transport, outcome, all }) => [transport, outcome, all.count]), [
    ["http", "success", 1],
    ["iwarp", "not-found", 1],
    ["iwarp", "success", 2],
  ]);
});

Deno.test("quantiles are of the last ten seconds where there was a read, else of all", () => {
  const { board, at } = boardAt();
  const shown = (): unknown => board.summaries().map(({ count, p50, max }) => [count, p50, max]);
  board.record("iwarp", "success", 8);
  at(20_000);
  assertEquals(shown(), [[1, 8000, 8000]]);
  board.record("iwarp", "success", 1);
  assertEquals(shown(), [[2, 1000, 1000]]);
  at(40_000);
  assertEquals(shown(), [[2, 1000, 8000]]);
});

Deno.test("a board stays bounded whatever names come", () => {
  const { board } = boardAt();
  for (let index = 0; index < 1_000; index++) board.record(`verbs:${index}`, "success", 1);
  board.record("verbs:0", "success", 1);
  board.record("verbs:0", "busy", 1);
  const counts = new Map(board.series().map(({ transport, outcome, all }) => [`${transport} ${outcome}`, all.count]));
  assertEquals([counts.size, counts.get("verbs:0 success"), counts.get("other other")], [MAX_SERIES + 1, 2, 937]);
});

Deno.test("a board with no read has nothing to show", () => {
  assertEquals(boardAt().board.summaries(), []);
});
