/**
 * `verbena rm`, carried out.
 *
 * @module
 */
import { ConfigError, VerbenaError } from "../src/rdma/errors.ts";
import { isComponent } from "../src/smb/mod.ts";
import type { Context } from "./command.ts";
import { expandUrl, NothingMatches } from "./expand.ts";
import { Failures } from "./failures.ts";
import { joinPath } from "./file_tree.ts";
import type { Share, ShareEntry } from "./share.ts";
import { type Connect, SmbConnections } from "./smb_connections.ts";
import type { SmbChoice } from "./smb_flags.ts";
import { isNotThere } from "./smb_tree.ts";
import { formatSmbUrl, parseSmbUrl, type SmbUrl, urlOfPath } from "./smb_url.ts";

/** What `verbena rm` was asked to do. */
export interface RemoveOptions extends SmbChoice {
  /** What to remove. */
  readonly urls: readonly string[];
  /** Directories with all they hold, too. */
  readonly recursive: boolean;
  /** No error where there is nothing. */
  readonly force: boolean;
}

/** Directories within directories that are gone into. */
const MAX_DEPTH = 256;

/** Removes files. Throws SilentFailure where one could not be removed. */
export async function remove(options: RemoveOptions, context: Context, connect?: Connect): Promise<void> {
  const urls = options.urls.map(parseSmbUrl);
  for (const url of urls) {
    if (url.components.length === 0) throw new ConfigError(`${formatSmbUrl(url)}: the share itself cannot be removed`);
  }
  const failures = new Failures("rm", context);
  const missing = (error: unknown): boolean => options.force && (isNotThere(error) || error instanceof NothingMatches);
  await using connections = await SmbConnections.open(options, context, connect);
  for (const url of urls) {
    await failures.of(async () => {
      const remover = new Remover(await connections.share(url), url, options.recursive, context.stop, failures);
      try {
        for (const path of await expandUrl(remover.share, url, context.stop)) {
          await failures.of(() =>
            remover.remove(path).catch((error) => {
              if (!missing(error)) throw error;
            })
          );
        }
      } catch (error) {
        if (!missing(error)) throw error;
      }
    });
  }
  failures.end();
}

/** Removes within one share. */
class Remover {
  readonly #url: SmbUrl;
  readonly #recursive: boolean;
  readonly #signal: AbortSignal;
  readonly #failures: Failures;

  constructor(readonly share: Share, url: SmbUrl, recursive: boolean, signal: AbortSignal, failures: Failures) {
    this.#url = url;
    this.#recursive = recursive;
    this.#signal = signal;
    this.#failures = failures;
  }

  async remove(path: string): Promise<void> {
    const { directory, link } = await this.share.stat(path, { signal: this.#signal });
    if (!directory || link) return await this.share.remove(path, { signal: this.#signal });
    if (!this.#recursive) throw new VerbenaError(`${urlOfPath(this.#url, path)}: it is a directory; -r removes it`);
    await this.#directory(path, 0);
  }

  // What cannot be removed leaves the directories above it, which then say so, too.
  async #directory(path: string, depth: number): Promise<void> {
    if (depth >= MAX_DEPTH) {
      throw new VerbenaError(`${urlOfPath(this.#url, path)}: more than ${MAX_DEPTH} directories deep`);
    }
    const entries: ShareEntry[] = [];
    for await (const entry of this.share.readDir(path, { signal: this.#signal })) {
      if (isComponent(entry.name)) entries.push(entry);
    }
    for (const { name, stat: { directory, link } } of entries) {
      const within = joinPath(path, name);
      await this.#failures.of(() =>
        directory && !link ? this.#directory(within, depth + 1) : this.share.remove(within, { signal: this.#signal })
      );
    }
    await this.share.remove(path, { signal: this.#signal });
  }
}
