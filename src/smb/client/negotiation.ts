/**
 * NEGOTIATE from the client's side: what is offered, and whether the answer is one to it (MS-SMB2 3.2.4.2.2.2, 3.2.5.2).
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { CapabilityError, WireError } from "../../rdma/errors.ts";
import type { CipherId } from "../security/ciphers.ts";
import { PreauthIntegrity } from "../security/keys.ts";
import type { SigningAlgorithmId } from "../security/signing.ts";
import { Command } from "../wire/header.ts";
import {
  Capability,
  decodeNegotiateResponse,
  Dialect,
  encodeNegotiateRequest,
  type NegotiateRequest,
  type NegotiateResponse,
  SecurityMode,
} from "../wire/negotiate.ts";
import { Cipher, PREAUTH_SHA512, SigningAlgorithm } from "../wire/negotiate_contexts.ts";
import type { Exchange } from "./exchange.ts";
import { CIPHERS, dialectName, DIALECTS, type ResolvedSettings, SIGNING_ALGORITHMS } from "./settings.ts";

/** The least that a server may allow of one request. */
const LEAST_SIZE = 4_096;

/** What client and server agreed on. */
export interface Agreement {
  /** What was offered; a client of 3.0 asks the server later whether that is what it saw. */
  readonly request: NegotiateRequest;
  /** The dialect taken. */
  readonly dialect: number;
  /** The server's GUID. */
  readonly serverGuid: Uint8Array;
  /** The server's capabilities. */
  readonly capabilities: number;
  /** The server's security mode. */
  readonly securityMode: number;
  /** The most of a query, a READ, a WRITE. */
  readonly maxTransactSize: number;
  /** The most of a READ. */
  readonly maxReadSize: number;
  /** The most of a WRITE. */
  readonly maxWriteSize: number;
  /** What signs. */
  readonly signingAlgorithm: SigningAlgorithmId;
  /** What encrypts; undefined where the server cannot. */
  readonly cipher: CipherId | undefined;
  /** The hash over both messages; of 3.1.1. */
  readonly preauth: PreauthIntegrity;
  /** The server's SPNEGO token. */
  readonly offer: Uint8Array;
}

/** What this client says it can do from 3.0 on. */
const CAPABILITIES = Capability.LEASING | Capability.LARGE_MTU | Capability.ENCRYPTION;

function requestOf(settings: ResolvedSettings, clientGuid: Uint8Array, hostname: string): NegotiateRequest {
  const least = DIALECTS[settings.minDialect];
  const most = DIALECTS[settings.maxDialect];
  const dialects = Object.values(DIALECTS).filter((dialect) => dialect >= least && dialect <= most);
  const required = settings.signing === "required";
  return {
    dialects,
    securityMode: required
      ? SecurityMode.SIGNING_ENABLED | SecurityMode.SIGNING_REQUIRED
      : SecurityMode.SIGNING_ENABLED,
    capabilities: most >= Dialect.SMB_3_0 ? CAPABILITIES : 0,
    clientGuid,
    contexts: {
      preauth: { hashes: [PREAUTH_SHA512], salt: randomBytes(32) },
      ciphers: settings.ciphers.map((name) => CIPHERS[name]),
      signing: settings.signingAlgorithms.map((name) => SIGNING_ALGORITHMS[name]),
      netname: hostname,
    },
  };
}

/**
 * Negotiates, and lets requests cost several credits where the server can.
 *
 * @throws CapabilityError when the server has not got what the settings ask for; WireError when its answer breaks a rule.
 */
