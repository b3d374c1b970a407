/**
 * The engine's messages: `{type, data}` in MessagePack, as SeaweedFS's sidecar and engine speak it. Maps go out; maps
 * and arrays come in; 64-bit numbers are exact.
 *
 * Field names are the wire's. Two things are Verbena's own, and harmless to a peer that does not know them: an `id`
 * beside `type` and `data`, which an answer repeats so that many requests can be under way at once, and the messages and
 * fields marked as such below.
 *
 * @module
 */
import { Packr } from "msgpackr";
import { WireError } from "../rdma/errors.ts";
import { decodeMessagePack, KnownStrings } from "./message_pack.ts";

/** The longest request that is looked at, in bytes. */
export const MAX_REQUEST_SIZE = 64 * 1024;

/** Elements of a list, at most. */
export const MAX_LIST = 64;

type Kind = "u8" | "u16" | "u32" | "u64" | "u64s" | "bool" | "string" | "strings" | "bytes";

interface KindTypes {
  u8: number;
  u16: number;
  u32: number;
  u64: bigint;
  u64s: readonly bigint[];
  bool: boolean;
  string: string;
  strings: readonly string[];
  bytes: Uint8Array;
}

/** Field name, kind, and `?` where it may be missing or nil. Array forms list the fields in this order. */
type Field = readonly [name: string, kind: Kind, optional?: "?"];

const SCHEMAS = {
  Ping: [["timestamp_ns", "u64"], ["client_id", "string", "?"]],
  Pong: [["client_timestamp_ns", "u64"], ["server_timestamp_ns", "u64"], ["server_rtt_ns", "u64"]],
  GetCapabilities: [["client_id", "string", "?"]],
  GetCapabilitiesResponse: [
    ["device_name", "string"],
    ["vendor_id", "u32"],
    ["max_transfer_size", "u64"],
    ["max_sessions", "u64"],
    ["active_sessions", "u64"],
    ["port_gid", "string"],
    ["port_lid", "u16"],
    ["supported_auth", "strings"],
    ["version", "string"],
    ["real_rdma", "bool"],
    ["extensions", "strings", "?"], // Verbena's own: the messages and fields of its own that the engine knows
  ],
  StartRead: [
    ["volume_id", "u32"],
    ["needle_id", "u64"],
    ["cookie", "u32"],
    ["offset", "u64"],
    ["size", "u64"],
    ["remote_addr", "u64"],
    ["remote_key", "u32"],
    ["timeout_secs", "u64"],
    ["auth_token", "string", "?"],
    // Verbena's own: the range comes in pieces on this connection, a Unix socket. See `frames.ts`.
    ["inline", "bool", "?"],
    // Verbena's own: the session is over with the answer, and no CompleteRead follows unless the bytes came spoilt.
    ["ends_with_answer", "bool", "?"],
  ],
  StartReadResponse: [
    ["session_id", "string"],
    ["local_addr", "u64"],
    ["local_key", "u32"],
    ["transfer_size", "u64"],
    // CRC-32C of the needle's data as stored: of the bytes sent where `checksum_covers_range`, a version mark otherwise.
    ["expected_crc", "u32"],
    ["expires_at_ns", "u64"],
    // Verbena's own from here.
    ["needle_size", "u64", "?"],
    ["checksum_covers_range", "bool", "?"],
  ],
  CompleteRead: [
    ["session_id", "string"],
    ["success", "bool"],
    ["bytes_transferred", "u64"],
    ["client_crc", "u32", "?"],
    ["error_message", "string", "?"],
  ],
  CompleteReadResponse: [["success", "bool"], ["server_crc", "u32", "?"], ["message", "string", "?"]],
  // Verbena's own from here; sent to engines only whose `extensions` name them. Lists have an element for each volume.
  ListVolumes: [["after", "u32"]],
  ListVolumesResponse: [
    ["ids", "u64s"],
    ["collections", "strings"],
    ["versions", "u64s"],
    ["sizes", "u64s"],
    ["needles", "u64s"],
    ["deleted", "u64s"],
    ["flags", "u64s"], // 1: needles are counted, 2: read-only
    ["more", "bool"],
  ],
  ListNeedles: [["volume_id", "u32"], ["after", "u64", "?"], ["limit", "u32"]],
  // Twelve bytes each, little-endian: the key in eight, the size in four.
  ListNeedlesResponse: [["needles", "bytes"], ["more", "bool"]],
  Error: [["code", "string"], ["message", "string"], ["category", "string", "?"], ["recoverable", "bool", "?"]],
} as const satisfies Record<string, readonly Field[]>;

/** A message's name. */
export type MessageType = keyof typeof SCHEMAS;

