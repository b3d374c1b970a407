/**
 * What dialect 3.1.1 adds to NEGOTIATE: a list of contexts, each starting at a multiple of 8 (MS-SMB2 2.2.3.1, 2.2.4.1).
 *
 * @module
 */
import { checkFits, Reader, type Writer } from "./cursor.ts";
import { checkText, nameOf, putName } from "./names.ts";

/** The kinds of context this side knows; others are passed over. */
export const NegotiateContextType = {
  /** Hash of the pre-authentication integrity. */
  PREAUTH_INTEGRITY: 1,
  /** Ciphers. */
  ENCRYPTION: 2,
  /** Compression algorithms. */
  COMPRESSION: 3,
  /** The server's name as the client knows it. */
  NETNAME: 5,
  /** Whether the transport encrypts already (QUIC). */
  TRANSPORT: 6,
  /** What is done to payloads that go by RDMA. */
  RDMA_TRANSFORM: 7,
  /** Signing algorithms. */
  SIGNING: 8,
} as const;

/** The one hash of pre-authentication integrity. */
export const PREAUTH_SHA512 = 1;

/** Ciphers (MS-SMB2 2.2.3.1.2). */
export const Cipher = {
  /** None in common; only in a response. */
  NONE: 0,
  /** AES-128-CCM. */
  AES_128_CCM: 1,
  /** AES-128-GCM. */
  AES_128_GCM: 2,
  /** AES-256-CCM. */
  AES_256_CCM: 3,
  /** AES-256-GCM. */
  AES_256_GCM: 4,
} as const;

/** Signing algorithms (MS-SMB2 2.2.3.1.7). */
export const SigningAlgorithm = {
  /** HMAC-SHA256. */
  HMAC_SHA256: 0,
  /** AES-128-CMAC. */
  AES_CMAC: 1,
  /** AES-128-GMAC. */
  AES_GMAC: 2,
} as const;

/** Transforms of payloads by RDMA (MS-SMB2 2.2.3.1.6). */
export const RdmaTransform = {
  /** None. */
  NONE: 0,
  /** Encrypted. */
  ENCRYPTION: 1,
  /** Signed. */
  SIGNING: 2,
} as const;

/** The TRANSPORT context's flag: the transport's own security is enough. */
export const TRANSPORT_SECURITY = 1;

/** The contexts of one NEGOTIATE; those left out are not there. A response names one algorithm each. */
export interface NegotiateContexts {
  /** Hashes, and a salt of random bytes. */
  readonly preauth?: {
    /** {@linkcode PREAUTH_SHA512}. */ readonly hashes: readonly number[];
    /** The salt. */ readonly salt: Uint8Array;
  } | undefined;
  /** {@linkcode Cipher}s, best first. */
  readonly ciphers?: readonly number[] | undefined;
  /** Compression algorithms, 0 for none, and whether messages may have several. */
  readonly compression?: {
    /** The algorithms. */ readonly algorithms: readonly number[];
    /** 1 for chained payloads. */ readonly flags: number;
  } | undefined;
  /** The server's name. */
  readonly netname?: string | undefined;
  /** 0 or {@linkcode TRANSPORT_SECURITY}. */
  readonly transport?: number | undefined;
  /** {@linkcode RdmaTransform}s. */
  readonly rdmaTransforms?: readonly number[] | undefined;
  /** {@linkcode SigningAlgorithm}s, best first. */
  readonly signing?: readonly number[] | undefined;
}

/** The most contexts taken from a peer. */
export const MAX_NEGOTIATE_CONTEXTS = 32;

/** Writes a list as its count and elements, with `between` zero bytes after the count. */
function putIds(writer: Writer, ids: readonly number[], between = 0): void {
  checkFits("the number of algorithms", ids.length, 0xffff);
  writer.u16(ids.length);
  writer.zero(between);
  for (const id of ids) writer.u16(id);
}

