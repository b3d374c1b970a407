/**
 * Verbena's own two processes, `verbena engine` and `verbena serve`, started as a user would start them: each with the
 * permissions of its role and nothing more.
 *
 * @module
 */
import { Process, type ProcessOptions } from "./process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** How long a process may take to be ready: the first start type-checks nothing but loads everything. */
const START = 60_000;

/** What moves the bytes between the two. */
export interface Over {
  /** The provider both are told to use. */
  provider: "auto" | "verbs" | "iwarp";
  /** The address the engine listens on. */
  hostname: string;
}

/** The embedded default, on any machine. */
const OVER_LOOPBACK: Over = { provider: "auto", hostname: "127.0.0.1" };

/** How an engine is set up. */
export interface EngineOptions {
  /** Default: whatever is there for the loopback. */
  over?: Over;
  /** Volume folders. */
  directories: readonly string[];
  /** The folder of `.idx` files, where they have one. */
  indexDirectory?: string | undefined;
  /** Checksums of FPDUs. */
  crc?: "on" | "off" | "auto";
  /** The path of a Unix socket to listen on instead of an RDMA address. */
  socket?: string;
}

/** How a service is set up. */
export interface ServeOptions {
  /** What it is told to read through. Default `auto`. */
  provider?: Over["provider"];
  /** The engine's address, `rdma:127.0.0.1:18515` or `unix:/tmp/verbena/engine.sock`. */
  engine?: string;
  /** Folders of volumes that it has itself, with an engine of its own. */
  directories?: readonly string[];
  /** The folder of their `.idx` files, where they have one. */
  indexDirectory?: string | undefined;
  /** Bytes read ahead of sequential readers; 0 for none. */
  readAhead?: number;
  /** Checksums of FPDUs. */
  crc?: "on" | "off" | "auto";
  /** What a read may take, in milliseconds. */
  timeout?: number;
  /** The master through which a volume server is found for reads that no engine answers. */
  master?: string;
  /** What needs no token. Default: all that tests of something else than tokens ask. */
  anonymous?: readonly string[];
  /** The file that holds the volume server's read key. */
  readKeyFile?: string;
}

/** A line of the log. */
export interface LogLine {
  /** `debug`, `info`, `warn`, `error`. */
  readonly level: string;
  /** What happened. */
  readonly message: string;
  /** More, by name. */
  readonly [name: string]: unknown;
}

/** What both have: one process, which can be ended, started again at the same port, stopped and continued. */
class Service implements AsyncDisposable {
  /** The port it listens on: the system's choice at the first start, the same again ever after. */
  port = 0;
  #process: Process | undefined;

  /** Nothing runs yet. */
  constructor(
    private readonly role: "engine" | "serve",
    private readonly args: readonly string[],
    /** The address it listens on, or a socket's path. */ readonly hostname: string = OVER_LOOPBACK.hostname,
    private readonly permissions: string = role,
  ) {}

  /** Starts the process; resolves at its ready line. */
  async launch(): Promise<void> {
    const options: ProcessOptions = { cwd: ROOT, name: `verbena ${this.role}` };
    const listen = this.hostname.startsWith("/")
      ? ["--socket", this.hostname]
      : ["--listen", `${this.hostname}:${this.port}`];
    const command = ["run", "--quiet", `-P=${this.permissions}`, "main.ts", this.role, ...listen, ...this.args];
    this.#process = new Process(Deno.execPath(), command, options);
    try {
      const ready = await this.#process.line(
        new RegExp(`^verbena ${this.role} listening on \\S+?(?::(\\d+))?$`),
        START,
      );
      this.port = Number(ready[1] ?? 0);
    } catch (error) {
      await this.#process.stop("SIGKILL");
      throw error;
    }
  }

  /** The process that runs now. */
  get process(): Process {
    if (this.#process === undefined) throw new Error(`verbena ${this.role} was not started`);
    return this.#process;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.process.stop("SIGKILL");
  }

  /** Starts it again with the same arguments, at the same port. */
  async restart(): Promise<void> {
    await this.process.stop("SIGKILL");
    await this.launch();
  }

  /** SIGSTOP: it hangs, with its connections open. */
  pause(): void {
    this.process.signal("SIGSTOP");
  }

  /** SIGCONT. */
  resume(): void {
    this.process.signal("SIGCONT");
  }

  /** SIGTERM; the exit code. */
  async terminate(): Promise<number> {
    return (await this.process.stop("SIGTERM")).code;
  }

  /** What it logged, as far as it is JSON. */
  get log(): LogLine[] {
    return this.process.stderr.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LogLine);
  }

  /** Lines of standard error that are not the log's JSON: there should be none. */
  get stray(): string[] {
    return this.process.stderr.filter((line) => line !== "" && !line.startsWith("{"));
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.process.signal("SIGCONT"); // a stopped process would not see the SIGTERM
    await this.process.stop("SIGTERM", 5_000);
  }
}

