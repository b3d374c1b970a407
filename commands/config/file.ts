/**
 * The configuration file, TOML or JSON, read strictly.
 *
 * @module
 */
import { ConfigError, reasonOf } from "../../src/rdma/errors.ts";
import { EVERY_SETTING } from "./engine_settings.ts";
import { locate } from "./kinds.ts";
import type { FileValues, Section } from "./settings.ts";
import { NO_CONFIG, type SmbConfig, smbConfigOf, type SmbSection } from "./smb.ts";

/** The most characters of a configuration file. */
export const MAX_FILE = 1 << 20;

/** What a file says, checked by the schema. */
export class ConfigFile implements FileValues {
  /** SMB's servers and settings. */
  readonly smb: SmbConfig;
  readonly #sections: Readonly<Partial<Record<Section, Readonly<Record<string, unknown>>>>>;
  readonly #folder: string;

  private constructor(
    document: unknown,
    /** What errors call it. */ readonly name: string,
    /** Where it is. */ readonly path: string,
  ) {
    const folder = path.replace(/[^/\\]*$/, "");
    const { smb, ...sections } = document as { smb?: SmbSection };
    this.#sections = sections;
    this.#folder = folder;
    this.smb = smb === undefined ? NO_CONFIG : smbConfigOf(smb, (file) => locate(file, folder));
  }

  /**
   * Reads a file; the paths in it are relative to its folder.
   *
   * @param name What errors call it, `--config verbena.toml`.
   * @throws ConfigError that says of the file which key is wrong, with which value, and what is wanted.
   */
  static async read(path: string, name: string = path): Promise<ConfigFile> {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      throw new ConfigError(`${name}: ${reasonOf(error)}`);
    }
    return await ConfigFile.parse(text, name, path);
  }

  /** Takes the text of a file at `path`. Throws ConfigError as {@linkcode ConfigFile.read} does. */
  static async parse(text: string, name: string, path: string = name): Promise<ConfigFile> {
    const { problemsOf } = await import("./schema.ts");
    const document = await documentOf(text, name, path);
    const problems = problemsOf(document);
    if (problems.length > 0) throw new ConfigProblems(name, problems);
    return new ConfigFile(document, name, path);
  }

  texts(section: Section, key: string): readonly string[] | undefined {
    const value = this.#sections[section]?.[key];
    if (value === undefined) return undefined;
    const setting = EVERY_SETTING.find((each) => each.section === section && each.key === key);
    const texts = (Array.isArray(value) ? value : [value]).map(String);
    const located = setting?.kind.locate;
    return located === undefined ? texts : texts.map((text) => located(text, this.#folder));
  }
}

/** A file in which something is wrong. */
export class ConfigProblems extends ConfigError {
  static {
    this.prototype.name = "ConfigProblems";
  }

  /** Names the first of the problems. */
  constructor(
    /** What the file is called. */ readonly file: string,
    /** All of them. */ readonly problems: readonly string[],
  ) {
    const more = problems.length - 1;
    super(`${file}: ${problems[0]}${more === 0 ? "" : `; verbena config check tells ${more} more`}`);
  }
}

/** The variable that names the file where no flag does. */
export const CONFIG_VARIABLE = "VERBENA_CONFIG";

/**
 * Reads the file that a flag names, or else the environment; undefined where neither does. Throws ConfigError, which begins
 * with `prefix` where it is the flag's.
 */
export async function readFileOf(
  flag: string | undefined,
  environment: (variable: string) => string | undefined,
  prefix = "--config ",
): Promise<ConfigFile | undefined> {
  if (flag !== undefined) return await ConfigFile.read(flag, `${prefix}${flag}`);
  const path = environment(CONFIG_VARIABLE) ?? "";
  return path === "" ? undefined : await ConfigFile.read(path, `${CONFIG_VARIABLE} ${path}`);
}

async function documentOf(text: string, name: string, path: string): Promise<unknown> {
  if (text.length > MAX_FILE) throw new ConfigError(`${name}: it has more than ${MAX_FILE} characters`);
  if (/\.json$/i.test(path) || (!/\.toml$/i.test(path) && /^\s*\{/.test(text))) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new ConfigError(`${name}: it is no JSON: ${reasonOf(error)}`);
    }
  }
  const { parse, TomlError } = await import("smol-toml");
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The rest of its message shows the lines, of which one could hold what nobody is to see.
    const said = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "");
    throw new ConfigError(`${name}: it is no TOML: line ${error.line}, column ${error.column}: ${said}`);
  }
}
