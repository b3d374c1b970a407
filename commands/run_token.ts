/**
 * `verbena token`, carried out.
 *
 * @module
 */
import { ALGORITHMS, generateKey, type JsonKey, MAX_KEYS, mintToken, parseKeySet } from "../src/access/mod.ts";
import { ConfigError, reasonOf } from "../src/rdma/errors.ts";
import { readKeySet, readRevoked } from "./access_files.ts";
import type { Arguments, Context } from "./command.ts";
import { readFileOf } from "./config/file.ts";
import { ACCESS_SETTINGS } from "./config/serve_settings.ts";
import { find } from "./config/settings.ts";
import { parseChoice } from "./values.ts";

/** Seconds of each unit of time. */
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
/** The longest that a token is good for, in seconds: ten years. */
const LONGEST = 3_650 * 86_400;

/** Signs a token and prints it. Throws ConfigError. */
export async function createToken(given: Arguments, context: Context): Promise<void> {
  const scopes = given.values("scope");
  if (scopes.length === 0) throw new ConfigError("--scope is missing: say what the token allows, --scope needle:read");
  const expires = parseTime("expires", given.value("expires") ?? "1h", 1);
  const notBefore = parseTime("not-before", given.value("not-before") ?? "0s", 0);
  if (notBefore >= expires) throw new ConfigError("--not-before: the token would be over before it is taken");
  const keys = await readKeySet(await fileOf("keyFile", given, context));
  const now = Date.now();
  const { token, id } = await mintToken(keys, { scopes, subject: given.value("subject"), expires, notBefore, now });
  if (!given.has("json")) return context.print(token);
  const until = new Date((Math.floor(now / 1000) + expires) * 1000).toISOString();
  context.print(JSON.stringify({ token, id, scopes, subject: given.value("subject"), expires: until }));
}

/** Makes a key, which comes first in the key file and signs from then on. Throws ConfigError. */
export async function addKey(given: Arguments, context: Context): Promise<void> {
  const algorithm = parseChoice("algorithm", given.value("algorithm") ?? ALGORITHMS[0], ALGORITHMS);
  const path = await fileOf("keyFile", given, context);
  const present = await readTextOf(path);
  let keys: JsonKey[] = [];
  if (present !== undefined) {
    await readKeySet(path);
    keys = JSON.parse(present).keys;
    if (keys.length >= MAX_KEYS) {
      throw new ConfigError(`keyFile ${path}: it has ${keys.length} keys; take old ones out`);
    }
  }
  const key = await generateKey(algorithm);
  const text = `${JSON.stringify({ keys: [key, ...keys] }, undefined, 2)}\n`;
  await parseKeySet(text); // what is written can be read
  await replaceFile(path, text, 0o600);
  if (given.has("json")) context.print(JSON.stringify({ kid: key.kid, algorithm, file: path, keys: keys.length + 1 }));
  else context.print(`${path}: key ${key.kid} (${algorithm}) signs from now on, the first of ${keys.length + 1}`);
}

/** Adds a token's id to the revocation list. Throws ConfigError. */
export async function revokeToken(text: string, given: Arguments, context: Context): Promise<void> {
  const path = await fileOf("revoked", given, context);
  const id = await idOf(text);
  const present = await readTextOf(path) ?? "";
  const known = present === "" ? new Set<string>() : await readRevoked(path);
  if (!known.has(id)) {
    const { mode } = present === "" ? { mode: 0o644 } : await Deno.stat(path);
    await replaceFile(path, `${present}${present === "" || present.endsWith("\n") ? "" : "\n"}${id}\n`, mode ?? 0o644);
  }
  if (given.has("json")) {
    context.print(JSON.stringify({ id, file: path, revoked: known.size + (known.has(id) ? 0 : 1) }));
  } else context.print(known.has(id) ? `${path}: ${id} was there already` : `${path}: ${id}`);
}

/** The id of a token, or the id itself. Throws ConfigError, which never shows the token. */
async function idOf(text: string): Promise<string> {
  if (!text.includes(".")) {
    if (/^[^\s#]{1,256}$/.test(text)) return text;
    throw new ConfigError(`revoke: got ${JSON.stringify(text.slice(0, 64))}, want a token or its id`);
  }
  const { decodeJwt } = await import("jose");
  try {
    const { jti } = decodeJwt(text);
    if (jti !== undefined && /^[^\s#]{1,256}$/.test(jti)) return jti;
  } catch {
    // Said below.
  }
  throw new ConfigError("revoke: the token is not well formed, or has no id");
}

/** The file that flag, environment or configuration names. Throws ConfigError where none does. */
async function fileOf(name: "keyFile" | "revoked", given: Arguments, { environment }: Context): Promise<string> {
  const setting = ACCESS_SETTINGS[name];
  const near = find(setting, { given, environment });
  const file = near.texts.length > 0 ? undefined : await readFileOf(given.value("config"), environment);
  const path = (file === undefined ? near : find(setting, { given, environment, file })).texts[0];
  if (path !== undefined) return path;
  throw new ConfigError(`--${setting.flag} is missing; ${setting.variable} and access.${setting.key} may name it, too`);
}

/** A time in seconds, `90s`, `15m`, `1h`, `30d`. Throws ConfigError that names the flag. */
function parseTime(flag: string, text: string, least: number): number {
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNITS[unit] ?? NaN);
  if (seconds >= least && seconds <= LONGEST) return seconds;
  throw new ConfigError(`--${flag}: got ${JSON.stringify(text)}, want ${least}s to 3650d, as in 90s, 15m, 1h or 30d`);
}

async function readTextOf(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new ConfigError(`${path}: ${reasonOf(error)}`);
  }
}

/** Puts a file in the place of one that may be there, whole or not at all. Throws ConfigError. */
async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const partial = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.writeTextFile(partial, text, { mode, createNew: true });
    await Deno.rename(partial, path);
  } catch (error) {
    await Deno.remove(partial).catch(() => {});
    throw new ConfigError(`${path}: ${reasonOf(error)}`);
  }
}
