/**
 * What the tests of hostile servers share: sound messages that are changed, and what must hold of a connection's end.
 *
 * @module
 */
import { VerbenaError } from "../../../src/rdma/errors.ts";
import { assert } from "../../assert.ts";
import { Random } from "../../random.ts";
import { viewOf } from "../wire/bytes.ts";
import type { Stage } from "./fake_transport.ts";

/** The reason for which tests give a request up. */
export const REASON = "given up by the test";

const NUMBERS = [0, 1, 4, 7, 8, 9, 24, 64, 80, 0xff, 0x103, 0xffff, 0x7fff_ffff, 0xffff_fff8, 0xffff_ffff];
const WIDTHS = [1, 2, 4] as const;

/** Whether something happens that does once in `times`. */
export function once(random: Random, times: number): boolean {
  return random.below(times) === 0;
}

/** A number that a hostile server may like. */
export function hostileNumber(random: Random): number {
  if (once(random, 2)) return random.pick(NUMBERS);
  return once(random, 2) ? random.below(200) : random.next();
}

/** The message as it is, or with up to three fields overwritten, or cut. */
export function mutated(message: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const bytes = message.slice(0, once(random, 16) ? random.below(300) : message.length);
  if (once(random, 2)) return bytes;
  const view = viewOf(bytes);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(once(random, 2) ? 120 : 600);
    const width = random.pick(WIDTHS);
    if (at + width > bytes.length) continue;
    const number = hostileNumber(random);
    if (width === 1) view.setUint8(at, number);
    else if (width === 2) view.setUint16(at, number, true);
    else view.setUint32(at, number, true);
  }
  return bytes;
}

/**
 * Runs `attempt` with one case after another, each of which can be had again by its own seed: `SEED=…` and `FUZZ_RUNS=1`.
 *
 * @param runs How many cases.
 */
export async function torment(what: string, runs: number, attempt: (random: Random) => Promise<void>): Promise<void> {
  const { seed } = Random.fromEnvironment(what);
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // they take longer than all else
  try {
    for (let run = 0; run < runs; run++) {
      const own = (seed + run) >>> 0;
      await attempt(new Random(own)).catch((cause) => {
        throw new Error(`${what}: SEED=${own} FUZZ_RUNS=1 repeats it`, { cause });
      });
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Fails unless every promise ends by itself, once the connection has, with a value or an error made on purpose. */
export async function settle({ exchange }: Stage, promises: readonly Promise<unknown>[]): Promise<void> {
  const settled = Promise.allSettled(promises);
  await exchange.close();
  for (const each of await settled) {
    if (each.status === "fulfilled") continue;
    assert(each.reason instanceof VerbenaError || each.reason === REASON, String(each.reason?.stack ?? each.reason));
  }
}
