import { DURATION_BOUNDS, Histogram, RecentHistogram } from "../../src/rdma/histogram.ts";
import { assert, assertEquals } from "../assert.ts";

function histogramOf(...seconds: number[]): Histogram {
  const histogram = new Histogram();
  for (const value of seconds) histogram.record(value);
  return histogram;
}

/** The buckets that durations fell in, as bounds and counts of their own. */
function filled(histogram: Histogram): [number, number][] {
  let before = 0;
  return histogram.buckets().flatMap(({ le, count }): [number, number][] => {
    const own = count - before;
    before = count;
    return own === 0 ? [] : [[le, own]];
  });
}

Deno.test("the bounds go up from 10 µs to 10 s", () => {
  assertEquals([DURATION_BOUNDS[0], DURATION_BOUNDS.at(-1), DURATION_BOUNDS.length], [1e-5, 10, 37]);
  for (const [index, bound] of DURATION_BOUNDS.entries()) {
    assert(index === 0 || bound > (DURATION_BOUNDS[index - 1] ?? 0));
  }
});

Deno.test("each bound belongs to the bucket below it, and what is beyond all is counted beyond all", () => {
  for (const bound of DURATION_BOUNDS) assertEquals(filled(histogramOf(bound)), [[bound, 1]]);
  assertEquals(filled(histogramOf(0, 1e-5, 1.000001e-5, 0.05, 10, 10.5, 1e9)), [
    [1e-5, 2],
    [1.5e-5, 1],
    [0.05, 1],
    [10, 1],
    [Infinity, 2],
  ]);
});

Deno.test("buckets count those before them as well, and the last counts all", () => {
  const buckets = histogramOf(0.01, 0.01, 0.02, 20).buckets();
  assertEquals(buckets.length, DURATION_BOUNDS.length + 1);
  assertEquals(buckets.filter(({ le }) => [0.007, 0.01, 0.015, 0.02, 10, Infinity].includes(le)), [
    { le: 0.007, count: 0 },
    { le: 0.01, count: 2 },
    { le: 0.015, count: 2 },
    { le: 0.02, count: 3 },
    { le: 10, count: 3 },
    { le: Infinity, count: 4 },
  ]);
});

Deno.test("count, sum and max are exact", () => {
  const { count, sum, max } = histogramOf(0.25, 0.5, 0.125, 16);
  assertEquals([count, sum, max], [4, 16.875, 16]);
  const empty = new Histogram();
  assertEquals([empty.count, empty.sum, empty.max, empty.quantile(0.99)], [0, 0, 0, 0]);
});

Deno.test("what is no duration counts as none", () => {
  const histogram = histogramOf(-1, NaN, -Infinity, 0);
  assertEquals([histogram.count, histogram.sum, histogram.max, histogram.quantile(1)], [4, 0, 0, 0]);
  assertEquals(filled(histogram), [[1e-5, 4]]);
});

Deno.test("a quantile lies in its bucket in proportion, and never outside what was measured", () => {
  // four in (0.2, 0.3], between 0.21 and 0.29; six in (1, 1.5], all 1.25
  const histogram = histogramOf(0.21, 0.25, 0.26, 0.29, 1.25, 1.25, 1.25, 1.25, 1.25, 1.25);
  const at = (share: number): string => histogram.quantile(share).toFixed(6);
  assertEquals([at(0), at(0.1), at(0.2), at(0.4)], ["0.210000", "0.232500", "0.255000", "0.300000"]);
  // of the upper bucket the least is not kept: its bound stands in
  assertEquals([at(0.7), at(1), at(7)], ["1.125000", "1.250000", "1.250000"]);
});

Deno.test("durations that are all the same are every quantile", () => {
  const histogram = histogramOf(...Array.from({ length: 100 }, () => 0.00042));
  for (const share of [0, 0.5, 0.9, 0.99, 1]) assertEquals(histogram.quantile(share), 0.00042);
  assertEquals([histogramOf(42).quantile(0.5), histogramOf(42, 42).quantile(0.99)], [42, 42]);
});

Deno.test("add() and clear()", () => {
  const sum = histogramOf(1, 2);
  sum.add(histogramOf(0.5, 4));
  sum.add(new Histogram());
  assertEquals([sum.count, sum.sum, sum.max, sum.quantile(0)], [4, 7.5, 4, 0.5]);
  assertEquals(filled(sum), [[0.5, 1], [1, 1], [2, 1], [5, 1]]);
  sum.clear();
  assertEquals([sum.count, sum.sum, sum.max, filled(sum)], [0, 0, 0, []]);
  sum.record(3);
  assertEquals(sum.quantile(0), 3);
});

Deno.test("RecentHistogram forgets a second's durations ten seconds after it began", () => {
  const recent = new RecentHistogram();
  const counts: number[] = [];
  recent.record(0.1, 500);
  recent.record(0.2, 999);
  recent.record(0.3, 1_000);
  for (const now of [1_000, 9_999, 10_000, 10_999, 11_000, 1e9]) counts.push(recent.read(now).count);
  assertEquals(counts, [3, 3, 1, 1, 0, 0]);
  recent.record(0.4, 1e9);
  assertEquals([recent.read(1e9).count, recent.read(1e9).max], [1, 0.4]);
});

Deno.test("RecentHistogram uses a second's place again, and only for its own second", () => {
  const recent = new RecentHistogram();
  for (let second = 0; second < 25; second++) recent.record(second, second * 1_000 + 250);
  const { count, sum, max } = recent.read(24_900);
  assertEquals([count, sum, max], [10, 15 + 16 + 17 + 18 + 19 + 20 + 21 + 22 + 23 + 24, 24]);
});
