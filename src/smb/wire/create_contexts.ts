/**
 * The contexts of CREATE: what is asked and answered beyond its fixed fields, a list of named pieces that each start at a
 * multiple of 8 (MS-SMB2 2.2.13.2, 2.2.14.2).
 *
 * @module
 */
import { checkFits, Reader, type Writer } from "./cursor.ts";

/** What a lease allows its holder to keep to itself. */
export const LeaseState = {
  /** Nothing. */
  NONE: 0,
  /** What was read. */
  READ: 1,
  /** The open handle. */
  HANDLE: 2,
  /** What is to be written. */
  WRITE: 4,
} as const;

/** A lease's flags. */
export const LeaseFlag = {
  /** A break is under way; only from a server. */
  BREAK_IN_PROGRESS: 2,
  /** ParentLeaseKey holds one; version 2. */
  PARENT_KEY: 4,
} as const;

/** The flag of a durable handle that it shall outlive the server. */
export const PERSISTENT_HANDLE = 2;

/** A lease, asked for or granted. */
export interface Lease {
  /** The client's name for it, 16 bytes. */
  readonly key: Uint8Array;
  /** {@linkcode LeaseState} bits. */
  readonly state: number;
  /** {@linkcode LeaseFlag}s. */
  readonly flags: number;
  /** What version 2 adds, which dialects 3.x have. */
  readonly v2?: {
    /** The lease of the directory, 16 bytes. */ readonly parentKey: Uint8Array;
    /** Counts the changes of state. */ readonly epoch: number;
  } | undefined;
}

/** What a CREATE request may ask for beside the file; all optional. */
export interface CreateRequestContexts {
  /** `DHnQ`: a durable handle, dialects below 3.0. */
  readonly durable?: boolean | undefined;
  /** `DHnC`: that handle again, by its FileId. */
  readonly reconnect?: Uint8Array | undefined;
  /** `DH2Q`: a durable handle, dialects 3.x. */
  readonly durableV2?: {
    /** Milliseconds it shall outlive the connection; 0 lets the server choose. */ readonly timeout: number;
    /** 0 or {@linkcode PERSISTENT_HANDLE}. */ readonly flags: number;
    /** The client's name for this open, 16 bytes. */ readonly createGuid: Uint8Array;
  } | undefined;
  /** `DH2C`: that handle again. */
  readonly reconnectV2?: {
    /** Its FileId, 16 bytes. */ readonly fileId: Uint8Array;
    /** The GUID it was opened with. */ readonly createGuid: Uint8Array;
    /** As it was opened with. */ readonly flags: number;
  } | undefined;
  /** `RqLs`: a lease; the oplock level asked for must be `LEASE`. */
  readonly lease?: Lease | undefined;
  /** `MxAc`: the most access this user can have. */
  readonly maximalAccess?: boolean | undefined;
  /** `QFid`: the file's and the volume's identity. */
  readonly onDiskId?: boolean | undefined;
  /** `AlSi`: bytes to set aside for it. */
  readonly allocationSize?: number | undefined;
  /** `TWrp`: open it as it was then, a FILETIME. */
  readonly timewarp?: bigint | undefined;
}

/** What a CREATE response answers to those. */
export interface CreateResponseContexts {
  /** The handle is durable, dialects below 3.0. */
  readonly durable?: true;
  /** The handle is durable. */
  readonly durableV2?: {
    /** Milliseconds it outlives the connection. */ readonly timeout: number;
    /** 0 or {@linkcode PERSISTENT_HANDLE}. */ readonly flags: number;
  };
  /** The lease granted. */
  readonly lease?: Lease;
  /** The most access this user can have, where the status is 0. */
  readonly maximalAccess?: {
    /** NTSTATUS of the question. */ readonly status: number;
    /** Access mask. */ readonly access: number;
  };
  /** Identities that stay the same while it exists. */
  readonly onDiskId?: {
    /** The file's, as in FileInternalInformation. */ readonly fileId: bigint;
    /** The volume's. */ readonly volumeId: bigint;
  };
}

/** The most contexts taken from a peer. */
export const MAX_CREATE_CONTEXTS = 32;

/** Writes the data of `RqLs`. */
function putLease(writer: Writer, lease: Lease): void {
  writer.id(lease.key);
  writer.u32(lease.state);
  writer.u32(lease.flags);
  writer.u64(0n);
  if (lease.v2 === undefined) return;
  writer.id(lease.v2.parentKey);
  checkFits("Epoch", lease.v2.epoch, 0xffff);
  writer.u16(lease.v2.epoch);
  writer.u16(0);
}

