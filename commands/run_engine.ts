/**
 * `verbena engine`, carried out.
 *
 * @module
 */
import { CapabilityError } from "../src/rdma/errors.ts";
import type { Context } from "./command.ts";
import type { EngineOptions } from "./engine.ts";
import { formatAddress } from "./values.ts";

/** Serves volume directories until the process is asked to stop. */
export function engine(options: EngineOptions, _context: Context): Promise<void> {
  return Promise.reject(new CapabilityError(`rdma:${formatAddress(options.listen)}: this build has no storage engine`));
}
