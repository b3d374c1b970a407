/**
 * Which structs, enumerations and macros of C the bindings use, and the probe that has a compiler say where they are.
 *
 * The compiler never has to run what it makes: the probe hides each value in the assembly as a comment, so that a cross
 * compiler answers for another architecture as well as the native one does for this.
 *
 * @module
 */

/** One struct: its C type, and the fields wanted; a nested field is a path, `wr.rdma.rkey`, and is named `wr_rdma_rkey`. */
export interface StructProbe {
  /** The type as C writes it. */
  readonly type: string;
  /** Fields and nested fields. */
  readonly fields: readonly string[];
  /** False where releases of the library let the struct grow: its size then must not be relied upon. Default true. */
  readonly sized?: boolean;
  /** A member whose place counts as 0: the fields before it then lie at negative offsets. */
  readonly origin?: string;
}

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Headers the probe includes. */
export const HEADERS: readonly string[] = [
  "errno.h",
  "fcntl.h",
  "infiniband/verbs.h",
  "netdb.h",
  "netinet/in.h",
  "poll.h",
  "rdma/rdma_cma.h",
  "stddef.h",
  "sys/epoll.h",
  "sys/eventfd.h",
  "sys/mman.h",
  "sys/resource.h",
  "sys/socket.h",
];

