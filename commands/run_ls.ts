/**
 * `verbena ls`, carried out.
 *
 * @module
 */
import { VerbenaError } from "../src/rdma/errors.ts";
import { isComponent } from "../src/smb/mod.ts";
import type { Context } from "./command.ts";
import { expandUrl } from "./expand.ts";
import { Failures } from "./failures.ts";
import { joinPath, splitPath } from "./file_tree.ts";
import { isPattern } from "./glob.ts";
import type { Share, ShareEntry } from "./share.ts";
import { isHidden, listName, listRow, shareDocument } from "./share_report.ts";
import { shown } from "./shown.ts";
import { type Connect, SmbConnections } from "./smb_connections.ts";
import type { SmbChoice } from "./smb_flags.ts";
import { parseSmbUrl, type SmbUrl, urlOfPath } from "./smb_url.ts";
import { tableLines } from "./table.ts";

/** What `verbena ls` was asked to do. */
export interface ListOptions extends SmbChoice {
  /** What to list. */
  readonly urls: readonly string[];
  /** Attributes, size and time of each. */
  readonly long: boolean;
  /** Those that are hidden, too. */
  readonly all: boolean;
  /** What is in directories, too. */
  readonly recursive: boolean;
  /** Print JSON. */
  readonly json: boolean;
}

/** Directories within directories that are gone into. */
const MAX_DEPTH = 256;

/** Lists. Throws SilentFailure where something could not be listed. */
export async function list(options: ListOptions, context: Context, connect?: Connect): Promise<void> {
  const urls = options.urls.map(parseSmbUrl);
  const failures = new Failures("ls", context);
  await using connections = await SmbConnections.open(options, context, connect);
  const listing = new Listing(options, context, failures, urls.length > 1 || urls.some(hasPattern));
  for (const url of urls) {
    await failures.of(async () => {
      const share = await connections.share(url);
      await listing.add(share, url, await expandUrl(share, url, context.stop));
    });
  }
  listing.end();
  failures.end();
}

function hasPattern({ components }: SmbUrl): boolean {
  return components.some(isPattern);
}

/** What is printed. */
class Listing {
  readonly #options: ListOptions;
  readonly #context: Context;
  readonly #failures: Failures;
  readonly #headings: boolean;
  readonly #documents: unknown[] = [];
  #printed = false;

  constructor(options: ListOptions, context: Context, failures: Failures, headings: boolean) {
    this.#options = options;
    this.#context = context;
    this.#failures = failures;
    this.#headings = headings || options.recursive;
  }

  /** Files first, and then directories with what they hold. */
  async add(share: Share, url: SmbUrl, paths: readonly string[]): Promise<void> {
    const files: ShareEntry[] = [];
    const directories: string[] = [];
    for (const path of paths) {
      await this.#failures.of(async () => {
        const stat = await share.stat(path, { signal: this.#context.stop });
        if (stat.directory) directories.push(path);
        else files.push({ name: paths.length === 1 ? splitPath(path).name : path, stat });
      });
    }
    if (files.length > 0) this.#print(files, (name) => urlOfPath(url, paths.length === 1 ? paths[0] ?? "" : name));
    for (const path of directories) await this.#failures.of(() => this.#directory(share, url, path, 0));
  }

  async #directory(share: Share, url: SmbUrl, path: string, depth: number): Promise<void> {
    if (depth >= MAX_DEPTH) throw new VerbenaError(`${urlOfPath(url, path)}: more than ${MAX_DEPTH} directories deep`);
    const entries: ShareEntry[] = [];
    for await (const { name, stat } of share.readDir(path, { signal: this.#context.stop })) {
      if (isComponent(name) && (this.#options.all || !isHidden(name, stat))) entries.push({ name, stat });
    }
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    this.#print(entries, (name) => urlOfPath(url, joinPath(path, name)), urlOfPath(url, path));
    if (!this.#options.recursive) return;
    for (const { name, stat: { directory, link } } of entries) {
      if (directory && !link) {
        await this.#failures.of(() => this.#directory(share, url, joinPath(path, name), depth + 1));
      }
    }
  }

  #print(entries: readonly ShareEntry[], urlOf: (name: string) => string, heading?: string): void {
    const { json, long } = this.#options;
    if (json) {
      for (const { name, stat } of entries) {
        this.#documents.push(shareDocument(urlOf(name), splitPath(name).name, stat));
      }
      return;
    }
    const { print } = this.#context;
    if (this.#printed && this.#headings) print("");
    if (heading !== undefined && this.#headings) print(`${shown(heading)}:`);
    this.#printed = true;
    const lines = long
      ? tableLines(entries.map(({ name, stat }) => listRow(name, stat)))
      : entries.map(({ name, stat }) => listName(name, stat));
    for (const line of lines) print(line);
  }

  end(): void {
    if (this.#options.json) this.#context.print(JSON.stringify(this.#documents, null, 2));
  }
}
