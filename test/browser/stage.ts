/**
 * A real `verbena serve` with volumes of its own and tokens, and a real browser: what the tests of the pages and the
 * screenshots share.
 *
 * @module
 */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { Process, run } from "../interop/process.ts";
import { chromium } from "./playwright.ts";
import { noise, Volumes } from "../seaweed/volumes.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** How long a process may take to be ready: the first start loads everything. */
const START = 60_000;

/** A needle that is there, 64 KiB. */
export const NEEDLE = "3,01637037d6";
/** One that is long enough for its reader to fall behind, 48 MiB. */
export const LONG_NEEDLE = "3,02637037d6";
/** One that is not there. */
export const NO_NEEDLE = "3,05637037d6";
/** Another. */
export const GONE_NEEDLE = "3,77637037d6";

/** A service, and the key that its tokens are signed with. */
export class Stage implements AsyncDisposable {
  /** `http://127.0.0.1:8081`. */
  origin = "";
  /** Allows everything. */
  admin = "";
  readonly #volumes = new Volumes();
  readonly #keyFile = `${this.#volumes.directory}/keys.json`;
  #process: Process | undefined;

  /** Starts the service at a port that the system chose. */
  static async start(): Promise<Stage> {
    const stage = new Stage();
    try {
      const writer = stage.#volumes.writer(3);
      writer.append({ key: 1n, cookie: 0x637037d6, data: noise(64 << 10, 1) }, Date.now());
      writer.append({ key: 2n, cookie: 0x637037d6, data: noise(48 << 20, 2) }, Date.now());
      await verbena("token", ["key", "--key-file", stage.#keyFile]);
      stage.admin = await stage.token("admin");
      await stage.launch();
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
    return stage;
  }

  /** Starts the service, at the same port as before. */
  async launch(): Promise<void> {
    const address = this.origin === "" ? "127.0.0.1:0" : this.origin.slice("http://".length);
    const args = ["--listen", address, "--dir", this.#volumes.directory, "--key-file", this.#keyFile];
    const command = ["run", "--quiet", "-P=serve", "main.ts", "serve", ...args];
    this.#process = new Process(Deno.execPath(), command, { cwd: ROOT, name: "verbena serve" });
    const [, origin = ""] = await this.#process.line(/^verbena serve listening on (http:\S+)$/, START);
    this.origin = origin;
  }

  /** Kills the service. */
  async kill(): Promise<void> {
    await this.#process?.stop("SIGKILL");
  }

  /** A token with these scopes. */
  async token(...scopes: string[]): Promise<string> {
    const flags = scopes.flatMap((scope) => ["--scope", scope]);
    return await verbena("token", ["create", ...flags, "--key-file", this.#keyFile, "--subject", "ada"]);
  }

  /** Asks for a needle; the status, once all of it is there. */
  read(fileId: string): Promise<number> {
    return this.#get(`/v1/needles/${fileId}`);
  }

  /** Asks for a range as `weed mount` does: it comes by RDMA. */
  readRange(fileId: string): Promise<number> {
    return this.#get(`/read?file_id=${fileId}&offset=0&size=${48 << 10}`);
  }

  async #get(target: string): Promise<number> {
    const response = await fetch(this.origin + target, { headers: { authorization: `Bearer ${this.admin}` } });
    await response.arrayBuffer();
    return response.status;
  }

  /** Begins to read a needle, and takes no more of it than the first bytes. */
  async fallBehind(fileId: string): Promise<SlowReader> {
    const { hostname, port } = new URL(this.origin);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const head =
      `GET /v1/needles/${fileId} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${this.admin}\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head));
    await connection.read(new Uint8Array(16));
    return new SlowReader(connection);
  }

  /** Reads on and on, some that fail among them, until disposed. */
  keepReading(): AsyncDisposable {
    let stopped = false;
    const readers = Array.from({ length: 4 }, async (_, index) => {
      for (let count = 0; !stopped; count++) {
        await this.readRange(count % 400 === 100 * index + 50 ? NO_NEEDLE : NEEDLE);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    return {
      async [Symbol.asyncDispose](): Promise<void> {
        stopped = true;
        await Promise.all(readers);
      },
    };
  }

  /** Ends the service and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
    this.#volumes[Symbol.dispose]();
  }
}

/** Someone who has begun to read. */
export class SlowReader implements Disposable {
  /** Reads from `connection`. */
  constructor(private readonly connection: Deno.Conn) {}

  /** Takes what there is to its end; how many bytes that were. */
  async drain(): Promise<number> {
    const bytes = new Uint8Array(1 << 16);
    let sum = 0;
    try {
      for (let count: number | null = 0; count !== null; count = await this.connection.read(bytes)) sum += count;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    return sum;
  }

  /** Goes away. */
  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** A page in a browser of its own, and everything that went wrong there. */
export interface Tab extends AsyncDisposable {
  /** The page. */
  readonly page: Page;
  /** Messages of the console above information, and errors that nobody caught. */
  readonly complaints: string[];
}

/** Starts a browser. */
export async function openBrowser(): Promise<Browser> {
  // as root it runs only without its sandbox
  return await chromium.launch({ executablePath: "/usr/bin/chromium", args: Deno.uid() === 0 ? ["--no-sandbox"] : [] });
}

/** Opens a page that has nothing of other pages. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["warning", "error"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** Runs a command of ours to its end; what it printed. */
async function verbena(name: string, args: string[]): Promise<string> {
  const command = ["run", "--quiet", `-P=${name}`, "main.ts", name, ...args];
  return (await run(Deno.execPath(), command, { cwd: ROOT, name: `verbena ${name}` })).trim();
}
