/**
 * What a user may choose of an SMB Direct connection, and what holds where nothing is chosen.
 *
 * @module
 */
import { ConfigError } from "../rdma/errors.ts";
import { LEAST_FRAGMENTED_SIZE, LEAST_RECEIVE_SIZE } from "./wire.ts";

/** The active side connects and sends the negotiate request; the passive side accepts and answers it. */
export type Role = "active" | "passive";

/**
 * Choices for one connection. The defaults are what Windows, Linux's ksmbd and Linux's cifs.ko all accept. Sizes are bytes,
 * times milliseconds; a time may be `Infinity`, which turns its timer off.
 */
export interface SmbDirectOptions {
  /** Send credits to ask the peer for; 1 … 255, default 255. As many send buffers are registered. */
  sendCreditTarget?: number;
  /** Credits the peer may hold at most; 1 … 255, default 255. One more receive buffer is registered. */
  receiveCreditMax?: number;
  /** The longest message to send; 128 … 65,536, default 1,364. The peer's MaxReceiveSize lowers it. */
  maxSendSize?: number;
  /** The longest message to receive; 128 … 65,536, default 8,136. */
  maxReceiveSize?: number;
  /** The longest message to reassemble; 131,072 … 16,777,216, default 1,048,576. ksmbd wants more than 131,072. */
  maxFragmentedSize?: number;
  /** The most one RDMA Read or Write may move; 4,096 … 4,294,967,295, default 8,388,608. The provider may lower it. */
  maxReadWriteSize?: number;
  /** How long the negotiation may take; default 120,000 for the active side, 5,000 for the passive side. */
  negotiateTimeout?: number;
  /** How long nothing may be received before the peer is asked for a sign of life; default 120,000. */
  idleTimeout?: number;
  /** How long the peer may take to answer that; default 5,000. */
  keepaliveTimeout?: number;
  /** How long messages may wait for a peer that gives no credits; default `Infinity` for the active side, 5,000 for the passive side. */
  creditTimeout?: number;
  /** Messages that may wait to be sent; 1 … 65,536, default 1,024. */
  maxQueuedMessages?: number;
  /** Bytes of those, beyond which no further message is taken; 1 … 1,073,741,824, default 4,194,304. */
  maxQueuedBytes?: number;
  /** RDMA Reads and Writes handed to the endpoint at once; 1 … 4,096, default 128. */
  maxOutstandingTransfers?: number;
  /** RDMA transfers that may be waiting or under way; 1 … 65,536, default 1,024. */
  maxTransfers?: number;
}

/** {@linkcode SmbDirectOptions} with every choice made. */
export type SmbDirectSettings = Readonly<Required<SmbDirectOptions>>;

const DEFAULTS: Omit<SmbDirectSettings, "negotiateTimeout" | "creditTimeout"> = {
  sendCreditTarget: 255,
  receiveCreditMax: 255,
  maxSendSize: 1364,
  maxReceiveSize: 8136,
  maxFragmentedSize: 1_048_576,
  maxReadWriteSize: 8_388_608,
  idleTimeout: 120_000,
  keepaliveTimeout: 5_000,
  maxQueuedMessages: 1024,
  maxQueuedBytes: 4_194_304,
  maxOutstandingTransfers: 128,
  maxTransfers: 1024,
};

const ROLE_DEFAULTS = {
  active: { negotiateTimeout: 120_000, creditTimeout: Infinity },
  passive: { negotiateTimeout: 5_000, creditTimeout: 5_000 },
} as const;

/** The longest time a timer takes (a day), short of never. */
const LONGEST_TIMEOUT = 86_400_000;

// More than 255 credits would be allowed on the wire, but no peer asks for them and dissectors do not believe them.
const RANGES: Record<keyof SmbDirectSettings, readonly [least: number, most: number]> = {
  sendCreditTarget: [1, 255],
  receiveCreditMax: [1, 255],
  maxSendSize: [LEAST_RECEIVE_SIZE, 65_536],
  maxReceiveSize: [LEAST_RECEIVE_SIZE, 65_536],
  maxFragmentedSize: [LEAST_FRAGMENTED_SIZE, 16_777_216],
  maxReadWriteSize: [4096, 0xffff_ffff],
  negotiateTimeout: [1, LONGEST_TIMEOUT],
  idleTimeout: [1, LONGEST_TIMEOUT],
  keepaliveTimeout: [1, LONGEST_TIMEOUT],
  creditTimeout: [1, LONGEST_TIMEOUT],
  maxQueuedMessages: [1, 65_536],
  maxQueuedBytes: [1, 1_073_741_824],
  maxOutstandingTransfers: [1, 4096],
  maxTransfers: [1, 65_536],
};

/** Fills in the defaults of `role`. Throws ConfigError, which names the option, its value and its range. */
export function resolveSettings(role: Role, options: SmbDirectOptions = {}): SmbDirectSettings {
  const settings: Record<keyof SmbDirectSettings, number> = { ...DEFAULTS, ...ROLE_DEFAULTS[role] };
  for (const name of Object.keys(RANGES) as (keyof SmbDirectSettings)[]) {
    const value = options[name];
    if (value === undefined) continue;
    const [least, most] = RANGES[name];
    const never = value === Infinity && most === LONGEST_TIMEOUT;
    if (!never && !(Number.isInteger(value) && value >= least && value <= most)) {
      throw new ConfigError(`${name} ${value}: an integer from ${least} to ${most} is wanted`);
    }
    settings[name] = value;
  }
  return settings;
}
