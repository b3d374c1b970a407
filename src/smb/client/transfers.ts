/**
 * READ and WRITE, one at a time: by RDMA into registered memory, or within the message.
 *
 * @module
 */
import { WireError } from "../../rdma/errors.ts";
import type { BufferDescriptor } from "../../smbdirect/wire.ts";
import { Channel } from "../wire/channel.ts";
import { Command } from "../wire/header.ts";
import {
  decodeReadResponse,
  decodeWriteResponse,
  encodeReadRequest,
  encodeWriteRequest,
  IO_BUFFER_OFFSET,
  ReadResponse,
} from "../wire/io.ts";
import { NtStatus } from "../wire/status.ts";
import { CreditsTooFew } from "./call.ts";
import type { OpenHandle } from "./open_handle.ts";
import type { Direction, TransferBuffer } from "./transfer_memory.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { SmbStatistics } from "./statistics.ts";

/** What a message needs beside its payload: headers, encryption's, and a request's own fields. */
const OVERHEAD = 256;
const CREDIT_BYTES = 65_536;

/** Memory for a payload. */
export type Payload = Pick<TransferBuffer, "pieces" | "descriptors">;

/** A handle's READs and WRITEs. */
export class Transfers {
  readonly #read = new ReadResponse();

  /** For the file called `what`. */
  constructor(
    private readonly what: string,
    private readonly settings: ResolvedSettings,
    private readonly statistics: SmbStatistics,
  ) {}

  /** Whether a transfer of `length` bytes goes by RDMA. */
  direct(handle: OpenHandle, length: number): boolean {
    return length >= this.settings.rdmaThreshold && handle.session.placesDirectly(handle.tree);
  }

  /** The most bytes of one request, by RDMA or within the message; what is longer is to be split. */
  most(handle: OpenHandle, direction: Direction, direct = this.#usuallyDirect(handle, direction)): number {
    const { session } = handle;
    const { transport } = session.exchange;
    const { readSize, writeSize } = this.settings;
    const [wanted, allowed, message] = direction === "read"
      ? [readSize, session.agreement.maxReadSize, transport.maxReceive]
      : [writeSize, session.agreement.maxWriteSize, transport.maxSend];
    const { registeredMemory } = this.settings;
    const carried = direct ? Math.min(transport.maxReadWriteSize, registeredMemory) : message - OVERHEAD;
    return Math.max(1, Math.min(wanted, allowed, carried, session.exchange.mostPayload));
  }

  #usuallyDirect(handle: OpenHandle, direction: Direction): boolean {
    return this.direct(handle, direction === "read" ? this.settings.readSize : this.settings.writeSize);
  }

  /** Reads `length` bytes at `offset` into `buffer`; fewer only where the file ends. */
  async read(
    handle: OpenHandle,
    offset: number,
    length: number,
    buffer: Payload,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    let done = 0;
    while (done < length) {
      const size = Math.min(length - done, this.most(handle, "read", isRegistered(buffer)));
      const count = await fitting(size, (most) => this.#readOnce(handle, offset, done, most, buffer, signal));
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  /** Writes `length` bytes of `buffer` at `offset`, all of them. */
  async write(
    handle: OpenHandle,
    offset: number,
    length: number,
    buffer: Payload,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let done = 0;
    while (done < length) {
      const size = Math.min(length - done, this.most(handle, "write", isRegistered(buffer)));
      done += await fitting(size, (most) => this.#writeOnce(handle, offset, done, most, buffer, signal));
    }
  }

  #readOnce(
    handle: OpenHandle,
    start: number,
    done: number,
    length: number,
    buffer: Payload,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { session, tree, fileId } = handle;
    const descriptors = buffer.descriptors(done, length) ?? [];
    const direct = descriptors.length > 0;
    // memory that is not registered is in one piece
    const into = direct ? undefined : buffer.pieces[0]?.subarray(done, done + length);
    const offset = start + done;
    const request = {
      fileId,
      offset,
      length,
      minimumCount: 0,
      flags: 0,
      channel: direct ? session.memory.channel : Channel.NONE,
      descriptors,
    };
    return session.call(tree, {
      command: Command.READ,
      what: `read ${length} bytes at ${offset} of ${this.what}`,
      room: roomOf(descriptors),
      bytes: length,
      signal,
      into,
      encode: (view, at) => encodeReadRequest(view, at, request),
      decode: (view, at, size, _header, elsewhere) => {
        const response = this.#read;
        decodeReadResponse(view, at, size, length, response, elsewhere);
        if (response.flags !== 0) throw new WireError("smb2", "a READ's answer has no transform", response.flags);
        if (response.dataRemaining > 0 && !direct) {
          throw new WireError("smb2", "a READ's answer goes by RDMA where that was asked for", response.dataRemaining);
        }
        const count = response.dataLength + response.dataRemaining;
        if (response.dataLength > 0 && elsewhere === 0) {
          const data = new Uint8Array(view.buffer, view.byteOffset + response.dataAt, response.dataLength);
          copyIn(data, buffer.pieces, done + response.dataRemaining);
        }
        this.statistics.reads++;
        this.statistics.readBytes += count;
        this.statistics.readRdmaBytes += response.dataRemaining;
        return count;
      },
      otherwise: (status) => status === NtStatus.END_OF_FILE ? 0 : undefined,
    });
  }

  #writeOnce(
    handle: OpenHandle,
    start: number,
    done: number,
    length: number,
    buffer: Payload,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { session, tree, fileId } = handle;
    const descriptors = buffer.descriptors(done, length) ?? [];
    const direct = descriptors.length > 0;
    const offset = start + done;
    const channel = direct ? session.memory.channel : Channel.NONE;
    const request = { fileId, offset, length, flags: 0, channel, descriptors };
    return session.call(tree, {
      command: Command.WRITE,
      what: `write ${length} bytes at ${offset} of ${this.what}`,
      room: roomOf(descriptors),
      bytes: length,
      signal,
      payload: direct ? undefined : buffer.pieces[0]?.subarray(done, done + length),
      encode: (view, at) => encodeWriteRequest(view, at, request),
      decode: (view, at, size) => {
        const count = decodeWriteResponse(view, at, size, length);
        if (count === 0) throw new WireError("smb2", "a WRITE that succeeds takes bytes", 0);
        this.statistics.writes++;
        this.statistics.writeBytes += count;
        if (direct) this.statistics.writeRdmaBytes += count;
        return count;
      },
    });
  }
}

function isRegistered(buffer: Payload): boolean {
  return buffer.descriptors(0, 1) !== undefined;
}

function roomOf(descriptors: readonly BufferDescriptor[]): number {
  return IO_BUFFER_OFFSET + 16 + 16 * descriptors.length;
}

/** Tries with `length`, and with less where the server gives too few credits for it. */
async function fitting(length: number, attempt: (length: number) => Promise<number>): Promise<number> {
  for (;;) {
    try {
      return await attempt(length);
    } catch (error) {
      if (!(error instanceof CreditsTooFew) || error.available === 0 || length <= CREDIT_BYTES) throw error;
      length = Math.min(length - 1, error.available * CREDIT_BYTES);
    }
  }
}

/** Copies `from` to where byte `at` of the pieces is, and on. */
export function copyIn(from: Uint8Array, pieces: readonly Uint8Array[], at = 0): void {
  for (const piece of pieces) {
    if (from.length === 0) return;
    if (at < piece.length) {
      const part = from.subarray(0, piece.length - at);
      piece.set(part, at);
      from = from.subarray(part.length);
    }
    at = Math.max(0, at - piece.length);
  }
}
