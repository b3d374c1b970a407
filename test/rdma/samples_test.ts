import { Samples, summarise } from "../../src/rdma/samples.ts";
import { assertEquals } from "../assert.ts";

Deno.test("summarise() gives nearest ranks, and leaves the samples in their order", () => {
  const samples = Float64Array.from({ length: 1_000 }, (_, index) => (index * 7) % 1_000 + 1);
  const { deviation, ...rest } = summarise(samples);
  assertEquals(rest, { count: 1_000, min: 1, median: 500, average: 500.5, p99: 990, p999: 999, max: 1_000 });
  assertEquals(deviation.toFixed(3), "288.675");
  assertEquals([...samples.slice(0, 3)], [1, 8, 15]);
});

Deno.test("summarise() of one sample, and of none", () => {
  const one = { count: 1, min: 3, median: 3, average: 3, deviation: 0, p99: 3, p999: 3, max: 3 };
  assertEquals(summarise(Float64Array.of(3)), one);
  const none = { count: 0, min: 0, median: 0, average: 0, deviation: 0, p99: 0, p999: 0, max: 0 };
  assertEquals(summarise(new Float64Array(0)), none);
});

Deno.test("Samples keeps the latest and counts them all", () => {
  const samples = new Samples(3);
  for (const value of [9, 1, 2, 3]) samples.add(value);
  assertEquals(samples.count, 4);
  const { count, min, median, max } = samples.summary();
  assertEquals([count, min, median, max], [3, 1, 2, 3]);
});
