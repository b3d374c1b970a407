/**
 * perftest's protocol, both sides: over verbs, with queue pairs that are connected by keys exchanged over TCP or by
 * rdma_cm; and over the endpoints of an RDMA provider, for peers whose rdma_cm connects to it.
 *
 * @module
 */
export * from "./endpoint_perftest.ts";
export * from "./options.ts";
export * from "./plan.ts";
export * from "./result.ts";
export * from "./verbs_perftest.ts";
export type { Role } from "./channel.ts";
export type { PortOptions } from "./verbs_tcp.ts";