/** Structs by the name they have in TypeScript. */
export const STRUCTS: Readonly<Record<string, StructProbe>> = {
  addrinfo: { type: "struct addrinfo", fields: words("ai_flags ai_family ai_socktype ai_addrlen ai_addr ai_next") },
  sockaddr_in: { type: "struct sockaddr_in", fields: words("sin_family sin_port sin_addr") },
  sockaddr_in6: {
    type: "struct sockaddr_in6",
    fields: words("sin6_family sin6_port sin6_flowinfo sin6_addr sin6_scope_id"),
  },
  epoll_event: { type: "struct epoll_event", fields: words("events data") },
  pollfd: { type: "struct pollfd", fields: words("fd events revents") },
  rlimit: { type: "struct rlimit", fields: words("rlim_cur rlim_max") },
  ibv_device: {
    type: "struct ibv_device",
    fields: words("node_type transport_type name dev_name dev_path ibdev_path"),
  },
  ibv_context: {
    type: "struct ibv_context",
    fields: words(`device ops.alloc_mw ops.bind_mw ops.dealloc_mw ops.poll_cq ops.req_notify_cq ops.post_srq_recv
      ops.post_send ops.post_recv cmd_fd async_fd num_comp_vectors abi_compat`),
  },
  verbs_context: {
    type: "struct verbs_context",
    origin: "context",
    sized: false,
    fields: words("query_port create_cq_ex query_device_ex create_qp_ex create_srq_ex get_srq_num sz"),
  },
  ibv_device_attr: {
    type: "struct ibv_device_attr",
    fields: words(`fw_ver node_guid sys_image_guid max_mr_size page_size_cap vendor_id vendor_part_id hw_ver max_qp
      max_qp_wr device_cap_flags max_sge max_sge_rd max_cq max_cqe max_mr max_pd max_qp_rd_atom max_ee_rd_atom
      max_res_rd_atom max_qp_init_rd_atom max_ee_init_rd_atom atomic_cap max_ee max_rdd max_mw max_raw_ipv6_qp
      max_raw_ethy_qp max_mcast_grp max_mcast_qp_attach max_total_mcast_qp_attach max_ah max_fmr max_map_per_fmr
      max_srq max_srq_wr max_srq_sge max_pkeys local_ca_ack_delay phys_port_cnt`),
  },
  ibv_device_attr_ex: {
    type: "struct ibv_device_attr_ex",
    fields: words(`orig_attr comp_mask odp_caps.general_caps odp_caps.per_transport_caps.rc_odp_caps
      odp_caps.per_transport_caps.uc_odp_caps odp_caps.per_transport_caps.ud_odp_caps completion_timestamp_mask
      hca_core_clock device_cap_flags_ex tso_caps.max_tso tso_caps.supported_qpts rss_caps.supported_qpts
      rss_caps.max_rwq_indirection_tables rss_caps.max_rwq_indirection_table_size rss_caps.rx_hash_fields_mask
      rss_caps.rx_hash_function max_wq_type_rq packet_pacing_caps.qp_rate_limit_min packet_pacing_caps.qp_rate_limit_max
      packet_pacing_caps.supported_qpts raw_packet_caps tm_caps.max_rndv_hdr_size tm_caps.max_num_tags
      tm_caps.flags tm_caps.max_ops tm_caps.max_sge cq_mod_caps.max_cq_count cq_mod_caps.max_cq_period max_dm_size
      pci_atomic_caps.fetch_add pci_atomic_caps.swap pci_atomic_caps.compare_swap xrc_odp_caps phys_port_cnt_ex`),
  },
  ibv_port_attr: {
    type: "struct ibv_port_attr",
    sized: false,
    fields: words(`state max_mtu active_mtu gid_tbl_len port_cap_flags max_msg_sz bad_pkey_cntr qkey_viol_cntr
      pkey_tbl_len lid sm_lid lmc max_vl_num sm_sl subnet_timeout init_type_reply active_width active_speed phys_state
      link_layer flags port_cap_flags2`),
  },
  ibv_gid_entry: { type: "struct ibv_gid_entry", fields: words("gid gid_index port_num gid_type ndev_ifindex") },
  ibv_pd: { type: "struct ibv_pd", fields: words("context handle") },
  ibv_mr: { type: "struct ibv_mr", fields: words("context pd addr length handle lkey rkey") },
  ibv_mw: { type: "struct ibv_mw", fields: words("context pd rkey handle type") },
  ibv_mw_bind: {
    type: "struct ibv_mw_bind",
    fields: words("wr_id send_flags bind_info.mr bind_info.addr bind_info.length bind_info.mw_access_flags"),
  },
  ibv_mw_bind_info: { type: "struct ibv_mw_bind_info", fields: words("mr addr length mw_access_flags") },
  ibv_comp_channel: { type: "struct ibv_comp_channel", fields: words("context fd") },
  ibv_cq: { type: "struct ibv_cq", fields: words("context channel cq_context handle cqe") },
  ibv_cq_ex: {
    type: "struct ibv_cq_ex",
    sized: false,
    fields: words(`comp_mask status wr_id start_poll next_poll end_poll read_opcode read_vendor_err read_byte_len
      read_imm_data read_qp_num read_src_qp read_wc_flags read_slid read_sl read_dlid_path_bits read_completion_ts
      read_completion_wallclock_ns`),
  },
  ibv_cq_init_attr_ex: {
    type: "struct ibv_cq_init_attr_ex",
    fields: words("cqe cq_context channel comp_vector wc_flags comp_mask flags parent_domain"),
  },
  ibv_poll_cq_attr: { type: "struct ibv_poll_cq_attr", fields: words("comp_mask") },
  ibv_qp: { type: "struct ibv_qp", fields: words("context pd send_cq recv_cq srq handle qp_num state qp_type") },
  ibv_qp_ex: {
    type: "struct ibv_qp_ex",
    sized: false,
    fields: words(`comp_mask wr_id wr_flags wr_atomic_cmp_swp wr_atomic_fetch_add wr_bind_mw wr_local_inv wr_rdma_read
      wr_rdma_write wr_rdma_write_imm wr_send wr_send_imm wr_send_inv wr_set_ud_addr wr_set_inline_data
      wr_set_inline_data_list wr_set_sge wr_set_sge_list wr_start wr_complete wr_abort wr_atomic_write`),
  },
  ibv_srq: { type: "struct ibv_srq", fields: words("context pd handle") },
  ibv_ah: { type: "struct ibv_ah", fields: words("context pd handle") },
  ibv_qp_init_attr: {
    type: "struct ibv_qp_init_attr",
    fields: words(`qp_context send_cq recv_cq srq cap.max_send_wr cap.max_recv_wr cap.max_send_sge cap.max_recv_sge
      cap.max_inline_data qp_type sq_sig_all`),
  },
  ibv_qp_init_attr_ex: {
    type: "struct ibv_qp_init_attr_ex",
    fields: words(`qp_context send_cq recv_cq srq cap.max_send_wr cap.max_recv_wr cap.max_send_sge cap.max_recv_sge
      cap.max_inline_data qp_type sq_sig_all comp_mask pd create_flags send_ops_flags`),
  },
  ibv_qp_attr: {
    type: "struct ibv_qp_attr",
    fields: words(`qp_state cur_qp_state path_mtu path_mig_state qkey rq_psn sq_psn dest_qp_num qp_access_flags
      cap.max_send_wr cap.max_recv_wr cap.max_send_sge cap.max_recv_sge cap.max_inline_data
      ah_attr alt_ah_attr pkey_index alt_pkey_index en_sqd_async_notify sq_draining max_rd_atomic max_dest_rd_atomic
      min_rnr_timer port_num timeout retry_cnt rnr_retry alt_port_num alt_timeout`),
  },
  ibv_ah_attr: {
    type: "struct ibv_ah_attr",
    fields: words(`grh.dgid grh.flow_label grh.sgid_index grh.hop_limit grh.traffic_class dlid sl src_path_bits
      static_rate is_global port_num`),
  },
  ibv_srq_init_attr: {
    type: "struct ibv_srq_init_attr",
    fields: words("srq_context attr.max_wr attr.max_sge attr.srq_limit"),
  },
  ibv_srq_attr: { type: "struct ibv_srq_attr", fields: words("max_wr max_sge srq_limit") },
  ibv_sge: { type: "struct ibv_sge", fields: words("addr length lkey") },
  ibv_data_buf: { type: "struct ibv_data_buf", fields: words("addr length") },
  ibv_recv_wr: { type: "struct ibv_recv_wr", fields: words("wr_id next sg_list num_sge") },
  ibv_send_wr: {
    type: "struct ibv_send_wr",
    fields: words(
      `wr_id next sg_list num_sge opcode send_flags imm_data invalidate_rkey wr.rdma.remote_addr wr.rdma.rkey
      wr.atomic.remote_addr wr.atomic.compare_add wr.atomic.swap wr.atomic.rkey wr.ud.ah wr.ud.remote_qpn
      wr.ud.remote_qkey bind_mw.mw bind_mw.rkey bind_mw.bind_info.mr bind_mw.bind_info.addr bind_mw.bind_info.length
      bind_mw.bind_info.mw_access_flags`,
    ),
  },
  ibv_wc: {
    type: "struct ibv_wc",
    fields: words(`wr_id status opcode vendor_err byte_len imm_data invalidated_rkey qp_num src_qp wc_flags pkey_index
      slid sl dlid_path_bits`),
  },
  ibv_grh: {
    type: "struct ibv_grh",
    fields: words("version_tclass_flow paylen next_hdr hop_limit sgid dgid"),
  },
  ibv_async_event: { type: "struct ibv_async_event", fields: words("element event_type") },
  rdma_event_channel: { type: "struct rdma_event_channel", fields: words("fd") },
  rdma_cm_id: {
    type: "struct rdma_cm_id",
    fields: words(`verbs channel context qp route.addr.src_addr route.addr.dst_addr route.addr.addr.ibaddr ps port_num
      event pd qp_type`),
  },
  rdma_cm_event: {
    type: "struct rdma_cm_event",
    fields: words(`id listen_id event status param.conn.private_data param.conn.private_data_len
      param.conn.responder_resources param.conn.initiator_depth param.conn.flow_control param.conn.retry_count
      param.conn.rnr_retry_count param.conn.srq param.conn.qp_num param.ud.private_data param.ud.private_data_len
      param.ud.ah_attr param.ud.qp_num param.ud.qkey`),
  },
  rdma_conn_param: {
    type: "struct rdma_conn_param",
    fields: words(`private_data private_data_len responder_resources initiator_depth flow_control retry_count
      rnr_retry_count srq qp_num`),
  },
};

