/**
 * The flags of every command that serves volumes over RDMA.
 *
 * @module
 */
import type { Flag } from "./command.ts";
import { PROVIDER_FLAGS } from "./provider_flags.ts";

/** The flags. */
export const VOLUME_FLAGS: Readonly<Record<string, Flag>> = {
  "dir": { type: "string", value: "DIR", multiple: true, help: "serve this SeaweedFS volume directory; repeatable" },
  "index-dir": { type: "string", value: "DIR", help: "where the .idx files are (beside the .dat files)" },
  ...PROVIDER_FLAGS,
  "log-level": { type: "string", value: "LEVEL", help: "debug, info, warn or error (info)" },
};
