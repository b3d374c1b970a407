/**
 * A test from the moment on when the two sides know each other's keys and are connected, over verbs.
 *
 * @module
 */
import type { Keys } from "./keys.ts";
import type { Loop, LoopOptions } from "./loop.ts";
import { bandwidthOf, latencyOf } from "./result.ts";
import type { Bandwidth } from "./result.ts";
import type { Summary } from "../rdma/samples.ts";
import type { Session } from "./session.ts";
import type { VerbsLink } from "./verbs_link.ts";
import { ReadLoop, ReceiveLoop, SendPingPong, StreamLoop, WritePingPong } from "./verbs_loops.ts";

/** What was measured; null on a side that only lent its memory. */
export type Measurement = { microseconds: Summary | null } | { bandwidth: Bandwidth | null };

/** Measures, and says good-bye. Throws VerbsError. */
export async function measureOverVerbs(
  session: Session,
  link: VerbsLink,
  peer: Keys,
  options: LoopOptions,
): Promise<Measurement> {
  const measurement = session.plan.kind === "latency"
    ? { microseconds: await latency(session, link, peer, options) }
    : { bandwidth: await bandwidth(session, link, peer, options) };
  await session.close();
  return measurement;
}

async function latency(
  session: Session,
  link: VerbsLink,
  peer: Keys,
  options: LoopOptions,
): Promise<Summary | null> {
  const { plan, role } = session;
  if (plan.verb === "send") {
    using loop = new SendPingPong(link, role, peer);
    await session.begin(() => loop.postReceives());
    await loop.run(options);
    return latencyOf(loop.times, 2);
  }
  if (plan.verb === "write") {
    using loop = new WritePingPong(link, role, peer);
    await session.begin(() => {});
    await loop.run(options);
    return latencyOf(loop.times, 2);
  }
  await session.begin(() => {});
  if (role === "server") return null;
  using loop = new ReadLoop(link, peer);
  await loop.run(options);
  return latencyOf(loop.times, 1);
}

async function bandwidth(
  session: Session,
  link: VerbsLink,
  peer: Keys,
  options: LoopOptions,
): Promise<Bandwidth | null> {
  const { plan, role } = session;
  if (role === "server" && plan.verb === "send") {
    using loop = new ReceiveLoop(link, peer);
    await session.begin(() => loop.postReceives());
    return await run(loop, link, options);
  }
  await session.begin(() => {});
  let measured: Bandwidth | null = null;
  if (role === "client") {
    using loop = new StreamLoop(link, peer);
    measured = await run(loop, link, options);
  }
  if (plan.reports) {
    const { mebibytes: average, megamessages: rate } = measured ?? { mebibytes: 0, megamessages: 0 };
    await session.report({ ...link.sizes, peak: average, average, rate });
  }
  return measured;
}

async function run(
  loop: Loop & { readonly elapsed: number },
  { sizes: { size, iterations } }: VerbsLink,
  options: LoopOptions,
): Promise<Bandwidth> {
  await loop.run(options);
  return bandwidthOf(size, iterations, loop.elapsed);
}
