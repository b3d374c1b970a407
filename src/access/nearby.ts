/**
 * Who is nearby, and what it may ask for without a token: networks and paths, as a configuration writes them.
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
