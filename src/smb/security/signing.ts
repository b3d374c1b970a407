/**
 * Signatures of SMB2 messages (MS-SMB2 3.1.4.1): HMAC-SHA256 up to 2.1, AES-128-CMAC from 3.0 on, AES-128-GMAC where
 * 3.1.1 negotiated it. They are made and checked in place.
 *
 * @module
 */
import { createCipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { ConfigError, WireError } from "../../rdma/errors.ts";
import { SigningAlgorithm } from "../wire/negotiate_contexts.ts";
import { AesCmac } from "./cmac.ts";

/** One of {@linkcode SigningAlgorithm}. */
export type SigningAlgorithmId = typeof SigningAlgorithm[keyof typeof SigningAlgorithm];

/** Which side of the connection this is; GMAC's nonce names the sender. */
export type SmbSide = "client" | "server";

const HEADER_LENGTH = 64;
const COMMAND = 12;
const FLAGS = 16;
const MESSAGE_ID = 24;
const SIGNATURE = 48;
const SIGNED = 0x08;
const CANCEL = 0x0c;
const SIGNATURE_LENGTH = 16;

type Code = (message: Uint8Array, fromServer: boolean) => Uint8Array;

/** GMAC's nonce: MessageId, then bit 0 for what a server sends and bit 1 for CANCEL (MS-SMB2 3.1.4.1). */
function gmac(key: Uint8Array): Code {
  const nonce = new Uint8Array(12);
  return (message, fromServer) => {
    nonce.set(message.subarray(MESSAGE_ID, MESSAGE_ID + 8));
    const cancel = message[COMMAND] === CANCEL && message[COMMAND + 1] === 0;
    nonce[8] = (fromServer ? 1 : 0) | (cancel ? 2 : 0);
    const cipher = createCipheriv("aes-128-gcm", key, nonce).setAAD(message);
    cipher.final();
    return cipher.getAuthTag();
  };
}

/** The function that computes an algorithm's 16 bytes. */
function codeOf(algorithm: SigningAlgorithmId, key: Uint8Array): Code {
  if (algorithm === SigningAlgorithm.AES_GMAC) return gmac(key);
  if (algorithm === SigningAlgorithm.HMAC_SHA256) {
    return (message) => createHmac("sha256", key).update(message).digest().subarray(0, SIGNATURE_LENGTH);
  }
  const cmac = new AesCmac(key);
  return (message) => cmac.compute(message);
}

/** Refuses what has no SMB2 header to hold a signature. */
function checkHeader(message: Uint8Array): void {
  if (message.length < HEADER_LENGTH) {
    throw new WireError("smb2", `length of a signed message is at least ${HEADER_LENGTH}`, message.length);
  }
}

/** Signs and verifies the messages of one session, or of one of its channels. */
export class MessageSigner {
  readonly #code: Code;
  readonly #side: SmbSide;
  readonly #received = new Uint8Array(SIGNATURE_LENGTH);

  /**
   * Takes the session's signing key.
   *
   * @throws ConfigError when the key is not 16 bytes.
   */
  constructor(algorithm: SigningAlgorithmId, key: Uint8Array, side: SmbSide = "client") {
    if (key.length !== 16) throw new ConfigError(`SMB signs with a key of 16 bytes, not ${key.length}`);
    this.#code = codeOf(algorithm, Uint8Array.from(key));
    this.#side = side;
  }

  /**
   * Sets the SIGNED flag and the signature of a message to be sent. In a compound each message is signed by itself,
   * with the padding before the next.
   */
  sign(message: Uint8Array): void {
    checkHeader(message);
    message[FLAGS] = (message[FLAGS] as number) | SIGNED;
    message.fill(0, SIGNATURE, SIGNATURE + SIGNATURE_LENGTH);
    message.set(this.#code(message, this.#side === "server"), SIGNATURE);
  }

  /**
   * Checks the signature of a message received, in constant time, and leaves the message as it came.
   *
   * @throws WireError when it is not signed, or not with this key and for these bytes.
   */
  verify(message: Uint8Array): void {
    checkHeader(message);
    const command = (message[COMMAND] as number) | (message[COMMAND + 1] as number) << 8;
    if (((message[FLAGS] as number) & SIGNED) === 0) {
      throw new WireError("smb2", "Flags of a signed session's message have SIGNED", `none in command ${command}`);
    }
    this.#received.set(message.subarray(SIGNATURE, SIGNATURE + SIGNATURE_LENGTH));
    message.fill(0, SIGNATURE, SIGNATURE + SIGNATURE_LENGTH);
    const expected = this.#code(message, this.#side === "client");
    message.set(this.#received, SIGNATURE);
    if (!timingSafeEqual(expected, this.#received)) {
      throw new WireError("smb2", "Signature fits the message and the session's key", `another in command ${command}`);
    }
  }
}
