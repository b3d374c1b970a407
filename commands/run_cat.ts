/**
 * `verbena cat`, carried out.
 *
 * @module
 */
import { VerbenaError } from "../src/rdma/errors.ts";
import type { Context } from "./command.ts";
import { expandUrl } from "./expand.ts";
import { Failures } from "./failures.ts";
import type { Share } from "./share.ts";
import { type Connect, SmbConnections } from "./smb_connections.ts";
import type { SmbChoice } from "./smb_flags.ts";
import { parseSmbUrl, urlOfPath } from "./smb_url.ts";

/** What `verbena cat` was asked to do. */
export interface CatOptions extends SmbChoice {
  /** What to write out. */
  readonly urls: readonly string[];
}

/** Writes files to standard output. Throws SilentFailure where one could not be read. */
export async function cat(options: CatOptions, context: Context, connect?: Connect): Promise<void> {
  const urls = options.urls.map(parseSmbUrl);
  const failures = new Failures("cat", context);
  await using connections = await SmbConnections.open(options, context, connect);
  for (const url of urls) {
    await failures.of(async () => {
      const share = await connections.share(url);
      for (const path of await expandUrl(share, url, context.stop)) {
        await failures.of(() => writeOut(share, path, urlOfPath(url, path), context));
      }
    });
  }
  failures.end();
}

async function writeOut(share: Share, path: string, name: string, { stop, writeBytes }: Context): Promise<void> {
  await using file = await share.open(path, { signal: stop });
  let written = 0;
  for await (const piece of file.readPieces(0, file.size, { signal: stop })) {
    await writeBytes(piece);
    written += piece.length;
  }
  if (written !== file.size) throw new VerbenaError(`${name}: it ended after ${written} of ${file.size} bytes`);
}