/** A storage engine process. */
export class Engine extends Service {
  /** Starts one at a port the system chose. */
  static async start(options: EngineOptions): Promise<Engine> {
    const args: string[] = [];
    for (const directory of options.directories) args.push("--dir", directory);
    if (options.indexDirectory !== undefined) args.push("--index-dir", options.indexDirectory);
    if (options.crc !== undefined) args.push("--crc", options.crc);
    const { provider, hostname } = options.over ?? OVER_LOOPBACK;
    args.push("--provider", provider);
    const engine = new Engine("engine", args, options.socket ?? hostname);
    await engine.launch();
    return engine;
  }

  /** `rdma:127.0.0.1:18515` or `unix:/tmp/verbena/engine.sock`, for {@linkcode ServeOptions}. */
  get address(): string {
    if (this.hostname.startsWith("/")) return `unix:${this.hostname}`;
    return `rdma:${this.hostname}:${this.port}`;
  }
}

/** An HTTP service process. */
export class Serve extends Service {
  /** Starts one at a port the system chose. */
  static async start(options: ServeOptions): Promise<Serve> {
    const anonymous = options.anonymous ?? ["/health", "/read", "/stats", "/benchmark", "/v1"];
    const args = anonymous.flatMap((path) => ["--anonymous", path]);
    if (options.engine !== undefined) args.push("--engine", options.engine);
    for (const directory of options.directories ?? []) args.push("--dir", directory);
    if (options.indexDirectory !== undefined) args.push("--index-dir", options.indexDirectory);
    if (options.readAhead !== undefined) args.push("--read-ahead", String(options.readAhead));
    if (options.crc !== undefined) args.push("--crc", options.crc);
    if (options.timeout !== undefined) args.push("--timeout", String(options.timeout));
    if (options.master !== undefined) args.push("--master", options.master);
    if (options.readKeyFile !== undefined) args.push("--read-key-file", options.readKeyFile);
    if (options.provider !== undefined) args.push("--provider", options.provider);
    const permissions = options.provider === "verbs" ? "serve-rdma" : "serve";
    const serve = new Serve("serve", args, OVER_LOOPBACK.hostname, permissions);
    await serve.launch();
    return serve;
  }

  /** `127.0.0.1:8081`, as `weed mount -rdma.sidecar` wants it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** `GET /read` of a range by file id. */
  async read(fileId: string, offset: number, size: number, signal?: AbortSignal): Promise<Response> {
    return await this.get(`/read?file_id=${fileId}&offset=${offset}&size=${size}`, signal);
  }

  /** `GET` of any path. */
  async get(path: string, signal?: AbortSignal): Promise<Response> {
    return await fetch(`http://${this.address}${path}`, signal === undefined ? {} : { signal });
  }

  /** `/stats`. */
  async stats(): Promise<Stats> {
    return await (await this.get("/stats")).json() as Stats;
  }
}

/** What the tests use of `/stats`. */
export interface Stats {
  /** Whether reads are served over RDMA. */
  readonly rdma_enabled: boolean;
  /** Whether an engine's connection stands. */
  readonly connected: boolean;
  /** Reads asked for. */
  readonly total_requests: number;
  /** Reads that gave bytes. */
  readonly successful_reads: number;
  /** Of those, the ones that RDMA placed. */
  readonly rdma_reads: number;
  /** Of those, the ones that a volume server gave over HTTP. */
  readonly http_fallbacks: number;
  /** Bytes given out. */
  readonly total_bytes_read: number;
  /** What moves the bytes. */
  readonly transport: string;
}

/** An engine on a SeaweedFS's folders and a service that reads through it. */
export async function startPair(
  engineOptions: EngineOptions,
  serveOptions: Omit<ServeOptions, "engine"> = {},
): Promise<{ engine: Engine; serve: Serve } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const engine = stack.use(await Engine.start(engineOptions));
  const { provider } = engineOptions.over ?? OVER_LOOPBACK;
  const serve = stack.use(await Serve.start({ provider, ...serveOptions, engine: engine.address }));
  const owned = stack.move();
  return { engine, serve, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
