/**
 * The keys of an SMB 3 session from the key that authentication left (MS-SMB2 3.1.4.2, 3.2.5.3.1), and the hash over
 * what was said before (3.1.1's pre-authentication integrity).
 *
 * @module
 */
import { createHash, createHmac } from "node:crypto";
import { ConfigError } from "../../rdma/errors.ts";
import { Cipher } from "../wire/negotiate_contexts.ts";
import { type CipherId, keyLengthOf } from "./ciphers.ts";

/** Bytes of a signing key and of what AES-128 takes. */
const KEY_LENGTH = 16;
/** Bytes of SHA-512. */
const HASH_LENGTH = 64;

/** The keys of a session. Each side encrypts with one of the two and decrypts with the other. */
export interface SessionKeys {
  /** Signs both ways; 16 bytes. Each further channel of a session has its own. */
  readonly signing: Uint8Array;
  /** Encrypts what the client sends; 16 or 32 bytes by the cipher. */
  readonly clientToServer: Uint8Array;
  /** Encrypts what the server sends. */
  readonly serverToClient: Uint8Array;
  /** What applications above SMB ask for; 16 bytes. */
  readonly application: Uint8Array;
}

/**
 * SP 800-108's key derivation in counter mode with HMAC-SHA256 and a 32-bit counter (MS-SMB2 3.1.4.2).
 *
 * @param label With the NUL at its end, where there is one.
 * @param length Bytes to derive, at most 32.
 */
export function deriveKey(key: Uint8Array, label: Uint8Array, context: Uint8Array, length: number): Uint8Array {
  const bits = length * 8;
  const derived = createHmac("sha256", key)
    .update(Uint8Array.of(0, 0, 0, 1)).update(label).update(Uint8Array.of(0)).update(context)
    .update(Uint8Array.of(0, 0, bits >>> 8, bits)).digest();
  return derived.subarray(0, length);
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Labels and contexts of 3.0 and 3.0.2; the space in `ServerIn ` is the specification's. */
const PURPOSES_3_0 = {
  signing: [text("SMB2AESCMAC\0"), text("SmbSign\0")],
  clientToServer: [text("SMB2AESCCM\0"), text("ServerIn \0")],
  serverToClient: [text("SMB2AESCCM\0"), text("ServerOut\0")],
  application: [text("SMB2APP\0"), text("SmbRpc\0")],
} as const;

/** Labels of 3.1.1; the context is the pre-authentication hash. */
const PURPOSES_3_1_1 = {
  signing: text("SMBSigningKey\0"),
  clientToServer: text("SMBC2SCipherKey\0"),
  serverToClient: text("SMBS2CCipherKey\0"),
  application: text("SMBAppKey\0"),
} as const;

/** The SessionKey of MS-SMB2: the first 16 bytes of what authentication left, filled up with zeros. */
export function sessionKeyOf(fullKey: Uint8Array): Uint8Array {
  const key = new Uint8Array(KEY_LENGTH);
  key.set(fullKey.subarray(0, KEY_LENGTH));
  return key;
}

/**
 * The keys of a session of dialect 3.0 or later; 2.0.2 and 2.1 sign with {@linkcode sessionKeyOf} as it is.
 *
 * @param dialect 0x0300, 0x0302 or 0x0311.
 * @param fullKey What authentication left: 16 bytes of NTLM, up to 32 of Kerberos. AES-256 derives from all of it.
 * @param cipher The cipher negotiated; before 3.1.1 always AES-128-CCM.
 * @param preauthHash 3.1.1 only: the pre-authentication hash of the session, or of the channel that is bound to it.
 * @throws ConfigError when there is no hash for 3.1.1, or the dialect derives no keys.
 */
export function deriveSessionKeys(
  dialect: number,
  fullKey: Uint8Array,
  cipher: CipherId = Cipher.AES_128_CCM,
  preauthHash?: Uint8Array,
): SessionKeys {
  const key = sessionKeyOf(fullKey);
  if (dialect === 0x0300 || dialect === 0x0302) {
    const derive = ([label, context]: readonly [Uint8Array, Uint8Array]) => deriveKey(key, label, context, KEY_LENGTH);
    return {
      signing: derive(PURPOSES_3_0.signing),
      clientToServer: derive(PURPOSES_3_0.clientToServer),
      serverToClient: derive(PURPOSES_3_0.serverToClient),
      application: derive(PURPOSES_3_0.application),
    };
  }
  if (dialect !== 0x0311) {
    throw new ConfigError(`SMB dialect 0x${dialect.toString(16)} derives no keys: 3.0 and later do`);
  }
  if (preauthHash?.length !== HASH_LENGTH) {
    throw new ConfigError(
      `SMB 3.1.1 derives keys from a hash of ${HASH_LENGTH} bytes, not ${preauthHash?.length ?? 0}`,
    );
  }
  const length = keyLengthOf(cipher);
  const cipherKey = length > KEY_LENGTH ? fullKey : key;
  return {
    signing: deriveKey(key, PURPOSES_3_1_1.signing, preauthHash, KEY_LENGTH),
    clientToServer: deriveKey(cipherKey, PURPOSES_3_1_1.clientToServer, preauthHash, length),
    serverToClient: deriveKey(cipherKey, PURPOSES_3_1_1.serverToClient, preauthHash, length),
    application: deriveKey(key, PURPOSES_3_1_1.application, preauthHash, KEY_LENGTH),
  };
}

/**
 * 3.1.1's pre-authentication integrity: SHA-512 over the hash so far and the next message, from 64 zeros on (MS-SMB2
 * 3.2.5.2). A connection's takes NEGOTIATE both ways; each session's, or each bound channel's, goes on from a
 * {@linkcode fork} with every SESSION_SETUP but the last answer, the one that says success.
 */
export class PreauthIntegrity {
  #hash: Uint8Array = new Uint8Array(HASH_LENGTH);

  /** The hash so far, 64 bytes. */
  get value(): Uint8Array {
    return this.#hash;
  }

  /** Takes the next message, whole, from its SMB2 header on. */
  update(message: Uint8Array): void {
    this.#hash = createHash("sha512").update(this.#hash).update(message).digest();
  }

  /** One that goes on from here by itself. */
  fork(): PreauthIntegrity {
    const copy = new PreauthIntegrity();
    copy.#hash = this.#hash;
    return copy;
  }
}
