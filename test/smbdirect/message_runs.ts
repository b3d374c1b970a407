/**
 * Runs of messages of many lengths, each different from every other, sent as fast as the peer takes them.
 *
 * @module
 */
import type { SmbDirectConnection } from "../../src/smbdirect/mod.ts";
import { pattern } from "./sides.ts";
import type { Ends } from "./stages.ts";

/** Sends `count` messages each way at once. Throws when one does not arrive in its turn and intact. */
export async function runBothWays({ active, passive }: Ends, count: number): Promise<void> {
  await Promise.all([
    receiveRun(passive, count, 0),
    receiveRun(active, count, 5),
    sendRun(active, count, 0),
    sendRun(passive, count, 5),
  ]);
}

/** The length of the n-th message of a run: between 1 and 2,500, now and then longer. */
function lengthOf(n: number): number {
  const random = Math.imul(n + 1, 0x9e37_79b1) >>> 0;
  return n % 1000 === 999 ? 1 + random % 200_000 : 1 + random % 2500;
}

/** Sends messages `0` to `count` with backpressure. */
async function sendRun(connection: SmbDirectConnection, count: number, seed: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    while (!connection.writable) await connection.ready();
    connection.send(pattern(lengthOf(n), n + seed));
  }
}

/** Fulfilled once messages `0` to `count` have come, in order and intact. */
function receiveRun(connection: SmbDirectConnection, count: number, seed: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let n = 0;
  connection.onMessage = (message) => {
    const expected = pattern(lengthOf(n), n + seed);
    const same = message.length === expected.length && message.every((byte, index) => byte === expected[index]);
    if (!same) reject(new Error(`message ${n} of ${message.length} bytes is not what was sent`));
    if (++n === count) resolve();
  };
  connection.closed.then(() => reject(new Error(`closed after ${n} messages`)));
  return promise;
}
