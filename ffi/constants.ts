// Generated from the system's headers by `deno task generate`; not to be edited.

/** C's `enum ibv_access_flags`. */
export const ibv_access_flags = {
  IBV_ACCESS_LOCAL_WRITE: 1,
  IBV_ACCESS_REMOTE_WRITE: 2,
  IBV_ACCESS_REMOTE_READ: 4,
  IBV_ACCESS_REMOTE_ATOMIC: 8,
  IBV_ACCESS_MW_BIND: 16,
  IBV_ACCESS_ZERO_BASED: 32,
  IBV_ACCESS_ON_DEMAND: 64,
  IBV_ACCESS_HUGETLB: 128,
  IBV_ACCESS_RELAXED_ORDERING: 1048576,
} as const;

/** C's `enum ibv_atomic_cap`. */
export const ibv_atomic_cap = {
  IBV_ATOMIC_NONE: 0,
  IBV_ATOMIC_HCA: 1,
  IBV_ATOMIC_GLOB: 2,
} as const;

/** C's `enum ibv_cq_init_attr_mask`. */
export const ibv_cq_init_attr_mask = {
  IBV_CQ_INIT_ATTR_MASK_FLAGS: 1,
  IBV_CQ_INIT_ATTR_MASK_PD: 2,
} as const;

/** C's `enum ibv_create_cq_wc_flags`. */
export const ibv_create_cq_wc_flags = {
  IBV_WC_EX_WITH_BYTE_LEN: 1,
  IBV_WC_EX_WITH_IMM: 2,
  IBV_WC_EX_WITH_QP_NUM: 4,
  IBV_WC_EX_WITH_SRC_QP: 8,
  IBV_WC_EX_WITH_SLID: 16,
  IBV_WC_EX_WITH_SL: 32,
  IBV_WC_EX_WITH_DLID_PATH_BITS: 64,
  IBV_WC_EX_WITH_COMPLETION_TIMESTAMP: 128,
  IBV_WC_EX_WITH_CVLAN: 256,
  IBV_WC_EX_WITH_FLOW_TAG: 512,
  IBV_WC_EX_WITH_TM_INFO: 1024,
  IBV_WC_EX_WITH_COMPLETION_TIMESTAMP_WALLCLOCK: 2048,
} as const;

/** C's `enum ibv_device_cap_flags`. */
export const ibv_device_cap_flags = {
  IBV_DEVICE_RESIZE_MAX_WR: 1,
  IBV_DEVICE_BAD_PKEY_CNTR: 2,
  IBV_DEVICE_BAD_QKEY_CNTR: 4,
  IBV_DEVICE_RAW_MULTI: 8,
  IBV_DEVICE_AUTO_PATH_MIG: 16,
  IBV_DEVICE_CHANGE_PHY_PORT: 32,
  IBV_DEVICE_UD_AV_PORT_ENFORCE: 64,
  IBV_DEVICE_CURR_QP_STATE_MOD: 128,
  IBV_DEVICE_SHUTDOWN_PORT: 256,
  IBV_DEVICE_INIT_TYPE: 512,
  IBV_DEVICE_PORT_ACTIVE_EVENT: 1024,
  IBV_DEVICE_SYS_IMAGE_GUID: 2048,
  IBV_DEVICE_RC_RNR_NAK_GEN: 4096,
  IBV_DEVICE_SRQ_RESIZE: 8192,
  IBV_DEVICE_N_NOTIFY_CQ: 16384,
  IBV_DEVICE_MEM_WINDOW: 131072,
  IBV_DEVICE_UD_IP_CSUM: 262144,
  IBV_DEVICE_XRC: 1048576,
  IBV_DEVICE_MEM_MGT_EXTENSIONS: 2097152,
  IBV_DEVICE_MEM_WINDOW_TYPE_2A: 8388608,
  IBV_DEVICE_MEM_WINDOW_TYPE_2B: 16777216,
  IBV_DEVICE_RC_IP_CSUM: 33554432,
  IBV_DEVICE_RAW_IP_CSUM: 67108864,
  IBV_DEVICE_MANAGED_FLOW_STEERING: 536870912,
} as const;