/** Reads the data of `RqLs`, 32 bytes or 52. */
function takeLease(reader: Reader): Lease {
  const key = reader.id();
  const state = reader.u32();
  const flags = reader.u32();
  reader.skip(8);
  if (reader.left === 0) return { key, state, flags };
  const parentKey = reader.id();
  const epoch = reader.u16();
  reader.skip(2);
  return { key, state, flags, v2: { parentKey, epoch } };
}

/** Each context there is: its name and what writes its data. */
function dataOf(contexts: CreateRequestContexts): [string, (writer: Writer) => void][] {
  const all: [string, (writer: Writer) => void][] = [];
  const { reconnect, durableV2, reconnectV2, lease, allocationSize, timewarp } = contexts;
  if (contexts.durable) all.push(["DHnQ", (writer) => writer.zero(16)]);
  if (reconnect !== undefined) all.push(["DHnC", (writer) => writer.id(reconnect)]);
  if (durableV2 !== undefined) {
    all.push(["DH2Q", (writer) => {
      writer.u32(durableV2.timeout);
      writer.u32(durableV2.flags);
      writer.u64(0n);
      writer.id(durableV2.createGuid);
    }]);
  }
  if (reconnectV2 !== undefined) {
    all.push(["DH2C", (writer) => {
      writer.id(reconnectV2.fileId);
      writer.id(reconnectV2.createGuid);
      writer.u32(reconnectV2.flags);
    }]);
  }
  if (lease !== undefined) all.push(["RqLs", (writer) => putLease(writer, lease)]);
  if (contexts.maximalAccess) all.push(["MxAc", () => {}]);
  if (contexts.onDiskId) all.push(["QFid", () => {}]);
  if (allocationSize !== undefined) all.push(["AlSi", (writer) => writer.size(allocationSize)]);
  if (timewarp !== undefined) all.push(["TWrp", (writer) => writer.u64(timewarp)]);
  return all;
}

/** Writes the contexts, the first at the next multiple of 8, and returns their bytes' count without that padding. */
export function putCreateContexts(writer: Writer, contexts: CreateRequestContexts): number {
  const { view } = writer;
  const all = dataOf(contexts);
  if (all.length > 0) writer.pad8();
  const start = writer.at;
  for (const [index, [name, put]] of all.entries()) {
    const at = writer.at;
    writer.u32(0);
    writer.u16(16);
    writer.u16(4);
    writer.u16(0);
    writer.u16(0);
    writer.u32(0);
    for (let i = 0; i < 4; i++) writer.u8(name.charCodeAt(i));
    writer.zero(4);
    put(writer);
    const length = writer.at - at - 24;
    if (length > 0) view.setUint16(at + 10, 24, true);
    view.setUint32(at + 12, length, true);
    if (index === all.length - 1) break;
    writer.pad8();
    view.setUint32(at, writer.at - at, true);
  }
  return writer.at - start;
}

/** Reads one context's data; undefined of a name this side does not ask for. */
function readContext(name: string, data: Uint8Array): CreateResponseContexts | undefined {
  const reader = Reader.of(`create context ${name}`, data);
  switch (name) {
    case "DHnQ":
      return { durable: true };
    case "DH2Q":
      return { durableV2: { timeout: reader.u32(), flags: reader.u32() } };
    case "RqLs":
      return { lease: takeLease(reader) };
    case "MxAc":
      return { maximalAccess: { status: reader.u32(), access: reader.u32() } };
    case "QFid":
      return { onDiskId: { fileId: reader.u64(), volumeId: reader.u64() } };
    default:
      return undefined;
  }
}

/**
 * Reads the contexts of a CREATE response; keys are views.
 *
 * @throws WireError when one does not lie within `bytes`, comes twice, or does not hold within.
 */
export function takeCreateContexts(bytes: Uint8Array): CreateResponseContexts {
  const seen = new Set<string>();
  let contexts: CreateResponseContexts = {};
  let rest = bytes;
  for (let count = 0; rest.length > 0; count++) {
    const reader = Reader.of("create context", rest);
    if (count === MAX_CREATE_CONTEXTS) reader.fail(`contexts are at most ${MAX_CREATE_CONTEXTS}`, "more");
    const next = reader.u32();
    const nameOffset = reader.u16();
    const nameLength = reader.u16();
    reader.skip(2);
    const dataOffset = reader.u16();
    const dataLength = reader.u32();
    const name = String.fromCharCode(...reader.block(nameOffset, Math.min(nameLength, 16), "Name"));
    const found = readContext(name, reader.block(dataOffset, dataLength, "Data"));
    if (found !== undefined) {
      if (seen.has(name)) reader.fail("a context comes once", name);
      seen.add(name);
      contexts = { ...contexts, ...found };
    }
    if (next === 0) break;
    if (next % 8 !== 0 || next < 16 || next >= rest.length) reader.fail("Next is a context within the list", next);
    rest = rest.subarray(next);
  }
  return contexts;
}
