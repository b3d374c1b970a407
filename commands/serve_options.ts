/**
 * What `verbena serve` was asked to do, read from its flags, the environment and the configuration file.
 *
 * @module
 */
import type { Arguments, Context } from "./command.ts";
import { type ConfigFile, readFileOf } from "./config/file.ts";
import { ALL_SETTINGS, type ServeValues } from "./config/serve_settings.ts";
import { resolve } from "./config/settings.ts";
import { type IwarpSetting, withProviderChoice } from "./config/volume_settings.ts";
import type { SmbConfig } from "./config/smb.ts";
import type { ProviderChoice } from "./provider_flags.ts";
import type { Reload } from "./reload.ts";

/** What `verbena serve` was asked to do: the settings of config/serve_settings.ts, and what else the file says. */
export interface ServeOptions extends ProviderChoice, Omit<ServeValues, keyof ProviderChoice | IwarpSetting> {
  /** SMB servers and their settings; undefined where no file names any. */
  readonly smb: SmbConfig | undefined;
  /** Tells of what changes when the process is told to read its configuration anew; undefined where nothing does. */
  readonly reload?: Reload | undefined;
}

/** Reads flags, environment and file. Throws ConfigError that names the flag, variable or key. */
export function serveOptions(
  given: Pick<Arguments, "values">,
  environment: Context["environment"] = () => undefined,
  file?: ConfigFile,
): ServeOptions {
  return {
    ...withProviderChoice(resolve(ALL_SETTINGS, { given, environment, file })),
    smb: file === undefined || file.smb.servers.size === 0 ? undefined : file.smb,
  };
}

/** Likewise, with the file that flag or environment names. */
export async function readServeOptions(given: Arguments, environment: Context["environment"]): Promise<ServeOptions> {
  return serveOptions(given, environment, await readFileOf(given.value("config"), environment));
}
