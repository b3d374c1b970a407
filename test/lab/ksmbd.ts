/**
 * The kernel's SMB server, ksmbd, with SMB Direct on each of the guest's RDMA devices.
 *
 * @module
 */
import { eventually, Process, run } from "../interop/process.ts";

/** Where it takes SMB Direct: the port of iWARP's, as one of the devices speaks that. */
export const SMB_DIRECT_PORT = 5445;

const CONFIGURATION = `[global]
  netbios name = LAB
  workgroup = LAB
  server multi channel support = yes
`;

/** A running ksmbd. There is one in a kernel. */
export class Ksmbd implements AsyncDisposable {
  readonly #daemon: Process;

  private constructor(daemon: Process) {
    this.#daemon = daemon;
  }

  /** Starts it; resolves when it listens for SMB Direct. */
  static async start(): Promise<Ksmbd> {
    await Deno.mkdir("/etc/ksmbd", { recursive: true });
    await Deno.mkdir("/run/ksmbd", { recursive: true });
    await Deno.writeTextFile("/etc/ksmbd/ksmbd.conf", CONFIGURATION);
    await Deno.writeTextFile("/etc/ksmbd/ksmbdpwd.db", "");
    await run("/sbin/modprobe", ["ksmbd"]);
    const ksmbd = new Ksmbd(new Process("/usr/sbin/ksmbd.mountd", ["--nodetach"]));
    try {
      await eventually("ksmbd listens for SMB Direct", async () => {
        const identifiers = await run("rdma", ["resource", "show", "cm_id"]);
        return identifiers.includes(`0.0.0.0:${SMB_DIRECT_PORT}`) || undefined;
      });
      return ksmbd;
    } catch (error) {
      await ksmbd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ends it, and its connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await run("/usr/sbin/ksmbd.control", ["--shutdown"]);
    await this.#daemon.stop();
    await run("/sbin/rmmod", ["ksmbd"]);
  }
}
