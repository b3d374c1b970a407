/**
 * Scopes: what a token lets its bearer do, one text each, and nothing that none of them names.
 *
 * @module
 */
import { ConfigError } from "../rdma/errors.ts";

/** Scopes that are a word and no more, with what each allows. */
export const PLAIN_SCOPES = {
  "devices:read": "RDMA devices, providers, connections and registered regions",
  "stats:read": "statistics, metrics and events",
  "sessions:read": "reads in progress",
  "sessions:cancel": "ending a read in progress",
  "admin": "everything",
} as const;

/** One of {@linkcode PLAIN_SCOPES}. */
export type PlainScope = keyof typeof PLAIN_SCOPES;

/** A scope, read. */
export type Scope =
  | { readonly kind: PlainScope }
  /** Needles of the volumes named; of all where `volumes` is undefined. */
  | { readonly kind: "needle"; readonly volumes: ReadonlySet<number> | undefined }
  /** What is at or below a path of a share. */
  | { readonly kind: "smb"; readonly server: string; readonly share: string; readonly path: readonly string[] };

/** What a request needs to be allowed. */
export type Need =
  | { readonly kind: PlainScope }
  /** A needle of `volume`; where it is undefined, a scope for any will do. */
  | { readonly kind: "needle"; readonly volume: number | undefined }
  /** A path of a share, normalised: `/` between components, none of them empty, `.` or `..`. Undefined: a scope for any. */
  | { readonly kind: "smb"; readonly place: { server: string; share: string; path: string } | undefined }
  /** Any valid token. */
  | { readonly kind: "token" };

/** The most characters of a scope. */
export const MAX_SCOPE_LENGTH = 2_048;

const HELP = "needle:read[:VOLUME,…], smb:read:SERVER/SHARE[/PREFIX], " + Object.keys(PLAIN_SCOPES).join(", ");

/**
 * Reads a scope: one of {@linkcode PLAIN_SCOPES}, `needle:read`, `needle:read:3,5`, or `smb:read:SERVER/SHARE[/PREFIX]`,
 * whose names are percent-encoded where a URL's would be. Throws ConfigError.
 */
export function parseScope(text: string): Scope {
  if (text.length <= MAX_SCOPE_LENGTH) {
    if (Object.hasOwn(PLAIN_SCOPES, text)) return { kind: text as PlainScope };
    if (text === "needle:read") return { kind: "needle", volumes: undefined };
    if (text.startsWith("needle:read:")) return needleScope(text);
    if (text.startsWith("smb:read:")) return smbScope(text);
  }
  throw refused(text, `want ${HELP}`);
}

function needleScope(text: string): Scope {
  const volumes = text.slice("needle:read:".length).split(",");
  const wrong = volumes.find((each) => !/^[1-9][0-9]{0,9}$/.test(each) || Number(each) > 0xffff_ffff);
  if (wrong !== undefined) {
    throw refused(text, `${JSON.stringify(wrong.slice(0, 64))} is no volume id, 1 to 4294967295`);
  }
  return { kind: "needle", volumes: new Set(volumes.map(Number)) };
}

function smbScope(text: string): Scope {
  const [server = "", share = "", ...path] = text.slice("smb:read:".length).split("/").map((each) =>
    decode(text, each)
  );
  if (path.at(-1) === "") path.pop(); // SHARE/ and PREFIX/ are how a folder is often written
  for (const name of [server, share, ...path]) {
    if (name === "" || name === "." || name === ".." || /[\\/\0]/.test(name)) {
      throw refused(text, `${JSON.stringify(name.slice(0, 64))} is no name; want smb:read:SERVER/SHARE[/PREFIX]`);
    }
  }
  return { kind: "smb", server, share, path };
}

function decode(text: string, name: string): string {
  // A space ends a scope within a token's claim, and a comma would within most other lists.
  if (/[\s,]/.test(name)) throw refused(text, "spaces and commas are percent-encoded, %20 and %2C");
  try {
    return decodeURIComponent(name);
  } catch {
    throw refused(text, `${JSON.stringify(name.slice(0, 64))} is not well-formed percent-encoding`);
  }
}

function refused(text: string, why: string): ConfigError {
  return new ConfigError(`scope ${JSON.stringify(text.slice(0, 256))}: ${why}`);
}

/** Whether one of the scopes meets the need. Names and paths count as they are written, case and all. */
export function allows(scopes: readonly Scope[], need: Need): boolean {
  return need.kind === "token" || scopes.some((scope) => scope.kind === "admin" || meets(scope, need));
}

function meets(scope: Scope, need: Need): boolean {
  if (scope.kind === "needle") {
    return need.kind === "needle" &&
      (need.volume === undefined || scope.volumes === undefined || scope.volumes.has(need.volume));
  }
  if (scope.kind !== "smb") return scope.kind === need.kind;
  if (need.kind !== "smb") return false;
  const { place } = need;
  if (place === undefined) return true;
  if (place.server !== scope.server || place.share !== scope.share) return false;
  const asked = place.path === "" ? [] : place.path.split("/");
  return scope.path.every((name, index) => name === asked[index]);
}

/** The scope that would have been enough, as a refusal names it: `needle:read:3`. */
export function describeNeed(need: Need): string {
  switch (need.kind) {
    case "needle":
      return need.volume === undefined ? "needle:read" : `needle:read:${need.volume}`;
    case "smb": {
      if (need.place === undefined) return "smb:read";
      const { server, share, path } = need.place;
      const names = [server, share, ...(path === "" ? [] : path.split("/"))];
      return `smb:read:${names.map((name) => encodeURIComponent(name)).join("/")}`;
    }
    case "token":
      return "any";
    default:
      return need.kind;
  }
}
