/**
 * What a user may choose of an SMB connection, by option, configuration file or environment, and what holds where nothing
 * is chosen.
 *
 * @module
 */
import { ConfigError } from "../../rdma/errors.ts";
import type { CipherId } from "../security/ciphers.ts";
import type { SigningAlgorithmId } from "../security/signing.ts";
import { Cipher, SigningAlgorithm } from "../wire/negotiate_contexts.ts";
import { Dialect } from "../wire/negotiate.ts";

/** The dialects, by the names people use. */
export const DIALECTS = {
  "2.0.2": Dialect.SMB_2_0_2,
  "2.1": Dialect.SMB_2_1,
  "3.0": Dialect.SMB_3_0,
  "3.0.2": Dialect.SMB_3_0_2,
  "3.1.1": Dialect.SMB_3_1_1,
} as const;
/** One of {@linkcode DIALECTS}. */
export type DialectName = keyof typeof DIALECTS;

/** The ciphers, by name. */
export const CIPHERS: Readonly<Record<CipherName, CipherId>> = {
  "aes-128-gcm": Cipher.AES_128_GCM,
  "aes-256-gcm": Cipher.AES_256_GCM,
  "aes-128-ccm": Cipher.AES_128_CCM,
  "aes-256-ccm": Cipher.AES_256_CCM,
};
/** A cipher's name. */
export type CipherName = "aes-128-gcm" | "aes-256-gcm" | "aes-128-ccm" | "aes-256-ccm";

/** The signing algorithms, by name. */
export const SIGNING_ALGORITHMS: Readonly<Record<SigningName, SigningAlgorithmId>> = {
  "aes-gmac": SigningAlgorithm.AES_GMAC,
  "aes-cmac": SigningAlgorithm.AES_CMAC,
  "hmac-sha256": SigningAlgorithm.HMAC_SHA256,
};
/** A signing algorithm's name. */
export type SigningName = "aes-gmac" | "aes-cmac" | "hmac-sha256";

/** Which way the bytes go: by the first RDMA provider that reaches the server, else TCP; by one of them; by TCP alone. */
export const RDMA_CHOICES = ["auto", "verbs", "iwarp", "off"] as const;
/** One of {@linkcode RDMA_CHOICES}. */
export type RdmaChoice = typeof RDMA_CHOICES[number];

/** Choices for a connection. Sizes are bytes, times milliseconds. */
export interface SmbSettings {
  /** Which way the bytes go; default `auto`. */
  rdma?: RdmaChoice;
  /** Where the server takes SMB Direct; default 445 and then 5445, over iWARP 5445 alone. */
  rdmaPorts?: readonly number[];
  /** How long RDMA is tried before TCP; default 2,000. */
  rdmaTimeout?: number;
  /** From how many bytes on READ and WRITE go by RDMA; 1 … 1 GiB, default 4,096. */
  rdmaThreshold?: number;
  /** The most of one READ; 4,096 … 8 MiB, default 1 MiB. The server may lower it. */
  readSize?: number;
  /** The most of one WRITE; 4,096 … 8 MiB, default 1 MiB. The server may lower it. */
  writeSize?: number;
  /** Requests of one transfer that are under way at once; 1 … 256, default 8. */
  inFlight?: number;
  /** Credits to ask the server for; 1 … 8,192, default 512. */
  credits?: number;
  /** Send credits to ask for over SMB Direct; 1 … 255, default 255. */
  sendCredits?: number;
  /** Credits to give over SMB Direct; 1 … 255, default 255. */
  receiveCredits?: number;
  /** Registered memory for each direction of transfers; 1 MiB … 16 GiB, default 64 MiB. */
  registeredMemory?: number;
  /** The oldest dialect to accept; default 2.1. */
  minDialect?: DialectName;
  /** The newest dialect to offer; default 3.1.1. */
  maxDialect?: DialectName;
  /** Whether messages are signed where the server does not ask for it; default `auto`: not. */
  signing?: "auto" | "required";
  /** Whether messages are encrypted where the server does not ask for it; default `auto`: not. */
  encryption?: "auto" | "required";
  /** Signing algorithms to offer in 3.1.1, the best first; default all, AES-GMAC first. */
  signingAlgorithms?: readonly SigningName[];
  /** Ciphers to offer in 3.1.1, the best first; default all, AES-128-GCM first. */
  ciphers?: readonly CipherName[];
  /** How long connecting over TCP, and logging on, may take; default 10,000. */
  connectTimeout?: number;
  /** How long a server may be silent while a request is unanswered before the connection is given up; default 60,000. */
  timeout?: number;
  /** After how much silence the server is asked for a sign of life; default 60,000; 0 for never. */
  echoInterval?: number;
  /** Whether a lost connection is made again; default true. */
  reconnect?: boolean;
}

