/**
 * `smb://[domain;]user[:password]@host[:port]/share/path`, and what is no URL but a path of this machine.
 *
 * Each part is percent-decoded. In the path `*`, `?` and `[` make a pattern where they stand as they are, and are
 * themselves where they are encoded; nothing else has a meaning, `?` and `#` start no query and no fragment.
 *
 * @module
 */
import { ConfigError } from "../src/rdma/errors.ts";
import { isComponent } from "../src/smb/mod.ts";
import { isPattern, literalName, literalPattern } from "./glob.ts";

/** A place on an SMB server. */
export interface SmbUrl {
  /** Name or numeric address of the server, IPv6 without brackets. */
  readonly host: string;
  /** Its TCP port, where one is named. */
  readonly port: number | undefined;
  /** The user's domain, where one is named. */
  readonly domain: string | undefined;
  /** The user, where one is named. */
  readonly user: string | undefined;
  /** The password, where there is one; it may be empty. */
  readonly password: string | undefined;
  /** The share. */
  readonly share: string;
  /** The components of the path as patterns (commands/glob.ts): a name's own special characters have a `\` before them. */
  readonly components: readonly string[];
  /** Whether it ends with a slash: it is meant to be a directory. */
  readonly slash: boolean;
}

/** A place on this machine. */
export interface LocalPath {
  /** The path, as the system takes it. */
  readonly path: string;
}

const AS_IN = "as in smb://user@nas/share/path";

/**
 * Reads one place of a command line.
 *
 * @throws ConfigError that names the text, without its password, and what is wrong with it.
 */
export function parsePlace(text: string): SmbUrl | LocalPath {
  if (/^smb:/i.test(text)) return parseSmbUrl(text);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme !== undefined) {
    throw new ConfigError(`${quoted(text)}: ${scheme}:// is not served, only smb://; ./${scheme}:… names a file here`);
  }
  if (text.startsWith("\\\\")) throw new ConfigError(`${quoted(text)}: want a URL, ${AS_IN}`);
  if (text === "" || text.includes("\0")) throw new ConfigError(`${quoted(text)}: want a path or a URL, ${AS_IN}`);
  return { path: text };
}

/** Whether a place is on a server. */
export function isSmbUrl(place: SmbUrl | LocalPath): place is SmbUrl {
  return "share" in place;
}

/**
 * Reads an SMB URL.
 *
 * @throws ConfigError that names the text, without its password, and what is wrong with it.
 */
