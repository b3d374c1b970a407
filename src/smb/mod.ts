/**
 * SMB 2 and 3 (MS-SMB2): the client, over TCP or SMB Direct; and without I/O, messages as bytes, and what keeps a session
 * safe.
 *
 * @module
 */
export * from "./client/mod.ts";
export { type CipherId, TAG_LENGTH } from "./security/ciphers.ts";
export { KerberosClient } from "./security/kerberos_client.ts";
export type { SecurityMechanism } from "./security/mechanism.ts";
export { NtlmClient, type NtlmOptions } from "./security/ntlm_client.ts";
export { SpnegoClient } from "./security/spnego_client.ts";
export { deriveSessionKeys, PreauthIntegrity, sessionKeyOf, type SessionKeys } from "./security/keys.ts";
export { MessageSigner, type SigningAlgorithmId, type SmbSide } from "./security/signing.ts";
export {
  isTransformed,
  MessageOpener,
  MessageSealer,
  TRANSFORM_HEADER_LENGTH,
  TRANSFORM_PROTOCOL_ID,
  transformSessionId,
} from "./security/transform.ts";
export * from "./wire/mod.ts";
