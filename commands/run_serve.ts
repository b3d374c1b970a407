/**
 * `verbena serve`, carried out.
 *
 * @module
 */
import { createApp, createLog, type Log } from "../routes/app.ts";
import { curlLines } from "../routes/home.ts";
import { formatAddress } from "../src/rdma/address.ts";
import { ProviderRegistry } from "../src/rdma/registry.ts";
import type { Context } from "./command.ts";
import { NO_CONFIG } from "./config/smb.ts";
import { serveHttp } from "./http.ts";
import { type OpenReader, openReader } from "./open_reader.ts";
import { engineLog, providers } from "./providers.ts";
import type { ServeOptions } from "./serve_options.ts";
import type { SmbPool } from "./smb_pool.ts";

/** Serves the HTTP API until the process is asked to stop, and then finishes the reads in progress. */
export async function serve(
  options: ServeOptions,
  context: Context,
  open: (options: ServeOptions, version: string, log: Log) => Promise<OpenReader> = openReader,
): Promise<void> {
  const log = createLog({ level: options.logLevel, write: context.report });
  await using smb = await openSmb(options, context, log);
  await using opened = await open(options, context.version, log);
  const { reader, samples } = opened;
  const limits = { readTimeout: options.timeout, maxReads: options.maxSessions };
  const app = createApp({ reader, samples, version: context.version, log, limits, smb });
  const finished = await serveHttp((request, bindings) => app.fetch(request, bindings), {
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

/** The SMB servers that are configured; undefined where none is. Throws ConfigError. */
async function openSmb(options: ServeOptions, context: Context, log: Log): Promise<SmbPool | undefined> {
  if (options.smb === undefined) return undefined;
  const { openPool } = await import("./smb_pool.ts");
  const registry = new ProviderRegistry(providers(options));
  const pool = await openPool(options.smb, context.environment, registry, engineLog(log));
  options.reload?.onReload(({ options: { smb = NO_CONFIG } }) => pool.replace(smb));
  return pool;
}
