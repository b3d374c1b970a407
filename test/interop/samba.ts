/**
 * A real Samba on loopback: Debian's smbd with a configuration, users and state of its own in a temporary folder, on a
 * port that the system chose. It touches nothing of a Samba that the machine has. Disposing it ends it and removes the
 * folder.
 *
 * @module
 */
import { eventually, freePorts, Process, run } from "./process.ts";
import { ALICE, BOB, shareFolder, type SmbConf, type SmbParameters, type SmbUser, writeConf } from "./smb_conf.ts";

/** How many times a start is tried: another program may take the port between its choice and its use. */
const STARTS = 3;

const WORKGROUP = "LAB";
/** What each user becomes on this machine. */
const ACCOUNTS: readonly [SmbUser, string][] = [[ALICE, "root"], [BOB, "nobody"]];

/** The running Samba. */
export class Samba implements AsyncDisposable {
  readonly #paths: ReadonlyMap<string, string>;
  #process: Process | undefined;

  private constructor(
    /** The temporary folder of everything. */ readonly folder: string,
    /** The port of 127.0.0.1 and [::1] it listens on. */ readonly port: number,
    paths: ReadonlyMap<string, string>,
  ) {
    this.#paths = paths;
  }

  /** Starts it; resolves when it takes connections. */
  static async start(conf: SmbConf = {}): Promise<Samba> {
    for (let attempt = 1;; attempt++) {
      const folder = await Deno.makeTempDir({ prefix: "verbena-samba-" });
      const port = freePorts(1)[0] as number;
      const necessities = { global: necessitiesOf(folder, port), share: {} };
      const samba = new Samba(folder, port, await writeConf(`${folder}/smb.conf`, folder, necessities, conf));
      try {
        await samba.#addUsers();
        await samba.#launch();
        return samba;
      } catch (error) {
        await samba[Symbol.asyncDispose]();
        if (attempt === STARTS) throw error;
      }
    }
  }

  /** A share's folder. */
  path(share = "share"): string {
    return shareFolder(this.#paths, share);
  }

  /** What it has logged since its start. */
  get log(): readonly string[] {
    return this.#process?.stdout ?? [];
  }

  /** Ends it with no word to its clients: their connections are cut. */
  async kill(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    // those that serve a connection end by themselves when their parent has
    const children = await outputOf("pgrep", ["-P", String(process.pid)]);
    await process.stop("SIGKILL");
    if (children.length === 0) return;
    await eventually("smbd's processes end", async () => {
      const states = await outputOf("ps", ["-o", "stat=", "-p", children.join()]);
      return states.every((state) => state.startsWith("Z")) || undefined;
    });
  }

  /** Stops it and those that serve its connections where they stand; connections are taken, and nothing is answered. */
  async pause(): Promise<void> {
    await this.#signal("STOP");
  }

  /** Lets it go on. */
  async resume(): Promise<void> {
    await this.#signal("CONT");
  }

  /** Starts it again, after {@linkcode kill} or at once: the same port, users and files. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  async #addUsers(): Promise<void> {
    // with Kerberos a user has the workgroup in front
    const lines = ACCOUNTS.map(([{ name }, account]) => `${account} = "${name}" "${WORKGROUP}\\${name}"`);
    await Deno.writeTextFile(`${this.folder}/users.map`, lines.join("\n") + "\n");
    await Deno.mkdir(`${this.folder}/private`);
    for (const [{ password }, account] of ACCOUNTS) {
      const args = ["-c", `${this.folder}/smb.conf`, "-a", "-s", account];
      await run("smbpasswd", args, { input: `${password}\n${password}\n` });
    }
  }

  async #signal(name: "STOP" | "CONT"): Promise<void> {
    const pid = String(this.#process?.pid);
    for (const each of [pid, ...await outputOf("pgrep", ["-P", pid])]) {
      try {
        Deno.kill(Number(each), `SIG${name}`);
      } catch (error) {
        if (each === pid || !(error instanceof Deno.errors.NotFound)) throw error; // it served a connection that is over
      }
    }
  }

  async #launch(): Promise<void> {
    const args = ["--foreground", "--no-process-group", "--debug-stdout", `--configfile=${this.folder}/smb.conf`];
    const process = new Process("/usr/sbin/smbd", args, { cwd: this.folder, name: "smbd" });
    this.#process = process;
    await eventually("smbd takes connections", async () => {
      if (process.running) (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
      return true;
    });
    if (!process.running) throw new Error(`smbd ended:\n${process.tail()}`);
  }

  /** Ends it and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What smbd needs to stand alone beside any other. */
function necessitiesOf(folder: string, port: number): SmbParameters {
  return {
    "server role": "standalone server",
    "workgroup": WORKGROUP,
    "netbios name": "SAMBA",
    "smb ports": String(port),
    "interfaces": "lo",
    "bind interfaces only": "yes",
    "disable netbios": "yes",
    "private dir": `${folder}/private`,
    "lock directory": folder,
    "state directory": folder,
    "cache directory": folder,
    "pid directory": folder,
    "ncalrpc dir": `${folder}/ncalrpc`,
    "log file": `${folder}/log`,
    "passdb backend": `tdbsam:${folder}/private/passdb.tdb`,
    "username map": `${folder}/users.map`,
    "usershare path": "",
    "load printers": "no",
    "disable spoolss": "yes",
    "printcap name": "/dev/null",
    "printing": "bsd",
  };
}

async function outputOf(command: string, args: string[]): Promise<string[]> {
  const { stdout } = await new Deno.Command(command, { args }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}
