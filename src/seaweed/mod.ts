/**
 * SeaweedFS: the files of its volumes, read beside a running volume server, and its HTTP interfaces.
 *
 * ```ts
 * using store = new Store(["/data/seaweedfs"]);
 * const needle = store.open(parseFileId("3,01637037d6"), Date.now());
 * const bytes = new Uint8Array(needle.dataSize);
 * needle.read(0, bytes);
 * ```
 *
 * @module
 */
export { VerbenaError, WireError } from "../rdma/errors.ts";
export * from "./file_id.ts";
export * from "./http_request.ts";
export * from "./index_file.ts";
export * from "./inflated_cache.ts";
export * from "./master_client.ts";
export * from "./needle.ts";
export * from "./needle_error.ts";
export * from "./needle_map.ts";
export * from "./needle_page.ts";
export * from "./needle_record.ts";
export * from "./pinned_needle.ts";
export * from "./read_token.ts";
export * from "./sample.ts";
export * from "./store.ts";
export * from "./superblock.ts";
export * from "./ttl.ts";
export * from "./volume.ts";
export * from "./volume_files.ts";
export * from "./volume_info.ts";
export * from "./volume_server.ts";
export * from "./volume_snapshot.ts";
export * from "./writer.ts";
