/**
 * Who may do what: scopes, the tokens that carry them, the keys that sign those, and the addresses that need none.
 *
 * @module
 */
export * from "./access.ts";
export * from "./keys.ts";
export * from "./nearby.ts";
export * from "./scope.ts";
export * from "./token.ts";
export { ConfigError, VerbenaError } from "../rdma/errors.ts";
export type { FileId } from "../seaweed/file_id.ts";
