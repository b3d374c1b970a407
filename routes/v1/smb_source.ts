/**
 * Where `/v1/smb` has files from: SMB servers that are configured, behind an interface that tests can stand in for.
 *
 * @module
 */

/** A name in a directory. */
export interface SmbName {
  /** The name. */
  readonly name: string;
  /** Whether it is a directory. */
  readonly directory: boolean;
  /** Bytes. */
  readonly size: number;
  /** When its data last changed, milliseconds since 1970. */
  readonly modified: number;
}

/** A file that was opened. */
export interface SmbOpenFile extends AsyncDisposable {
  /** What it is. */
  readonly kind: "file";
  /** Its bytes. */
  readonly size: number;
  /** When its data last changed, milliseconds since 1970. */
  readonly modified: number;
  /** The same only of the same bytes, as far as the server tells: of letters, digits and dashes. */
  readonly version: string;
  /** What moves the bytes: `tcp`, `iwarp`, `verbs:rxe0`. */
  readonly transport: string;
  /** Whether so many bytes in one go are placed by RDMA. */
  byRdma(length: number): boolean;
  /** Fills `into` unless the file ends, and resolves to the bytes read. */
  read(offset: number, into: Uint8Array, signal: AbortSignal): Promise<number>;
  /** Its version now. */
  currentVersion(): Promise<string>;
}

/** A directory that was found. */
export interface SmbOpenDirectory extends AsyncDisposable {
  /** What it is. */
  readonly kind: "directory";
  /** The names in it. */
  names(signal: AbortSignal): AsyncIterable<SmbName>;
}

/** Configured SMB servers. */
export interface SmbSource {
  /**
   * Opens what a path of a share names. `path` has `/` between its components and is empty for the root.
   *
   * Rejects with HttpError 404 where no server has the name and 503 where too much is open, with NtStatusError, and with
   * what reaching the server throws.
   */
  open(server: string, share: string, path: string, signal: AbortSignal): Promise<SmbOpenFile | SmbOpenDirectory>;
}
