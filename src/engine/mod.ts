/**
 * The storage engine: serves ranges of needles over RDMA, and reads them from elsewhere.
 *
 * @module
 */
export type { Channel, Destination, EngineWay, ReaderChannel } from "./channel.ts";
export * from "./client.ts";
export * from "./fallback_reader.ts";
export { LayeredReader } from "./layered_reader.ts";
export * from "./needle_reader.ts";
export { ENGINE_PORT, type EngineLog } from "./protocol.ts";
export { rdmaWays } from "./rdma_channel.ts";
export * from "./read_ahead.ts";
export * from "./reader.ts";
export * from "./server.ts";
export type { SocketTimes } from "./socket_channel.ts";
export { socketWay } from "./socket_way.ts";
export * from "./store_reader.ts";