/** {@linkcode SmbSettings} with every choice made. */
export type ResolvedSettings = Readonly<Required<Omit<SmbSettings, "rdmaPorts">>> & {
  readonly rdmaPorts: readonly number[] | undefined;
};

/** How one setting is told apart from its neighbours in an environment or a file. */
export interface SettingText {
  /** The environment's variable. */
  readonly variable: string;
  /** Reads its text. Throws ConfigError, which says what is wanted, without the setting's name. */
  readonly parse: (text: string) => unknown;
  /** One line of help, with the default. */
  readonly help: string;
  /** What it takes. */
  readonly kind: SettingKind;
}

/** What a setting takes: a whole number within bounds, several, one of a few words, several, or true and false. */
export type SettingKind =
  | { readonly type: "number"; readonly least: number; readonly most: number }
  | { readonly type: "numbers"; readonly least: number; readonly most: number }
  | { readonly type: "choice"; readonly of: readonly string[] }
  | { readonly type: "choices"; readonly of: readonly string[] }
  | { readonly type: "boolean" };

const number = (least: number, most: number): SettingKind => ({ type: "number", least, most });
const choice = (...of: string[]): SettingKind => ({ type: "choice", of });

/** A day: the longest time a timer takes. */
const LONGEST = 86_400_000;
const MIB = 1 << 20;
const GIB = 1 << 30;

const KINDS: Readonly<Record<keyof SmbSettings, readonly [kind: SettingKind, fallback: unknown, help: string]>> = {
  rdma: [choice(...RDMA_CHOICES), "auto", "which way the bytes go: auto, verbs, iwarp or off"],
  rdmaPorts: [{ type: "numbers", least: 1, most: 65_535 }, undefined, "where the server takes SMB Direct (445,5445)"],
  rdmaTimeout: [number(1, LONGEST), 2_000, "ms to try RDMA before TCP"],
  rdmaThreshold: [number(1, GIB), 4_096, "bytes from which reads and writes go by RDMA"],
  readSize: [number(4_096, 8 * MIB), MIB, "the most bytes of one READ"],
  writeSize: [number(4_096, 8 * MIB), MIB, "the most bytes of one WRITE"],
  inFlight: [number(1, 256), 8, "requests of one transfer at once"],
  credits: [number(1, 8_192), 512, "SMB credits to ask for"],
  sendCredits: [number(1, 255), 255, "SMB Direct credits to ask for"],
  receiveCredits: [number(1, 255), 255, "SMB Direct credits to give"],
  registeredMemory: [number(MIB, 16 * GIB), 64 * MIB, "bytes of registered memory for each direction"],
  minDialect: [choice(...Object.keys(DIALECTS)), "2.1", "the oldest dialect to accept"],
  maxDialect: [choice(...Object.keys(DIALECTS)), "3.1.1", "the newest dialect to offer"],
  signing: [choice("auto", "required"), "auto", "auto: where the server asks for it; required"],
  encryption: [choice("auto", "required"), "auto", "auto: where the server asks for it; required"],
  signingAlgorithms: [
    { type: "choices", of: Object.keys(SIGNING_ALGORITHMS) },
    Object.keys(SIGNING_ALGORITHMS),
    "signing algorithms to offer, the best first",
  ],
  ciphers: [{ type: "choices", of: Object.keys(CIPHERS) }, Object.keys(CIPHERS), "ciphers to offer, the best first"],
  connectTimeout: [number(1, LONGEST), 10_000, "ms that connecting and logging on may take"],
  timeout: [number(1, LONGEST), 60_000, "ms a request may go unanswered"],
  echoInterval: [number(0, LONGEST), 60_000, "ms of silence before an ECHO; 0: never"],
  reconnect: [{ type: "boolean" }, true, "whether a lost connection is made again"],
};

const SETTINGS = Object.keys(KINDS) as (keyof SmbSettings)[];

