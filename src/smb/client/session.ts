/**
 * A session on one connection: logged on, with the shares it reaches and the files it has open.
 *
 * @module
 */
import { CapabilityError, VerbenaError, WireError } from "../../rdma/errors.ts";
import { BREAK_ACK_REQUIRED, decodeBreak } from "../wire/break.ts";
import type { CreateResponse } from "../wire/create.ts";
import { decodeEmpty, encodeEmpty } from "../wire/empty.ts";
import { Command } from "../wire/header.ts";
import {
  decodeIoctlResponse,
  decodeValidateNegotiate,
  encodeIoctlRequest,
  encodeValidateNegotiate,
  Fsctl,
} from "../wire/ioctl.ts";
import { Dialect } from "../wire/negotiate.ts";
import { decodeTreeConnectResponse, encodeTreeConnectRequest, ShareFlag } from "../wire/tree.ts";
import type { Call } from "./call.ts";
import { Exchange } from "./exchange.ts";
import { logOn, type LogonRequest } from "./logon.ts";
import { type Agreement, negotiate } from "./negotiation.ts";
import { closeCall } from "./requests.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { SmbStatistics } from "./statistics.ts";
import { TransferMemory } from "./transfer_memory.ts";
import type { SmbTransport } from "./transport.ts";

/** The FileId of controls of the server itself. */
const NO_FILE = new Uint8Array(16).fill(0xff);
/** What a query may bring at most; servers may allow less. */
const MOST_QUERY = 1 << 16;

/** A share that a session reached. */
export interface Tree {
  /** Its TreeId. */
  readonly id: number;
  /** `\\server\share`. */
  readonly path: string;
  /** Whether it asks for encryption. */
  readonly encrypts: boolean;
}

/** What hears of the breaks of an open file's oplock or lease. */
export interface BreakListener {
  /** The server takes it down to `state`, and wants an answer where `acknowledge` says so. */
  broken(state: number, acknowledge: boolean): Promise<void>;
}

/** The session. */
export class Session {
  /** Requests. */
  readonly exchange: Exchange;
  /** Memory for payloads. */
  readonly memory: TransferMemory;
  /** Who hears of breaks, by FileId or lease key, in hexadecimal digits. */
  readonly listeners: Map<string, BreakListener> = new Map();
  readonly #trees = new Map<string, Promise<Tree>>();

  private constructor(
    exchange: Exchange,
    /** What was negotiated. */ readonly agreement: Agreement,
    private readonly settings: ResolvedSettings,
    private readonly hostname: string,
  ) {
    this.exchange = exchange;
    this.memory = new TransferMemory(exchange.transport, settings, agreement.dialect);
    exchange.closed.then(() => this.memory[Symbol.dispose]());
    exchange.onBreak = (view, at, length) => this.#onBreak(view, at, length);
  }

