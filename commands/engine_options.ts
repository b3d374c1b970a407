/**
 * What `verbena engine` was asked to do, read from its flags, the environment and the configuration file.
 *
 * @module
 */
import { ENGINE_PORT } from "../src/engine/protocol.ts";
import { ConfigError } from "../src/rdma/errors.ts";
import type { Arguments, Context } from "./command.ts";
import { ENGINE_SETTINGS } from "./config/engine_settings.ts";
import { type FileValues, resolve, type ValuesOf } from "./config/settings.ts";
import { type IwarpSetting, withProviderChoice } from "./config/volume_settings.ts";
import type { ProviderChoice } from "./provider_flags.ts";

/** What `verbena engine` was asked to do: the settings of config/engine_settings.ts. It listens, has a socket, or both. */
export interface EngineOptions
  extends ProviderChoice, Omit<ValuesOf<typeof ENGINE_SETTINGS>, keyof ProviderChoice | IwarpSetting> {}

/** Reads flags, environment and file. Throws ConfigError. */
export function engineOptions(
  given: Pick<Arguments, "values">,
  environment: Context["environment"] = () => undefined,
  file?: FileValues,
): EngineOptions {
  const values = withProviderChoice(resolve(ENGINE_SETTINGS, { given, environment, file }));
  const { directories, listen, socket } = values;
  if (directories.length === 0) throw new ConfigError("--dir is missing: name a SeaweedFS volume directory, --dir DIR");
  return { ...values, listen: listen ?? (socket === undefined ? { hostname: "::", port: ENGINE_PORT } : undefined) };
}
