/**
 * rdma-core's verbs and connection manager as objects, and the `verbs` provider on them.
 *
 * @module
 */
export * from "./address_handle.ts";
export * from "./address_vector.ts";
export * from "./async_event.ts";
export * from "./completion_channel.ts";
export * from "./completion_queue.ts";
export * from "./connection/connected_queue_pair.ts";
export * from "./connection/connection_event.ts";
export * from "./connection/connection_id.ts";
export * from "./context.ts";
export * from "./device.ts";
export * from "./device_attributes.ts";
export * from "./device_report.ts";
export * from "./devices.ts";
export * from "./connection/event_channel.ts";
export * from "./extended_completion_queue.ts";
export * from "./extended_queue_pair.ts";
export * from "./gid.ts";
export * from "./libraries.ts";
export * from "./connection/managed_contexts.ts";
export * from "./memory_region.ts";
export * from "./memory_window.ts";
export * from "./multicast.ts";
export * from "./port_attributes.ts";
export * from "./protection_domain.ts";
export * from "./provider/provider.ts";
export * from "./queue_pair.ts";
export * from "./queue_pair_attributes.ts";
export * from "./queue_pair_transitions.ts";
export * from "./readiness.ts";
export * from "./receive_batch.ts";
export * from "./request_builder.ts";
export * from "./request_memory.ts";
export * from "./resource.ts";
export * from "./send_batch.ts";
export * from "./shared_receive_queue.ts";
export * from "./connection/socket_address.ts";
export * from "./work_completions.ts";
