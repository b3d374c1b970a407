/**
 * librdmacm: connections by host and port.
 *
 * @module
 */
import { lazily } from "./library.ts";

/** Its symbols, each behind its declaration in C. */
export const LIBRDMACM = {
  // struct ibv_context **rdma_get_devices(int *num_devices);
  rdma_get_devices: { parameters: ["buffer"], result: "usize" },
  // void rdma_free_devices(struct ibv_context **list);
  rdma_free_devices: { parameters: ["usize"], result: "void" },
  // struct rdma_event_channel *rdma_create_event_channel(void);
  rdma_create_event_channel: { parameters: [], result: "usize" },
  // void rdma_destroy_event_channel(struct rdma_event_channel *channel);
  rdma_destroy_event_channel: { parameters: ["usize"], result: "void" },
  // int rdma_create_id(struct rdma_event_channel *channel, struct rdma_cm_id **id, void *context,
  //                    enum rdma_port_space ps);
  rdma_create_id: { parameters: ["usize", "buffer", "usize", "i32"], result: "i32" },
  // int rdma_destroy_id(struct rdma_cm_id *id);
  rdma_destroy_id: { parameters: ["usize"], result: "i32" },
  // int rdma_bind_addr(struct rdma_cm_id *id, struct sockaddr *addr);
  rdma_bind_addr: { parameters: ["usize", "buffer"], result: "i32" },
  // int rdma_resolve_addr(struct rdma_cm_id *id, struct sockaddr *src_addr, struct sockaddr *dst_addr, int timeout_ms);
  rdma_resolve_addr: { parameters: ["usize", "buffer", "buffer", "i32"], result: "i32" },
  rdma_resolve_addr_elsewhere: {
    name: "rdma_resolve_addr",
    parameters: ["usize", "buffer", "buffer", "i32"],
    result: "i32",
    nonblocking: true,
  },
  // int rdma_resolve_route(struct rdma_cm_id *id, int timeout_ms);
  rdma_resolve_route: { parameters: ["usize", "i32"], result: "i32" },
  rdma_resolve_route_elsewhere: {
    name: "rdma_resolve_route",
    parameters: ["usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  // int rdma_create_qp(struct rdma_cm_id *id, struct ibv_pd *pd, struct ibv_qp_init_attr *qp_init_attr);
  rdma_create_qp: { parameters: ["usize", "usize", "buffer"], result: "i32" },
  // void rdma_destroy_qp(struct rdma_cm_id *id);
  rdma_destroy_qp: { parameters: ["usize"], result: "void" },
  // int rdma_connect(struct rdma_cm_id *id, struct rdma_conn_param *conn_param);
  rdma_connect: { parameters: ["usize", "buffer"], result: "i32" },
  rdma_connect_elsewhere: {
    name: "rdma_connect",
    parameters: ["usize", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int rdma_establish(struct rdma_cm_id *id);
  rdma_establish: { parameters: ["usize"], result: "i32", optional: true },
  // int rdma_listen(struct rdma_cm_id *id, int backlog);
  rdma_listen: { parameters: ["usize", "i32"], result: "i32" },
  // int rdma_get_request(struct rdma_cm_id *listen, struct rdma_cm_id **id);
  rdma_get_request_elsewhere: {
    name: "rdma_get_request",
    parameters: ["usize", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int rdma_accept(struct rdma_cm_id *id, struct rdma_conn_param *conn_param);
  rdma_accept: { parameters: ["usize", "buffer"], result: "i32" },
  rdma_accept_elsewhere: {
    name: "rdma_accept",
    parameters: ["usize", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int rdma_reject(struct rdma_cm_id *id, const void *private_data, uint8_t private_data_len);
  rdma_reject: { parameters: ["usize", "buffer", "u8"], result: "i32" },
  // int rdma_disconnect(struct rdma_cm_id *id);
  rdma_disconnect: { parameters: ["usize"], result: "i32" },
  rdma_disconnect_elsewhere: { name: "rdma_disconnect", parameters: ["usize"], result: "i32", nonblocking: true },
  // int rdma_join_multicast(struct rdma_cm_id *id, struct sockaddr *addr, void *context);
  rdma_join_multicast: { parameters: ["usize", "buffer", "usize"], result: "i32" },
  // int rdma_leave_multicast(struct rdma_cm_id *id, struct sockaddr *addr);
  rdma_leave_multicast: { parameters: ["usize", "buffer"], result: "i32" },
  // int rdma_get_cm_event(struct rdma_event_channel *channel, struct rdma_cm_event **event);
  rdma_get_cm_event: { parameters: ["usize", "buffer"], result: "i32" },
  // int rdma_ack_cm_event(struct rdma_cm_event *event);
  rdma_ack_cm_event: { parameters: ["usize"], result: "i32" },
  // int rdma_migrate_id(struct rdma_cm_id *id, struct rdma_event_channel *channel);
  rdma_migrate_id: { parameters: ["usize", "usize"], result: "i32" },
  // int rdma_set_option(struct rdma_cm_id *id, int level, int optname, void *optval, size_t optlen);
  rdma_set_option: { parameters: ["usize", "i32", "i32", "buffer", "usize"], result: "i32" },
  // __be16 rdma_get_src_port(struct rdma_cm_id *id);
  rdma_get_src_port: { parameters: ["usize"], result: "u16" },
  // __be16 rdma_get_dst_port(struct rdma_cm_id *id);
  rdma_get_dst_port: { parameters: ["usize"], result: "u16" },
} as const satisfies Deno.ForeignLibraryInterface;

/** librdmacm's functions. Throws NotCapable without `--allow-ffi`, and the loader's error where it is not installed. */
export const librdmacm: () => Deno.StaticForeignLibraryInterface<typeof LIBRDMACM> = lazily(() =>
  Deno.dlopen("librdmacm.so.1", LIBRDMACM).symbols
);
