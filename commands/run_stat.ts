/**
 * `verbena stat`, carried out.
 *
 * @module
 */
import type { Context } from "./command.ts";
import { expandUrl } from "./expand.ts";
import { Failures } from "./failures.ts";
import { splitPath } from "./file_tree.ts";
import { shareDocument, statRows } from "./share_report.ts";
import { type Connect, SmbConnections } from "./smb_connections.ts";
import type { SmbChoice } from "./smb_flags.ts";
import { parseSmbUrl, urlOfPath } from "./smb_url.ts";
import { tableLines } from "./table.ts";

/** What `verbena stat` was asked to do. */
export interface StatOptions extends SmbChoice {
  /** What to tell of. */
  readonly urls: readonly string[];
  /** Print JSON. */
  readonly json: boolean;
}

/** Tells. Throws SilentFailure where something is not to be had. */
export async function stat(options: StatOptions, context: Context, connect?: Connect): Promise<void> {
  const urls = options.urls.map(parseSmbUrl);
  const failures = new Failures("stat", context);
  await using connections = await SmbConnections.open(options, context, connect);
  const documents: unknown[] = [];
  let printed = false;
  for (const url of urls) {
    await failures.of(async () => {
      const share = await connections.share(url);
      for (const path of await expandUrl(share, url, context.stop)) {
        await failures.of(async () => {
          const known = await share.stat(path, { signal: context.stop });
          const shownUrl = urlOfPath(url, path);
          if (options.json) return void documents.push(shareDocument(shownUrl, splitPath(path).name, known));
          if (printed) context.print("");
          printed = true;
          for (const line of tableLines(statRows(shownUrl, known))) context.print(line);
        });
      }
    });
  }
  if (options.json) context.print(JSON.stringify(documents, null, 2));
  failures.end();
}
