/**
 * A server of shares that are held in memory, for tests of the commands. Case does not matter in its names; it can be
 * told to fail, and to lie about what a directory holds.
 *
 * @module
 */
import type {
  Abortable,
  Share,
  ShareEntry,
  ShareFile,
  ShareOpen,
  ShareServer,
  ShareStat,
} from "../../commands/share.ts";
import { FileAttribute, NtStatus, NtStatusError } from "../../src/smb/mod.ts";

/** Bytes that are written, or read, at once. */
export const PIECE = 64 << 10;
/** When everything was made. */
export const MADE = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A file or directory. */
export interface MemoryNode {
  /** Its name, with its case. */
  name: string;
  /** Its bytes; undefined of a directory. */
  bytes: Uint8Array | undefined;
  /** When it was last changed. */
  modified: number;
  /** Beside those that follow from what it is. */
  attributes: number;
  /** Whether somebody writes it, and lets nobody else. */
  busy: boolean;
}

/** A share in memory. */
export class MemoryShare implements Share {
  /** Everything there is, by path in lower case. */
  readonly nodes = new Map<string, MemoryNode>();
  /** Names that a listing of a directory has, too. */
  readonly lies = new Map<string, string[]>();
  /** Each call, as `open a/b`. */
  readonly calls: string[] = [];
  /** Thrown by the next call whose line it is given to. */
  fails: (call: string) => unknown = () => undefined;
  /** Called for each piece that is written or read, with the bytes moved so far. */
  onPiece: (bytes: number) => void | Promise<void> = () => {};
  /** Files that are open. */
  open_ = 0;

  constructor() {
    this.#add("", undefined);
  }

  /** Puts a file, and the directories above it. */
  put(path: string, bytes: Uint8Array | string = "", attributes = 0): MemoryNode {
    const components = path.split("/");
    for (let depth = 1; depth < components.length; depth++) {
      const above = components.slice(0, depth).join("/");
      if (!this.nodes.has(above.toLowerCase())) this.#add(above, undefined);
    }
    return this.#add(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, attributes);
  }

  /** Puts a directory. */
  putDirectory(path: string, attributes = 0): MemoryNode {
    return this.#add(path, undefined, attributes);
  }

  /** The text of a file. */
  text(path: string): string | undefined {
    const bytes = this.nodes.get(path.toLowerCase())?.bytes;
    return bytes && new TextDecoder().decode(bytes);
  }

  /** The paths of all there is but the root, with their case. */
  get paths(): string[] {
    return [...this.nodes.keys()].filter((path) => path !== "").sort().map((path) => this.#cased(path));
  }

  #cased(path: string): string {
    const components = path.split("/");
    return components.map((_, index) => this.nodes.get(components.slice(0, index + 1).join("/"))?.name ?? "?").join(
      "/",
    );
  }

