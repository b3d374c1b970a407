/**
 * The settings of `verbena serve`: the one list of its flags, variables and keys.
 *
 * @module
 */
import { LOG_LEVELS } from "../../routes/log.ts";
import { DEFAULT_ANONYMOUS } from "../../src/access/nearby.ts";
import { CRC_MODES, IWARP_PROFILES, parseAddress, parseEngineAddress, PROVIDERS } from "../values.ts";
import { anyText, apiPath, choice, type Kind, locate, network, number, origin, path, text } from "./kinds.ts";
import { many, maybe, one, type ValuesOf } from "./settings.ts";

/** An hour and a day in milliseconds: the longest that timers are set to. */
const HOUR = 3_600_000;
const DAY = 86_400_000;

/** An engine's address; a socket's path is relative to the file that names it. */
const engine: Kind<ReturnType<typeof parseEngineAddress>> = {
  ...text(parseEngineAddress),
  locate: (address, folder) =>
    address.startsWith("unix:") ? `unix:${locate(address.slice("unix:".length), folder)}` : address,
};

/** What `verbena serve` serves, and how. */
export const SERVE_SETTINGS = {
  listen: one("serve.listen", text(parseAddress), {
    value: "HOST:PORT",
    fallback: "127.0.0.1:8081",
    help: "where HTTP listens; port 0: any",
  }),
  directories: many("serve.dir", path, { value: "DIR", help: "serve this SeaweedFS volume directory; repeatable" }),
  indexDirectory: maybe("serve.indexDir", path, {
    value: "DIR",
    help: "where the .idx files are (beside the .dat files)",
  }),
  engines: many("serve.engine", engine, {
    value: "ADDRESS",
    help: "read through this engine, rdma:HOST or unix:PATH; repeatable",
  }),
  masters: many("serve.master", anyText, {
    value: "HOST:PORT",
    help: "for /v1 reads that no engine answers: find a volume server through this master; repeatable",
  }),
  readKeyFile: maybe("serve.readKeyFile", path, {
    value: "FILE",
    live: true,
    help: "SeaweedFS's jwt.signing.read.key, for those reads and for tokens that SeaweedFS signed",
  }),
  provider: one("serve.provider", choice(PROVIDERS), {
    value: "NAME",
    fallback: "auto",
    help: "what moves the bytes: auto, verbs or iwarp",
  }),
  crc: one("serve.crc", choice(CRC_MODES), {
    value: "MODE",
    fallback: "auto",
    help: "CRCs of iWARP frames: auto, on or off",
  }),
  iwarpProfile: one("serve.iwarpProfile", choice(IWARP_PROFILES), {
    value: "NAME",
    fallback: "software",
    help: "whom iWARP frames suit: software or hardware",
  }),
  iwarpKeepalive: one("serve.iwarpKeepalive", number(0, DAY), {
    value: "MS",
    fallback: "30000",
    help: "silence before an iWARP peer is asked for life; 0: never",
  }),
  iwarpTimeout: one("serve.iwarpTimeout", number(0, DAY), {
    value: "MS",
    fallback: "0",
    help: "how long work may stand still over iWARP; 0: for ever",
  }),
  spin: one("serve.spin", number(0, 1_000_000), {
    value: "US",
    fallback: "50",
    help: "how long verbs poll for completions before they sleep",
  }),
  readAhead: one("serve.readAhead", number(0, 1 << 30), {
    value: "BYTES",
    fallback: "1048576",
    help: "read ahead of sequential readers; 0: off",
  }),
  maxSessions: one("serve.maxSessions", number(1, 1_000_000), {
    value: "COUNT",
    fallback: "1000",
    help: "reads in progress at once",
  }),
  timeout: one("serve.timeout", number(1, HOUR), { value: "MS", fallback: "4500", help: "how long one read may take" }),
  grace: one("serve.grace", number(0, HOUR), {
    value: "MS",
    fallback: "5000",
    help: "how long reads in progress are waited for at the end",
  }),
  logLevel: one("serve.logLevel", choice(LOG_LEVELS), {
    value: "LEVEL",
    fallback: "info",
    help: "debug, info, warn or error",
  }),
};

/** Who may do what. */
export const ACCESS_SETTINGS = {
  keyFile: maybe("access.keyFile", path, {
    value: "FILE",
    live: true,
    help: "keys that sign tokens, a JWK Set: verbena token key makes it",
  }),
  revoked: maybe("access.revoked", path, {
    value: "FILE",
    live: true,
    help: "ids of tokens that are not taken any more, one a line",
  }),
  anonymous: many("access.anonymous", apiPath, {
    value: "PATH",
    live: true,
    fallback: DEFAULT_ANONYMOUS,
    help: "what clients nearby get without a token, and all below it; none: nothing; repeatable",
  }),
  trust: many("access.trust", network, {
    value: "CIDR",
    live: true,
    help: "whose clients count as nearby, beside this machine's; repeatable",
  }),
};

/** What HTTP's clients may ask of the service. */
export const HTTP_SETTINGS = {
  cors: many("http.cors", origin, {
    value: "ORIGIN",
    live: true,
    help: "whose web pages may read answers in browsers; repeatable",
  }),
  rate: one("http.rate", number(0, 1_000_000), {
    value: "COUNT",
    live: true,
    fallback: "1000",
    help: "requests a second of one client that is not nearby; 0: any",
  }),
  rateNearby: one("http.rateNearby", number(0, 1_000_000), {
    value: "COUNT",
    live: true,
    fallback: "0",
    help: "requests a second of one client nearby; 0: any",
  }),
  concurrency: one("http.concurrency", number(1, 1_000_000), {
    value: "COUNT",
    live: true,
    fallback: "1024",
    help: "requests under way at once",
  }),
  maxConnections: one("http.maxConnections", number(1, 1_000_000), {
    value: "COUNT",
    live: true,
    fallback: "4096",
    help: "connections at once",
  }),
  maxConnectionsEach: one("http.maxConnectionsEach", number(1, 1_000_000), {
    value: "COUNT",
    live: true,
    fallback: "512",
    help: "connections at once of one client that is not nearby",
  }),
};

/** All of them. */
export const ALL_SETTINGS = { ...SERVE_SETTINGS, ...ACCESS_SETTINGS, ...HTTP_SETTINGS };

/** Their values. */
export type ServeValues = ValuesOf<typeof ALL_SETTINGS>;
