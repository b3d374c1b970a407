/**
 * `verbena serve`, carried out.
 *
 * @module
 */
import { createApp, createLog, type Log } from "../routes/app.ts";
import { Cors } from "../routes/headers.ts";
import { ClientLimits, type ClientRules } from "../routes/limits.ts";
import { loadTelemetry } from "../routes/telemetry.ts";
import { Access, type AccessRules, generateKey, mintToken, parseKeySet } from "../src/access/mod.ts";
import { formatAddress } from "../src/rdma/address.ts";
import { ProviderRegistry } from "../src/rdma/registry.ts";
import { accessRules } from "./access_files.ts";
import type { Context } from "./command.ts";
import { NO_CONFIG } from "./config/smb.ts";
import { firstSteps } from "./curl_lines.ts";
import { serveHttp } from "./http.ts";
import { observe } from "./observe.ts";
import { type OpenReader, openReader } from "./open_reader.ts";
import { engineLog, providers } from "./providers.ts";
import type { ServeOptions } from "./serve_options.ts";
import type { SmbPool } from "./smb_pool.ts";

/** Seconds for which the token of a first try is good. */
const TRIAL = 24 * 3_600;

/** Serves the HTTP API until the process is asked to stop, and then finishes the reads in progress. */
export async function serve(
  options: ServeOptions,
  context: Context,
  open: (options: ServeOptions, version: string, log: Log) => Promise<OpenReader> = openReader,
): Promise<void> {
  const log = createLog({ level: options.logLevel, write: context.report });
  const rules = await accessRules(options);
  await using smb = await openSmb(options, context, log);
  await using opened = await open(options, context.version, log);
  const { reader, samples, servers } = opened;
  const trial = samples.length > 0 && rules.keys === undefined ? await trialToken() : undefined;
  const access = new Access({ ...rules, ...trial?.rules });
  const clients = new ClientLimits(clientRules(options, access));
  const cors = new Cors(options.cors);
  options.reload?.onReload((loaded) => {
    access.replace({ ...loaded.access, ...(loaded.access.keys === undefined ? trial?.rules : {}) });
    clients.replace(clientRules(loaded.options, access));
    cors.replace(loaded.options.cors);
  });
  const app = createApp({
    reader,
    samples,
    version: context.version,
    log,
    limits: { readTimeout: options.timeout, maxReads: options.maxSessions },
    smb,
    access,
    clients,
    cors,
    telemetry: await loadTelemetry(),
    observed: observe({ reader, servers, smb, providers: providers(options) }),
  });
  const finished = await serveHttp((request, bindings) => app.fetch(request, bindings), {
    address: options.listen,
    grace: options.grace,
    limits: clients,
    stop: context.stop,
    log,
    onListening: (address) => {
      const origin = `http://${formatAddress(address)}`;
      context.print(`verbena serve listening on ${origin}`);
      for (const sample of samples.slice(0, 1)) {
        for (const line of firstSteps(origin, sample, trial?.token)) context.print(`  ${line}`);
      }
    },
  });
  await reader.close(finished ? options.grace : 0);
}

/** A key of this run alone, and a token for everything: whoever tries the sample volume has no key file yet. */
async function trialToken(): Promise<{ token: string; rules: Pick<AccessRules, "keys"> }> {
  const keys = await parseKeySet(JSON.stringify({ keys: [await generateKey("EdDSA")] }));
  const { token } = await mintToken(keys, { scopes: ["admin"], subject: "trial", expires: TRIAL, now: Date.now() });
  return { token, rules: { keys } };
}

function clientRules(options: ServeOptions, access: Access): ClientRules {
  const { rate, rateNearby, concurrency, maxConnections, maxConnectionsEach } = options;
  const isNearby = (address: string): boolean => access.isLoopback(address) || access.isTrusted(address);
  return { rate, rateNearby, concurrency, maxConnections, maxConnectionsEach, isNearby };
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
