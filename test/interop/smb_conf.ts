/**
 * What Samba's smb.conf(5) and ksmbd.conf(5) have in common, and the users of both servers.
 *
 * @module
 */

/** Parameters and values. */
export type SmbParameters = Readonly<Record<string, string>>;

/** How a server is set up. */
export interface SmbConf {
  /** Parameters of `[global]`, over those that the server needs where it runs. */
  global?: SmbParameters;
  /** Shares by name: writable, and each in a folder of its own unless it has a `path`. Default one, `share`. */
  shares?: Readonly<Record<string, SmbParameters>>;
}

/** A user of a server. */
export interface SmbUser {
  /** What the client calls itself. */
  readonly name: string;
  /** Its password. */
  readonly password: string;
}

/** May do everything. */
export const ALICE: SmbUser = { name: "alice", password: "Wonderland 1865" };
/** May do what the modes of files let others do. */
export const BOB: SmbUser = { name: "bob", password: "pässword" };

/**
 * Writes a server's file, and makes the folders of its shares in `folder`; each share's folder.
 *
 * @param necessities Parameters of `[global]` and of every share that are there unless `conf` says else.
 */
export async function writeConf(
  file: string,
  folder: string,
  necessities: { readonly global: SmbParameters; readonly share: SmbParameters },
  conf: SmbConf,
): Promise<ReadonlyMap<string, string>> {
  const lines = section("global", { ...necessities.global, ...conf.global });
  const paths = new Map<string, string>();
  await Deno.chmod(folder, 0o755); // who is not root goes through it
  for (const [name, parameters] of Object.entries(conf.shares ?? { share: {} })) {
    const path = parameters["path"] ?? await makeFolder(`${folder}/${name}`);
    paths.set(name, path);
    lines.push(...section(name, { "read only": "no", ...necessities.share, ...parameters, path }));
  }
  await Deno.writeTextFile(file, lines.join("\n") + "\n");
  return paths;
}

/** The folder of a share in what {@linkcode writeConf} gave. */
export function shareFolder(paths: ReadonlyMap<string, string>, share: string): string {
  const path = paths.get(share);
  if (path === undefined) throw new Error(`there is no share ${share}`);
  return path;
}

function section(name: string, parameters: SmbParameters): string[] {
  return [`[${name}]`, ...Object.entries(parameters).map(([key, value]) => `  ${key} = ${value}`)];
}

async function makeFolder(path: string): Promise<string> {
  await Deno.mkdir(path);
  await Deno.chmod(path, 0o777);
  return path;
}
