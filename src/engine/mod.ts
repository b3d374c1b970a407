/**
 * The storage engine: serves ranges of needles over RDMA, and reads them from elsewhere.
 *
 * @module
 */
export * from "./client.ts";
export { type Message, type MessageData, type MessageType } from "./messages.ts";
export * from "./needle_reader.ts";
export { ENGINE_PORT, type EngineLog } from "./protocol.ts";
export * from "./read_ahead.ts";
export * from "./reader.ts";
export * from "./server.ts";