/** C's `enum ibv_event_type`. */
export const ibv_event_type = {
  IBV_EVENT_CQ_ERR: 0,
  IBV_EVENT_QP_FATAL: 1,
  IBV_EVENT_QP_REQ_ERR: 2,
  IBV_EVENT_QP_ACCESS_ERR: 3,
  IBV_EVENT_COMM_EST: 4,
  IBV_EVENT_SQ_DRAINED: 5,
  IBV_EVENT_PATH_MIG: 6,
  IBV_EVENT_PATH_MIG_ERR: 7,
  IBV_EVENT_DEVICE_FATAL: 8,
  IBV_EVENT_PORT_ACTIVE: 9,
  IBV_EVENT_PORT_ERR: 10,
  IBV_EVENT_LID_CHANGE: 11,
  IBV_EVENT_PKEY_CHANGE: 12,
  IBV_EVENT_SM_CHANGE: 13,
  IBV_EVENT_SRQ_ERR: 14,
  IBV_EVENT_SRQ_LIMIT_REACHED: 15,
  IBV_EVENT_QP_LAST_WQE_REACHED: 16,
  IBV_EVENT_CLIENT_REREGISTER: 17,
  IBV_EVENT_GID_CHANGE: 18,
  IBV_EVENT_WQ_FATAL: 19,
} as const;

/** C's `enum ibv_fork_status`. */
export const ibv_fork_status = {
  IBV_FORK_DISABLED: 0,
  IBV_FORK_ENABLED: 1,
  IBV_FORK_UNNEEDED: 2,
} as const;

/** C's `enum ibv_gid_type`. */
export const ibv_gid_type = {
  IBV_GID_TYPE_IB: 0,
  IBV_GID_TYPE_ROCE_V1: 1,
  IBV_GID_TYPE_ROCE_V2: 2,
} as const;

/** C's `enum ibv_mig_state`. */
export const ibv_mig_state = {
  IBV_MIG_MIGRATED: 0,
  IBV_MIG_REARM: 1,
  IBV_MIG_ARMED: 2,
} as const;

/** C's `enum ibv_mtu`. */
export const ibv_mtu = {
  IBV_MTU_256: 1,
  IBV_MTU_512: 2,
  IBV_MTU_1024: 3,
  IBV_MTU_2048: 4,
  IBV_MTU_4096: 5,
} as const;

/** C's `enum ibv_mw_type`. */
export const ibv_mw_type = {
  IBV_MW_TYPE_1: 1,
  IBV_MW_TYPE_2: 2,
} as const;

/** C's `enum ibv_node_type`. */
export const ibv_node_type = {
  IBV_NODE_UNKNOWN: -1,
  IBV_NODE_CA: 1,
  IBV_NODE_SWITCH: 2,
  IBV_NODE_ROUTER: 3,
  IBV_NODE_RNIC: 4,
  IBV_NODE_USNIC: 5,
  IBV_NODE_USNIC_UDP: 6,
  IBV_NODE_UNSPECIFIED: 7,
} as const;

/** C's `enum ibv_port_state`. */
export const ibv_port_state = {
  IBV_PORT_NOP: 0,
  IBV_PORT_DOWN: 1,
  IBV_PORT_INIT: 2,
  IBV_PORT_ARMED: 3,
  IBV_PORT_ACTIVE: 4,
  IBV_PORT_ACTIVE_DEFER: 5,
} as const;

