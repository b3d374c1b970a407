/**
 * The SMB client: a server, its shares, their files.
 *
 * @module
 */
export type { SmbCredentials } from "./credentials.ts";
export { SmbFile } from "./file.ts";
export type { PieceWriter } from "./piece_writer.ts";
export { connectSmb, type SmbCallOptions, type SmbOptions, SmbServer } from "./server.ts";
export type { SmbLog } from "./session_keeper.ts";
export {
  type CipherName,
  CIPHERS,
  type DialectName,
  DIALECTS,
  RDMA_CHOICES,
  type RdmaChoice,
  type ResolvedSettings,
  resolveSmbSettings,
  type SettingKind,
  type SettingText,
  type SigningName,
  SMB_SETTINGS,
  type SmbSettings,
  smbSettingsFrom,
} from "./settings.ts";
export { type OpenOptions, type SmbChange, type SmbEntry, SmbShare } from "./share.ts";
export type { SmbStat } from "./stat.ts";
export { SmbStatistics } from "./statistics.ts";
export { NtStatusError } from "./status_error.ts";
