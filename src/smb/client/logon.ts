/**
 * SESSION_SETUP from the client's side: tokens to and fro, then the session's keys (MS-SMB2 3.2.4.2.3, 3.2.5.3).
 *
 * @module
 */
import { CapabilityError, WireError } from "../../rdma/errors.ts";
import { deriveSessionKeys, sessionKeyOf } from "../security/keys.ts";
import { MessageSigner } from "../security/signing.ts";
import { SpnegoClient } from "../security/spnego_client.ts";
import { MessageOpener, MessageSealer } from "../security/transform.ts";
import { Command } from "../wire/header.ts";
import { Dialect, SecurityMode } from "../wire/negotiate.ts";
import { decodeSessionSetupResponse, encodeSessionSetupRequest, SessionFlag } from "../wire/session.ts";
import { NtStatus } from "../wire/status.ts";
import { allowsGuest, mechanismsOf, nameOfUser, type SmbCredentials } from "./credentials.ts";
import type { Exchange } from "./exchange.ts";
import type { Agreement } from "./negotiation.ts";
import type { Security } from "./security.ts";
import type { ResolvedSettings } from "./settings.ts";

/** Tokens that go to and fro at most. */
const MOST_STEPS = 8;

/** An answer to SESSION_SETUP. */
interface Step {
  readonly done: boolean;
  readonly sessionId: bigint;
  readonly sessionFlags: number;
  readonly token: Uint8Array;
  readonly message: Uint8Array;
  readonly signed: boolean;
}

/** What logs on: who, where, and the session of the same user that the server may forget. */
export interface LogonRequest {
  /** The server's name. */
  readonly hostname: string;
  /** Who. */
  readonly credentials: SmbCredentials;
  /** A session that was lost, or 0. */
  readonly previousSessionId: bigint;
}

/**
 * Logs on; the exchange has the session's security from then on.
 *
 * @throws NtStatusError when the server refuses the user; CapabilityError when it makes a guest of one who asked for
 * more; WireError when an answer breaks a rule or is not signed as it must be.
 */
export async function logOn(
  exchange: Exchange,
  agreement: Agreement,
  settings: ResolvedSettings,
  request: LogonRequest,
): Promise<void> {
  const { hostname, credentials } = request;
  const spnego = new SpnegoClient(agreement.offer, await mechanismsOf(credentials, hostname, Date.now()));
  const preauth = agreement.preauth.fork();
  let token = await spnego.start();
  for (let count = 0; count < MOST_STEPS; count++) {
    const step = await setUp(exchange, agreement, preauth, request, token);
    if (count === 0) exchange.security = withoutKeys(step.sessionId);
    else if (step.sessionId !== exchange.security?.sessionId) {
      throw new WireError("smb2", "SessionId stays the same while a session is set up", step.sessionId);
    }
    const next = step.token.length === 0 && step.done ? undefined : await spnego.next(step.token);
    if (step.done) {
      if (next !== undefined) throw new WireError("spnego", "the server is done when the client is", "it was not");
      exchange.security = securityOf(exchange, agreement, settings, request, spnego, preauth.value, step);
      return;
    }
    if (next === undefined) {
      throw new WireError("spnego", "the client has a token while the server asks for more", "none");
    }
    token = next;
  }
  throw new WireError("spnego", `tokens to and fro are at most ${MOST_STEPS}`, "more");
}

