/**
 * An open file: reading, writing, attributes, locks.
 *
 * @module
 */
import { ConfigError } from "../../rdma/errors.ts";
import { decodeFileAll, encodeFileBasic, encodeFileSize } from "../wire/file_information.ts";
import { FileClass, InfoType } from "../wire/information.ts";
import { LockFlag } from "../wire/lock.ts";
import { fileTimeOf, UNCHANGED_TIME } from "../wire/time.ts";
import { ConnectionLost } from "./call.ts";
import { type OpenHandle, type OpenPlan, reopenHandle, watchBreaks } from "./open_handle.ts";
import { PieceWriter } from "./piece_writer.ts";
import { closeCall, flushCall, informationOf, lockCall, queryCall, setCall } from "./requests.ts";
import { keeperOf, type SmbCallOptions } from "./server.ts";
import type { Session } from "./session.ts";
import type { SmbShare } from "./share.ts";
import { type SmbStat, statOf } from "./stat.ts";
import { readableOf, writableOf } from "./streams.ts";
import type { TransferBuffer } from "./transfer_memory.ts";
import { copyIn, type Payload, Transfers } from "./transfers.ts";

/** What an answer to FileAllInformation takes: its fields, and a path. */
const ALL_INFORMATION = 4_096;

/** The open file; {@linkcode SmbShare.open} makes it. */
export class SmbFile implements AsyncDisposable {
  /** Called when the server takes the lease down to these LeaseState bits; it is answered once this is fulfilled. */
  onLeaseBreak: ((state: number) => Promise<void> | void) | undefined;

  readonly #transfers: Transfers;
  #handle: OpenHandle;
  #reopening: Promise<OpenHandle> | undefined;
  #unwatch: () => void = () => {};
  #lease = 0;
  #closed = false;
  #locked = false;
  #written = false;

  /** Made by {@linkcode SmbShare.open}. */
  constructor(
    /** Its share. */ readonly share: SmbShare,
    /** Its path within the share. */ readonly path: string,
    private readonly plan: OpenPlan,
    handle: OpenHandle,
  ) {
    const { server } = share;
    this.#transfers = new Transfers(plan.what, server.settings, server.statistics);
    this.#handle = handle;
    this.#take(handle);
  }

  /** The file as it was when it was opened. */
  get stat(): SmbStat {
    return this.#handle.stat;
  }

  /** Bytes in it when it was opened. */
  get size(): number {
    return this.#handle.stat.size;
  }

  /** LeaseState bits that this client has now. */
  get lease(): number {
    return this.#lease;
  }

  /** Whether the server keeps the handle while the connection is lost. */
  get durable(): boolean {
    return this.#handle.durable;
  }

  /**
   * Reads into `into`, which is filled unless the file ends; the bytes read, 0 at the file's end. `into` must be left alone
   * until then; what lies beyond the bytes read may have been written to.
   */
  async read(offset: number, into: Uint8Array, options: SmbCallOptions = {}): Promise<number> {
    checkOffset(this.plan.what, offset);
    let next = 0;
    let end = into.length;
    const worker = async (): Promise<void> => {
      while (next < end) {
        const at = next;
        const size = Math.min(this.#transfers.most(this.#handle, "read"), end - at);
        next += size;
        const count = await this.#readInto(offset + at, into.subarray(at, at + size), options.signal);
        if (count < size) end = Math.min(end, at + count);
      }
    };
    await this.#together(worker, into.length / this.#transfers.most(this.#handle, "read"), () => end = 0);
    return end;
  }

  /** Writes all of `from`, which must be left alone until then. */
  async write(offset: number, from: Uint8Array, options: SmbCallOptions = {}): Promise<void> {
    checkOffset(this.plan.what, offset);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < from.length) {
        const at = next;
        const size = Math.min(this.#transfers.most(this.#handle, "write"), from.length - at);
        next += size;
        await this.#writeFrom(offset + at, from.subarray(at, at + size), options.signal);
      }
    };
    await this.#together(worker, from.length / this.#transfers.most(this.#handle, "write"), () => next = from.length);
  }