/** Each context there is: its type and what writes its data. */
function dataOf(contexts: NegotiateContexts): [number, (writer: Writer) => void][] {
  const all: [number, (writer: Writer) => void][] = [];
  const { preauth, ciphers, compression, netname, transport, rdmaTransforms, signing } = contexts;
  if (preauth !== undefined) {
    all.push([NegotiateContextType.PREAUTH_INTEGRITY, (writer) => {
      writer.u16(preauth.hashes.length);
      writer.u16(preauth.salt.length);
      for (const hash of preauth.hashes) writer.u16(hash);
      writer.bytes(preauth.salt);
    }]);
  }
  if (ciphers !== undefined) all.push([NegotiateContextType.ENCRYPTION, (writer) => putIds(writer, ciphers)]);
  if (compression !== undefined) {
    all.push([NegotiateContextType.COMPRESSION, (writer) => {
      writer.u16(compression.algorithms.length);
      writer.u16(0);
      writer.u32(compression.flags);
      for (const algorithm of compression.algorithms) writer.u16(algorithm);
    }]);
  }
  if (netname !== undefined) {
    checkText("the server's name", netname);
    all.push([NegotiateContextType.NETNAME, (writer) => void putName(writer, netname)]);
  }
  if (transport !== undefined) all.push([NegotiateContextType.TRANSPORT, (writer) => writer.u32(transport)]);
  if (rdmaTransforms !== undefined) {
    all.push([NegotiateContextType.RDMA_TRANSFORM, (writer) => putIds(writer, rdmaTransforms, 6)]);
  }
  if (signing !== undefined) all.push([NegotiateContextType.SIGNING, (writer) => putIds(writer, signing)]);
  return all;
}

/** Writes the contexts in the order of their types, the first at the writer's place, and returns how many. */
export function putNegotiateContexts(writer: Writer, contexts: NegotiateContexts): number {
  const all = dataOf(contexts);
  for (const [index, [type, put]] of all.entries()) {
    if (index > 0) writer.pad8();
    const at = writer.at;
    writer.u16(type);
    writer.u16(0);
    writer.u32(0);
    put(writer);
    const length = writer.at - at - 8;
    checkFits("DataLength of a negotiate context", length, 0xffff);
    writer.view.setUint16(at + 2, length, true);
  }
  return all.length;
}

/** Reads `count` 16-bit numbers. */
function idsOf(reader: Reader, count: number): number[] {
  if (count * 2 > reader.left) reader.fail("the count of algorithms fits its data", count);
  return Array.from({ length: count }, () => reader.u16());
}

/** Reads one context's data. */
function readContext(type: number, data: Uint8Array): NegotiateContexts | undefined {
  const reader = Reader.of(`negotiate context ${type}`, data);
  switch (type) {
    case NegotiateContextType.PREAUTH_INTEGRITY: {
      const hashCount = reader.u16();
      const saltLength = reader.u16();
      return { preauth: { hashes: idsOf(reader, hashCount), salt: reader.bytes(saltLength) } };
    }
    case NegotiateContextType.ENCRYPTION:
      return { ciphers: idsOf(reader, reader.u16()) };
    case NegotiateContextType.COMPRESSION: {
      const count = reader.u16();
      reader.u16();
      const flags = reader.u32();
      return { compression: { algorithms: idsOf(reader, count), flags } };
    }
    case NegotiateContextType.NETNAME:
      return { netname: nameOf(data, "NetName") };
    case NegotiateContextType.TRANSPORT:
      return { transport: reader.u32() };
    case NegotiateContextType.RDMA_TRANSFORM: {
      const count = reader.u16();
      reader.skip(6);
      return { rdmaTransforms: idsOf(reader, count) };
    }
    case NegotiateContextType.SIGNING:
      return { signing: idsOf(reader, reader.u16()) };
    default:
      return undefined;
  }
}

/**
 * Reads `count` contexts, the first at `offset` from the message's start. Salt and the like are views.
 *
 * @throws WireError when one does not lie within the message, comes twice, or does not hold within.
 */
export function takeNegotiateContexts(message: Reader, offset: number, count: number): NegotiateContexts {
  if (count > MAX_NEGOTIATE_CONTEXTS) message.fail(`NegotiateContextCount is at most ${MAX_NEGOTIATE_CONTEXTS}`, count);
  const seen = new Set<number>();
  let contexts: NegotiateContexts = {};
  for (let i = 0; i < count; i++) {
    if (offset % 8 !== 0) message.fail("NegotiateContextOffset is a multiple of 8", offset);
    const head = Reader.of("negotiate context", message.block(offset, 8, "a negotiate context"));
    const type = head.u16();
    const length = head.u16();
    const found = readContext(type, message.block(offset + 8, length, "a negotiate context's data"));
    if (found !== undefined) {
      if (seen.has(type)) message.fail("a negotiate context comes once", type);
      seen.add(type);
      contexts = { ...contexts, ...found };
    }
    offset += 8 + Math.ceil(length / 8) * 8;
  }
  return contexts;
}
