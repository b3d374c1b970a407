/**
 * A Kerberos realm of its own on loopback: MIT's KDC on a port that the system chose, with its database, its keytab and
 * the tickets of its users in a temporary folder. Disposing it ends it and removes the folder.
 *
 * @module
 */
import { eventually, freePorts, Process, run } from "./process.ts";
import { ALICE, BOB, type SmbParameters, type SmbUser } from "./smb_conf.ts";

const REALM = "LAB.TEST";
/** How many times a start is tried: another program may take the port between its choice and its use. */
const STARTS = 3;

/** The running KDC. Its users are ALICE and BOB. */
export class Kdc implements AsyncDisposable {
  #process: Process | undefined;

  private constructor(
    /** The temporary folder of everything. */ readonly folder: string,
    private readonly port: number,
  ) {}

  /** Starts it with a key for each of `services`, `cifs/localhost`; resolves when it gives tickets. */
  static async start(services: readonly string[]): Promise<Kdc> {
    for (let attempt = 1;; attempt++) {
      const kdc = new Kdc(await Deno.makeTempDir({ prefix: "verbena-kdc-" }), freePorts(1)[0] as number);
      try {
        await kdc.#configure();
        await kdc.#fill(services);
        await kdc.#launch();
        return kdc;
      } catch (error) {
        await kdc[Symbol.asyncDispose]();
        if (attempt === STARTS) throw error;
      }
    }
  }

  /** What a program's environment needs to use the realm with the tickets of the last {@linkcode logIn}, and as a service. */
  get environment(): Record<string, string> {
    return {
      KRB5_CONFIG: `${this.folder}/krb5.conf`,
      KRB5CCNAME: `FILE:${this.folder}/tickets`,
      KRB5_KTNAME: `FILE:${this.folder}/keytab`,
      KRB5RCACHENAME: "none:", // it would leave a file of what it has seen
    };
  }

  /** What `[global]` of a Samba needs to know the services' keys, and users by their tickets. */
  get sambaParameters(): SmbParameters {
    return {
      "realm": REALM,
      "kerberos method": "dedicated keytab",
      "dedicated keytab file": `${this.folder}/keytab`,
    };
  }

  /** Gets the user's tickets with the password (kinit). */
  async logIn(user: SmbUser): Promise<void> {
    await run("kinit", [user.name], { env: this.environment, input: `${user.password}\n` });
  }

  /** Throws all tickets away (kdestroy). */
  async logOut(): Promise<void> {
    await run("kdestroy", [], { env: this.environment });
  }

  /** Runs `work` while this process itself has {@linkcode environment}. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    const before = Object.keys(this.environment).map((name) => [name, Deno.env.get(name)] as const);
    for (const [name, value] of Object.entries(this.environment)) Deno.env.set(name, value);
    try {
      return await work();
    } finally {
      for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
  }

  async #configure(): Promise<void> {
    const address = `127.0.0.1:${this.port}`;
    await Deno.writeTextFile(
      `${this.folder}/krb5.conf`,
      `[libdefaults]
  default_realm = ${REALM}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  ${REALM} = {
    kdc = ${address}
  }
`,
    );
    // Samba takes a PAC for Active Directory's, which MIT's is not
    await Deno.writeTextFile(
      `${this.folder}/kdc.conf`,
      `[kdcdefaults]
  kdc_listen = ${address}
  kdc_tcp_listen = ${address}
[realms]
  ${REALM} = {
    database_name = ${this.folder}/principal
    key_stash_file = ${this.folder}/stash
    disable_pac = true
  }
`,
    );
  }

  async #fill(services: readonly string[]): Promise<void> {
    await this.#run("/usr/sbin/kdb5_util", ["create", "-s", "-P", "master"]);
    const queries = [
      ...[ALICE, BOB].map(({ name, password }) => `addprinc -pw "${password}" ${name}`),
      ...services.map((service) => `addprinc -randkey ${service}`),
      `ktadd -k ${this.folder}/keytab ${services.join(" ")}`,
    ];
    for (const query of queries) await this.#run("/usr/sbin/kadmin.local", ["-q", query]);
  }

  async #launch(): Promise<void> {
    const process = new Process("/usr/sbin/krb5kdc", ["-n"], { env: this.#ownEnvironment, name: "krb5kdc" });
    this.#process = process;
    await eventually("krb5kdc takes connections", async () => {
      if (process.running) (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
      return true;
    });
    if (!process.running) throw new Error(`krb5kdc ended:\n${process.tail()}`);
  }

  async #run(command: string, args: string[]): Promise<void> {
    await run(command, args, { env: this.#ownEnvironment });
  }

  get #ownEnvironment(): Record<string, string> {
    return { ...this.environment, KRB5_KDC_PROFILE: `${this.folder}/kdc.conf` };
  }

  /** Ends it; who asks for tickets finds nobody. */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** Ends it and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}
