/**
 * The flags of every command that serves volumes over RDMA.
 *
 * @module
 */
import type { Flag } from "./command.ts";

/** The flags. */
export const VOLUME_FLAGS: Readonly<Record<string, Flag>> = {
  "dir": { type: "string", value: "DIR", multiple: true, help: "serve this SeaweedFS volume directory; repeatable" },
  "index-dir": { type: "string", value: "DIR", help: "where the .idx files are (beside the .dat files)" },
  "provider": { type: "string", value: "NAME", help: "what moves the bytes: auto, verbs or iwarp (auto)" },
  "crc": { type: "string", value: "MODE", help: "CRCs of iWARP frames: auto, on or off (auto)" },
  "log-level": { type: "string", value: "LEVEL", help: "debug, info, warn or error (info)" },
};
