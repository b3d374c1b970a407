/**
 * NTLMv2 from the client's side (MS-NLMP 3.1.5): no I/O, no clock, no randomness of its own.
 *
 * @module
 */
import { VerbenaError, WireError } from "../../rdma/errors.ts";
import type { SecurityMechanism } from "./mechanism.ts";
import { hmacMd5, NtlmSignatures, respond, responseKey } from "./ntlm_keys.ts";
import {
  decodeChallenge,
  encodeAuthenticate,
  encodeNegotiate,
  INTEGRITY_CODE_OFFSET,
  type NtlmChallenge,
  NtlmFlag,
  utf16,
} from "./ntlm_messages.ts";
import { encodeTargetInfo, NtlmAttribute, type NtlmPair, valueOf } from "./ntlm_target_info.ts";
import { Rc4 } from "./rc4.ts";

/** NTLMSSP's object identifier, 1.3.6.1.4.1.311.2.2.10, as DER content. */
export const NTLMSSP_IDENTIFIER: Uint8Array = Uint8Array.of(0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10);

/** Who logs on, and what one authentication is made of. */
export interface NtlmOptions {
  /** The user's name; absent for anonymous. */
  readonly user?: string;
  /** The password. */
  readonly password?: string;
  /** The user's domain, as it is to be sent; none unless said. */
  readonly domain?: string;
  /** This machine's name; none unless said. */
  readonly workstation?: string;
  /** The service meant, `cifs/host`: the server may refuse what was meant for another. */
  readonly targetName: string;
  /** Milliseconds since 1970, for a server that gives no time of its own. */
  readonly nowMs: number;
  /** 8 random bytes, fresh for each authentication. */
  readonly clientChallenge: Uint8Array;
  /** 16 random bytes, fresh for each authentication, to be the session's key. */
  readonly sessionKey: Uint8Array;
}

const OFFERED = NtlmFlag.UNICODE | NtlmFlag.REQUEST_TARGET | NtlmFlag.SIGN | NtlmFlag.NTLM | NtlmFlag.ALWAYS_SIGN |
  NtlmFlag.EXTENDED_SESSION_SECURITY | NtlmFlag.VERSION | NtlmFlag.KEY_128 | NtlmFlag.KEY_EXCHANGE | NtlmFlag.KEY_56;
/** Less than this is a downgrade. */
const REQUIRED: readonly (keyof typeof NtlmFlag)[] = [
  "UNICODE",
  "NTLM",
  "SIGN",
  "EXTENDED_SESSION_SECURITY",
  "KEY_128",
];
/** MsvAvFlags: the AUTHENTICATE message has an integrity code. */
const HAS_INTEGRITY_CODE = 2;
/** Between 1601 and 1970. */
const EPOCH_MS = 11_644_473_600_000n;

/** A FILETIME of milliseconds since 1970. */
function fileTime(milliseconds: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, (BigInt(Math.trunc(milliseconds)) + EPOCH_MS) * 10_000n, true);
  return new Uint8Array(view.buffer);
}

function checkFlags(flags: number): void {
  for (const name of REQUIRED) {
    if ((flags & NtlmFlag[name]) === 0) {
      throw new WireError("ntlm", `NegotiateFlags of CHALLENGE have ${name}`, `0x${(flags >>> 0).toString(16)}`);
    }
  }
}

/** The server's pairs, and the client's: its flags, no channel bindings, and the service meant (MS-NLMP 3.1.5.1.2). */
function clientTargetInfo(challenge: NtlmChallenge, targetName: string): Uint8Array {
  const own: NtlmPair[] = [
    { id: NtlmAttribute.CHANNEL_BINDINGS, value: new Uint8Array(16) },
    { id: NtlmAttribute.TARGET_NAME, value: utf16(targetName) },
  ];
  if (valueOf(challenge.targetInfo, NtlmAttribute.TIMESTAMP) !== undefined) {
    const flags = new DataView(new ArrayBuffer(4));
    const theirs = valueOf(challenge.targetInfo, NtlmAttribute.FLAGS);
    flags.setUint8(0, (theirs?.[0] ?? 0) | HAS_INTEGRITY_CODE);
    for (let i = 1; i < 4; i++) flags.setUint8(i, theirs?.[i] ?? 0);
    own.unshift({ id: NtlmAttribute.FLAGS, value: new Uint8Array(flags.buffer) });
  }
  const replaced = new Set(own.map(({ id }) => id));
  return encodeTargetInfo([...challenge.targetInfo.filter(({ id }) => !replaced.has(id)), ...own]);
}