/** C's `enum ibv_qp_attr_mask`. */
export const ibv_qp_attr_mask = {
  IBV_QP_STATE: 1,
  IBV_QP_CUR_STATE: 2,
  IBV_QP_EN_SQD_ASYNC_NOTIFY: 4,
  IBV_QP_ACCESS_FLAGS: 8,
  IBV_QP_PKEY_INDEX: 16,
  IBV_QP_PORT: 32,
  IBV_QP_QKEY: 64,
  IBV_QP_AV: 128,
  IBV_QP_PATH_MTU: 256,
  IBV_QP_TIMEOUT: 512,
  IBV_QP_RETRY_CNT: 1024,
  IBV_QP_RNR_RETRY: 2048,
  IBV_QP_RQ_PSN: 4096,
  IBV_QP_MAX_QP_RD_ATOMIC: 8192,
  IBV_QP_ALT_PATH: 16384,
  IBV_QP_MIN_RNR_TIMER: 32768,
  IBV_QP_SQ_PSN: 65536,
  IBV_QP_MAX_DEST_RD_ATOMIC: 131072,
  IBV_QP_PATH_MIG_STATE: 262144,
  IBV_QP_CAP: 524288,
  IBV_QP_DEST_QPN: 1048576,
  IBV_QP_RATE_LIMIT: 33554432,
} as const;

/** C's `enum ibv_qp_create_send_ops_flags`. */
export const ibv_qp_create_send_ops_flags = {
  IBV_QP_EX_WITH_RDMA_WRITE: 1,
  IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM: 2,
  IBV_QP_EX_WITH_SEND: 4,
  IBV_QP_EX_WITH_SEND_WITH_IMM: 8,
  IBV_QP_EX_WITH_RDMA_READ: 16,
  IBV_QP_EX_WITH_ATOMIC_CMP_AND_SWP: 32,
  IBV_QP_EX_WITH_ATOMIC_FETCH_AND_ADD: 64,
  IBV_QP_EX_WITH_LOCAL_INV: 128,
  IBV_QP_EX_WITH_BIND_MW: 256,
  IBV_QP_EX_WITH_SEND_WITH_INV: 512,
  IBV_QP_EX_WITH_TSO: 1024,
  IBV_QP_EX_WITH_ATOMIC_WRITE: 4096,
} as const;

/** C's `enum ibv_qp_init_attr_mask`. */
export const ibv_qp_init_attr_mask = {
  IBV_QP_INIT_ATTR_PD: 1,
  IBV_QP_INIT_ATTR_XRCD: 2,
  IBV_QP_INIT_ATTR_CREATE_FLAGS: 4,
  IBV_QP_INIT_ATTR_MAX_TSO_HEADER: 8,
  IBV_QP_INIT_ATTR_IND_TABLE: 16,
  IBV_QP_INIT_ATTR_RX_HASH: 32,
  IBV_QP_INIT_ATTR_SEND_OPS_FLAGS: 64,
} as const;

/** C's `enum ibv_qp_state`. */
export const ibv_qp_state = {
  IBV_QPS_RESET: 0,
  IBV_QPS_INIT: 1,
  IBV_QPS_RTR: 2,
  IBV_QPS_RTS: 3,
  IBV_QPS_SQD: 4,
  IBV_QPS_SQE: 5,
  IBV_QPS_ERR: 6,
  IBV_QPS_UNKNOWN: 7,
} as const;

/** C's `enum ibv_qp_type`. */
export const ibv_qp_type = {
  IBV_QPT_RC: 2,
  IBV_QPT_UC: 3,
  IBV_QPT_UD: 4,
  IBV_QPT_RAW_PACKET: 8,
  IBV_QPT_XRC_SEND: 9,
  IBV_QPT_XRC_RECV: 10,
  IBV_QPT_DRIVER: 255,
} as const;

/** C's `enum ibv_send_flags`. */
export const ibv_send_flags = {
  IBV_SEND_FENCE: 1,
  IBV_SEND_SIGNALED: 2,
  IBV_SEND_SOLICITED: 4,
  IBV_SEND_INLINE: 8,
  IBV_SEND_IP_CSUM: 16,
} as const;