export function parseSmbUrl(text: string): SmbUrl {
  const bad = (reason: string): never => {
    throw new ConfigError(`${quoted(text)}: ${reason}`);
  };
  const match = /^smb:\/\/([^/]*)(?:\/(.*))?$/isu.exec(text) ?? bad(`want a URL, ${AS_IN}`);
  const [, authority = "", rest = ""] = match;
  const decode = (part: string, what: string): string =>
    decodePart(part) ?? bad(`the ${what} is not well percent-encoded: % alone is written %25`);
  const at = authority.lastIndexOf("@");
  const user = at < 0 ? {} : userOf(authority.slice(0, at), decode);
  if (at >= 0 && user.user === "") bad("the user has no name");
  const server = /^(?:\[([0-9a-f:.]+(?:%(?:25)?[\w.~-]+)?)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/iu.exec(
    authority.slice(at + 1),
  );
  const port = server?.[3] === undefined ? undefined : Number(server[3]);
  if (server === null || port === 0 || (port ?? 0) > 65_535) {
    return bad("want HOST or HOST:PORT before the share; IPv6 in brackets, @ and : of a password as %40 and %3A");
  }
  const host = server[1]?.replace("%25", "%") ?? decode(server[2] ?? "", "host");
  if (server[1] === undefined && /[\s:@/\\[\]\0]/.test(host)) bad("the host is neither a name nor an address");
  const [share = "", ...path] = rest.split("/");
  const components = path.filter((each) => each !== "" && each !== ".").map((each) => componentOf(each, decode, bad));
  return {
    host,
    port,
    domain: user.domain,
    user: user.user,
    password: user.password,
    share: share === ""
      ? bad(`the share is missing: smb://${authority.slice(at + 1)}/SHARE`)
      : shareOf(share, decode, bad),
    components,
    slash: path.length > 0 && (path.at(-1) === "" || path.at(-1) === "."),
  };
}

type Decode = (part: string, what: string) => string;

function userOf(text: string, decode: Decode): { domain?: string; user?: string; password?: string } {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const semicolon = name.indexOf(";");
  return {
    ...(semicolon < 0 ? {} : { domain: decode(name.slice(0, semicolon), "domain") }),
    user: decode(name.slice(semicolon + 1), "user"),
    ...(colon < 0 ? {} : { password: decode(text.slice(colon + 1), "password") }),
  };
}

function shareOf(text: string, decode: Decode, bad: (reason: string) => never): string {
  const share = decode(text, "share");
  return isComponent(share) ? share : bad("the share's name has a separator or NUL in it, or is . or ..");
}

// What is encoded is taken as it is, so that %2A is a star and * a pattern.
function componentOf(text: string, decode: Decode, bad: (reason: string) => never): string {
  let pattern = "";
  for (const part of text.split(/((?:%[0-9a-f]{2})+)/i)) {
    pattern += part.startsWith("%") ? literalPattern(decode(part, "path")) : decode(part, "path");
  }
  if (literalName(pattern) === "..") bad("a path has no component ..");
  if (text.includes("\\")) bad("components of the path are separated by /, not by \\");
  if (!isComponent(literalName(pattern))) bad("an encoded separator or NUL in the path: no name can have one");
  return pattern;
}

/** Undoes percent-encoding of UTF-8; undefined where it is not well formed. */
function decodePart(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The path within the share, `a/b`, or the first of its components that is a pattern, which only some commands take. */
export function plainPath(url: SmbUrl): string {
  const pattern = url.components.find(isPattern);
  if (pattern === undefined) return url.components.map(literalName).join("/");
  throw new ConfigError(`${formatSmbUrl(url)}: a pattern cannot be used here; * is written %2A, ? %3F, [ %5B`);
}

/** The URL, to be shown: without the password. What it had of patterns is kept. */
export function formatSmbUrl(url: SmbUrl): string {
  const { host, port, domain, user, share, components, slash } = url;
  const logon = user === undefined ? "" : `${domain === undefined ? "" : `${encode(domain)};`}${encode(user)}@`;
  const server = `${host.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`;
  const path = [encodeName(share), ...components.map(encodeComponent)];
  return `smb://${logon}${server}/${path.join("/")}${slash && components.length > 0 ? "/" : ""}`;
}

/** The URL of a path within the same share. */
export function urlOfPath(url: SmbUrl, path: string): string {
  const components = path.split("/").filter((name) => name !== "").map(literalPattern);
  return formatSmbUrl({ ...url, components, slash: false });
}

/** A component as it stands in a URL; in a pattern everything that stood encoded is encoded again. */
function encodeComponent(pattern: string): string {
  if (!isPattern(pattern)) return encodeName(literalName(pattern));
  return pattern.toWellFormed().replaceAll(
    /\\(.)|[%\s\p{Cc}\p{Cf}/]/gsu,
    (character, literal: string | undefined) => encodeBytes(literal ?? character),
  );
}

/** Only what would be read otherwise is encoded, so that names of people's languages stay readable. */
function encodeName(name: string): string {
  return name.toWellFormed().replaceAll(/[%\s\p{Cc}\p{Cf}/\\*?[]/gu, encodeBytes);
}

function encodeBytes(character: string): string {
  return Array.from(
    new TextEncoder().encode(character),
    (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  )
    .join("");
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** A text that may be a URL, without what may be a password, quoted. */
function quoted(text: string): string {
  return JSON.stringify(text.replace(/^([a-z][a-z0-9+.-]*:\/*[^/:]*):.*@/isu, "$1:…@"));
}
