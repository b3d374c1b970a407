/**
 * `verbena config`, carried out.
 *
 * @module
 */
import { ConfigError, reasonOf } from "../src/rdma/errors.ts";
import { accessFileChecks } from "./access_files.ts";
import { type Arguments, type Context, SilentFailure } from "./command.ts";
import { type ConfigFile, ConfigProblems, readFileOf } from "./config/file.ts";
import { EVERY_SETTING } from "./config/engine_settings.ts";
import { find, type Setting, type Sources } from "./config/settings.ts";
import type { SmbServerConfig } from "./config/smb.ts";
import { checkFolders } from "./open_serve.ts";
import { serveOptions } from "./serve_options.ts";
import { tableLines } from "./table.ts";

/** What decides a setting. */
interface Decided {
  readonly value: string | readonly string[];
  readonly from: string;
}

/** Prints the file's schema as JSON Schema. */
export async function printSchema(context: Context): Promise<void> {
  const { configJsonSchema } = await import("./config/schema.ts");
  context.print(JSON.stringify(configJsonSchema(), undefined, 2));
}

/** Tells all that is wrong, or else what would be used. Throws SilentFailure of bad usage where anything is wrong. */
export async function checkConfig(path: string | undefined, given: Arguments, context: Context): Promise<void> {
  const json = given.has("json");
  const problems: string[] = [];
  const found = await tried(problems, () => read(path, given, context));
  if (found !== undefined) await checkFound(problems, found);
  if (found === undefined || problems.length > 0) {
    if (json) context.print(JSON.stringify({ problems }, undefined, 2));
    for (const problem of json ? [] : problems) context.report(`verbena config: ${problem}`);
    throw new SilentFailure(`${problems.length} problems`, true);
  }
  const settings = decided(found);
  const servers = [...found.file?.smb.servers ?? []].map(([name, server]): [string, string] => [name, told(server)]);
  if (json) {
    const smb = Object.fromEntries(servers);
    return context.print(JSON.stringify({ file: found.file?.path, settings, smb, problems }, undefined, 2));
  }
  const rows = Object.entries(settings).map(([key, { value, from }]) => [key, [value].flat().join(", ") || "-", from]);
  const shares = servers.map(([name, text]) => [`smb.servers.${name}`, text, `${found.file?.path}`]);
  for (const line of tableLines([["setting", "value", "from"], ...rows, ...shares])) context.print(line);
}

async function read(path: string | undefined, given: Arguments, { environment }: Context): Promise<
  Sources & {
    readonly file: ConfigFile | undefined;
  }
> {
  return { given, environment, file: await readFileOf(path, environment, "") };
}

/** Checks every setting, and then, where they make sense, whatever they name. */
async function checkFound(problems: string[], found: Awaited<ReturnType<typeof read>>): Promise<void> {
  for (const setting of EVERY_SETTING) {
    const { texts, origin } = find(setting, sourcesOf(setting, found));
    await tried(problems, () => setting.read(origin, texts));
  }
  if (problems.length > 0) return;
  const options = serveOptions(found.given, found.environment, found.file);
  for (const check of accessFileChecks(options)) await tried(problems, check);
  await tried(problems, () => checkFolders(options));
  const { smb } = options;
  if (smb === undefined) return;
  const { checkServers } = await import("./smb_pool.ts");
  await tried(problems, () => checkServers(smb));
}

/** What a step gives; undefined, and told among the problems, where it fails. */
async function tried<T>(problems: string[], step: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const each = error instanceof ConfigProblems ? error.problems.map((text) => `${error.file}: ${text}`) : undefined;
    problems.push(...each ?? [reasonOf(error)]);
    return undefined;
  }
}

/** The flags are serve's: an engine's settings are looked at without. */
function sourcesOf({ section }: Setting<unknown>, found: Sources): Sources {
  return section === "engine" ? { ...found, given: { values: () => [] } } : found;
}

function decided(found: Sources): Record<string, Decided> {
  const entries = EVERY_SETTING.map((setting): [string, Decided] => {
    const { texts, origin } = find(setting, sourcesOf(setting, found));
    const [first = "", ...more] = texts.map(withoutPassword);
    const key = `${setting.section}.${setting.key}`;
    return [key, { value: setting.several ? [first, ...more].filter(Boolean) : first, from: shortened(origin) }];
  });
  return Object.fromEntries(entries);
}

// A file's origin ends with the key, which stands beside it.
function shortened(origin: string): string {
  return origin.replace(/: [a-z]+\.[A-Za-z]+$/, "");
}

// A master's URL may have one.
function withoutPassword(text: string): string {
  return text.replace(/(\/\/[^/@:]*):[^/@]*@/, "$1:…@");
}

function told({ host, port, user, domain, logon, passwordFile }: SmbServerConfig): string {
  const who = logon ?? `${domain === undefined ? "" : `${domain}\\`}${user}, password from ${passwordFile}`;
  return `${host}${port === undefined ? "" : `:${port}`} as ${who}`;
}
