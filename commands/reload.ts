/**
 * Reading the configuration anew while the service runs: all of what changed, or, where anything of it is wrong, nothing.
 *
 * @module
 */
import type { Log } from "../routes/log.ts";
import type { AccessRules } from "../src/access/mod.ts";
import { reasonOf } from "../src/rdma/errors.ts";
import { ALL_SETTINGS } from "./config/serve_settings.ts";
import type { ServeOptions } from "./serve_options.ts";

/** What a service goes by, with the files read that it names. */
export interface Loaded {
  /** The options. */
  readonly options: ServeOptions;
  /** Who may do what. */
  readonly access: AccessRules;
}

/** The configuration of a service that runs. */
export class Reload {
  readonly #load: () => Promise<Loaded>;
  readonly #listeners: ((loaded: Loaded) => void)[] = [];
  #options: ServeOptions;
  #last: Loaded | undefined;
  #under: Promise<void> = Promise.resolve();

  /**
   * Nothing is read yet.
   *
   * @param options What the service was started with.
   * @param load Reads and checks everything; throws where anything is wrong.
   */
  constructor(options: ServeOptions, load: () => Promise<Loaded>) {
    this.#options = options;
    this.#load = load;
  }

  /**
   * Has `apply` called with what changed from then on, and with what has changed since the start. It must not throw: what
   * can fail was tried before.
   */
  onReload(apply: (loaded: Loaded) => void): void {
    this.#listeners.push(apply);
    if (this.#last !== undefined) apply(this.#last);
  }

  /** Reads the configuration and has it applied, one at a time, and tells the log how that went. Never rejects. */
  run(log: Log): Promise<void> {
    return this.#under = this.#under.then(() => this.#run(log));
  }

  async #run(log: Log): Promise<void> {
    try {
      const loaded = await this.#load();
      const waiting = fixedDifferences(this.#options, loaded.options);
      this.#last = loaded;
      for (const apply of this.#listeners) apply(loaded);
      log.write("info", "the configuration was read anew: keys, users and limits hold from now on", {
        ...(waiting.length === 0 ? {} : { needs_restart: waiting.join(", ") }),
      });
    } catch (error) {
      log.write("error", "the configuration was not read anew: everything stays as it was", {
        reason: reasonOf(error),
      });
    }
  }
}

/** Settings that differ and hold from the next start on only, by their keys: `serve.listen`. */
function fixedDifferences(before: ServeOptions, after: ServeOptions): string[] {
  const differ = (name: string): boolean =>
    JSON.stringify(valueOf(before, name)) !== JSON.stringify(valueOf(after, name));
  const names = Object.entries(ALL_SETTINGS).filter(([name, { live }]) => !live && differ(name));
  return [
    ...names.map(([, { section, key }]) => `${section}.${key}`),
    ...((before.smb === undefined) === (after.smb === undefined) ? [] : ["smb"]),
  ];
}

/** The value of a setting: iWARP's are together. */
function valueOf({ iwarp, ...options }: ServeOptions, name: string): unknown {
  const { crc, profile: iwarpProfile, keepalive: iwarpKeepalive, operationTimeout: iwarpTimeout } = iwarp;
  return Object.entries({ ...options, crc, iwarpProfile, iwarpKeepalive, iwarpTimeout }).find(([key]) => key === name)
    ?.[1];
}
