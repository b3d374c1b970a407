/**
 * libibverbs: what it exports, and the verbs that its header makes inline, which live in each device's tables.
 *
 * Functions that rdma-core added later are optional: they are null where the installed library is older.
 *
 * @module
 */
import { boundFunctions, type Functions } from "./function_pointer.ts";
import { layout } from "./layout.ts";
import { lazily } from "./library.ts";
import { viewAt } from "./pointer.ts";

/** libibverbs' symbols, each behind its declaration in C. */
export const LIBIBVERBS = {
  // struct ibv_device **ibv_get_device_list(int *num_devices);
  ibv_get_device_list: { parameters: ["buffer"], result: "usize" },
  // void ibv_free_device_list(struct ibv_device **list);
  ibv_free_device_list: { parameters: ["usize"], result: "void" },
  // __be64 ibv_get_device_guid(struct ibv_device *device);
  ibv_get_device_guid: { parameters: ["usize"], result: "u64" },
  // struct ibv_context *ibv_open_device(struct ibv_device *device);
  ibv_open_device: { parameters: ["usize"], result: "usize" },
  // int ibv_close_device(struct ibv_context *context);
  ibv_close_device: { parameters: ["usize"], result: "i32" },
  // int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event);
  ibv_get_async_event: { parameters: ["usize", "buffer"], result: "i32" },
  // void ibv_ack_async_event(struct ibv_async_event *event);
  ibv_ack_async_event: { parameters: ["buffer"], result: "void" },
  // int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *device_attr);
  ibv_query_device: { parameters: ["usize", "buffer"], result: "i32" },
  // int ibv_query_port(struct ibv_context *context, uint8_t port_num, struct _compat_ibv_port_attr *port_attr);
  ibv_query_port: { parameters: ["usize", "u8", "buffer"], result: "i32" },
  // int ibv_query_pkey(struct ibv_context *context, uint8_t port_num, int index, __be16 *pkey);
  ibv_query_pkey: { parameters: ["usize", "u8", "i32", "buffer"], result: "i32" },
  // int ibv_query_gid(struct ibv_context *context, uint8_t port_num, int index, union ibv_gid *gid);
  ibv_query_gid: { parameters: ["usize", "u8", "i32", "buffer"], result: "i32" },
  // ssize_t _ibv_query_gid_table(struct ibv_context *context, struct ibv_gid_entry *entries, size_t max_entries,
  //                              uint32_t flags, size_t entry_size);
  _ibv_query_gid_table: { parameters: ["usize", "buffer", "usize", "u32", "usize"], result: "isize", optional: true },
  // struct ibv_pd *ibv_alloc_pd(struct ibv_context *context);
  ibv_alloc_pd: { parameters: ["usize"], result: "usize" },
  // int ibv_dealloc_pd(struct ibv_pd *pd);
  ibv_dealloc_pd: { parameters: ["usize"], result: "i32" },
  // struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access);
  ibv_reg_mr: { parameters: ["usize", "usize", "usize", "i32"], result: "usize" },
  // int ibv_dereg_mr(struct ibv_mr *mr);
  ibv_dereg_mr: { parameters: ["usize"], result: "i32" },
  // int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *addr, size_t length, int access);
  ibv_rereg_mr: { parameters: ["usize", "i32", "usize", "usize", "usize", "i32"], result: "i32" },
  // struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context);
  ibv_create_comp_channel: { parameters: ["usize"], result: "usize" },
  // int ibv_destroy_comp_channel(struct ibv_comp_channel *channel);
  ibv_destroy_comp_channel: { parameters: ["usize"], result: "i32" },
  // int ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **cq_context);
  ibv_get_cq_event: { parameters: ["usize", "buffer", "buffer"], result: "i32" },
  // void ibv_ack_cq_events(struct ibv_cq *cq, unsigned int nevents);
  ibv_ack_cq_events: { parameters: ["usize", "u32"], result: "void" },
  // struct ibv_cq *ibv_create_cq(struct ibv_context *context, int cqe, void *cq_context,
  //                              struct ibv_comp_channel *channel, int comp_vector);
  ibv_create_cq: { parameters: ["usize", "i32", "usize", "usize", "i32"], result: "usize" },
  // int ibv_resize_cq(struct ibv_cq *cq, int cqe);
  ibv_resize_cq: { parameters: ["usize", "i32"], result: "i32" },
  // int ibv_destroy_cq(struct ibv_cq *cq);
  ibv_destroy_cq: { parameters: ["usize"], result: "i32" },
  // struct ibv_srq *ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *srq_init_attr);
  ibv_create_srq: { parameters: ["usize", "buffer"], result: "usize" },
  // int ibv_modify_srq(struct ibv_srq *srq, struct ibv_srq_attr *srq_attr, int srq_attr_mask);
  ibv_modify_srq: { parameters: ["usize", "buffer", "i32"], result: "i32" },
  // int ibv_query_srq(struct ibv_srq *srq, struct ibv_srq_attr *srq_attr);
  ibv_query_srq: { parameters: ["usize", "buffer"], result: "i32" },
  // int ibv_destroy_srq(struct ibv_srq *srq);
  ibv_destroy_srq: { parameters: ["usize"], result: "i32" },
  // struct ibv_qp *ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *qp_init_attr);
  ibv_create_qp: { parameters: ["usize", "buffer"], result: "usize" },
  // struct ibv_qp_ex *ibv_qp_to_qp_ex(struct ibv_qp *qp);
  ibv_qp_to_qp_ex: { parameters: ["usize"], result: "usize", optional: true },
  // int ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int attr_mask);
  ibv_modify_qp: { parameters: ["usize", "buffer", "i32"], result: "i32" },
  // int ibv_query_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int attr_mask, struct ibv_qp_init_attr *init_attr);
  ibv_query_qp: { parameters: ["usize", "buffer", "i32", "buffer"], result: "i32" },
  // int ibv_destroy_qp(struct ibv_qp *qp);
  ibv_destroy_qp: { parameters: ["usize"], result: "i32" },
  // struct ibv_ah *ibv_create_ah(struct ibv_pd *pd, struct ibv_ah_attr *attr);
  ibv_create_ah: { parameters: ["usize", "buffer"], result: "usize" },
  // struct ibv_ah *ibv_create_ah_from_wc(struct ibv_pd *pd, struct ibv_wc *wc, struct ibv_grh *grh, uint8_t port_num);
  ibv_create_ah_from_wc: { parameters: ["usize", "usize", "usize", "u8"], result: "usize" },
  // int ibv_destroy_ah(struct ibv_ah *ah);
  ibv_destroy_ah: { parameters: ["usize"], result: "i32" },
  // int ibv_attach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid);
  ibv_attach_mcast: { parameters: ["usize", "buffer", "u16"], result: "i32" },
  // int ibv_detach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid);
  ibv_detach_mcast: { parameters: ["usize", "buffer", "u16"], result: "i32" },
  // enum ibv_fork_status ibv_is_fork_initialized(void);
  ibv_is_fork_initialized: { parameters: [], result: "i32", optional: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** libibverbs' functions. Throws NotCapable without `--allow-ffi`, and the loader's error where it is not installed. */
export const libibverbs: () => Deno.StaticForeignLibraryInterface<typeof LIBIBVERBS> = lazily(() =>
  Deno.dlopen("libibverbs.so.1", LIBIBVERBS).symbols
);

/** The verbs inline in verbs.h that every device has, through `ibv_context.ops`. */
export const OPERATIONS = {
  // int ibv_post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad_wr);
  post_send: { parameters: ["usize", "usize", "usize"], result: "i32" },
  // int ibv_post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr);
  post_recv: { parameters: ["usize", "usize", "usize"], result: "i32" },
  // int ibv_post_srq_recv(struct ibv_srq *srq, struct ibv_recv_wr *recv_wr, struct ibv_recv_wr **bad_recv_wr);
  post_srq_recv: { parameters: ["usize", "usize", "usize"], result: "i32" },
  // int ibv_poll_cq(struct ibv_cq *cq, int num_entries, struct ibv_wc *wc);
  poll_cq: { parameters: ["usize", "i32", "usize"], result: "i32" },
  // int ibv_req_notify_cq(struct ibv_cq *cq, int solicited_only);
  req_notify_cq: { parameters: ["usize", "i32"], result: "i32" },
  // struct ibv_mw *ibv_alloc_mw(struct ibv_pd *pd, enum ibv_mw_type type);
  alloc_mw: { parameters: ["usize", "i32"], result: "usize" },
  // int ibv_bind_mw(struct ibv_qp *qp, struct ibv_mw *mw, struct ibv_mw_bind *mw_bind);
  bind_mw: { parameters: ["usize", "usize", "buffer"], result: "i32" },
  // int ibv_dealloc_mw(struct ibv_mw *mw);
  dealloc_mw: { parameters: ["usize"], result: "i32" },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** Those verbs, callable. */
export type Operations = Functions<typeof OPERATIONS>;

/** The verbs inline in verbs.h that later releases added, through `verbs_context`. */
export const EXTENDED_OPERATIONS = {
  // int query_port(struct ibv_context *context, uint8_t port_num, struct ibv_port_attr *port_attr, size_t len);
  query_port: { parameters: ["usize", "u8", "buffer", "usize"], result: "i32" },
  // int query_device_ex(struct ibv_context *context, const struct ibv_query_device_ex_input *input,
  //                     struct ibv_device_attr_ex *attr, size_t attr_size);
  query_device_ex: { parameters: ["usize", "usize", "buffer", "usize"], result: "i32" },
  // struct ibv_cq_ex *create_cq_ex(struct ibv_context *context, struct ibv_cq_init_attr_ex *init_attr);
  create_cq_ex: { parameters: ["usize", "buffer"], result: "usize" },
  // struct ibv_qp *create_qp_ex(struct ibv_context *context, struct ibv_qp_init_attr_ex *qp_init_attr_ex);
  create_qp_ex: { parameters: ["usize", "buffer"], result: "usize" },
  // struct ibv_srq *create_srq_ex(struct ibv_context *context, struct ibv_srq_init_attr_ex *srq_init_attr_ex);
  create_srq_ex: { parameters: ["usize", "buffer"], result: "usize" },
  // int get_srq_num(struct ibv_srq *srq, uint32_t *srq_num);
  get_srq_num: { parameters: ["usize", "buffer"], result: "i32" },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** Those verbs, callable, as far as the library and the device have them. */
export type ExtendedOperations = Partial<Functions<typeof EXTENDED_OPERATIONS>>;

/** How an extended completion queue is polled, through the functions that it holds itself. */
export const EXTENDED_POLLING = {
  // int start_poll(struct ibv_cq_ex *current, struct ibv_poll_cq_attr *attr);
  start_poll: { parameters: ["usize", "buffer"], result: "i32" },
  // int next_poll(struct ibv_cq_ex *current);
  next_poll: { parameters: ["usize"], result: "i32" },
  // void end_poll(struct ibv_cq_ex *current);
  end_poll: { parameters: ["usize"], result: "void" },
  // enum ibv_wc_opcode read_opcode(struct ibv_cq_ex *current);
  read_opcode: { parameters: ["usize"], result: "i32" },
  // uint32_t read_vendor_err(struct ibv_cq_ex *current);
  read_vendor_err: { parameters: ["usize"], result: "u32" },
  // uint32_t read_byte_len(struct ibv_cq_ex *current);
  read_byte_len: { parameters: ["usize"], result: "u32" },
  // __be32 read_imm_data(struct ibv_cq_ex *current);
  read_imm_data: { parameters: ["usize"], result: "u32" },
  // uint32_t read_qp_num(struct ibv_cq_ex *current);
  read_qp_num: { parameters: ["usize"], result: "u32" },
  // uint32_t read_src_qp(struct ibv_cq_ex *current);
  read_src_qp: { parameters: ["usize"], result: "u32" },
  // unsigned int read_wc_flags(struct ibv_cq_ex *current);
  read_wc_flags: { parameters: ["usize"], result: "u32" },
  // uint32_t read_slid(struct ibv_cq_ex *current);
  read_slid: { parameters: ["usize"], result: "u32" },
  // uint8_t read_sl(struct ibv_cq_ex *current);
  read_sl: { parameters: ["usize"], result: "u8" },
  // uint8_t read_dlid_path_bits(struct ibv_cq_ex *current);
  read_dlid_path_bits: { parameters: ["usize"], result: "u8" },
  // uint64_t read_completion_ts(struct ibv_cq_ex *current);
  read_completion_ts: { parameters: ["usize"], result: "u64" },
  // uint64_t read_completion_wallclock_ns(struct ibv_cq_ex *current);
  read_completion_wallclock_ns: { parameters: ["usize"], result: "u64" },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** Those functions, callable; it has those readers that were asked for when it was made. */
export type ExtendedPolling = Partial<Functions<typeof EXTENDED_POLLING>>;

/** How the send queue of an extended queue pair is filled, through the functions that it holds itself. */
export const REQUEST_BUILDERS = {
  // void wr_start(struct ibv_qp_ex *qp);
  wr_start: { parameters: ["usize"], result: "void" },
  // int wr_complete(struct ibv_qp_ex *qp);
  wr_complete: { parameters: ["usize"], result: "i32" },
  // void wr_abort(struct ibv_qp_ex *qp);
  wr_abort: { parameters: ["usize"], result: "void" },
  // void wr_atomic_cmp_swp(struct ibv_qp_ex *qp, uint32_t rkey, uint64_t remote_addr, uint64_t compare, uint64_t swap);
  wr_atomic_cmp_swp: { parameters: ["usize", "u32", "u64", "u64", "u64"], result: "void" },
  // void wr_atomic_fetch_add(struct ibv_qp_ex *qp, uint32_t rkey, uint64_t remote_addr, uint64_t add);
  wr_atomic_fetch_add: { parameters: ["usize", "u32", "u64", "u64"], result: "void" },
  // void wr_atomic_write(struct ibv_qp_ex *qp, uint32_t rkey, uint64_t remote_addr, const void *atomic_wr);
  wr_atomic_write: { parameters: ["usize", "u32", "u64", "buffer"], result: "void" },
  // void wr_bind_mw(struct ibv_qp_ex *qp, struct ibv_mw *mw, uint32_t rkey, const struct ibv_mw_bind_info *bind_info);
  wr_bind_mw: { parameters: ["usize", "usize", "u32", "buffer"], result: "void" },
  // void wr_local_inv(struct ibv_qp_ex *qp, uint32_t invalidate_rkey);
  wr_local_inv: { parameters: ["usize", "u32"], result: "void" },
  // void wr_rdma_read(struct ibv_qp_ex *qp, uint32_t rkey, uint64_t remote_addr);
  wr_rdma_read: { parameters: ["usize", "u32", "u64"], result: "void" },
  // void wr_rdma_write(struct ibv_qp_ex *qp, uint32_t rkey, uint64_t remote_addr);
  wr_rdma_write: { parameters: ["usize", "u32", "u64"], result: "void" },
  // void wr_rdma_write_imm(struct ibv_qp_ex *qp, uint32_t rkey, uint64_t remote_addr, __be32 imm_data);
  wr_rdma_write_imm: { parameters: ["usize", "u32", "u64", "u32"], result: "void" },
  // void wr_send(struct ibv_qp_ex *qp);
  wr_send: { parameters: ["usize"], result: "void" },
  // void wr_send_imm(struct ibv_qp_ex *qp, __be32 imm_data);
  wr_send_imm: { parameters: ["usize", "u32"], result: "void" },
  // void wr_send_inv(struct ibv_qp_ex *qp, uint32_t invalidate_rkey);
  wr_send_inv: { parameters: ["usize", "u32"], result: "void" },
  // void wr_set_ud_addr(struct ibv_qp_ex *qp, struct ibv_ah *ah, uint32_t remote_qpn, uint32_t remote_qkey);
  wr_set_ud_addr: { parameters: ["usize", "usize", "u32", "u32"], result: "void" },
  // void wr_set_inline_data(struct ibv_qp_ex *qp, void *addr, size_t length);
  wr_set_inline_data: { parameters: ["usize", "buffer", "usize"], result: "void" },
  // void wr_set_sge(struct ibv_qp_ex *qp, uint32_t lkey, uint64_t addr, uint32_t length);
  wr_set_sge: { parameters: ["usize", "u32", "u64", "u32"], result: "void" },
  // void wr_set_sge_list(struct ibv_qp_ex *qp, size_t num_sge, const struct ibv_sge *sg_list);
  wr_set_sge_list: { parameters: ["usize", "usize", "buffer"], result: "void" },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** Those functions, callable; it has those that were asked for when it was made. */
export type RequestBuilders = Partial<Functions<typeof REQUEST_BUILDERS>>;

/** The verbs of the device that `context` (a `struct ibv_context *`) was opened on. */
export function operations(context: bigint): Operations {
  const view = viewAt(context, layout.ibv_context.size);
  const at = (offset: number): bigint => view.getBigUint64(offset, true);
  const { ibv_context: fields } = layout;
  return boundFunctions(OPERATIONS, {
    post_send: at(fields.ops_post_send),
    post_recv: at(fields.ops_post_recv),
    post_srq_recv: at(fields.ops_post_srq_recv),
    poll_cq: at(fields.ops_poll_cq),
    req_notify_cq: at(fields.ops_req_notify_cq),
    alloc_mw: at(fields.ops_alloc_mw),
    bind_mw: at(fields.ops_bind_mw),
    dealloc_mw: at(fields.ops_dealloc_mw),
  });
}

const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/**
 * The extended verbs of the device that `context` was opened on. They stand before the context in memory, in a struct
 * that grows at its front: `abi_compat` says that it is there at all, and `sz` how far it reaches.
 */
export function extendedOperations(context: bigint): ExtendedOperations {
  const { ibv_context, verbs_context } = layout;
  const compatibility = viewAt(context + BigInt(ibv_context.abi_compat), 8).getBigUint64(0, true);
  if (compatibility !== ALL_ONES) return {};
  const reach = Number(viewAt(context + BigInt(verbs_context.sz), 8).getBigUint64(0, true)) - ibv_context.size;
  const names = (Object.keys(EXTENDED_OPERATIONS) as (keyof typeof EXTENDED_OPERATIONS)[])
    .filter((name) => -verbs_context[name] <= reach);
  return functionsIn(EXTENDED_OPERATIONS, context, verbs_context, names);
}

/** The functions of an extended completion queue, a `struct ibv_cq_ex *`. */
export function extendedPolling(queue: bigint): ExtendedPolling {
  return functionsIn(EXTENDED_POLLING, queue, layout.ibv_cq_ex);
}

/**
 * The functions of an extended queue pair, a `struct ibv_qp_ex *`. The struct grows at its end, and the last of them is
 * not there in older libraries: `names` says which to look for.
 */
export function requestBuilders(
  queuePair: bigint,
  names: readonly (keyof typeof REQUEST_BUILDERS)[],
): RequestBuilders {
  return functionsIn(REQUEST_BUILDERS, queuePair, layout.ibv_qp_ex, names);
}

// The functions whose pointers a struct holds; those that are NULL are left out.
function functionsIn<const T extends Record<string, Deno.ForeignFunction>>(
  definitions: T,
  struct: bigint,
  offsets: { readonly [name in keyof T]: number },
  names: readonly (keyof T & string)[] = Object.keys(definitions),
): Partial<Functions<T>> {
  const found: [string, bigint][] = [];
  for (const name of names) {
    const address = viewAt(struct + BigInt(offsets[name]), 8).getBigUint64(0, true);
    if (address !== 0n) found.push([name, address]);
  }
  if (found.length === 0) return {};
  const wanted = Object.fromEntries(found.map(([name]) => [name, definitions[name] as Deno.ForeignFunction]));
  return boundFunctions(wanted, Object.fromEntries(found)) as Partial<Functions<T>>;
}
