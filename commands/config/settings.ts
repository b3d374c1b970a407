/**
 * Settings: each a flag, a variable of the environment and a key of the configuration file, in one table; and which of
 * the three decides.
 *
 * @module
 */
import type { Arguments, Flag } from "../command.ts";
import type { Kind } from "./kinds.ts";

/** The file's sections that are made of settings. */
export const SECTIONS = ["serve", "access", "http", "engine"] as const;
/** One of {@linkcode SECTIONS}. */
export type Section = typeof SECTIONS[number];

/** A setting whose value is a `T`. */
export interface Setting<T> {
  /** The file's section it is in. */
  readonly section: Section;
  /** Its key there, `readAhead`. */
  readonly key: string;
  /** Its flag, without the dashes: `read-ahead`. */
  readonly flag: string;
  /** Its variable, `VERBENA_READ_AHEAD`. */
  readonly variable: string;
  /** What it takes, or what each takes of which it takes several. */
  readonly kind: Kind<unknown>;
  /** Whether it takes several values: a flag given more than once, a variable with commas, a list. */
  readonly several: boolean;
  /** Whether it may change while the service runs. */
  readonly live: boolean;
  /** What its value is called in help: `BYTES`. */
  readonly value: string;
  /** One line of help, without the default. */
  readonly help: string;
  /** The texts of what holds where nothing is said. */
  readonly fallback: readonly string[];
  /** The value of texts, which are of `name`. Throws ConfigError that begins with it. */
  readonly read: (name: string, texts: readonly string[]) => T;
}

/** Settings by the names that the program has for them. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** The values of settings. */
export type ValuesOf<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** What is said of a setting beside what it takes. */
export interface About {
  /** Its value in help. */
  readonly value: string;
  /** One line of help, without the default. */
  readonly help: string;
  /** Whether it may change while the service runs. Default false. */
  readonly live?: boolean;
}

/** A setting that has a value always. */
export function one<T>(place: `${Section}.${string}`, kind: Kind<T>, about: About & { fallback: string }): Setting<T> {
  const read = (name: string, texts: readonly string[]): T => kind.parse(name, texts[0] ?? about.fallback);
  return { ...common(place, about), kind, several: false, fallback: [about.fallback], read };
}

/** A setting that has a value only where one is said. */
export function maybe<T>(place: `${Section}.${string}`, kind: Kind<T>, about: About): Setting<T | undefined> {
  const read = (name: string, texts: readonly string[]): T | undefined =>
    texts[0] === undefined ? undefined : kind.parse(name, texts[0]);
  return { ...common(place, about), kind, several: false, fallback: [], read };
}

/** A setting of several values; `none` in place of them stands for no value at all where there is one to be had without. */
export function many<T>(
  place: `${Section}.${string}`,
  kind: Kind<T>,
  about: About & { fallback?: readonly string[] },
): Setting<readonly T[]> {
  const { fallback = [] } = about;
  const read = (name: string, texts: readonly string[]): readonly T[] =>
    fallback.length > 0 && texts.length === 1 && texts[0] === "none" ? [] : texts.map((text) => kind.parse(name, text));
  return { ...common(place, about), kind, several: true, fallback, read };
}

function common(place: string, { value, help, live = false }: About): Pick<
  Setting<unknown>,
  "section" | "key" | "flag" | "variable" | "value" | "help" | "live"
> {
  const [section = "", key = ""] = place.split(".");
  const flag = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const prefix = section === "engine" ? "VERBENA_ENGINE" : "VERBENA"; // a service and an engine may share an environment
  const variable = `${prefix}_${flag.replaceAll("-", "_").toUpperCase()}`;
  return { section: section as Section, key, flag, variable, value, help, live };
}

/** The flag of a service that reads the configuration file. */
export const CONFIG_FLAG: Readonly<Record<string, Flag>> = {
  "config": {
    type: "string",
    value: "FILE",
    help: "the configuration, TOML or JSON: any of these, and SMB servers for /v1/smb",
  },
};

/** The flags of settings. */
export function flagsOf(settings: Settings): Record<string, Flag> {
  return Object.fromEntries(
    Object.values(settings).map(({ flag, value, several, help, fallback }) => [flag, {
      type: "string",
      value,
      ...(several ? { multiple: true } : {}),
      help: fallback.length === 0 ? help : `${help} (${fallback.join(", ")})`,
    }]),
  );
}

/** What a configuration file says of settings. */
export interface FileValues {
  /** What errors call it: `--config verbena.toml`. */
  readonly name: string;
  /** The texts that a section has for a key; undefined where it has none. */
  texts(section: Section, key: string): readonly string[] | undefined;
}

/** Where values come from, the nearest first. */
export interface Sources {
  /** The command line. */
  readonly given: Pick<Arguments, "values">;
  /** The environment. */
  readonly environment: (variable: string) => string | undefined;
  /** The configuration file. */
  readonly file?: FileValues | undefined;
}

/** The texts of a setting, and where they are from. */
export interface Found {
  /** The texts. */
  readonly texts: readonly string[];
  /** The flag, the variable, the file's key; `default`. */
  readonly origin: string;
}

/** What decides a setting: its flag, else its variable if that is not empty, else the file, else what holds without. */
export function find(setting: Setting<unknown>, { given, environment, file }: Sources): Found {
  const { section, key, flag, variable, several, fallback } = setting;
  const flags = given.values(flag);
  if (flags.length > 0) return { texts: flags, origin: `--${flag}` };
  const text = environment(variable)?.trim() ?? "";
  if (text !== "") return { texts: several ? partsOf(text) : [text], origin: variable };
  const texts = file?.texts(section, key);
  return texts === undefined
    ? { texts: fallback, origin: "default" }
    : { texts, origin: `${file?.name}: ${section}.${key}` };
}

function partsOf(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/** The values of settings. Throws ConfigError that names the flag, variable or key, its value and what is wanted. */
export function resolve<S extends Settings>(settings: S, sources: Sources): ValuesOf<S> {
  const values = Object.entries(settings).map(([name, setting]) => {
    const { texts, origin } = find(setting, sources);
    return [name, setting.read(origin, texts)];
  });
  return Object.fromEntries(values) as ValuesOf<S>;
}
