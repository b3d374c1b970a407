/**
 * NTSTATUS values that a client meets (MS-ERREF 2.3.1), by name and in words.
 *
 * @module
 */

/** The values by name, without `STATUS_`. */
export const NtStatus = {
  /** Done. */
  SUCCESS: 0x0000_0000,
  /** The answer comes later. */
  PENDING: 0x0000_0103,
  /** The watched directory was closed. */
  NOTIFY_CLEANUP: 0x0000_010b,
  /** Too many changes to list: look at the directory itself. */
  NOTIFY_ENUM_DIR: 0x0000_010c,
  /** There is more than the buffer holds. */
  BUFFER_OVERFLOW: 0x8000_0005,
  /** The listing is complete. */
  NO_MORE_FILES: 0x8000_0006,
  /** There are no more extended attributes. */
  NO_MORE_EAS: 0x8000_0012,
  /** The path goes through a symbolic link. */
  STOPPED_ON_SYMLINK: 0x8000_002d,
  /** It failed, the server does not say why. */
  UNSUCCESSFUL: 0xc000_0001,
  /** The server does not implement this. */
  NOT_IMPLEMENTED: 0xc000_0002,
  /** The server does not know this information class. */
  INVALID_INFO_CLASS: 0xc000_0003,
  /** The information has the wrong length. */
  INFO_LENGTH_MISMATCH: 0xc000_0004,
  /** The handle is not valid. */
  INVALID_HANDLE: 0xc000_0008,
  /** The request makes no sense to the server. */
  INVALID_PARAMETER: 0xc000_000d,
  /** There is no such device. */
  NO_SUCH_DEVICE: 0xc000_000e,
  /** There is no such file. */
  NO_SUCH_FILE: 0xc000_000f,
  /** What was opened cannot do this. */
  INVALID_DEVICE_REQUEST: 0xc000_0010,
  /** The file ends before the offset. */
  END_OF_FILE: 0xc000_0011,
  /** The exchange of tokens goes on. */
  MORE_PROCESSING_REQUIRED: 0xc000_0016,
  /** The server has no memory. */
  NO_MEMORY: 0xc000_0017,
  /** Access is denied. */
  ACCESS_DENIED: 0xc000_0022,
  /** The buffer is too small. */
  BUFFER_TOO_SMALL: 0xc000_0023,
  /** The server does not allow this name. */
  OBJECT_NAME_INVALID: 0xc000_0033,
  /** There is no such file or directory. */
  OBJECT_NAME_NOT_FOUND: 0xc000_0034,
  /** The name is taken. */
  OBJECT_NAME_COLLISION: 0xc000_0035,
  /** Part of the path is no directory. */
  OBJECT_PATH_INVALID: 0xc000_0039,
  /** A directory of the path does not exist. */
  OBJECT_PATH_NOT_FOUND: 0xc000_003a,
  /** The path is not well formed. */
  OBJECT_PATH_SYNTAX_BAD: 0xc000_003b,
  /** The data could not be read. */
  DATA_ERROR: 0xc000_003e,
  /** A checksum does not match. */
  CRC_ERROR: 0xc000_003f,
  /** Another open of the file forbids this. */
  SHARING_VIOLATION: 0xc000_0043,
  /** The quota is used up. */
  QUOTA_EXCEEDED: 0xc000_0044,
  /** The extended attributes are too large. */
  EA_TOO_LARGE: 0xc000_0050,
  /** Another lock covers the range. */
  FILE_LOCK_CONFLICT: 0xc000_0054,
  /** Another lock covers the range. */
  LOCK_NOT_GRANTED: 0xc000_0055,
  /** The file is about to be deleted. */
  DELETE_PENDING: 0xc000_0056,
  /** No server of the domain can be reached. */
  NO_LOGON_SERVERS: 0xc000_005e,
  /** There is no such user. */
  NO_SUCH_USER: 0xc000_0064,
  /** The password is wrong. */
  WRONG_PASSWORD: 0xc000_006a,
  /** The user name or password is wrong. */
  LOGON_FAILURE: 0xc000_006d,
  /** The account may not log on like this. */
  ACCOUNT_RESTRICTION: 0xc000_006e,
  /** The account may not log on at this hour. */
  INVALID_LOGON_HOURS: 0xc000_006f,
  /** The account may not log on from this host. */
  INVALID_WORKSTATION: 0xc000_0070,
  /** The password has expired. */
  PASSWORD_EXPIRED: 0xc000_0071,
  /** The account is disabled. */
  ACCOUNT_DISABLED: 0xc000_0072,
  /** The range is not locked. */
  RANGE_NOT_LOCKED: 0xc000_007e,
  /** The disk is full. */
  DISK_FULL: 0xc000_007f,
  /** The server has no resources for this. */
  INSUFFICIENT_RESOURCES: 0xc000_009a,
  /** The file system is read-only. */
  MEDIA_WRITE_PROTECTED: 0xc000_00a2,
  /** Every instance of the pipe is busy. */
  INSTANCE_NOT_AVAILABLE: 0xc000_00ab,
  /** The pipe is not there. */
  PIPE_NOT_AVAILABLE: 0xc000_00ac,
  /** The pipe is busy. */
  PIPE_BUSY: 0xc000_00ae,
  /** The pipe was disconnected. */
  PIPE_DISCONNECTED: 0xc000_00b0,
  /** The server's device took too long. */
  IO_TIMEOUT: 0xc000_00b5,
  /** It is a directory. */
  FILE_IS_A_DIRECTORY: 0xc000_00ba,
  /** The server does not support this. */
  NOT_SUPPORTED: 0xc000_00bb,
  /** The share has gone. */
  NETWORK_NAME_DELETED: 0xc000_00c9,
  /** The share may not be used. */
  NETWORK_ACCESS_DENIED: 0xc000_00ca,
  /** The share is of another kind. */
  BAD_DEVICE_TYPE: 0xc000_00cb,
  /** There is no such share. */
  BAD_NETWORK_NAME: 0xc000_00cc,
  /** The server takes no more connections. */
  REQUEST_NOT_ACCEPTED: 0xc000_00d0,
  /** Source and target are on different file systems. */
  NOT_SAME_DEVICE: 0xc000_00d4,
  /** The file was renamed. */
  FILE_RENAMED: 0xc000_00d5,
  /** The server failed within. */
  INTERNAL_ERROR: 0xc000_00e5,
  /** The server's device failed. */
  UNEXPECTED_IO_ERROR: 0xc000_00e9,
  /** The directory is not empty. */
  DIRECTORY_NOT_EMPTY: 0xc000_0101,
  /** It is no directory. */
  NOT_A_DIRECTORY: 0xc000_0103,
  /** The server has too many files open. */
  TOO_MANY_OPENED_FILES: 0xc000_011f,
  /** The request was cancelled. */
  CANCELLED: 0xc000_0120,
  /** It cannot be deleted. */
  CANNOT_DELETE: 0xc000_0121,
  /** The file was deleted. */
  FILE_DELETED: 0xc000_0123,
  /** The handle is closed. */
  FILE_CLOSED: 0xc000_0128,
  /** The account may not log on over the network. */
  LOGON_TYPE_NOT_GRANTED: 0xc000_015b,
  /** The server cannot reach its domain. */
  TRUSTED_RELATIONSHIP_FAILURE: 0xc000_018d,
  /** The server has no driver for this. */
  FS_DRIVER_REQUIRED: 0xc000_019c,
  /** The range cannot be locked. */
  INVALID_LOCK_RANGE: 0xc000_01a1,
  /** The session has gone. */
  USER_SESSION_DELETED: 0xc000_0203,
  /** The connection was lost. */
  CONNECTION_DISCONNECTED: 0xc000_020c,
  /** The connection was reset. */
  CONNECTION_RESET: 0xc000_020d,
  /** The password must be changed first. */
  PASSWORD_MUST_CHANGE: 0xc000_0224,
  /** It was not found. */
  NOT_FOUND: 0xc000_0225,
  /** The durable handle is in use. */
  DUPLICATE_OBJECTID: 0xc000_022a,
  /** The account is locked out. */
  ACCOUNT_LOCKED_OUT: 0xc000_0234,
  /** The path is on another server of the DFS name space. */
  PATH_NOT_COVERED: 0xc000_0257,
  /** The file system was unmounted. */
  VOLUME_DISMOUNTED: 0xc000_026e,
  /** It is no reparse point. */
  NOT_A_REPARSE_POINT: 0xc000_0275,
  /** The server cannot follow this reparse point. */
  IO_REPARSE_TAG_NOT_HANDLED: 0xc000_0279,
  /** The session has expired. */
  NETWORK_SESSION_EXPIRED: 0xc000_035c,
  /** The server cannot serve for now. */
  SERVER_UNAVAILABLE: 0xc000_0466,
  /** The file is not available for now. */
  FILE_NOT_AVAILABLE: 0xc000_0467,
  /** The signature is wrong. */
  INVALID_SIGNATURE: 0xc000_a000,
  /** The authentication tag is wrong. */
  AUTH_TAG_MISMATCH: 0xc000_a002,
  /** No hash of pre-authentication integrity in common. */
  SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP: 0xc05d_0000,
  /** The cluster does not allow this dialect. */
  SMB_BAD_CLUSTER_DIALECT: 0xc05d_0001,
} as const;

