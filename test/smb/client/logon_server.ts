/**
 * A server's side of negotiating and logging on, sound unless a test changes what it says.
 *
 * @module
 */
import type { SmbCredentials } from "../../../src/smb/client/credentials.ts";
import { logOn } from "../../../src/smb/client/logon.ts";
import { negotiate } from "../../../src/smb/client/negotiation.ts";
import { resolveSmbSettings, type SmbSettings } from "../../../src/smb/client/settings.ts";
import { deriveSessionKeys, PreauthIntegrity } from "../../../src/smb/security/keys.ts";
import type { SecurityMechanism } from "../../../src/smb/security/mechanism.ts";
import { MessageSigner } from "../../../src/smb/security/signing.ts";
import { encodeNegTokenResp, NegState } from "../../../src/smb/security/spnego_tokens.ts";
import { Command } from "../../../src/smb/wire/header.ts";
import { Dialect, encodeNegotiateResponse, type NegotiateResponse } from "../../../src/smb/wire/negotiate.ts";
import { Cipher, PREAUTH_SHA512, SigningAlgorithm } from "../../../src/smb/wire/negotiate_contexts.ts";
import { encodeSessionSetupResponse } from "../../../src/smb/wire/session.ts";
import { NtStatus } from "../../../src/smb/wire/status.ts";
import { viewOf } from "../wire/bytes.ts";
import { answer, headerOf } from "./answers.ts";
import type { Stage } from "./fake_transport.ts";

/** The session that the server makes. */
export const SESSION = 0x4321n;
/** What both sides know once the user is logged on. */
export const SESSION_KEY = Uint8Array.from({ length: 16 }, (_, index) => index * 3);
const IDENTIFIER = Uint8Array.of(0x2b, 6, 1);
const TOKEN = Uint8Array.of(1, 2, 3);

/** A mechanism that sends three bytes, and is done when three bytes came. */
export class ShortMechanism implements SecurityMechanism {
  readonly identifiers = [IDENTIFIER];
  readonly integrity = false;
  complete = false;
  #started = false;

  get sessionKey(): Uint8Array | undefined {
    return this.complete ? SESSION_KEY : undefined;
  }

  step(received: Uint8Array | undefined): Uint8Array | undefined {
    if (this.#started) this.complete = received?.length === TOKEN.length;
    this.#started = true;
    return this.complete ? undefined : TOKEN;
  }

  sign(): Uint8Array {
    return TOKEN;
  }

  verify(): boolean {
    return false;
  }
}

/** A user whom {@linkcode ShortMechanism} logs on. */
export const USER: SmbCredentials = { name: "ada", mechanisms: () => [new ShortMechanism()] };

/** The message that `encode` writes. */
function bodyOf(encode: (view: DataView, at: number) => number): Uint8Array {
  const bytes = new Uint8Array(1_024);
  return bytes.slice(64, encode(viewOf(bytes), 0));
}

/** A sound answer to NEGOTIATE. */
export function negotiateAnswer(more: Partial<NegotiateResponse> = {}): Uint8Array<ArrayBuffer> {
  const response: NegotiateResponse = {
    securityMode: 1,
    dialect: Dialect.SMB_3_1_1,
    serverGuid: new Uint8Array(16).fill(9),
    capabilities: 0x44,
    maxTransactSize: 1 << 20,
    maxReadSize: 1 << 20,
    maxWriteSize: 1 << 20,
    systemTime: 0n,
    serverStartTime: 0n,
    securityBuffer: new Uint8Array(0),
    contexts: {
      preauth: { hashes: [PREAUTH_SHA512], salt: new Uint8Array(32) },
      ciphers: [Cipher.AES_128_GCM],
      signing: [SigningAlgorithm.AES_GMAC],
    },
    ...more,
  };
  return answer({
    command: Command.NEGOTIATE,
    credits: 5,
    body: bodyOf((view, at) => encodeNegotiateResponse(view, at, response)),
  });
}

/** An answer to SESSION_SETUP. */
export function setupAnswer(
  messageId: number,
  token: Uint8Array,
  status: number = NtStatus.MORE_PROCESSING_REQUIRED,
  sessionFlags = 0,
): Uint8Array<ArrayBuffer> {
  return answer({
    command: Command.SESSION_SETUP,
    messageId,
    status,
    sessionId: SESSION,
    body: bodyOf((view, at) => encodeSessionSetupResponse(view, at, { sessionFlags, securityBuffer: token })),
  });
}

/** The token by which {@linkcode ShortMechanism} is done. */
export const DONE: Uint8Array = encodeNegTokenResp({
  state: NegState.ACCEPT_COMPLETED,
  mechanism: IDENTIFIER,
  token: TOKEN,
});
/** A token that asks it for another. */
export const MORE: Uint8Array = encodeNegTokenResp({
  state: NegState.ACCEPT_INCOMPLETE,
  mechanism: IDENTIFIER,
  token: TOKEN.subarray(1),
});

/** Changes what the server is about to send; the last answer is changed before it is signed. */
export type Change = (message: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/**
 * Answers NEGOTIATE, then SESSION_SETUP twice: more, and done, signed with the session's key. `changes` are for the three
 * answers in turn.
 */
export function serve({ transport }: Stage, changes: readonly (Change | undefined)[] = []): void {
  const preauth = new PreauthIntegrity();
  let turn = 0;
  transport.onSend = (request) => {
    preauth.update(request);
    const { messageId } = headerOf(request);
    const change = changes[turn] ?? ((message) => message);
    let message: Uint8Array<ArrayBuffer>;
    if (turn === 0) message = change(negotiateAnswer());
    else if (turn === 1) message = change(setupAnswer(messageId, MORE));
    else {
      message = change(setupAnswer(messageId, DONE, NtStatus.SUCCESS));
      if (message.length >= 64) {
        const { signing } = deriveSessionKeys(0x311, SESSION_KEY, Cipher.AES_128_GCM, preauth.value);
        new MessageSigner(SigningAlgorithm.AES_GMAC, signing, "server").sign(message);
      }
    }
    turn++;
    preauth.update(message);
    queueMicrotask(() => transport.deliver(message));
  };
}

/** Negotiates and logs on. */
export async function logOnTo(
  { exchange }: Stage,
  credentials: SmbCredentials = USER,
  settings: SmbSettings = {},
): Promise<void> {
  const resolved = resolveSmbSettings(settings);
  const agreement = await negotiate(exchange, resolved, new Uint8Array(16), "nas");
  await logOn(exchange, agreement, resolved, { hostname: "nas", credentials, previousSessionId: 0n });
}