/** C's `enum ibv_srq_attr_mask`. */
export const ibv_srq_attr_mask = {
  IBV_SRQ_MAX_WR: 1,
  IBV_SRQ_LIMIT: 2,
} as const;

/** C's `enum ibv_transport_type`. */
export const ibv_transport_type = {
  IBV_TRANSPORT_UNKNOWN: -1,
  IBV_TRANSPORT_IB: 0,
  IBV_TRANSPORT_IWARP: 1,
  IBV_TRANSPORT_USNIC: 2,
  IBV_TRANSPORT_USNIC_UDP: 3,
  IBV_TRANSPORT_UNSPECIFIED: 4,
} as const;

/** C's `enum ibv_wc_flags`. */
export const ibv_wc_flags = {
  IBV_WC_GRH: 1,
  IBV_WC_WITH_IMM: 2,
  IBV_WC_IP_CSUM_OK: 4,
  IBV_WC_WITH_INV: 8,
  IBV_WC_TM_SYNC_REQ: 16,
  IBV_WC_TM_MATCH: 32,
  IBV_WC_TM_DATA_VALID: 64,
} as const;

/** C's `enum ibv_wc_opcode`. */
export const ibv_wc_opcode = {
  IBV_WC_SEND: 0,
  IBV_WC_RDMA_WRITE: 1,
  IBV_WC_RDMA_READ: 2,
  IBV_WC_COMP_SWAP: 3,
  IBV_WC_FETCH_ADD: 4,
  IBV_WC_BIND_MW: 5,
  IBV_WC_LOCAL_INV: 6,
  IBV_WC_TSO: 7,
  IBV_WC_ATOMIC_WRITE: 9,
  IBV_WC_RECV: 128,
  IBV_WC_RECV_RDMA_WITH_IMM: 129,
  IBV_WC_TM_ADD: 130,
  IBV_WC_TM_DEL: 131,
  IBV_WC_TM_SYNC: 132,
  IBV_WC_TM_RECV: 133,
  IBV_WC_TM_NO_TAG: 134,
  IBV_WC_DRIVER1: 135,
  IBV_WC_DRIVER2: 136,
  IBV_WC_DRIVER3: 137,
} as const;

/** C's `enum ibv_wc_status`. */
export const ibv_wc_status = {
  IBV_WC_SUCCESS: 0,
  IBV_WC_LOC_LEN_ERR: 1,
  IBV_WC_LOC_QP_OP_ERR: 2,
  IBV_WC_LOC_EEC_OP_ERR: 3,
  IBV_WC_LOC_PROT_ERR: 4,
  IBV_WC_WR_FLUSH_ERR: 5,
  IBV_WC_MW_BIND_ERR: 6,
  IBV_WC_BAD_RESP_ERR: 7,
  IBV_WC_LOC_ACCESS_ERR: 8,
  IBV_WC_REM_INV_REQ_ERR: 9,
  IBV_WC_REM_ACCESS_ERR: 10,
  IBV_WC_REM_OP_ERR: 11,
  IBV_WC_RETRY_EXC_ERR: 12,
  IBV_WC_RNR_RETRY_EXC_ERR: 13,
  IBV_WC_LOC_RDD_VIOL_ERR: 14,
  IBV_WC_REM_INV_RD_REQ_ERR: 15,
  IBV_WC_REM_ABORT_ERR: 16,
  IBV_WC_INV_EECN_ERR: 17,
  IBV_WC_INV_EEC_STATE_ERR: 18,
  IBV_WC_FATAL_ERR: 19,
  IBV_WC_RESP_TIMEOUT_ERR: 20,
  IBV_WC_GENERAL_ERR: 21,
  IBV_WC_TM_ERR: 22,
  IBV_WC_TM_RNDV_INCOMPLETE: 23,
} as const;

