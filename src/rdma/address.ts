/**
 * Addresses as text.
 *
 * @module
 */
import type { RdmaAddress } from "./provider.ts";

/** An address as URLs, logs and errors write it: `127.0.0.1:8081` or `[::1]:8081`. */
export function formatAddress({ hostname, port }: RdmaAddress): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
