/**
 * How hard the fuzzing tests try.
 *
 * @module
 */

/** Cases of each: 100,000, or what the environment's `FUZZ_RUNS` says; `deno task fuzz` says 1,000,000. */
export const FUZZ_RUNS = Number(Deno.env.get("FUZZ_RUNS") ?? 100_000);