type FieldsOf<S extends readonly Field[]> =
  & { [F in S[number] as F[2] extends "?" ? never : F[0]]: KindTypes[F[1]] }
  & { [F in S[number] as F[2] extends "?" ? F[0] : never]?: KindTypes[F[1]] };

/** What a message of type `T` carries. */
export type MessageData<T extends MessageType> = FieldsOf<(typeof SCHEMAS)[T]>;

/** A message of one of the types, told apart by `type`. */
export type Message<T extends MessageType = MessageType> = {
  [U in T]: {
    /** Which message. */
    type: U;
    /** What it carries. */
    data: MessageData<U>;
    /** Which request it is, or answers; absent from a peer that has one request under way at a time. */
    id?: number;
  };
}[T];

const packer = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });
const known = new KnownStrings(["type", "data", "id", ...Object.entries(SCHEMAS).flatMap(names)]);

function names([type, fields]: [string, readonly Field[]]): string[] {
  return [type, ...fields.map(([name]) => name)];
}

/** The message's bytes, all maps. Fields that are undefined are left out. */
export function encodeMessage<T extends MessageType>(type: T, data: MessageData<T>, id?: number): Uint8Array {
  return packer.pack(id === undefined ? { type, data } : { type, data, id });
}

/**
 * Reads a message. Throws WireError for anything that is not one whole message of a known type with every field it
 * must have, within its range.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length > MAX_REQUEST_SIZE) throw new WireError("engine", "message length", bytes.length);
  const [type, data, id] = envelope(decodeMessagePack(bytes, known));
  if (typeof type !== "string" || !Object.hasOwn(SCHEMAS, type)) throw new WireError("engine", "type", describe(type));
  const message = { type, data: decodeFields(type as MessageType, data) } as Message;
  if (id !== undefined && id !== null) message.id = decodeValue(type, ["id", "u32"], id) as number;
  return message;
}

function envelope(value: unknown): [type: unknown, data: unknown, id: unknown] {
  if (Array.isArray(value)) return [value[0], value[1], value[2]];
  if (value instanceof Map) return [value.get("type"), value.get("data"), value.get("id")];
  throw new WireError("engine", "envelope", describe(value));
}

function decodeFields(type: MessageType, data: unknown): Record<string, unknown> {
  const schema: readonly Field[] = SCHEMAS[type];
  const map = data instanceof Map ? data : undefined;
  if (map === undefined && !Array.isArray(data)) throw new WireError("engine", `${type} data`, describe(data));
  const out: Record<string, unknown> = {};
  for (let index = 0; index < schema.length; index++) {
    const field = schema[index] as Field;
    const [name, , optional] = field;
    const value: unknown = map === undefined ? (data as unknown[])[index] : map.get(name);
    if (value !== undefined && value !== null) out[name] = decodeValue(type, field, value);
    else if (optional === undefined) throw new WireError("engine", `${type}.${name}`, "nothing");
  }
  return out;
}

const LARGEST = (1n << 64n) - 1n;
const LIMITS: Partial<Record<Kind, number>> = { u8: 0xff, u16: 0xffff, u32: 0xffff_ffff };

function decodeValue(type: string, [name, kind]: Field, value: unknown): unknown {
  const limit = LIMITS[kind];
  if (limit !== undefined) {
    const number = typeof value === "bigint" ? Number(value) : value;
    if (isNatural(number) && number <= limit) return number;
  } else if (kind === "u64") {
    const exact = decodeU64(value);
    if (exact !== undefined) return exact;
  } else if (kind === "bool" && typeof value === "boolean") return value;
  else if (kind === "string" && typeof value === "string") return value;
  else if (kind === "bytes" && value instanceof Uint8Array) return new Uint8Array(value); // the message is the transport's
  else if (kind === "strings" && Array.isArray(value) && value.length <= MAX_LIST) {
    if (value.every((each) => typeof each === "string")) return value;
  } else if (kind === "u64s" && Array.isArray(value) && value.length <= MAX_LIST) {
    const numbers = value.map(decodeU64);
    if (!numbers.includes(undefined)) return numbers;
  }
  throw new WireError("engine", `${type}.${name}, wanted ${kind}`, describe(value));
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function decodeU64(value: unknown): bigint | undefined {
  if (typeof value !== "bigint") return isNatural(value) ? BigInt(value) : undefined;
  return value >= 0n && value <= LARGEST ? value : undefined;
}

function describe(value: unknown): string {
  const text = typeof value === "bigint"
    ? `${value}`
    : typeof value === "string"
    ? JSON.stringify(value)
    : typeof value;
  return text.slice(0, 64);
}