  /**
   * Reads `length` bytes, fewer where the file ends, several requests at once, and gives them in order without another
   * copy: each piece is memory that holds until the next is asked for.
   */
  async *readPieces(
    offset: number,
    length: number,
    options: SmbCallOptions = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    checkOffset(this.plan.what, offset);
    const ahead: Promise<{ buffer: TransferBuffer; count: number; size: number }>[] = [];
    const end = offset + length;
    let next = offset;
    try {
      for (;;) {
        while (next < end && ahead.length < this.#depth("read")) {
          const size = Math.min(this.#transfers.most(this.#handle, "read"), end - next);
          const reading = this.#readPiece(next, size, options.signal);
          reading.catch(() => {}); // told when its turn comes
          ahead.push(reading);
          next += size;
        }
        const reading = ahead.shift();
        if (reading === undefined) return;
        const { buffer, count, size } = await reading;
        using _buffer = buffer;
        let left = count;
        for (const piece of buffer.pieces) {
          if (left > 0) yield piece.subarray(0, Math.min(left, piece.length));
          left -= piece.length;
        }
        if (count < size) return;
      }
    } finally {
      for (const reading of ahead) await reading.then(({ buffer }) => buffer[Symbol.dispose](), () => {});
    }
  }

  /**
   * Writes what `fill` puts at the start of the memory it is given, several requests at once. `fill` returns how many
   * bytes that is; 0 ends. Returns the bytes written in all.
   */
  async writePieces(
    offset: number,
    fill: (into: Uint8Array) => Promise<number>,
    options: SmbCallOptions = {},
  ): Promise<number> {
    const writer = this.pieceWriter(offset, options);
    try {
      for (;;) {
        const count = await fill(await writer.space());
        if (count === 0) break;
        await writer.advance(count);
      }
      return await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** {@linkcode writePieces} for who has the bytes come to them. End it with `finish` or `abandon`. */
  pieceWriter(offset: number, options: SmbCallOptions = {}): PieceWriter {
    checkOffset(this.plan.what, offset);
    return new PieceWriter(offset, {
      size: () => this.#transfers.most(this.#handle, "write"),
      depth: () => this.#depth("write"),
      lend: (size) => this.#lend("write", size, options.signal),
      write: (at, length, buffer) => this.#writePiece(at, length, buffer, options.signal),
    });
  }

  /** The file's bytes as a stream, read ahead. */
  readable(options: { offset?: number; length?: number; signal?: AbortSignal } = {}): ReadableStream<Uint8Array> {
    const { offset = 0, length = Number.MAX_SAFE_INTEGER - offset } = options;
    return readableOf(this.readPieces(offset, length, options));
  }

  /** A stream that writes to the file; closing it waits until all is written. */
  writable(options: { offset?: number; signal?: AbortSignal } = {}): WritableStream<Uint8Array> {
    return writableOf(this.pieceWriter(options.offset ?? 0, options));
  }

  /** Asks for its attributes anew. */
  async refresh(options: SmbCallOptions = {}): Promise<SmbStat> {
    const { signal } = options;
    return await this.#run(true, signal, (handle) =>
      handle.session.call(
        handle.tree,
        queryCall(
          `ask about ${this.plan.what}`,
          handle.fileId,
          InfoType.FILE,
          FileClass.ALL,
          ALL_INFORMATION,
          (output) => {
            const { basic, standard, fileId } = decodeFileAll(output);
            return statOf({ ...basic, ...standard, attributes: basic.attributes }, fileId);
          },
          signal,
        ),
      ));
  }

  /** Makes it `size` bytes long. */
  async truncate(size: number, options: SmbCallOptions = {}): Promise<void> {
    checkOffset(this.plan.what, size);
    const information = informationOf(8, (view, at) => encodeFileSize(view, at, size));
    await this.#set(`truncate ${this.plan.what} to ${size}`, FileClass.END_OF_FILE, information, options.signal);
  }

  /** Sets times, milliseconds since 1970; those left out stay. */
  async setTimes(
    times: { created?: number; accessed?: number; modified?: number },
    options: SmbCallOptions = {},
  ): Promise<void> {
    const time = (milliseconds: number | undefined): bigint =>
      milliseconds === undefined ? UNCHANGED_TIME : fileTimeOf(Math.floor(milliseconds));
    const information = informationOf(40, (view, at) =>
      encodeFileBasic(view, at, {
        creationTime: time(times.created),
        lastAccessTime: time(times.accessed),
        lastWriteTime: time(times.modified),
        changeTime: UNCHANGED_TIME,
        attributes: 0,
      }));
    await this.#set(`set the times of ${this.plan.what}`, FileClass.BASIC, information, options.signal);
  }

  /** Brings what was written to stable storage. */
  async flush(options: SmbCallOptions = {}): Promise<void> {
    const { signal } = options;
    await this.#run(
      true,
      signal,
      (handle) => handle.session.call(handle.tree, flushCall(`flush ${this.plan.what}`, handle.fileId, signal)),
    );
  }

  /**
   * Locks a range: for this handle alone, or `shared` with readers. Fails at once where another has it, or, with `wait`,
   * waits as long as it takes. A lock is lost with the connection, and no file with locks is opened again by itself.
   *
   * @throws NtStatusError LOCK_NOT_GRANTED, FILE_LOCK_CONFLICT.
   */
  async lock(
    offset: number,
    length: number,
    options: SmbCallOptions & { shared?: boolean; wait?: boolean } = {},
  ): Promise<void> {
    const { shared = false, wait = false, signal } = options;
    const flags = (shared ? LockFlag.SHARED : LockFlag.EXCLUSIVE) | (wait ? 0 : LockFlag.FAIL_IMMEDIATELY);
    await this.#lock(`lock ${length} bytes at ${offset} of ${this.plan.what}`, offset, length, flags, wait, signal);
    this.#locked = true;
  }

  /** Unlocks a range that was locked. Throws NtStatusError RANGE_NOT_LOCKED. */
  async unlock(offset: number, length: number, options: SmbCallOptions = {}): Promise<void> {
    const what = `unlock ${length} bytes at ${offset} of ${this.plan.what}`;
    await this.#lock(what, offset, length, LockFlag.UNLOCK, false, options.signal);
  }

  /**
   * Closes it. Idempotent. Throws what the server found only now, such as a full disk; and of a file that was written,
   * whose connection was lost before this was answered, that what was written last may be missing.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (!this.#written) return await this.#closeQuietly();
    try {
      const what = `close ${this.plan.what}`;
      await this.#run(true, undefined, ({ session, tree, fileId }) => session.call(tree, closeCall(what, fileId)));
    } finally {
      this.#closed = true;
      this.#unwatch();
    }
  }

  /** {@linkcode close}, without a word about a connection that is lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closeQuietly();
  }

  async #closeQuietly(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    const reopened = await this.#reopening?.catch(() => undefined); // whoever wanted it was told
    this.#unwatch(); // opening it again watched it again
    const { session, tree, fileId } = reopened ?? this.#handle;
    if (session.over) return; // the server has closed it too, or will when a durable handle is not asked for again
    try {
      await session.call(tree, closeCall(`close ${this.plan.what}`, fileId));
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
  }

  #take(handle: OpenHandle): void {
    this.#unwatch();
    this.#handle = handle;
    this.#lease = handle.lease;
    this.#unwatch = watchBreaks(handle, this.plan, async (state) => {
      await this.onLeaseBreak?.(state);
      this.#lease = state;
    });
  }

  /** Does something with the handle, which is opened again first where its connection was lost. */
  async #run<T>(
    replayable: boolean,
    signal: AbortSignal | undefined,
    task: (handle: OpenHandle) => Promise<T>,
  ): Promise<T> {
    const keeper = keeperOf(this.share.server);
    return await keeper.run(async (session) => await task(await this.#on(session)), { replayable, signal });
  }

  async #on(session: Session): Promise<OpenHandle> {
    if (this.#closed) throw new ConfigError(`${this.plan.what}: the file is closed`);
    if (this.#handle.session === session) return this.#handle;
    this.#reopening ??= this.#reopen(session).finally(() => this.#reopening = undefined);
    return await this.#reopening;
  }

  async #reopen(session: Session): Promise<OpenHandle> {
    if (this.#locked) {
      throw new ConnectionLost(`open ${this.plan.what} again`, "ESTALE", "its locks went with the connection", true);
    }
    const tree = await session.tree(this.share.name);
    const handle = await reopenHandle(session, tree, this.plan, this.#handle);
    this.#take(handle);
    return handle;
  }

  /** Runs several workers and waits for all of them, whatever becomes of one: their memory is the caller's. */
  async #together(worker: () => Promise<void>, most: number, stop: () => void): Promise<void> {
    const count = Math.max(1, Math.min(this.share.server.settings.inFlight, Math.ceil(most)));
    let failure: { error: unknown } | undefined;
    await Promise.all(Array.from({ length: count }, () =>
      worker().catch((error) => {
        failure ??= { error };
        stop();
      })));
    if (failure !== undefined) throw (failure as { error: unknown }).error;
  }

  async #readInto(offset: number, into: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    return await this.#run(true, signal, async (handle) => {
      if (!this.#transfers.direct(handle, into.length)) {
        return await this.#transfers.read(handle, offset, into.length, plain(into), signal);
      }
      using buffer = await handle.session.memory.lend("read", into.length, true, signal);
      const count = await this.#transfers.read(handle, offset, into.length, buffer, signal);
      copyOut(buffer.pieces, into.subarray(0, count));
      return count;
    });
  }

  async #writeFrom(offset: number, from: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    this.#written = true;
    await this.#run(true, signal, async (handle) => {
      if (!this.#transfers.direct(handle, from.length)) {
        await this.#transfers.write(handle, offset, from.length, plain(from), signal);
        return;
      }
      using buffer = await handle.session.memory.lend("write", from.length, true, signal);
      copyIn(from, buffer.pieces);
      await this.#transfers.write(handle, offset, from.length, buffer, signal);
    });
  }

  async #readPiece(
    offset: number,
    size: number,
    signal: AbortSignal | undefined,
  ): Promise<{ buffer: TransferBuffer; count: number; size: number }> {
    return await this.#run(true, signal, async (handle) => {
      using lending = new DisposableStack();
      const direct = this.#transfers.direct(handle, size);
      const buffer = lending.use(await handle.session.memory.lend("read", size, direct, signal));
      const count = await this.#transfers.read(handle, offset, size, buffer, signal);
      lending.move();
      return { buffer, count, size };
    });
  }

  async #lend(direction: "read" | "write", size: number, signal: AbortSignal | undefined): Promise<TransferBuffer> {
    return await this.#run(
      true,
      signal,
      (handle) => handle.session.memory.lend(direction, size, this.#transfers.direct(handle, size), signal),
    );
  }

  /** On another connection than the one it was lent for, a buffer's bytes are copied into one of that. */
  async #writePiece(
    offset: number,
    length: number,
    buffer: TransferBuffer,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    this.#written = true;
    await this.#run(true, signal, async (handle) => {
      const direct = this.#transfers.direct(handle, length);
      if (buffer.owner === handle.session.memory || (buffer.owner === undefined && !direct)) {
        // a short end goes as a short file does
        const payload = direct || length > (buffer.pieces[0]?.length ?? 0)
          ? buffer
          : plain(buffer.pieces[0] as Uint8Array);
        return await this.#transfers.write(handle, offset, length, payload, signal);
      }
      using another = await handle.session.memory.lend("write", length, direct, signal);
      let at = 0;
      for (const piece of buffer.pieces) {
        copyIn(piece.subarray(0, length - at), another.pieces, at);
        at += piece.length;
        if (at >= length) break;
      }
      await this.#transfers.write(handle, offset, length, another, signal);
    });
  }

  /** How many pieces of a transfer are under way: no more than a quarter of the registered memory. */
  #depth(direction: "read" | "write"): number {
    const { inFlight, registeredMemory } = this.share.server.settings;
    const most = this.#transfers.most(this.#handle, direction);
    return Math.max(1, Math.min(inFlight, Math.floor(registeredMemory / 4 / most)));
  }

  async #set(
    what: string,
    infoClass: number,
    information: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await this.#run(
      true,
      signal,
      (handle) => handle.session.call(handle.tree, setCall(what, handle.fileId, infoClass, information, signal)),
    );
  }

  async #lock(
    what: string,
    offset: number,
    length: number,
    flags: number,
    waits: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const lock = { offset: BigInt(offset), length: BigInt(length), flags };
    await this.#run(false, signal, ({ session, tree, fileId }) => {
      const call = lockCall(what, fileId, [lock], waits, signal);
      if (flags === LockFlag.UNLOCK) return session.call(tree, call);
      const undo = (): void => {
        const unlock = lockCall(what, fileId, [{ ...lock, flags: LockFlag.UNLOCK }], false, undefined);
        session.call(tree, unlock).catch(() => {}); // it was closed, and unlocked with that
      };
      return session.call(tree, { ...call, undo });
    });
  }
}

function checkOffset(what: string, offset: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0) return;
  throw new RangeError(`${what}: offset ${offset} is not a whole number from 0 to 2^53 − 1`);
}

function plain(bytes: Uint8Array): Payload {
  return { pieces: [bytes], descriptors: () => undefined };
}

function copyOut(pieces: readonly Uint8Array[], into: Uint8Array): void {
  let at = 0;
  for (const piece of pieces) {
    if (at >= into.length) return;
    into.set(piece.subarray(0, into.length - at), at);
    at += piece.length;
  }
}
