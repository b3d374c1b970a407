/**
 * A real Samba on loopback: Debian's smbd with a configuration, users and state of its own in a temporary folder, on a
 * port that the system chose. It touches nothing of a Samba that the machine has. Disposing it ends it and removes the
 * folder.
 *
 * @module
 */
import { eventually, freePorts, Process, run } from "./process.ts";

/** How many times a start is tried: another program may take the port between its choice and its use. */
const STARTS = 3;

/** A user of SMB. */
export interface SambaUser {
  /** What the client calls itself. */
  readonly name: string;
  /** Its password. */
  readonly password: string;
  /** The account of this machine that it becomes, and whose password this is: one user an account. */
  readonly account: string;
}

/** May do everything. */
export const ALICE: SambaUser = { name: "alice", password: "Wonderland 1865", account: "root" };
/** May do what the modes of files let others do. */
export const BOB: SambaUser = { name: "bob", password: "pässword", account: "nobody" };

/** Lines of smb.conf(5): parameter and value. */
export type SambaParameters = Readonly<Record<string, string>>;

/** How Samba is set up. */
export interface SambaOptions {
  /** Parameters of `[global]`, over those it needs to run here. */
  global?: SambaParameters;
  /** Shares by name. Writable, in a folder of its own each, unless their parameters say else. Default one, `share`. */
  shares?: Readonly<Record<string, SambaParameters>>;
  /** Default {@linkcode ALICE} and {@linkcode BOB}. */
  users?: readonly SambaUser[];
}

/** The running Samba. */
export class Samba implements AsyncDisposable {
  #process: Process;

  private constructor(
    /** The temporary folder of everything. */ readonly folder: string,
    /** The port of 127.0.0.1 and [::1] it listens on. */ readonly port: number,
    /** Each share's folder. */ readonly paths: ReadonlyMap<string, string>,
  ) {
    this.#process = this.#launch();
  }

  /** Starts it; resolves when it takes connections. */
  static async start(options: SambaOptions = {}): Promise<Samba> {
    for (let attempt = 1;; attempt++) {
      const folder = await Deno.makeTempDir({ prefix: "verbena-samba-" });
      await Deno.chmod(folder, 0o755); // who is not root goes through it to the shares
      const port = freePorts(1)[0] as number;
      const users = options.users ?? [ALICE, BOB];
      const shares = Object.entries(options.shares ?? { share: {} });
      const paths = new Map(shares.map(([name, parameters]) => [name, parameters["path"] ?? `${folder}/${name}`]));
      for (const path of [...paths.values(), `${folder}/private`]) await Deno.mkdir(path, { recursive: true });
      for (const [name, parameters] of shares) {
        if (parameters["path"] === undefined) await Deno.chmod(`${folder}/${name}`, 0o777);
      }
      const sections = shares.map(([name, parameters]) =>
        section(name, { "path": `${folder}/${name}`, "read only": "no", ...parameters })
      );
      const global = section("global", { ...necessities(folder, port), ...options.global });
      await Deno.writeTextFile(`${folder}/smb.conf`, [global, ...sections].join("\n"));
      await Deno.writeTextFile(
        `${folder}/users.map`,
        users.map((user) => `${user.account} = "${user.name}"\n`).join(""),
      );
      for (const user of users) await addUser(folder, user);
      const samba = new Samba(folder, port, paths);
      try {
        await samba.#ready();
        return samba;
      } catch (error) {
        await samba[Symbol.asyncDispose]();
        if (attempt === STARTS) throw error;
      }
    }
  }

  /** A share's folder. */
  path(share = "share"): string {
    const path = this.paths.get(share);
    if (path === undefined) throw new Error(`Samba has no share ${share}`);
    return path;
  }

  /** What it has logged. */
  get log(): readonly string[] {
    return this.#process.stdout;
  }

  /** Ends it with no word to its clients: their connections are cut. */
  async kill(): Promise<void> {
    // those that serve a connection end when their parent has
    const children = await new Deno.Command("pgrep", { args: ["-P", String(this.#process.pid)] }).output();
    await this.#process.stop("SIGKILL");
    const left = new TextDecoder().decode(children.stdout).split("\n").filter((pid) => pid !== "");
    await eventually("smbd's processes end", async () => {
      const states = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", left.join() || "0"] }).output();
      const alive = new TextDecoder().decode(states.stdout).split("\n").filter((state) => /^[^Z]/.test(state));
      return alive.length === 0 || undefined;
    });
  }

  /** Starts it again after {@linkcode kill}: the same port, users and files. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = this.#launch();
    await this.#ready();
  }

  #launch(): Process {
    const args = ["--foreground", "--no-process-group", "--debug-stdout", `--configfile=${this.folder}/smb.conf`];
    return new Process("/usr/sbin/smbd", args, { cwd: this.folder, name: "smbd" });
  }

  async #ready(): Promise<void> {
    await eventually("smbd takes connections", async () => {
      if (!this.#process.running) return true;
      (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
      return true;
    });
    if (!this.#process.running) throw new Error(`smbd ended:\n${this.#process.tail()}`);
  }

  /** Ends it and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What smbd needs to stand alone beside any other. */
function necessities(folder: string, port: number): SambaParameters {
  return {
    "server role": "standalone server",
    "workgroup": "LAB",
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

function section(name: string, parameters: SambaParameters): string {
  return [`[${name}]`, ...Object.entries(parameters).map(([key, value]) => `  ${key} = ${value}`), ""].join("\n");
}

async function addUser(folder: string, user: SambaUser): Promise<void> {
  const args = ["-c", `${folder}/smb.conf`, "-a", "-s", user.account];
  await run("smbpasswd", args, { input: `${user.password}\n${user.password}\n` });
}
