/**
 * Where READ and WRITE find their payload when it goes by RDMA: arrays of buffer descriptors (MS-SMBD 2.2.3.1), and what
 * was done to it on the way (MS-SMB2 2.2.43).
 *
 * @module
 */
import {
  BUFFER_DESCRIPTOR_LENGTH,
  type BufferDescriptor,
  decodeBufferDescriptor,
  encodeBufferDescriptor,
} from "../../smbdirect/wire.ts";
import { checkFits, Reader, Writer } from "./cursor.ts";

/** How the payload goes (MS-SMB2 2.2.19). */
export const Channel = {
  /** In the message. */
  NONE: 0,
  /** By RDMA. */
  RDMA_V1: 1,
  /** By RDMA; the response invalidates the first descriptor's token. Dialects from 3.0.2. */
  RDMA_V1_INVALIDATE: 2,
  /** By RDMA, encrypted or signed; in WRITE only. Dialect 3.1.1. */
  RDMA_TRANSFORM: 3,
} as const;

/** The most descriptors that a 16-bit length holds. */
export const MAX_DESCRIPTORS = 4095;

/** The kinds of {@linkcode CryptoTransform}. */
export const CryptoTransformType = {
  /** Encrypted. */
  ENCRYPTION: 1,
  /** Signed. */
  SIGNING: 2,
} as const;

/** What was done to a payload that goes by RDMA (MS-SMB2 2.2.43.1). */
export interface CryptoTransform {
  /** One of {@linkcode CryptoTransformType}. */
  readonly type: number;
  /** At most 16 bytes. */
  readonly signature: Uint8Array;
  /** 11 bytes of CCM, 12 of GCM and GMAC, none of CMAC. */
  readonly nonce: Uint8Array;
}

/** A transform and the descriptors of what was transformed. */
export interface RdmaTransformInfo {
  /** The channel that the descriptors are for; NONE in a response. */
  readonly channel: number;
  /** What was done. */
  readonly transform: CryptoTransform;
  /** Where the payload is; none in a response. */
  readonly descriptors: readonly BufferDescriptor[];
}

/**
 * Writes an array of buffer descriptors at `at` and returns its bytes' count.
 *
 * @throws WireError when there are more than {@linkcode MAX_DESCRIPTORS}.
 */
export function encodeDescriptors(view: DataView, at: number, descriptors: readonly BufferDescriptor[]): number {
  checkFits("the number of buffer descriptors", descriptors.length, MAX_DESCRIPTORS);
  for (let i = 0; i < descriptors.length; i++) {
    encodeBufferDescriptor(view, at + i * BUFFER_DESCRIPTOR_LENGTH, descriptors[i] as BufferDescriptor);
  }
  return descriptors.length * BUFFER_DESCRIPTOR_LENGTH;
}

/**
 * Reads an array of buffer descriptors.
 *
 * @throws WireError when there is none, a piece of one, or one does not hold.
 */
export function decodeDescriptors(bytes: Uint8Array): BufferDescriptor[] {
  const reader = Reader.of("channel info", bytes);
  if (bytes.length === 0 || bytes.length % BUFFER_DESCRIPTOR_LENGTH !== 0) {
    reader.fail("length is that of whole buffer descriptors", bytes.length);
  }
  const descriptors: BufferDescriptor[] = [];
  while (reader.left > 0) {
    descriptors.push(decodeBufferDescriptor(reader.view, reader.skip(BUFFER_DESCRIPTOR_LENGTH), 16));
  }
  return descriptors;
}

/** Writes a transform, padded to a multiple of 8, and then its descriptors, and returns the bytes' count. */
export function encodeRdmaTransform(view: DataView, at: number, info: RdmaTransformInfo): number {
  const { signature, nonce, type } = info.transform;
  checkFits("SignatureLength", signature.length, 16);
  checkFits("NonceLength", nonce.length, 16);
  const writer = new Writer(view, at);
  const size = info.descriptors.length * BUFFER_DESCRIPTOR_LENGTH;
  checkFits("the number of buffer descriptors", info.descriptors.length, MAX_DESCRIPTORS);
  writer.zero(2);
  writer.u16(size);
  writer.u32(info.channel);
  writer.u16(1);
  writer.zero(6);
  writer.u16(type);
  writer.u16(signature.length);
  writer.u16(nonce.length);
  writer.u16(0);
  writer.bytes(signature);
  writer.bytes(nonce);
  writer.pad8();
  if (size > 0) view.setUint16(at, writer.length, true);
  return writer.length + encodeDescriptors(view, writer.at, info.descriptors);
}

/**
 * Reads a transform and its descriptors; signature and nonce are views.
 *
 * @throws WireError when it does not hold, or there is another number of transforms than one.
 */
export function decodeRdmaTransform(bytes: Uint8Array): RdmaTransformInfo {
  const reader = Reader.of("RDMA transform", bytes);
  const offset = reader.u16();
  const size = reader.u16();
  const channel = reader.u32();
  const count = reader.u16();
  if (count !== 1) reader.fail("TransformCount is 1", count);
  reader.skip(6);
  const type = reader.u16();
  const signatureLength = reader.u16();
  const nonceLength = reader.u16();
  reader.skip(2);
  if (signatureLength > 16) reader.fail("SignatureLength is at most 16", signatureLength);
  if (nonceLength > 16) reader.fail("NonceLength is at most 16", nonceLength);
  const transform = { type, signature: reader.bytes(signatureLength), nonce: reader.bytes(nonceLength) };
  const descriptors = size === 0 ? [] : decodeDescriptors(reader.block(offset, size, "the buffer descriptors"));
  return { channel, transform, descriptors };
}
