/**
 * The options of `verbena serve`, with everything checked that they name, now and each time they are read anew.
 *
 * @module
 */
import { createLog } from "../routes/log.ts";
import { ConfigError } from "../src/rdma/errors.ts";
import { accessRules } from "./access_files.ts";
import type { Arguments, Context } from "./command.ts";
import { type Loaded, Reload } from "./reload.ts";
import { readServeOptions, type ServeOptions } from "./serve_options.ts";

/** Reads the options, and again on each hang-up, which from now on does not end the process. Throws ConfigError. */
export async function openServe(given: Arguments, context: Context): Promise<ServeOptions> {
  const read = (): Promise<ServeOptions> => readServeOptions(given, context.environment);
  const options = await read();
  const log = createLog({ level: options.logLevel, write: context.report });
  const reload = new Reload(options, async () => await load(await read()));
  context.onHangup(() => void reload.run(log));
  return { ...options, reload };
}

/** Reads the files that options name. Throws ConfigError where one is not what it should be. */
export async function load(options: ServeOptions): Promise<Loaded> {
  const access = await accessRules(options);
  if (options.smb !== undefined) {
    const { checkServers } = await import("./smb_pool.ts");
    await checkServers(options.smb);
  }
  return { options, access };
}

/** Throws ConfigError where a folder that options name is none. */
export async function checkFolders({ directories, indexDirectory }: ServeOptions): Promise<void> {
  for (
    const [key, path] of [...directories.map((path) => ["dir", path] as const), ["indexDir", indexDirectory] as const]
  ) {
    if (path === undefined) continue;
    const found = await Deno.stat(path).catch(() => undefined);
    if (found?.isDirectory !== true) throw new ConfigError(`serve.${key} ${path}: there is no such folder`);
  }
}
