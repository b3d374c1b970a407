/**
 * What protects a session's messages.
 *
 * @module
 */
import type { MessageSigner } from "../security/signing.ts";
import type { MessageOpener, MessageSealer } from "../security/transform.ts";

/** A session's identity, its keys, and what it asks for. */
export interface Security {
  /** The session. */
  readonly sessionId: bigint;
  /** Signs and verifies; undefined of guests and of nobody. */
  readonly signer: MessageSigner | undefined;
  /** Encrypts; undefined where it cannot be. */
  readonly sealer: MessageSealer | undefined;
  /** Decrypts. */
  readonly opener: MessageOpener | undefined;
  /** Whether every message is signed. */
  readonly signs: boolean;
  /** Whether every message is encrypted. */
  readonly encrypts: boolean;
}
