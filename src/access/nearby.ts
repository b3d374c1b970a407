/**
 * Who is nearby, by which names it may call, and what it may ask for without a token: networks, names and paths, as a
 * configuration writes them.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";
import { ConfigError } from "../rdma/errors.ts";

/** What clients nearby may ask for without a token, unless told: what `weed mount` asks its sidecar, which sends none. */
export const DEFAULT_ANONYMOUS: readonly string[] = ["/health", "/read"];

/** Networks in CIDR notation, `10.0.0.0/8`; an address is a network of one. Throws ConfigError. */
export function networksOf(trusted: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const text of trusted) {
    const [, address = "", length] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const family = isIP(address);
    const bits = family === 6 ? 128 : 32;
    const prefix = length === undefined ? bits : Number(length);
    if (family === 0 || prefix > bits) {
      throw new ConfigError(`network ${JSON.stringify(text.slice(0, 64))}: want one like 10.0.0.0/8 or fd00::/8`);
    }
    networks.addSubnet(address, prefix, family === 6 ? "ipv6" : "ipv4");
  }
  return networks;
}

/** What public DNS has no names below (RFC 6761 §6.3, RFC 6762 §3, RFC 8375, ICANN's `.internal`). */
const LOCAL_DOMAINS = /\.(?:localhost|local|internal|home\.arpa)$/;

/**
 * The name in a Host header, in lower case and without its port; undefined where the header is an address, or a name that
 * nobody's public DNS can lead to this machine: one without a dot, or below what public DNS does not hold.
 */
export function publicName(host: string): string | undefined {
  if (/^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host)) return undefined;
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  const isLocal = !name.includes(".") || LOCAL_DOMAINS.test(name);
  return isLocal && HOST_NAME.test(name) && /^[^.]*[a-z]/.test(name) ? undefined : name;
}

const HOST_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** A public name by which clients nearby may call a service, in lower case. Throws ConfigError. */
export function checkHostName(name: string): string {
  const host = name.toLowerCase();
  if (host.length <= 253 && HOST_NAME.test(host)) return host;
  throw new ConfigError(`host ${JSON.stringify(name.slice(0, 64))}: want a name without a port, verbena.example.org`);
}

/** A path that needs no token nearby, without the slash at its end. Throws ConfigError. */
export function checkPath(path: string): string {
  const segments = path.split("/").slice(1);
  if (segments.at(-1) === "") segments.pop();
  const wrong = segments.some((each) => each === "" || each === "." || each === ".." || /[\s?#%\\]/.test(each));
  if (!path.startsWith("/") || wrong || segments.length === 0) {
    throw new ConfigError(`anonymous path ${JSON.stringify(path.slice(0, 64))}: want one like /health or /v1/needles`);
  }
  return `/${segments.join("/")}`;
}