/** Each setting's variable, `VERBENA_SMB_READ_SIZE` for `readSize`, and how its text is read. */
export const SMB_SETTINGS: Readonly<Record<keyof SmbSettings, SettingText>> = Object.fromEntries(
  SETTINGS.map((name) => {
    const [kind, , help] = KINDS[name];
    const variable = `VERBENA_SMB_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    return [name, { variable, parse: (text: string) => parse(kind, text), help: helpOf(name, help), kind }];
  }),
) as Record<keyof SmbSettings, SettingText>;

function helpOf(name: keyof SmbSettings, help: string): string {
  const fallback = KINDS[name][1];
  return fallback === undefined ? help : `${help} (${String(fallback)})`;
}

function parse(kind: SettingKind, text: string): unknown {
  const wholeNumber = (part: string): unknown => /^\d{1,15}$/.test(part) ? Number(part) : part;
  const parts = (): string[] => text.split(",").map((part) => part.trim());
  let value: unknown = text;
  if (kind.type === "number") value = wholeNumber(text);
  else if (kind.type === "numbers") value = parts().map(wholeNumber);
  else if (kind.type === "choices") value = parts();
  else if (kind.type === "boolean" && (text === "true" || text === "false")) value = text === "true";
  const wanted = unmet(kind, value);
  if (wanted !== undefined) throw new ConfigError(`got ${JSON.stringify(text)}, want ${wanted}`);
  return value;
}

/** What is wanted, where `value` is something else. */
function unmet(kind: SettingKind, value: unknown): string | undefined {
  switch (kind.type) {
    case "number":
      return isWhole(value, kind) ? undefined : `a whole number from ${kind.least} to ${kind.most}`;
    case "numbers":
      return Array.isArray(value) && value.length > 0 && value.every((each) => isWhole(each, kind))
        ? undefined
        : `whole numbers from ${kind.least} to ${kind.most}`;
    case "choice":
      return kind.of.includes(value as string) ? undefined : `one of ${kind.of.join(", ")}`;
    case "choices":
      return Array.isArray(value) && value.length > 0 && value.every((each) => kind.of.includes(each))
        ? undefined
        : `some of ${kind.of.join(", ")}`;
    case "boolean":
      return typeof value === "boolean" ? undefined : "true or false";
  }
}

function isWhole(value: unknown, { least, most }: { least: number; most: number }): boolean {
  return Number.isInteger(value) && value as number >= least && value as number <= most;
}

/**
 * The settings that `source`, such as an environment, has a text for.
 *
 * @throws ConfigError that names the variable, its text and what is wanted.
 */
export function smbSettingsFrom(source: (variable: string) => string | undefined): SmbSettings {
  const settings: Record<string, unknown> = {};
  for (const name of SETTINGS) {
    const { variable, parse } = SMB_SETTINGS[name];
    const text = source(variable);
    if (text === undefined || text === "") continue;
    try {
      settings[name] = parse(text);
    } catch (error) {
      throw error instanceof ConfigError ? new ConfigError(`${variable}: ${error.message}`) : error;
    }
  }
  return settings as SmbSettings;
}

/**
 * Fills in what was not chosen; properties that are no settings are left out.
 *
 * @throws ConfigError that names the setting, its value and what is wanted.
 */
export function resolveSmbSettings(settings: SmbSettings): ResolvedSettings {
  const resolved: Record<string, unknown> = {};
  for (const name of SETTINGS) {
    const [kind, fallback] = KINDS[name];
    const value = settings[name];
    resolved[name] = value ?? fallback;
    if (value === undefined) continue;
    const wanted = unmet(kind, value);
    if (wanted !== undefined) throw new ConfigError(`SMB ${name}: got ${JSON.stringify(value)}, want ${wanted}`);
  }
  const { minDialect, maxDialect } = resolved as ResolvedSettings;
  if (DIALECTS[minDialect] > DIALECTS[maxDialect]) {
    throw new ConfigError(`SMB minDialect ${minDialect} is newer than maxDialect ${maxDialect}`);
  }
  return resolved as ResolvedSettings;
}

/** The name of a dialect's number, `3.1.1`. */
export function dialectName(dialect: number): string {
  const names = Object.keys(DIALECTS) as DialectName[];
  return names.find((name) => DIALECTS[name] === dialect) ?? `0x${dialect.toString(16)}`;
}
