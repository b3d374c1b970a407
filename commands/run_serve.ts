/**
 * `verbena serve`, carried out.
 *
 * @module
 */
import { createApp, createLog, type Log, type Sample } from "../routes/app.ts";
import { curlLines } from "../routes/home.ts";
import type { NeedleReader } from "../src/engine/reader.ts";
import { CapabilityError } from "../src/rdma/errors.ts";
import type { Context } from "./command.ts";
import { serveHttp } from "./http.ts";
import type { ServeOptions } from "./serve.ts";
import { formatAddress } from "./values.ts";

/** A reader that is open, and what is known to be behind it. */
export interface OpenReader extends AsyncDisposable {
  /** The reader. */
  readonly reader: NeedleReader;
  /** Needles that are there to be tried; none where the volumes are someone else's. */
  readonly samples: readonly Sample[];
}

/** Opens what the options name: engines elsewhere, an engine of this process, or the sample volume. */
export function openReader(options: ServeOptions, _log: Log): Promise<OpenReader> {
  return Promise.reject(
    new CapabilityError(`${formatAddress(options.listen)}: this build has no engine to read through`),
  );
}

/** Serves the HTTP API until the process is asked to stop, and then finishes the reads in progress. */
export async function serve(
  options: ServeOptions,
  context: Context,
  open: (options: ServeOptions, log: Log) => Promise<OpenReader> = openReader,
): Promise<void> {
  const log = createLog({ level: options.logLevel, write: context.report });
  await using opened = await open(options, log);
  const { reader, samples } = opened;
  const limits = { readTimeout: options.timeout, maxReads: options.maxSessions };
  const app = createApp({ reader, samples, version: context.version, log, limits });
  const finished = await serveHttp((request) => app.fetch(request), {
    address: options.listen,
    grace: options.grace,
    stop: context.stop,
    log,
    onListening: (address) => {
      const origin = `http://${formatAddress(address)}`;
      context.print(`verbena serve listening on ${origin}`);
      for (const { fileId, size } of samples.slice(0, 1)) {
        for (const line of curlLines(origin, fileId, size)) context.print(`  ${line}`);
      }
    },
  });
  await reader.close(finished ? options.grace : 0);
}