/** C's `enum ibv_wr_opcode`. */
export const ibv_wr_opcode = {
  IBV_WR_RDMA_WRITE: 0,
  IBV_WR_RDMA_WRITE_WITH_IMM: 1,
  IBV_WR_SEND: 2,
  IBV_WR_SEND_WITH_IMM: 3,
  IBV_WR_RDMA_READ: 4,
  IBV_WR_ATOMIC_CMP_AND_SWP: 5,
  IBV_WR_ATOMIC_FETCH_AND_ADD: 6,
  IBV_WR_LOCAL_INV: 7,
  IBV_WR_BIND_MW: 8,
  IBV_WR_SEND_WITH_INV: 9,
  IBV_WR_TSO: 10,
  IBV_WR_DRIVER1: 11,
  IBV_WR_ATOMIC_WRITE: 15,
} as const;

/** C's `enum rdma_cm_event_type`. */
export const rdma_cm_event_type = {
  RDMA_CM_EVENT_ADDR_RESOLVED: 0,
  RDMA_CM_EVENT_ADDR_ERROR: 1,
  RDMA_CM_EVENT_ROUTE_RESOLVED: 2,
  RDMA_CM_EVENT_ROUTE_ERROR: 3,
  RDMA_CM_EVENT_CONNECT_REQUEST: 4,
  RDMA_CM_EVENT_CONNECT_RESPONSE: 5,
  RDMA_CM_EVENT_CONNECT_ERROR: 6,
  RDMA_CM_EVENT_UNREACHABLE: 7,
  RDMA_CM_EVENT_REJECTED: 8,
  RDMA_CM_EVENT_ESTABLISHED: 9,
  RDMA_CM_EVENT_DISCONNECTED: 10,
  RDMA_CM_EVENT_DEVICE_REMOVAL: 11,
  RDMA_CM_EVENT_MULTICAST_JOIN: 12,
  RDMA_CM_EVENT_MULTICAST_ERROR: 13,
  RDMA_CM_EVENT_ADDR_CHANGE: 14,
  RDMA_CM_EVENT_TIMEWAIT_EXIT: 15,
} as const;

/** C's `enum rdma_port_space`. */
export const rdma_port_space = {
  RDMA_PS_IPOIB: 2,
  RDMA_PS_TCP: 262,
  RDMA_PS_UDP: 273,
  RDMA_PS_IB: 319,
} as const;

/** C's macros for address family. */
export const address_family = {
  AF_UNSPEC: 0,
  AF_INET: 2,
  AF_INET6: 10,
} as const;

/** C's macros for epoll. */
export const epoll = {
  EPOLL_CLOEXEC: 524288,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
  EPOLLIN: 1,
  EPOLLERR: 8,
  EPOLLHUP: 16,
  EPOLLONESHOT: 1073741824,
} as const;

/** C's macros for eventfd flags. */
export const eventfd_flags = {
  EFD_CLOEXEC: 524288,
  EFD_NONBLOCK: 2048,
} as const;

/** C's macros for fcntl command. */
export const fcntl_command = {
  F_GETFL: 3,
  F_SETFL: 4,
  O_NONBLOCK: 2048,
  O_RDONLY: 0,
  O_CLOEXEC: 524288,
  R_OK: 4,
  W_OK: 2,
} as const;

/** C's macros for link layer. */
export const link_layer = {
  IBV_LINK_LAYER_UNSPECIFIED: 0,
  IBV_LINK_LAYER_INFINIBAND: 1,
  IBV_LINK_LAYER_ETHERNET: 2,
} as const;

/** C's macros for mmap flags. */
export const mmap_flags = {
  PROT_READ: 1,
  PROT_WRITE: 2,
  PROT_EXEC: 4,
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_ANONYMOUS: 32,
  MAP_POPULATE: 32768,
  MAP_HUGETLB: 262144,
  MADV_DONTFORK: 10,
} as const;

/** C's macros for poll events. */
export const poll_events = {
  POLLIN: 1,
  POLLERR: 8,
  POLLHUP: 16,
} as const;

