/**
 * iperf3 between two processes: what this machine's TCP can do.
 *
 * @module
 */
import { freePorts, Process, run } from "../test/interop/process.ts";
import { on, type Placement } from "./processors.ts";

/** Bytes a second that iperf3 moves over the loopback interface in `seconds`, `size` bytes in each write. */
export async function iperfRate(size: number, seconds: number, { processors }: Placement): Promise<number> {
  const [port = 0] = freePorts(1);
  const serve = ["-s", "-1", "-p", `${port}`, "--forceflush"];
  await using server = new Process(...on(processors?.[1], "iperf3", serve));
  await server.line(/^Server listening on /);
  const send = ["-c", "127.0.0.1", "-p", `${port}`, "-t", `${seconds}`, "-l", `${size}`, "-J"];
  const { end: { sum_received: received } } = JSON.parse(await run(...on(processors?.[0], "iperf3", send)));
  return received.bits_per_second / 8;
}

/** Why iperf3 cannot be had, with what to do; undefined where it can. */
export async function iperfLacking(): Promise<string | undefined> {
  try {
    await run("iperf3", ["--version"]);
    return undefined;
  } catch {
    return "iperf3 not found: apt-get install iperf3";
  }
}
