/**
 * What settings take, as texts of flags and variables and as values of a file: one description for both.
 *
 * @module
 */
import { checkHostName, checkPath, networksOf } from "../../src/access/nearby.ts";
import { ConfigError } from "../../src/rdma/errors.ts";
import type { SettingKind } from "../../src/smb/client/settings.ts";
import { parseChoice, parseNumber } from "../values.ts";

/** How a value looks in a file: as {@linkcode SettingKind} has it, or a text. */
export type Form = SettingKind | { readonly type: "text" };

/** What a setting takes. */
export interface Kind<T> {
  /** How it looks in a file. */
  readonly form: Form;
  /** Reads its text. Throws ConfigError that begins with `name`, the flag, variable or key it is from. */
  readonly parse: (name: string, text: string) => T;
  /** The same value, of a file whose folder is `folder` and which it may be relative to. */
  readonly locate?: (text: string, folder: string) => string;
}

/** A whole number. */
export function number(least: number, most: number): Kind<number> {
  return { form: { type: "number", least, most }, parse: named((flag, text) => parseNumber(flag, text, least, most)) };
}

/** One of a few words. */
export function choice<T extends string>(of: readonly T[]): Kind<T> {
  return { form: { type: "choice", of }, parse: named((flag, text) => parseChoice(flag, text, of)) };
}

/** A text that one of the readers of values.ts takes; they name a flag. */
export function text<T>(parse: (flag: string, text: string) => T): Kind<T> {
  return { form: { type: "text" }, parse: named(parse) };
}

/** Any text. */
export const anyText: Kind<string> = { form: { type: "text" }, parse: (_, text) => text };

/** A file or a folder. */
export const path: Kind<string> = { ...anyText, locate };

/** A network, `10.0.0.0/8`. */
export const network: Kind<string> = {
  form: { type: "text" },
  parse(name, text) {
    prefixed(name, () => networksOf([text]));
    return text;
  },
};

/** A public name of a machine. */
export const hostName: Kind<string> = {
  form: { type: "text" },
  parse: (name, text) => prefixed(name, () => checkHostName(text)),
};

/** A path of the API, with all below it. */
export const apiPath: Kind<string> = {
  form: { type: "text" },
  parse: (name, text) => prefixed(name, () => checkPath(text)),
};

/** An origin of web pages (RFC 6454), exactly as browsers send it: `https://app.example.org:8443`. */
export const origin: Kind<string> = {
  form: { type: "text" },
  parse(name, text) {
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    if (parsed !== undefined && /^https?:$/.test(parsed.protocol) && parsed.origin === text) return text;
    const got = JSON.stringify(text.slice(0, 64));
    throw new ConfigError(`${name}: got ${got}, want one origin, as in https://app.example.org`);
  },
};

/** The file that a path names which is written in a file of `folder`; that ends with a slash, or is empty. */
export function locate(path: string, folder: string): string {
  return /^([a-z]:)?[\\/]/i.test(path) ? path : `${folder}${path}`;
}

// The readers of values.ts begin what they say with `--` and the flag's name.
function named<T>(parse: (flag: string, text: string) => T): (name: string, text: string) => T {
  return (name, text) => {
    try {
      return parse("", text);
    } catch (error) {
      throw error instanceof ConfigError ? new ConfigError(`${name}${error.message.slice("--".length)}`) : error;
    }
  };
}

function prefixed<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${name}: ${error.message}`) : error;
  }
}
