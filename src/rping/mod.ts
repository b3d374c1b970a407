/**
 * rping's protocol, both roles, over any RDMA provider.
 *
 * A round: the client sends where its text is; the server reads it by RDMA Read and says so; the client sends where it
 * wants the text; the server writes it there by RDMA Write and says so.
 *
 * @module
 */
export * from "./client.ts";
export * from "./message.ts";
export * from "./server.ts";
