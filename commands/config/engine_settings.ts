/**
 * The settings of `verbena engine`: the one list of its flags, variables and keys.
 *
 * @module
 */
import { ENGINE_PORT } from "../../src/engine/protocol.ts";
import { parseAddress } from "../values.ts";
import { number, path, text } from "./kinds.ts";
import { ALL_SETTINGS } from "./serve_settings.ts";
import { maybe, one, type Setting } from "./settings.ts";
import { volumeSettings } from "./volume_settings.ts";

/** What `verbena engine` serves, and how. */
export const ENGINE_SETTINGS = {
  ...volumeSettings("engine"),
  listen: maybe("engine.listen", text((flag, address) => parseAddress(flag, address, ENGINE_PORT)), {
    value: "HOST:PORT",
    help: `where RDMA connections are taken; port 0: any ([::]:${ENGINE_PORT}, with --socket none)`,
  }),
  socket: maybe("engine.socket", path, {
    value: "PATH",
    help: "a Unix socket for this user's processes; without --listen, nothing else is listened on",
  }),
  maxSessions: one("engine.maxSessions", number(1, 1_000_000), {
    value: "COUNT",
    fallback: "1000",
    help: "sessions at once",
  }),
};

/** Every setting that the configuration file has. */
export const EVERY_SETTING: readonly Setting<unknown>[] = [
  ...Object.values(ALL_SETTINGS),
  ...Object.values(ENGINE_SETTINGS),
];
