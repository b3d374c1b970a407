/**
 * The files that say who may do what: keys of tokens, tokens that were revoked, SeaweedFS's key.
 *
 * @module
 */
import { type AccessRules, type KeySet, parseKeySet } from "../src/access/mod.ts";
import { ConfigError, reasonOf } from "../src/rdma/errors.ts";
import type { ServeOptions } from "./serve_options.ts";

/** Ids in a revocation list, at most. */
const MAX_REVOKED = 100_000;
/** The most characters of an id. */
const MAX_ID = 256;

/** What of the options names these files, and rules. */
type AccessOptions = Pick<ServeOptions, "keyFile" | "revoked" | "readKeyFile" | "anonymous" | "trust" | "allowedHosts">;

/** The rules of a service. Throws ConfigError that names the file in which something is wrong. */
export async function accessRules(options: AccessOptions): Promise<AccessRules> {
  const { keyFile, revoked, readKeyFile, anonymous, trust, allowedHosts } = options;
  return {
    keys: keyFile === undefined ? undefined : await readKeySet(keyFile),
    revoked: revoked === undefined ? new Set() : await readRevoked(revoked),
    seaweedReadKey: readKeyFile === undefined ? undefined : new TextEncoder().encode(await readReadKey(readKeyFile)),
    anonymous,
    trusted: trust,
    allowedHosts,
  };
}

/** The reading of each of these files by itself; each rejects with what {@linkcode accessRules} would. */
export function accessFileChecks({ keyFile, revoked, readKeyFile }: AccessOptions): (() => Promise<unknown>)[] {
  return [
    ...keyFile === undefined ? [] : [() => readKeySet(keyFile)],
    ...revoked === undefined ? [] : [() => readRevoked(revoked)],
    ...readKeyFile === undefined ? [] : [() => readReadKey(readKeyFile)],
  ];
}

/** Reads a key file. Throws ConfigError, also where it holds a secret that everybody on this machine may read. */
export async function readKeySet(path: string): Promise<KeySet> {
  return await named(`keyFile ${path}`, async () => {
    const keys = await parseKeySet(await Deno.readTextFile(path));
    const { mode } = await Deno.stat(path);
    if (keys.signing !== undefined && mode !== null && (mode & 0o007) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(3, "0");
      throw new ConfigError(`others may read or write it (mode ${octal}), and it can sign: chmod 600 ${path}`);
    }
    return keys;
  });
}

/** Reads a revocation list: an id of a token a line; what follows `#` is a remark. Throws ConfigError. */
export async function readRevoked(path: string): Promise<Set<string>> {
  return await named(`revoked ${path}`, async () => {
    const lines = (await Deno.readTextFile(path)).split("\n");
    if (lines.length > MAX_REVOKED) throw new ConfigError(`it has more than ${MAX_REVOKED} lines`);
    const ids = new Set<string>();
    for (const [index, line] of lines.entries()) {
      const id = line.replace(/#.*/, "").trim();
      if (/\s/.test(id) || id.length > MAX_ID) throw new ConfigError(`line ${index + 1}: want one id of a token`);
      if (id !== "") ids.add(id);
    }
    return ids;
  });
}

/** Reads SeaweedFS's `jwt.signing.read.key`. Throws ConfigError. */
export async function readReadKey(path: string): Promise<string> {
  return await named(`readKeyFile ${path}`, async () => {
    const key = (await Deno.readTextFile(path)).trim();
    if (key === "") throw new ConfigError("it is empty");
    return key;
  });
}

async function named<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new ConfigError(`${name}: ${reasonOf(error)}`);
  }
}