export async function negotiate(
  exchange: Exchange,
  settings: ResolvedSettings,
  clientGuid: Uint8Array,
  hostname: string,
): Promise<Agreement> {
  const request = requestOf(settings, clientGuid, hostname);
  const preauth = new PreauthIntegrity();
  const response = await exchange.call({
    command: Command.NEGOTIATE,
    what: `negotiate SMB ${settings.minDialect} to ${settings.maxDialect} with ${hostname}`,
    room: 512 + 2 * hostname.length,
    encode: (view, at) => encodeNegotiateRequest(view, at, request),
    sent: (message) => preauth.update(message),
    received: (message) => preauth.update(message),
    decode: (view, at, length) => {
      const decoded = decodeNegotiateResponse(view, at, length);
      return { ...decoded, serverGuid: decoded.serverGuid.slice(), securityBuffer: decoded.securityBuffer.slice() };
    },
  });
  const agreement = agree(request, response, settings, preauth);
  const { dialect, capabilities } = agreement;
  exchange.multiCredit = dialect >= Dialect.SMB_2_1 && (capabilities & Capability.LARGE_MTU) !== 0;
  return agreement;
}

function agree(
  request: NegotiateRequest,
  response: NegotiateResponse,
  settings: ResolvedSettings,
  preauth: PreauthIntegrity,
): Agreement {
  const { dialect } = response;
  if (!request.dialects.includes(dialect)) {
    throw new WireError("smb2", "the dialect taken is one that was offered", dialectName(dialect));
  }
  for (const field of ["maxTransactSize", "maxReadSize", "maxWriteSize"] as const) {
    if (response[field] < LEAST_SIZE) {
      throw new WireError("smb2", `${field} is at least ${LEAST_SIZE}`, response[field]);
    }
  }
  const cipher = cipherOf(request, response);
  if (settings.encryption === "required" && cipher === undefined) {
    throw new CapabilityError(
      `the SMB server cannot encrypt (it took dialect ${dialectName(dialect)}), which the setting encryption asks for`,
    );
  }
  return {
    request,
    dialect,
    serverGuid: response.serverGuid,
    capabilities: response.capabilities,
    securityMode: response.securityMode,
    maxTransactSize: response.maxTransactSize,
    maxReadSize: response.maxReadSize,
    maxWriteSize: response.maxWriteSize,
    signingAlgorithm: signingOf(request, response),
    cipher,
    preauth,
    offer: response.securityBuffer,
  };
}

function cipherOf(request: NegotiateRequest, response: NegotiateResponse): CipherId | undefined {
  if (response.dialect < Dialect.SMB_3_0) return undefined;
  if (response.dialect !== Dialect.SMB_3_1_1) {
    return (response.capabilities & Capability.ENCRYPTION) === 0 ? undefined : Cipher.AES_128_CCM;
  }
  const { ciphers } = response.contexts;
  const [cipher = Cipher.NONE] = ciphers ?? [];
  if ((ciphers?.length ?? 1) !== 1) throw new WireError("smb2", "the server takes one cipher", ciphers?.length ?? 0);
  if (cipher === Cipher.NONE) return undefined;
  if (!request.contexts.ciphers?.includes(cipher)) {
    throw new WireError("smb2", "the cipher taken is one that was offered", cipher);
  }
  return cipher as CipherId;
}

function signingOf(request: NegotiateRequest, response: NegotiateResponse): SigningAlgorithmId {
  if (response.dialect < Dialect.SMB_3_0) return SigningAlgorithm.HMAC_SHA256;
  if (response.dialect !== Dialect.SMB_3_1_1) return SigningAlgorithm.AES_CMAC;
  const { preauth, signing } = response.contexts;
  if (preauth?.hashes.length !== 1 || preauth.hashes[0] !== PREAUTH_SHA512) {
    throw new WireError("smb2", "the server of 3.1.1 takes SHA-512 for pre-authentication", String(preauth?.hashes));
  }
  if (signing === undefined) return SigningAlgorithm.AES_CMAC; // MS-SMB2 3.2.5.2: a server that does not know the context
  const [algorithm] = signing;
  if (signing.length !== 1 || algorithm === undefined || !request.contexts.signing?.includes(algorithm)) {
    throw new WireError("smb2", "the signing algorithm taken is one that was offered", String(signing));
  }
  return algorithm as SigningAlgorithmId;
}
