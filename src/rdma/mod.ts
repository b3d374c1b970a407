/**
 * The contract that RDMA providers meet, and what every user of one shares: errors, memory, completions, the pool of
 * registered buffers, statistics, the registry of providers.
 *
 * @module
 */
export * from "./address.ts";
export * from "./completion.ts";
export * from "./completion_reader.ts";
export * from "./crc32c.ts";
export * from "./deadline.ts";
export * from "./errors.ts";
export * from "./histogram.ts";
export * from "./memory.ts";
export * from "./pool.ts";
export * from "./private_data.ts";
export * from "./provider.ts";
export * from "./registry.ts";
export * from "./request_queue.ts";
export * from "./samples.ts";
export * from "./setup_deadline.ts";
export * from "./statistics.ts";
export * from "./work_checks.ts";
