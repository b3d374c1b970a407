/**
 * SMB2 and 3 messages as bytes (MS-SMB2 2.2, MS-FSCC): encoders into a buffer of the caller's and decoders that give
 * views into what came. No I/O, no state.
 *
 * @module
 */
export type { BufferDescriptor } from "../../smbdirect/wire.ts";
export * from "./break.ts";
export * from "./channel.ts";
export * from "./close.ts";
export * from "./compound.ts";
export * from "./create.ts";
export {
  type CreateRequestContexts,
  type CreateResponseContexts,
  type Lease,
  LeaseFlag,
  LeaseState,
  MAX_CREATE_CONTEXTS,
  PERSISTENT_HANDLE,
} from "./create_contexts.ts";
export * from "./directory.ts";
export * from "./empty.ts";
export * from "./error.ts";
export * from "./file_information.ts";
export * from "./header.ts";
export * from "./information.ts";
export * from "./io.ts";
export * from "./ioctl.ts";
export * from "./lock.ts";
export { checkText, isComponent, MAX_PATH_UNITS, nameOf, sharePath } from "./names.ts";
export * from "./negotiate.ts";
export {
  Cipher,
  MAX_NEGOTIATE_CONTEXTS,
  type NegotiateContexts,
  NegotiateContextType,
  PREAUTH_SHA512,
  RdmaTransform,
  SigningAlgorithm,
  TRANSPORT_SECURITY,
} from "./negotiate_contexts.ts";
export type { FileNetworkOpen } from "./network_open.ts";
export * from "./network_interface.ts";
export * from "./session.ts";
export * from "./status.ts";
export * from "./time.ts";
export * from "./tree.ts";
export * from "./volume_information.ts";
