/**
 * `verbena mkdir`, carried out.
 *
 * @module
 */
import type { Context } from "./command.ts";
import { Failures } from "./failures.ts";
import { type Connect, SmbConnections } from "./smb_connections.ts";
import type { SmbChoice } from "./smb_flags.ts";
import { parseSmbUrl, plainPath } from "./smb_url.ts";

/** What `verbena mkdir` was asked to do. */
export interface MkdirOptions extends SmbChoice {
  /** What to make. */
  readonly urls: readonly string[];
  /** Those above, too, and no error where there is one. */
  readonly parents: boolean;
}

/** Makes directories. Throws SilentFailure where one could not be made. */
export async function makeDirectories(options: MkdirOptions, context: Context, connect?: Connect): Promise<void> {
  const urls = options.urls.map(parseSmbUrl);
  const paths = urls.map(plainPath);
  const failures = new Failures("mkdir", context);
  await using connections = await SmbConnections.open(options, context, connect);
  for (const [index, url] of urls.entries()) {
    await failures.of(async () => {
      const share = await connections.share(url);
      await share.mkdir(paths[index] ?? "", { recursive: options.parents, signal: context.stop });
    });
  }
  failures.end();
}