const WORDS: Readonly<Record<keyof typeof NtStatus, string>> = {
  SUCCESS: "done",
  PENDING: "the answer comes later",
  NOTIFY_CLEANUP: "the watched directory was closed",
  NOTIFY_ENUM_DIR: "too many changes to list: look at the directory itself",
  BUFFER_OVERFLOW: "there is more than the buffer holds",
  NO_MORE_FILES: "the listing is complete",
  NO_MORE_EAS: "there are no more extended attributes",
  STOPPED_ON_SYMLINK: "the path goes through a symbolic link",
  UNSUCCESSFUL: "it failed, the server does not say why",
  NOT_IMPLEMENTED: "the server does not implement this",
  INVALID_INFO_CLASS: "the server does not know this information class",
  INFO_LENGTH_MISMATCH: "the information has the wrong length",
  INVALID_HANDLE: "the handle is not valid",
  INVALID_PARAMETER: "the request makes no sense to the server",
  NO_SUCH_DEVICE: "there is no such device",
  NO_SUCH_FILE: "there is no such file",
  INVALID_DEVICE_REQUEST: "what was opened cannot do this",
  END_OF_FILE: "the file ends before the offset",
  MORE_PROCESSING_REQUIRED: "the exchange of tokens goes on",
  NO_MEMORY: "the server has no memory",
  ACCESS_DENIED: "access is denied",
  BUFFER_TOO_SMALL: "the buffer is too small",
  OBJECT_NAME_INVALID: "the server does not allow this name",
  OBJECT_NAME_NOT_FOUND: "there is no such file or directory",
  OBJECT_NAME_COLLISION: "the name is taken",
  OBJECT_PATH_INVALID: "part of the path is no directory",
  OBJECT_PATH_NOT_FOUND: "a directory of the path does not exist",
  OBJECT_PATH_SYNTAX_BAD: "the path is not well formed",
  DATA_ERROR: "the data could not be read",
  CRC_ERROR: "a checksum does not match",
  SHARING_VIOLATION: "another open of the file forbids this",
  QUOTA_EXCEEDED: "the quota is used up",
  EA_TOO_LARGE: "the extended attributes are too large",
  FILE_LOCK_CONFLICT: "another lock covers the range",
  LOCK_NOT_GRANTED: "another lock covers the range",
  DELETE_PENDING: "the file is about to be deleted",
  NO_LOGON_SERVERS: "no server of the domain can be reached",
  NO_SUCH_USER: "there is no such user",
  WRONG_PASSWORD: "the password is wrong",
  LOGON_FAILURE: "the user name or password is wrong",
  ACCOUNT_RESTRICTION: "the account may not log on like this",
  INVALID_LOGON_HOURS: "the account may not log on at this hour",
  INVALID_WORKSTATION: "the account may not log on from this host",
  PASSWORD_EXPIRED: "the password has expired",
  ACCOUNT_DISABLED: "the account is disabled",
  RANGE_NOT_LOCKED: "the range is not locked",
  DISK_FULL: "the disk is full",
  INSUFFICIENT_RESOURCES: "the server has no resources for this",
  MEDIA_WRITE_PROTECTED: "the file system is read-only",
  INSTANCE_NOT_AVAILABLE: "every instance of the pipe is busy",
  PIPE_NOT_AVAILABLE: "the pipe is not there",
  PIPE_BUSY: "the pipe is busy",
  PIPE_DISCONNECTED: "the pipe was disconnected",
  IO_TIMEOUT: "the server's device took too long",
  FILE_IS_A_DIRECTORY: "it is a directory",
  NOT_SUPPORTED: "the server does not support this",
  NETWORK_NAME_DELETED: "the share has gone",
  NETWORK_ACCESS_DENIED: "the share may not be used",
  BAD_DEVICE_TYPE: "the share is of another kind",
  BAD_NETWORK_NAME: "there is no such share",
  REQUEST_NOT_ACCEPTED: "the server takes no more connections",
  NOT_SAME_DEVICE: "source and target are on different file systems",
  FILE_RENAMED: "the file was renamed",
  INTERNAL_ERROR: "the server failed within",
  UNEXPECTED_IO_ERROR: "the server's device failed",
  DIRECTORY_NOT_EMPTY: "the directory is not empty",
  NOT_A_DIRECTORY: "it is no directory",
  TOO_MANY_OPENED_FILES: "the server has too many files open",
  CANCELLED: "the request was cancelled",
  CANNOT_DELETE: "it cannot be deleted",
  FILE_DELETED: "the file was deleted",
  FILE_CLOSED: "the handle is closed",
  LOGON_TYPE_NOT_GRANTED: "the account may not log on over the network",
  TRUSTED_RELATIONSHIP_FAILURE: "the server cannot reach its domain",
  FS_DRIVER_REQUIRED: "the server has no driver for this",
  INVALID_LOCK_RANGE: "the range cannot be locked",
  USER_SESSION_DELETED: "the session has gone",
  CONNECTION_DISCONNECTED: "the connection was lost",
  CONNECTION_RESET: "the connection was reset",
  PASSWORD_MUST_CHANGE: "the password must be changed first",
  NOT_FOUND: "it was not found",
  DUPLICATE_OBJECTID: "the durable handle is in use",
  ACCOUNT_LOCKED_OUT: "the account is locked out",
  PATH_NOT_COVERED: "the path is on another server of the DFS name space",
  VOLUME_DISMOUNTED: "the file system was unmounted",
  NOT_A_REPARSE_POINT: "it is no reparse point",
  IO_REPARSE_TAG_NOT_HANDLED: "the server cannot follow this reparse point",
  NETWORK_SESSION_EXPIRED: "the session has expired",
  SERVER_UNAVAILABLE: "the server cannot serve for now",
  FILE_NOT_AVAILABLE: "the file is not available for now",
  INVALID_SIGNATURE: "the signature is wrong",
  AUTH_TAG_MISMATCH: "the authentication tag is wrong",
  SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP: "no hash of pre-authentication integrity in common",
  SMB_BAD_CLUSTER_DIALECT: "the cluster does not allow this dialect",
};

const NAMES = new Map<number, keyof typeof NtStatus>(
  (Object.keys(NtStatus) as (keyof typeof NtStatus)[]).map((name) => [NtStatus[name], name]),
);

/** The value's name as MS-ERREF spells it, `STATUS_ACCESS_DENIED`, or its hexadecimal digits. */
export function statusName(status: number): string {
  const name = NAMES.get(status);
  return name === undefined ? `0x${status.toString(16).padStart(8, "0").toUpperCase()}` : `STATUS_${name}`;
}

/** What the value means, for a sentence: `access is denied`. */
export function statusWords(status: number): string {
  const name = NAMES.get(status);
  return name === undefined ? "the server answered with a status unknown here" : WORDS[name];
}

/** Whether the value is an error: severity 3. */
export function isError(status: number): boolean {
  return status >>> 30 === 3;
}
