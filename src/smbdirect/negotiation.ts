/**
 * What two sides agree on before the first message (MS-SMBD 3.1.5.2, 3.1.5.6, 3.1.5.7). No state: the machine has that.
 *
 * @module
 */
import { VerbsError } from "../rdma/errors.ts";
import type { SmbDirectSettings } from "./options.ts";
import { LEAST_RECEIVE_SIZE, type NegotiateRequest, type NegotiateResponse, NegotiateStatus, VERSION } from "./wire.ts";

/** What holds for the life of a connection once it is negotiated. Sizes are bytes. */
export interface SmbDirectParameters {
  /** The longest message this side sends. */
  readonly maxSendSize: number;
  /** The longest message this side takes. */
  readonly maxReceiveSize: number;
  /** The longest message, fragmented, that the peer takes. */
  readonly maxFragmentedSendSize: number;
  /** The longest message, reassembled, that this side takes. */
  readonly maxFragmentedReceiveSize: number;
  /** The most one RDMA Read or Write moves. */
  readonly maxReadWriteSize: number;
  /** Send credits the active side begins with; the passive side begins with none. */
  readonly sendCredits: number;
  /** Credits the passive side gave with its answer; the active side gives its first with its first message. */
  readonly receiveCredits: number;
  /** Credits the peer asked for. */
  readonly receiveCreditTarget: number;
}

/** The active side's request. */
export function negotiateRequest(settings: SmbDirectSettings): NegotiateRequest {
  return {
    minVersion: VERSION,
    maxVersion: VERSION,
    creditsRequested: settings.sendCreditTarget,
    preferredSendSize: settings.maxSendSize,
    maxReceiveSize: settings.maxReceiveSize,
    maxFragmentedSize: settings.maxFragmentedSize,
  };
}

/** The passive side's side of a request it can meet, with `receivesPosted` buffers waiting. */
export function passiveParameters(
  request: NegotiateRequest,
  settings: SmbDirectSettings,
  receivesPosted: number,
): SmbDirectParameters {
  return {
    maxSendSize: Math.min(settings.maxSendSize, request.maxReceiveSize),
    maxReceiveSize: Math.max(LEAST_RECEIVE_SIZE, Math.min(settings.maxReceiveSize, request.preferredSendSize)),
    maxFragmentedSendSize: request.maxFragmentedSize,
    maxFragmentedReceiveSize: settings.maxFragmentedSize,
    maxReadWriteSize: settings.maxReadWriteSize,
    sendCredits: 0,
    receiveCredits: Math.min(request.creditsRequested, settings.receiveCreditMax, receivesPosted),
    receiveCreditTarget: request.creditsRequested,
  };
}

/** The answer that tells the active side of `parameters`. */
export function negotiateResponse(parameters: SmbDirectParameters, settings: SmbDirectSettings): NegotiateResponse {
  return {
    negotiatedVersion: VERSION,
    creditsRequested: settings.sendCreditTarget,
    creditsGranted: parameters.receiveCredits,
    status: NegotiateStatus.SUCCESS,
    maxReadWriteSize: parameters.maxReadWriteSize,
    preferredSendSize: parameters.maxSendSize,
    maxReceiveSize: parameters.maxReceiveSize,
    maxFragmentedSize: parameters.maxFragmentedReceiveSize,
  };
}

/** The answer that refuses: all but Status is 0 (MS-SMBD 2.2.2). */
export function negotiateRefusal(status: number): NegotiateResponse {
  return {
    negotiatedVersion: 0,
    creditsRequested: 0,
    creditsGranted: 0,
    status,
    maxReadWriteSize: 0,
    preferredSendSize: 0,
    maxReceiveSize: 0,
    maxFragmentedSize: 0,
  };
}

/** The active side's side of a decoded answer. Throws VerbsError `rejected` when the peer refused. */
export function activeParameters(response: NegotiateResponse, settings: SmbDirectSettings): SmbDirectParameters {
  if (response.status !== NegotiateStatus.SUCCESS) {
    const status = `0x${response.status.toString(16).padStart(8, "0")}`;
    throw new VerbsError("SMB Direct negotiation", "rejected", `the peer answered with NTSTATUS ${status}`);
  }
  return {
    maxSendSize: Math.min(settings.maxSendSize, response.maxReceiveSize),
    maxReceiveSize: settings.maxReceiveSize,
    maxFragmentedSendSize: response.maxFragmentedSize,
    maxFragmentedReceiveSize: settings.maxFragmentedSize,
    maxReadWriteSize: Math.min(settings.maxReadWriteSize, response.maxReadWriteSize),
    sendCredits: response.creditsGranted,
    receiveCredits: 0,
    receiveCreditTarget: response.creditsRequested,
  };
}
