/**
 * Unix sockets of engines: where they are, who may use them, and what is there when one is not expected.
 *
 * @module
 */
import { ConfigError, reasonOf, SystemError, VerbsError } from "../rdma/errors.ts";
import type { Arrival, EngineListener, EngineWay, ReaderChannel } from "./channel.ts";
import { LOCAL_MEMORY } from "./local_memory.ts";
import { INLINE, SocketChannel, type SocketTimes } from "./socket_channel.ts";
import { pause, unlessAborted } from "./waiting.ts";

/** Bytes of a socket's path, at most (unix(7)). */
const MAX_PATH = 107;
/** Rights that nobody but the socket's owner has: to connect takes the right to write. */
const OWNER_ONLY = 0o177;
/** How long a connection may bring nothing; SeaweedFS's sidecar keeps its own for five minutes. Milliseconds. */
const IDLE_TIMEOUT = 330_000;
/** How long to wait before the next connection is taken when one could not be; milliseconds. */
const ACCEPT_PAUSE = 100;

/** The way to an engine of this machine. */
class SocketWay implements EngineWay {
  readonly name = "unix";
  readonly place: string;
  readonly transport = "local";
  readonly source = "local";
  readonly extension = INLINE;
  readonly memory = LOCAL_MEMORY;
  readonly access = 0;

  constructor(readonly path: string, readonly times: SocketTimes) {
    this.place = `unix:${path}`;
  }

  async connect(_timeout: number, signal: AbortSignal): Promise<ReaderChannel> {
    const connecting = Deno.connect({ transport: "unix", path: this.path });
    try {
      return new SocketChannel(await unlessAborted(connecting, signal), "reader", this.times);
    } catch (error) {
      connecting.then((late) => late.close(), () => {});
      if (signal.aborted) throw error;
      throw new VerbsError("connect to a Unix socket", ...whyNot(error));
    }
  }

  [Symbol.dispose](): void {}
}

// None of these may name the path: they are told to whoever asks for bytes.
function whyNot(error: unknown): [code: string, detail: string] {
  if (error instanceof Deno.errors.NotFound) return ["refused", "there is none: start verbena engine --socket"];
  if (error instanceof Deno.errors.ConnectionRefused) return ["refused", "no engine listens on it any more"];
  if (error instanceof Deno.errors.PermissionDenied) return ["refused", "it is another user's"];
  if (error instanceof Deno.errors.NotCapable) return ["refused", "this process may not write there; see deno.json"];
  return ["unreachable", error instanceof Error ? error.name : "it cannot be told why"];
}

/** The way to the engine that listens on the Unix socket at `path`. Throws ConfigError for a path that is too long. */
export function socketWay(path: string, times: SocketTimes = {}): EngineWay {
  checkPath(path);
  return new SocketWay(path, times);
}

/** Where readers of this machine arrive. */
export class SocketListener implements EngineListener<string> {
  /** See {@linkcode EngineListener.name}. */
  readonly name = "unix";
  /** See {@linkcode EngineListener.transport}. */
  readonly transport = "local";
  /** See {@linkcode EngineListener.memory}. */
  readonly memory: typeof LOCAL_MEMORY = LOCAL_MEMORY;
  /** See {@linkcode EngineListener.access}. */
  readonly access = 0;
  readonly #listener: Deno.UnixListener;
  readonly #closing = new AbortController();

  private constructor(
    /** See {@linkcode EngineListener.address}: the path. */ readonly address: string,
    listener: Deno.UnixListener,
  ) {
    this.#listener = listener;
  }

  /**
   * Listens on a socket at `path`, which only this user may connect to. A socket that is there already and that nobody
   * answers on is what another engine left when it was killed, and makes way.
   *
   * @throws ConfigError where something else is there, SystemError where another engine is or the socket cannot be made.
   */
  static async open(path: string): Promise<SocketListener> {
    checkPath(path);
    await removeStale(path);
    return new SocketListener(path, listen(path));
  }

  /** Ends the iteration and removes the socket. */
  close(): Promise<void> {
    if (!this.#closing.signal.aborted) this.#listener.close(); // which removes it
    this.#closing.abort();
    return Promise.resolve();
  }

  /** See {@linkcode EngineListener}. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Arrival> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let connection: Deno.Conn;
      try {
        connection = await this.#listener.accept();
      } catch {
        await pause(ACCEPT_PAUSE, signal); // the listener is closed, or this process has no descriptor left
        continue;
      }
      yield {
        remote: "unix",
        accept: () => Promise.resolve(new SocketChannel(connection, "engine", { idle: IDLE_TIMEOUT })),
        reject: () => Promise.resolve(connection.close()),
      };
    }
  }
}

function listen(path: string): Deno.UnixListener {
  let umask: number | undefined;
  try {
    umask = Deno.umask(OWNER_ONLY); // at no time may another user connect
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    throw cannot("listen on", path, error);
  } finally {
    if (umask !== undefined) Deno.umask(umask);
  }
}

async function removeStale(path: string): Promise<void> {
  const info = await at(path);
  if (info === undefined) return;
  if (!info.isSocket) {
    throw new ConfigError(`--socket ${path}: something is there that is no socket: name another path`);
  }
  if (await answers(path)) {
    throw new SystemError(`listen on ${path}`, "EADDRINUSE", "another engine does: stop it, or name another path");
  }
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw cannot("remove", path, error);
  }
}

async function at(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw cannot("look at", path, error);
  }
}

/** Whether somebody listens. Throws SystemError where that cannot be told. */
async function answers(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound) return false;
    throw cannot("connect to", path, error);
  }
}

function cannot(what: string, path: string, error: unknown): SystemError {
  const denied = error instanceof Deno.errors.NotCapable;
  const code = denied ? "EACCES" : (error as { code?: string }).code ?? "EIO";
  const advice = denied ? `${reasonOf(error)}: the roles of deno.json name where sockets may be` : reasonOf(error);
  return new SystemError(`${what} ${path}`, code, advice);
}

function checkPath(path: string): void {
  const length = new TextEncoder().encode(path).length;
  if (length < 1 || length > MAX_PATH || path.includes("\0")) {
    throw new ConfigError(`a Unix socket's path has 1 to ${MAX_PATH} bytes: got ${length}, ${JSON.stringify(path)}`);
  }
}
