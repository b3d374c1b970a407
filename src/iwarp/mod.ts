/**
 * iWARP over plain TCP: MPA (RFC 5044, RFC 6581), DDP (RFC 5041) and RDMAP (RFC 5040) in TypeScript. The provider for
 * machines without an RDMA device; real RDMA peers accept it.
 *
 * @module
 */
export type { IwarpProfile } from "./profile.ts";
export { type IwarpOptions, iwarpProvider } from "./provider.ts";
