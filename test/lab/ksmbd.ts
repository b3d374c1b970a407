/**
 * The kernel's SMB server, ksmbd, with SMB Direct on each of the guest's RDMA devices.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { utf16 } from "../../src/smb/security/ntlm_messages.ts";
import { eventually, Process, run } from "../interop/process.ts";
import { ALICE, BOB, shareFolder, type SmbConf, writeConf } from "../interop/smb_conf.ts";

/** Where it takes SMB Direct: the port of iWARP's, as one of the devices speaks that. */
export const SMB_DIRECT_PORT = 5445;

const CONFIGURATION = "/etc/ksmbd/ksmbd.conf";
const USERS = "/etc/ksmbd/ksmbdpwd.db";
/** Writing "hard" here ends every connection, and forgets all that was open. */
const KILL_SERVER = "/sys/class/ksmbd-control/kill_server";

/** What it needs here. Its users have no accounts: whoever gets in may do everything. */
const NECESSITIES = {
  global: {
    "netbios name": "LAB",
    "workgroup": "LAB",
    "server multi channel support": "yes",
    "durable handles": "yes",
    "smb2 leases": "yes",
  },
  share: { "force user": "root", "force group": "root" },
};

/** A running ksmbd. There is one in a kernel. Its users are ALICE and BOB. */
export class Ksmbd implements AsyncDisposable {
  readonly #folder: string;
  readonly #paths: ReadonlyMap<string, string>;
  #daemon: Process | undefined;

  private constructor(folder: string, paths: ReadonlyMap<string, string>) {
    this.#folder = folder;
    this.#paths = paths;
  }

  /** Starts it; resolves when it listens for SMB Direct. It holds its files in memory, off the guest's layers. */
  static async start(conf: SmbConf = {}): Promise<Ksmbd> {
    await Deno.mkdir("/etc/ksmbd", { recursive: true });
    await Deno.mkdir("/run/ksmbd", { recursive: true });
    const folder = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "ksmbd-" });
    const ksmbd = new Ksmbd(folder, await writeConf(CONFIGURATION, folder, NECESSITIES, conf));
    await Deno.writeTextFile(USERS, [ALICE, BOB].map((user) => `${user.name}:${hashOf(user.password)}\n`).join(""));
    await run("/sbin/modprobe", ["ksmbd"]);
    try {
      await ksmbd.#launch();
      return ksmbd;
    } catch (error) {
      await ksmbd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A share's folder. */
  path(share = "share"): string {
    return shareFolder(this.#paths, share);
  }

  /** Ends it with no word to its clients: it disconnects, answers nothing, and forgets what they had open. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    this.#daemon = undefined;
    await run("bash", ["-c", `echo hard >${KILL_SERVER}`]); // Deno itself may not write in /sys
    await daemon.stop();
  }

  /** Starts it again, after {@linkcode kill} or at once, with the same files. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  async #launch(): Promise<void> {
    const daemon = new Process("ksmbd.mountd", ["--nodetach"]);
    this.#daemon = daemon;
    await eventually("ksmbd listens for SMB Direct", async () => {
      if (!daemon.running) return true;
      const identifiers = await run("rdma", ["resource", "show", "cm_id"]);
      return identifiers.includes(`0.0.0.0:${SMB_DIRECT_PORT}`) || undefined;
    });
    if (!daemon.running) throw new Error(`ksmbd.mountd ended:\n${daemon.tail()}`);
  }

  /** Ends it, and its connections, and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await run("/sbin/rmmod", ["ksmbd"]);
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** A password as its file of users has it. */
function hashOf(password: string): string {
  return createHash("md4").update(utf16(password)).digest("base64");
}