/** Enumerations, whose every member is taken. */
export const ENUMERATIONS: readonly string[] = words(`
  ibv_access_flags ibv_atomic_cap ibv_cq_init_attr_mask ibv_create_cq_wc_flags ibv_device_cap_flags
  ibv_event_type ibv_fork_status ibv_gid_type ibv_mig_state ibv_mtu ibv_mw_type ibv_node_type ibv_port_state ibv_qp_attr_mask
  ibv_qp_create_send_ops_flags ibv_qp_init_attr_mask ibv_qp_state ibv_qp_type ibv_send_flags ibv_srq_attr_mask
  ibv_transport_type ibv_wc_flags ibv_wc_opcode ibv_wc_status ibv_wr_opcode rdma_cm_event_type rdma_port_space`);

/** Macros and lone enumerators, grouped under the name they get. */
export const MACROS: Readonly<Record<string, readonly string[]>> = {
  address_family: words("AF_UNSPEC AF_INET AF_INET6"),
  epoll: words("EPOLL_CLOEXEC EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD EPOLLIN EPOLLERR EPOLLHUP EPOLLONESHOT"),
  eventfd_flags: words("EFD_CLOEXEC EFD_NONBLOCK"),
  fcntl_command: words("F_GETFL F_SETFL O_NONBLOCK O_RDONLY O_CLOEXEC R_OK W_OK"),
  link_layer: words("IBV_LINK_LAYER_UNSPECIFIED IBV_LINK_LAYER_INFINIBAND IBV_LINK_LAYER_ETHERNET"),
  mmap_flags: words(
    "PROT_READ PROT_WRITE PROT_EXEC MAP_SHARED MAP_PRIVATE MAP_ANONYMOUS MAP_POPULATE MAP_HUGETLB MADV_DONTFORK",
  ),
  poll_events: words("POLLIN POLLERR POLLHUP"),
  rdma_option: words(`RDMA_OPTION_ID RDMA_OPTION_ID_TOS RDMA_OPTION_ID_REUSEADDR RDMA_OPTION_ID_AFONLY
    RDMA_OPTION_ID_ACK_TIMEOUT`),
  rlimit_resource: words("RLIMIT_MEMLOCK"),
};

