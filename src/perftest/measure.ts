/**
 * A test from the moment on when the two sides know each other's keys and are connected, whatever moves the bytes.
 *
 * @module
 */
import { formatAddress } from "../rdma/address.ts";
import type { Summary } from "../rdma/samples.ts";
import type { LoopOptions } from "./loop.ts";
import type { PerftestOptions } from "./options.ts";
import { type Bandwidth, bandwidthOf, latencyOf, type PerftestResult } from "./result.ts";
import type { Session } from "./session.ts";

/** A loop that measures; to be disposed once it is over, or will not run. */
interface TestLoop extends Disposable {
  /** Runs it to its end. Throws VerbsError, and the signal's reason. */
  run(options: LoopOptions): Promise<void>;
}

/** A loop that measures latency. */
export interface LatencyLoop extends TestLoop {
  /** When each message left, milliseconds. */
  readonly times: Float64Array<ArrayBuffer>;
}

/** A loop that measures bandwidth. */
export interface BandwidthLoop extends TestLoop {
  /** How long it took, milliseconds. */
  readonly elapsed: number;
}

/** What a loop has whose peer sends. */
export interface Receiver {
  /** Posts the first receives. */
  postReceives(): void;
}

/** Makes the loops of one side, ready to run. */
export interface Loops {
  /** Latency of Sends: one message goes there and back at a time, the client's first. */
  sendPingPong(): LatencyLoop & Receiver;
  /** Latency of Writes, the server's first. */
  writePingPong(): LatencyLoop;
  /** Latency of Reads, which the client alone posts. */
  read(): LatencyLoop;
  /** Bandwidth of what the client posts. */
  stream(): BandwidthLoop;
  /** Bandwidth of Sends, as their receiver sees it. */
  receive(): BandwidthLoop & Receiver;
}

/** Measures over `transport`, and says good-bye. Throws VerbsError, WireError, and the signal's reason. */
export async function measure(
  session: Session,
  loops: Loops,
  transport: string,
  options: PerftestOptions,
): Promise<PerftestResult> {
  const { channel, role, plan } = session;
  const { test, size, iterations } = options;
  const peer = formatAddress(channel.remote);
  const loopOptions = { ...options, call: `${test} with ${peer}` };
  const measured = plan.kind === "latency"
    ? { microseconds: await latency(session, loops, loopOptions) }
    : { bandwidth: await bandwidth(session, loops, loopOptions) };
  await session.close();
  return { test, role, peer, transport, size, iterations, ...measured };
}

/** How a loop is run, and with what sizes. */
type Sized = LoopOptions & PerftestOptions;

async function latency(session: Session, loops: Loops, options: Sized): Promise<Summary | null> {
  const { plan, role } = session;
  if (plan.verb === "send") {
    using loop = loops.sendPingPong();
    await session.begin(() => loop.postReceives());
    await loop.run(options);
    return latencyOf(loop.times, 2);
  }
  if (plan.verb === "write") {
    using loop = loops.writePingPong();
    await session.begin(() => {});
    await loop.run(options);
    return latencyOf(loop.times, 2);
  }
  await session.begin(() => {});
  if (role === "server") return null;
  using loop = loops.read();
  await loop.run(options);
  return latencyOf(loop.times, 1);
}

async function bandwidth(session: Session, loops: Loops, options: Sized): Promise<Bandwidth | null> {
  const { plan, role } = session;
  if (role === "server" && plan.verb === "send") {
    using loop = loops.receive();
    await session.begin(() => loop.postReceives());
    return await run(loop, options);
  }
  await session.begin(() => {});
  let measured: Bandwidth | null = null;
  if (role === "client") {
    using loop = loops.stream();
    measured = await run(loop, options);
  }
  if (plan.reports) {
    const { mebibytes: average, megamessages: rate } = measured ?? { mebibytes: 0, megamessages: 0 };
    const { size, iterations } = options;
    await session.report({ size, iterations, peak: average, average, rate });
  }
  return measured;
}

async function run(loop: BandwidthLoop, options: Sized): Promise<Bandwidth> {
  await loop.run(options);
  return bandwidthOf(options.size, options.iterations, loop.elapsed);
}
