/**
 * What SPNEGO asks of a mechanism it negotiates: NTLM here, and Kerberos where the system has it.
 *
 * @module
 */

/** One authentication by one mechanism, this side being the client. */
export interface SecurityMechanism {
  /** Its object identifiers, the DER content of each, the one to announce first; a server may name any of them. */
  readonly identifiers: readonly Uint8Array[];
  /**
   * The next token to send, or undefined when there is none; may ask a KDC.
   *
   * @param received The server's token; undefined the first time.
   * @throws WireError when the server's token breaks a rule.
   */
  step(received: Uint8Array | undefined): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Whether nothing more is expected of the server. */
  readonly complete: boolean;
  /** Whether {@linkcode sign} and {@linkcode verify} have keys: not for anonymous users. */
  readonly integrity: boolean;
  /** The key for SMB, once complete: 16 bytes of NTLM, up to 32 of Kerberos. Undefined for anonymous users. */
  readonly sessionKey: Uint8Array | undefined;
  /** The integrity code (GSS_GetMIC) of this side's next message. */
  sign(message: Uint8Array): Uint8Array;
  /** Whether `code` is the server's for its next message. */
  verify(message: Uint8Array, code: Uint8Array): boolean;
}