  /** Negotiates and logs on over `transport`, which is closed where that fails. Throws as both do. */
  static async open(
    transport: SmbTransport,
    settings: ResolvedSettings,
    statistics: SmbStatistics,
    clientGuid: Uint8Array,
    request: LogonRequest,
    signal: AbortSignal,
  ): Promise<Session> {
    const exchange = new Exchange(transport, settings, statistics);
    const abort = (): void => void exchange.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      const agreement = await negotiate(exchange, settings, clientGuid, request.hostname);
      await logOn(exchange, agreement, settings, request);
      return new Session(exchange, agreement, settings, request.hostname);
    } catch (error) {
      await exchange.close();
      transport.domain?.[Symbol.dispose]();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Its identity, for the server to forget it by. */
  get id(): bigint {
    return this.exchange.security?.sessionId ?? 0n;
  }

  /** Whether the connection has gone. */
  get over(): boolean {
    return this.exchange.over;
  }

  /** The most of a listing or a query. */
  get querySize(): number {
    return Math.min(MOST_QUERY, this.agreement.maxTransactSize, this.exchange.mostPayload);
  }

  /** Whether a share's payloads may go by RDMA: none that is to be signed or encrypted (MS-SMB2 3.2.4.6). */
  placesDirectly(tree: Tree): boolean {
    const { transport, security } = this.exchange;
    return transport.domain !== undefined && this.agreement.dialect >= Dialect.SMB_3_0 && !tree.encrypts &&
      security?.signs !== true && security?.encrypts !== true;
  }

  /** Reaches a share, once a session. */
  tree(share: string): Promise<Tree> {
    const key = share.toLowerCase();
    let tree = this.#trees.get(key);
    if (tree === undefined) {
      tree = this.#connectTree(share);
      this.#trees.set(key, tree);
      tree.catch(() => this.#trees.delete(key));
    }
    return tree;
  }

  /** Leaves a share, if it was reached. */
  async leave(share: string): Promise<void> {
    const key = share.toLowerCase();
    const tree = this.#trees.get(key);
    this.#trees.delete(key);
    if (tree === undefined || this.over) return;
    const { id, path } = await tree;
    await this.exchange.call<void>({
      command: Command.TREE_DISCONNECT,
      what: `leave ${path}`,
      treeId: id,
      encode: encodeEmpty,
      decode: decodeEmpty,
    });
  }

  /** Carries out a request on a share. */
  call<T>(tree: Tree, call: Call<T>): Promise<T> {
    return this.exchange.call(this.#onTree(tree, call));
  }

  /** Opens a file. One that the server opens though the request was given up is closed again. */
  create(tree: Tree, call: Call<CreateResponse>): Promise<CreateResponse> {
    const undo = ({ fileId }: CreateResponse): void => {
      this.call(tree, closeCall(call.what, fileId)).catch(() => {}); // the connection ended, and closed it too
    };
    return this.call(tree, Object.assign(call, { undo }));
  }

  /** Carries out related requests on a share, in one message. */
  chain(tree: Tree, calls: readonly Call<unknown>[]): Promise<unknown>[] {
    return this.exchange.chain(calls.map((call) => this.#onTree(tree, call)));
  }

  /** Logs off, and ends the connection. */
  async close(): Promise<void> {
    try {
      if (!this.over) {
        await this.exchange.call<void>({
          command: Command.LOGOFF,
          what: `log off from ${this.hostname}`,
          timeout: Math.min(this.settings.timeout, 2_000),
          encode: encodeEmpty,
          decode: decodeEmpty,
        });
      }
    } catch (error) {
      if (!(error instanceof VerbenaError)) throw error; // it has gone: that is what was wanted
    }
    await this.exchange.close();
  }

  #onTree<T>(tree: Tree, call: Call<T>): Call<T> {
    return Object.assign(call, { treeId: tree.id, encrypted: tree.encrypts });
  }

  async #connectTree(share: string): Promise<Tree> {
    const path = `\\\\${this.hostname}\\${share}`;
    const tree = await this.exchange.call<Tree>({
      command: Command.TREE_CONNECT,
      what: `open the share ${path}`,
      room: 96 + 2 * path.length,
      signed: this.agreement.dialect >= Dialect.SMB_3_1_1,
      encode: (view, at) => encodeTreeConnectRequest(view, at, path),
      decode: (view, at, length, header) => {
        const { shareFlags } = decodeTreeConnectResponse(view, at, length);
        return { id: header.treeId, path, encrypts: (shareFlags & ShareFlag.ENCRYPT_DATA) !== 0 };
      },
    });
    if (tree.encrypts && this.exchange.security?.sealer === undefined) {
      throw new CapabilityError(
        `${path} wants encryption, and this session cannot: take dialect 3.0 or newer, and a user`,
      );
    }
    await this.#validate(tree);
    return tree;
  }

  /** Before 3.1.1: asks the server, signed, whether nobody changed the negotiation on its way (MS-SMB2 3.2.5.5). */
  async #validate(tree: Tree): Promise<void> {
    const { request, dialect, capabilities, securityMode, serverGuid } = this.agreement;
    const newest = Math.max(...request.dialects);
    if (dialect === Dialect.SMB_3_1_1 || newest < Dialect.SMB_3_0) return;
    if (this.exchange.security?.signer === undefined) return;
    const input = new Uint8Array(24 + 2 * request.dialects.length);
    encodeValidateNegotiate(new DataView(input.buffer), 0, request);
    const confirmed = await this.call(tree, {
      command: Command.IOCTL,
      what: `confirm the negotiation with ${this.hostname}`,
      signed: true,
      encode: (view, at) =>
        encodeIoctlRequest(view, at, {
          code: Fsctl.VALIDATE_NEGOTIATE_INFO,
          fileId: NO_FILE,
          input,
          maxOutput: 24,
        }),
      decode: (view, at, length) => {
        const answer = decodeValidateNegotiate(decodeIoctlResponse(view, at, length, 24).output);
        return answer.dialect === dialect && answer.capabilities === capabilities &&
          answer.securityMode === securityMode && answer.serverGuid.every((byte, index) => byte === serverGuid[index]);
      },
      // a server that does not know the question says so, signed: nobody in between could
      otherwise: () => true,
    });
    if (confirmed) return;
    const error = new WireError(
      "smb2",
      "the server confirms what was negotiated",
      "something else: it was changed on its way",
    );
    this.exchange.fail(error);
    throw error;
  }

  #onBreak(view: DataView, at: number, length: number): void {
    const taken = decodeBreak(view, at, length);
    if (taken.kind === "lease") return;
    const key = taken.kind === "oplock" ? taken.fileId.toHex() : taken.key.toHex();
    const listener = this.listeners.get(key);
    if (listener === undefined) return; // closed meanwhile: that answers
    const broken = taken.kind === "oplock"
      ? listener.broken(taken.level, true)
      : listener.broken(taken.newState, (taken.flags & BREAK_ACK_REQUIRED) !== 0);
    broken.catch(() => {}); // the connection ended, which its requests are told
  }
}