/** One authentication by NTLMv2, of a user or of nobody. */
export class NtlmClient implements SecurityMechanism {
  /** NTLMSSP's. */
  readonly identifiers: readonly Uint8Array[] = [NTLMSSP_IDENTIFIER];
  readonly #options: NtlmOptions;
  #negotiate: Uint8Array | undefined;
  #complete = false;
  #sessionKey: Uint8Array | undefined;
  #sent: NtlmSignatures | undefined;
  #received: NtlmSignatures | undefined;

  /** Takes who logs on; without a user it is nobody. */
  constructor(options: NtlmOptions) {
    this.#options = options;
  }

  /** Whether AUTHENTICATE has been made. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Whether there are signatures: not for nobody, whose key everybody knows. */
  get integrity(): boolean {
    return this.#sent !== undefined;
  }

  /** The exported session key, 16 bytes; undefined before AUTHENTICATE, and for nobody. */
  get sessionKey(): Uint8Array | undefined {
    return this.#sessionKey;
  }

  /**
   * NEGOTIATE the first time, then AUTHENTICATE.
   *
   * @throws WireError when the CHALLENGE breaks a rule or would weaken the session.
   */
  step(received: Uint8Array | undefined): Uint8Array | undefined {
    if (this.#negotiate === undefined) return this.#negotiate = encodeNegotiate(OFFERED >>> 0);
    if (this.#complete) {
      if (received === undefined || received.length === 0) return undefined;
      throw new WireError("ntlm", "no token follows AUTHENTICATE", `${received.length} bytes`);
    }
    const challenge = received ?? new Uint8Array(0);
    const decoded = decodeChallenge(challenge);
    const flags = (decoded.flags & (OFFERED | NtlmFlag.TARGET_INFO)) >>> 0;
    const message = this.#options.user === undefined
      ? this.#anonymous(flags)
      : this.#authenticate(this.#negotiate, challenge, decoded, flags, this.#options.user);
    this.#complete = true;
    return message;
  }

  #anonymous(flags: number): Uint8Array {
    return encodeAuthenticate({
      flags: ((flags & ~NtlmFlag.KEY_EXCHANGE) | NtlmFlag.ANONYMOUS) >>> 0,
      lmResponse: new Uint8Array(1),
      ntResponse: new Uint8Array(0),
      domain: "",
      user: "",
      workstation: this.#options.workstation ?? "",
      encryptedSessionKey: new Uint8Array(0),
    });
  }

  #authenticate(
    negotiate: Uint8Array,
    challenge: Uint8Array,
    decoded: NtlmChallenge,
    flags: number,
    user: string,
  ): Uint8Array {
    checkFlags(decoded.flags);
    const { password = "", domain = "", workstation = "", targetName, clientChallenge, nowMs } = this.#options;
    const timestamp = valueOf(decoded.targetInfo, NtlmAttribute.TIMESTAMP);
    const { ntResponse, lmResponse, sessionBaseKey } = respond(
      responseKey(user, password, domain),
      decoded.serverChallenge,
      timestamp ?? fileTime(nowMs),
      clientChallenge,
      clientTargetInfo(decoded, targetName),
    );
    const exchange = (flags & NtlmFlag.KEY_EXCHANGE) !== 0;
    const exported = exchange ? Uint8Array.from(this.#options.sessionKey) : sessionBaseKey;
    const message = encodeAuthenticate({
      flags,
      lmResponse: timestamp === undefined ? lmResponse : new Uint8Array(24),
      ntResponse,
      domain,
      user,
      workstation,
      encryptedSessionKey: exchange ? new Rc4(sessionBaseKey).update(exported) : new Uint8Array(0),
    });
    if (timestamp !== undefined) message.set(hmacMd5(exported, negotiate, challenge, message), INTEGRITY_CODE_OFFSET);
    this.#sessionKey = exported;
    this.#sent = new NtlmSignatures(exported, flags, "client");
    this.#received = new NtlmSignatures(exported, flags, "server");
    return message;
  }

  /**
   * The signature of this side's next message.
   *
   * @throws VerbenaError when there are no keys, {@linkcode integrity}.
   */
  sign(message: Uint8Array): Uint8Array {
    if (this.#sent === undefined) {
      throw new VerbenaError("NTLM has no keys to sign with before AUTHENTICATE or for nobody");
    }
    return this.#sent.sign(message);
  }

  /** Whether `code` is the server's signature of its next message; never for nobody. */
  verify(message: Uint8Array, code: Uint8Array): boolean {
    return this.#received?.verify(message, code) ?? false;
  }
}
