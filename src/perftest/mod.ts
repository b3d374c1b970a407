/**
 * perftest's protocol, both sides, over verbs: queue pairs that are connected by keys exchanged over TCP, or by rdma_cm.
 *
 * @module
 */
export * from "./plan.ts";
export * from "./result.ts";
export * from "./verbs_perftest.ts";
export type { Role } from "./channel.ts";
export type { TestSizes } from "./verbs_link.ts";
export type { PortOptions } from "./verbs_tcp.ts";
