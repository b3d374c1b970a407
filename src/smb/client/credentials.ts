/**
 * Who logs on to an SMB server.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { ConfigError } from "../../rdma/errors.ts";
import type { SecurityMechanism } from "../security/mechanism.ts";
import { NtlmClient } from "../security/ntlm_client.ts";

/** A user with a password; or, only when asked for, the server's guest, or nobody. Neither of these can sign or encrypt. */
export type SmbCredentials =
  | {
    /** The user's name. */ readonly user: string;
    /** The password. */ readonly password: string;
    /** The user's domain; none unless said. */ readonly domain?: string;
  }
  | { /** Log on as the server's guest. */ readonly guest: true }
  | { /** Log on as nobody. */ readonly anonymous: true }
  | {
    /** Mechanisms of the caller's making, the best first, for one log-on to `host`. */
    readonly mechanisms: (host: string) => readonly SecurityMechanism[] | Promise<readonly SecurityMechanism[]>;
    /** Whom they log on, for errors. */ readonly name: string;
  };

/** Who it is, for errors. */
export function nameOfUser(credentials: SmbCredentials): string {
  if ("guest" in credentials) return "guest";
  if ("anonymous" in credentials) return "nobody";
  if ("mechanisms" in credentials) return credentials.name;
  return credentials.domain === undefined ? credentials.user : `${credentials.domain}\\${credentials.user}`;
}

/** Whether the server may make a guest of the user. */
export function allowsGuest(credentials: SmbCredentials): boolean {
  return "guest" in credentials || "anonymous" in credentials;
}

/** What logs the user on to `host`; fresh for each log-on. Throws ConfigError. */
export async function mechanismsOf(
  credentials: SmbCredentials,
  host: string,
  nowMs: number,
): Promise<readonly SecurityMechanism[]> {
  if ("mechanisms" in credentials) return await credentials.mechanisms(host);
  const fresh = { targetName: `cifs/${host}`, nowMs, clientChallenge: randomBytes(8), sessionKey: randomBytes(16) };
  if ("anonymous" in credentials) return [new NtlmClient(fresh)];
  if ("guest" in credentials) return [new NtlmClient({ ...fresh, user: "Guest", password: "" })];
  const { user, password, domain } = credentials;
  if (user === "") {
    throw new ConfigError("SMB credentials: the user's name is empty; ask for guest or anonymous instead");
  }
  return [new NtlmClient({ ...fresh, user, password, ...(domain === undefined ? {} : { domain }) })];
}