function setUp(
  exchange: Exchange,
  agreement: Agreement,
  preauth: { update(message: Uint8Array): void },
  { hostname, credentials, previousSessionId }: LogonRequest,
  token: Uint8Array,
): Promise<Step> {
  let answer: Uint8Array = token;
  return exchange.call<Step>({
    command: Command.SESSION_SETUP,
    what: `log ${nameOfUser(credentials)} on to ${hostname}`,
    room: 96 + token.length,
    encode: (view, at) =>
      encodeSessionSetupRequest(view, at, {
        flags: 0,
        securityMode: agreement.request.securityMode,
        capabilities: 0,
        previousSessionId,
        securityBuffer: token,
      }),
    sent: (message) => preauth.update(message),
    received: (message, header) => {
      answer = message.slice();
      if (header.status !== NtStatus.SUCCESS) preauth.update(message);
    },
    decode: (view, at, length, header) => {
      const { sessionFlags, securityBuffer } = decodeSessionSetupResponse(view, at, length);
      return {
        done: header.status === NtStatus.SUCCESS,
        sessionId: header.sessionId,
        sessionFlags,
        token: securityBuffer.slice(),
        message: answer,
        signed: (header.flags & 0x8) !== 0,
      };
    },
  });
}

function withoutKeys(sessionId: bigint): Security {
  return { sessionId, signer: undefined, sealer: undefined, opener: undefined, signs: false, encrypts: false };
}

/** The session's keys, and whether its last answer bears their signature. */
function securityOf(
  exchange: Exchange,
  agreement: Agreement,
  settings: ResolvedSettings,
  { hostname, credentials }: LogonRequest,
  spnego: SpnegoClient,
  preauthHash: Uint8Array,
  step: Step,
): Security {
  const { sessionId, sessionFlags } = step;
  const unkeyed = (sessionFlags & (SessionFlag.GUEST | SessionFlag.ANONYMOUS)) !== 0;
  if (unkeyed && !allowsGuest(credentials)) {
    throw new CapabilityError(
      `log ${nameOfUser(credentials)} on to ${hostname}: the server made a guest of the user: ` +
        "check user and password, or ask for guest",
    );
  }
  const { mechanism } = spnego;
  const key = mechanism.sessionKey;
  // a server that knows nothing of the user could else log anybody on, and nothing would be signed from then on
  if (key === undefined && !allowsGuest(credentials)) {
    throw new WireError("spnego", "the log-on ends with a session key", "none");
  }
  if (unkeyed || key === undefined) {
    refuseWithoutKeys(settings, hostname, sessionFlags);
    return withoutKeys(sessionId);
  }
  if (!spnego.complete && step.token.length > 0) throw new WireError("spnego", "the log-on is complete", "it is not");
  const { dialect, cipher, signingAlgorithm, securityMode } = agreement;
  const keys = dialect >= Dialect.SMB_3_0 ? deriveSessionKeys(dialect, key, cipher, preauthHash) : undefined;
  const signer = new MessageSigner(signingAlgorithm, keys?.signing ?? sessionKeyOf(key));
  // servers of 2.x are known that do not sign it; their next answer shows the key
  if (step.signed || dialect >= Dialect.SMB_3_0) signer.verify(step.message);
  const encrypts = (sessionFlags & SessionFlag.ENCRYPT) !== 0 || settings.encryption === "required";
  if (encrypts && (cipher === undefined || keys === undefined)) {
    throw new CapabilityError(`${hostname} asks for encryption and has no cipher that was offered`);
  }
  const sealed = cipher !== undefined && keys !== undefined;
  return {
    sessionId,
    signer,
    sealer: sealed ? new MessageSealer(cipher, keys.clientToServer, sessionId) : undefined,
    opener: sealed
      ? new MessageOpener(cipher, keys.serverToClient, sessionId, exchange.transport.maxReceive)
      : undefined,
    signs: settings.signing === "required" || (securityMode & SecurityMode.SIGNING_REQUIRED) !== 0,
    encrypts,
  };
}

/** A session without keys can keep no promise of integrity. */
function refuseWithoutKeys(settings: ResolvedSettings, hostname: string, sessionFlags: number): void {
  const asked = settings.signing === "required"
    ? "signing"
    : settings.encryption === "required" || (sessionFlags & SessionFlag.ENCRYPT) !== 0
    ? "encryption"
    : undefined;
  if (asked === undefined) return;
  throw new CapabilityError(`${hostname}: a guest's session has no keys, and ${asked} is required: log on as a user`);
}
