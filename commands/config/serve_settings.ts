/**
 * The settings of `verbena serve`: the one list of its flags, variables and keys.
 *
 * @module
 */
import { DEFAULT_ANONYMOUS } from "../../src/access/nearby.ts";
import { parseAddress, parseEngineAddress } from "../values.ts";
import { anyText, apiPath, hostName, type Kind, locate, network, number, origin, path, text } from "./kinds.ts";
import { many, maybe, one, type ValuesOf } from "./settings.ts";
import { HOUR, volumeSettings } from "./volume_settings.ts";

/** An engine's address; a socket's path is relative to the file that names it. */
const engine: Kind<ReturnType<typeof parseEngineAddress>> = {
  ...text(parseEngineAddress),
  locate: (address, folder) =>
    address.startsWith("unix:") ? `unix:${locate(address.slice("unix:".length), folder)}` : address,
};

/** What `verbena serve` serves, and how. */
export const SERVE_SETTINGS = {
  ...volumeSettings("serve"),
  listen: one("serve.listen", text(parseAddress), {
    value: "HOST:PORT",
    fallback: "127.0.0.1:8081",
    help: "where HTTP listens; port 0: any",
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
  allowedHosts: many("access.allowedHosts", hostName, {
    value: "NAME",
    live: true,
    help: "public name by which clients nearby may call; repeatable",
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