/** Where the probe's values stand in the assembly. */
const MARK = "VERBENA";

/** The C source whose assembly holds every value. `members` are the enumerations', from {@linkcode enumerators}. */
export function probeSource(members: ReadonlyMap<string, readonly string[]>): string {
  const lines = HEADERS.map((header) => `#include <${header}>`);
  const say = (name: string, value: string): void => {
    lines.push(`  __asm__ volatile("\\n# ${MARK} ${name} %c0" :: "i"((long)(${value})));`);
  };
  lines.push("void probe(void) {");
  for (const [name, { type, fields, sized = true, origin }] of Object.entries(STRUCTS)) {
    const from = origin === undefined ? "" : ` - (long)offsetof(${type}, ${origin})`;
    if (sized) say(`${name}/size`, `sizeof(${type})`);
    for (const field of fields) {
      say(`${name}/${field.replaceAll(".", "_")}`, `(long)offsetof(${type}, ${field})${from}`);
    }
  }
  for (const [group, names] of [...members, ...Object.entries(MACROS)]) {
    for (const name of names) say(`${group}/${name}`, name);
  }
  return [...lines, "}", ""].join("\n");
}

/** The members of {@linkcode ENUMERATIONS}, from preprocessed source. */
export function enumerators(preprocessed: string): Map<string, string[]> {
  const source = preprocessed.replaceAll(/^#.*$/gm, "");
  const found = new Map<string, string[]>();
  for (const name of ENUMERATIONS) {
    const body = new RegExp(`enum\\s+${name}\\s*\\{([^}]*)\\}`).exec(source)?.[1];
    if (body === undefined) throw new Error(`enum ${name} is not in the headers`);
    found.set(name, body.split(",").map((entry) => (entry.split("=")[0] ?? "").trim()).filter((entry) => entry !== ""));
  }
  return found;
}

/** The values in the assembly, group by group. */
export function probedValues(assembly: string): Map<string, Map<string, number>> {
  const groups = new Map<string, Map<string, number>>();
  for (const [, group = "", name = "", value] of assembly.matchAll(new RegExp(`${MARK} (\\w+)/(\\w+) (-?\\d+)`, "g"))) {
    const values = groups.get(group) ?? new Map<string, number>();
    groups.set(group, values.set(name, Number(value)));
  }
  return groups;
}

/** errno's names by number, from `gcc -dM -E`; of two names for one number, the first in the alphabet. */
export function errnoNames(macros: string): Map<number, string> {
  const names = new Map<number, string>();
  const entries = [...macros.matchAll(/^#define (E[A-Z0-9]+) (\d+)$/gm)];
  for (const [, name = "", value] of entries.sort()) {
    if (!names.has(Number(value))) names.set(Number(value), name);
  }
  return new Map([...names].sort(([a], [b]) => a - b));
}