  #add(path: string, bytes: Uint8Array | undefined, attributes = 0): MemoryNode {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const node = { name, bytes, modified: MADE, attributes, busy: false };
    this.nodes.set(path.toLowerCase(), node);
    return node;
  }

  #call(call: string, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    this.calls.push(call);
    const failure = this.fails(call);
    if (failure !== undefined) throw failure;
  }

  #node(call: string, path: string): MemoryNode {
    const node = this.nodes.get(path.toLowerCase());
    if (node === undefined) throw new NtStatusError(`${call} ${path}`, NtStatus.OBJECT_NAME_NOT_FOUND);
    return node;
  }

  #within(path: string): string[] {
    const prefix = path === "" ? "" : `${path.toLowerCase()}/`;
    return [...this.nodes.keys()].filter((each) =>
      each !== "" && each.startsWith(prefix) && !each.slice(prefix.length).includes("/")
    );
  }

  async open(path: string, options: ShareOpen = {}): Promise<ShareFile> {
    const { create = false, createNew = false, truncate = false, share = 7, signal } = options;
    await Promise.resolve();
    this.#call(`open ${path}`, signal);
    let node = this.nodes.get(path.toLowerCase());
    if (node !== undefined && createNew) throw new NtStatusError(`open ${path}`, NtStatus.OBJECT_NAME_COLLISION);
    if (node === undefined && (create || createNew)) node = this.put(path);
    if (node === undefined) node = this.#node("open", path);
    if (node.busy) throw new NtStatusError(`open ${path}`, NtStatus.SHARING_VIOLATION);
    if (node.bytes === undefined) throw new NtStatusError(`open ${path}`, NtStatus.FILE_IS_A_DIRECTORY);
    if (truncate) node.bytes = new Uint8Array();
    return new MemoryFile(this, node, share === 0);
  }

  async stat(path: string, { signal }: Abortable = {}): Promise<ShareStat> {
    await Promise.resolve();
    this.#call(`stat ${path}`, signal);
    return statOf(this.#node("stat", path));
  }

  async *readDir(path: string, { signal }: Abortable = {}): AsyncIterable<ShareEntry> {
    await Promise.resolve();
    this.#call(`list ${path}`, signal);
    const node = this.#node("list", path);
    if (node.bytes !== undefined) throw new NtStatusError(`list ${path}`, NtStatus.NOT_A_DIRECTORY);
    for (const each of this.#within(path)) {
      const found = this.nodes.get(each);
      if (found !== undefined) yield { name: found.name, stat: statOf(found) };
    }
    for (const name of this.lies.get(path) ?? []) {
      yield { name, stat: statOf({ name, bytes: new Uint8Array(1), modified: MADE, attributes: 0, busy: false }) };
    }
  }

  async mkdir(path: string, { recursive = false, signal }: Abortable & { recursive?: boolean } = {}): Promise<void> {
    await Promise.resolve();
    this.#call(`mkdir ${path}`, signal);
    if (this.nodes.has(path.toLowerCase())) {
      if (recursive) return;
      throw new NtStatusError(`mkdir ${path}`, NtStatus.OBJECT_NAME_COLLISION);
    }
    const above = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    if (!this.nodes.has(above.toLowerCase())) {
      if (!recursive) throw new NtStatusError(`mkdir ${path}`, NtStatus.OBJECT_PATH_NOT_FOUND);
      await this.mkdir(above, { recursive });
    }
    this.putDirectory(path);
  }

  async remove(path: string, { signal }: Abortable = {}): Promise<void> {
    await Promise.resolve();
    this.#call(`remove ${path}`, signal);
    const node = this.#node("remove", path);
    if (node.bytes === undefined && (this.#within(path).length > 0 || this.lies.has(path))) {
      throw new NtStatusError(`remove ${path}`, NtStatus.DIRECTORY_NOT_EMPTY);
    }
    this.nodes.delete(path.toLowerCase());
  }

  async rename(from: string, to: string, { replace = false, signal }: Abortable & { replace?: boolean } = {}): Promise<
    void
  > {
    await Promise.resolve();
    this.#call(`rename ${from} ${to}`, signal);
    const node = this.#node("rename", from);
    if (this.nodes.has(to.toLowerCase()) && !replace) {
      throw new NtStatusError(`rename ${from} to ${to}`, NtStatus.OBJECT_NAME_COLLISION);
    }
    this.nodes.delete(from.toLowerCase());
    this.nodes.set(to.toLowerCase(), { ...node, name: to.slice(to.lastIndexOf("/") + 1) });
  }
}

function statOf({ bytes, modified, attributes }: MemoryNode): ShareStat {
  const size = bytes?.length ?? 0;
  const directory = bytes === undefined;
  return {
    size,
    allocated: Math.ceil(size / 4096) * 4096,
    attributes: attributes | (directory ? FileAttribute.DIRECTORY : FileAttribute.ARCHIVE),
    directory,
    link: (attributes & FileAttribute.REPARSE_POINT) !== 0,
    created: MADE,
    accessed: MADE,
    modified,
    changed: MADE,
    modifiedTime: BigInt(modified + 11_644_473_600_000) * 10_000n,
    fileId: 7n,
  };
}

/** An open file in memory. */
class MemoryFile implements ShareFile {
  readonly #share: MemoryShare;
  readonly #node: MemoryNode;
  readonly stat: ShareStat;
  #open = true;

  constructor(share: MemoryShare, node: MemoryNode, exclusive: boolean) {
    this.#share = share;
    this.#node = node;
    this.stat = statOf(node);
    node.busy = exclusive;
    share.open_++;
  }

  get size(): number {
    return this.stat.size;
  }

  get #bytes(): Uint8Array {
    return this.#node.bytes ?? new Uint8Array();
  }

  read(offset: number, into: Uint8Array): Promise<number> {
    const bytes = this.#bytes.subarray(offset, offset + into.length);
    into.set(bytes);
    return Promise.resolve(bytes.length);
  }

  // Each piece is overwritten once the next is asked for, as registered memory is.
  async *readPieces(offset: number, length: number, { signal }: Abortable = {}): AsyncGenerator<Uint8Array> {
    const memory = new Uint8Array(PIECE);
    for (let at = offset; at < offset + length;) {
      signal?.throwIfAborted();
      const piece = this.#bytes.subarray(at, Math.min(at + PIECE, offset + length));
      if (piece.length === 0) return;
      memory.set(piece);
      at += piece.length;
      await this.#share.onPiece(at - offset);
      yield memory.subarray(0, piece.length);
      memory.fill(0xee);
    }
  }

  async writePieces(
    offset: number,
    fill: (into: Uint8Array) => Promise<number>,
    { signal }: Abortable = {},
  ): Promise<number> {
    const memory = new Uint8Array(PIECE);
    for (let written = 0;;) {
      signal?.throwIfAborted();
      const count = await fill(memory);
      if (count === 0) return written;
      const end = offset + written + count;
      const bytes = new Uint8Array(Math.max(end, this.#bytes.length));
      bytes.set(this.#bytes);
      bytes.set(memory.subarray(0, count), offset + written);
      this.#node.bytes = bytes;
      this.#node.modified = MADE + 60_000;
      written += count;
      await this.#share.onPiece(written);
    }
  }

  refresh(): Promise<ShareStat> {
    return Promise.resolve(statOf(this.#node));
  }

  truncate(size: number): Promise<void> {
    const bytes = new Uint8Array(size);
    bytes.set(this.#bytes.subarray(0, size));
    this.#node.bytes = bytes;
    return Promise.resolve();
  }

  setTimes({ modified }: { modified?: number }): Promise<void> {
    this.#node.modified = modified ?? this.#node.modified;
    return Promise.resolve();
  }

  close(): Promise<void> {
    if (this.#open) this.#share.open_--;
    this.#open = false;
    this.#node.busy = false;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A server with one share, `data`. */
export class MemoryServer implements ShareServer {
  readonly dialect = "3.1.1";
  readonly signing = "aes-gmac";
  readonly encryption = "none";
  readonly transport = "tcp";
  readonly passedOver = [{ name: "verbs", reason: "there is no device" }];
  readonly statistics = { toJSON: () => ({ reads: 3 }) };
  readonly data = new MemoryShare();
  closed = 0;

  openShare(name: string): Promise<Share> {
    if (name.toLowerCase() === "data") return Promise.resolve(this.data);
    return Promise.reject(new NtStatusError(`open the share ${name}`, NtStatus.BAD_NETWORK_NAME));
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}