/** C's macros for rdma option. */
export const rdma_option = {
  RDMA_OPTION_ID: 0,
  RDMA_OPTION_ID_TOS: 0,
  RDMA_OPTION_ID_REUSEADDR: 1,
  RDMA_OPTION_ID_AFONLY: 2,
  RDMA_OPTION_ID_ACK_TIMEOUT: 3,
} as const;

/** C's macros for rlimit resource. */
export const rlimit_resource = {
  RLIMIT_MEMLOCK: 8,
} as const;

/** The names of errno's values. */
export const ERRNO_NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  7: "E2BIG",
  8: "ENOEXEC",
  9: "EBADF",
  10: "ECHILD",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  15: "ENOTBLK",
  16: "EBUSY",
  17: "EEXIST",
  18: "EXDEV",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  25: "ENOTTY",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  29: "ESPIPE",
  30: "EROFS",
  31: "EMLINK",
  32: "EPIPE",
  33: "EDOM",
  34: "ERANGE",
  35: "EDEADLK",
  36: "ENAMETOOLONG",
  37: "ENOLCK",
  38: "ENOSYS",
  39: "ENOTEMPTY",
  40: "ELOOP",
  42: "ENOMSG",
  43: "EIDRM",
  44: "ECHRNG",
  45: "EL2NSYNC",
  46: "EL3HLT",
  47: "EL3RST",
  48: "ELNRNG",
  49: "EUNATCH",
  50: "ENOCSI",
  51: "EL2HLT",
  52: "EBADE",
  53: "EBADR",
  54: "EXFULL",
  55: "ENOANO",
  56: "EBADRQC",
  57: "EBADSLT",
  59: "EBFONT",
  60: "ENOSTR",
  61: "ENODATA",
  62: "ETIME",
  63: "ENOSR",
  64: "ENONET",
  65: "ENOPKG",
  66: "EREMOTE",
  67: "ENOLINK",
  68: "EADV",
  69: "ESRMNT",
  70: "ECOMM",
  71: "EPROTO",
  72: "EMULTIHOP",
  73: "EDOTDOT",
  74: "EBADMSG",
  75: "EOVERFLOW",
  76: "ENOTUNIQ",
  77: "EBADFD",
  78: "EREMCHG",
  79: "ELIBACC",
  80: "ELIBBAD",
  81: "ELIBSCN",
  82: "ELIBMAX",
  83: "ELIBEXEC",
  84: "EILSEQ",
  85: "ERESTART",
  86: "ESTRPIPE",
  87: "EUSERS",
  88: "ENOTSOCK",
  89: "EDESTADDRREQ",
  90: "EMSGSIZE",
  91: "EPROTOTYPE",
  92: "ENOPROTOOPT",
  93: "EPROTONOSUPPORT",
  94: "ESOCKTNOSUPPORT",
  95: "EOPNOTSUPP",
  96: "EPFNOSUPPORT",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  100: "ENETDOWN",
  101: "ENETUNREACH",
  102: "ENETRESET",
  103: "ECONNABORTED",
  104: "ECONNRESET",
  105: "ENOBUFS",
  106: "EISCONN",
  107: "ENOTCONN",
  108: "ESHUTDOWN",
  109: "ETOOMANYREFS",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  112: "EHOSTDOWN",
  113: "EHOSTUNREACH",
  114: "EALREADY",
  115: "EINPROGRESS",
  116: "ESTALE",
  117: "EUCLEAN",
  118: "ENOTNAM",
  119: "ENAVAIL",
  120: "EISNAM",
  121: "EREMOTEIO",
  122: "EDQUOT",
  123: "ENOMEDIUM",
  124: "EMEDIUMTYPE",
  125: "ECANCELED",
  126: "ENOKEY",
  127: "EKEYEXPIRED",
  128: "EKEYREVOKED",
  129: "EKEYREJECTED",
  130: "EOWNERDEAD",
  131: "ENOTRECOVERABLE",
  132: "ERFKILL",
  133: "EHWPOISON",
};
