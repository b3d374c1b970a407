/**
 * What readers have in common that give bytes of their own where another reader would not, or need not.
 *
 * @module
 */
import type {
  EngineConnectionInfo,
  NeedleInfo,
  NeedleReader,
  ReaderHealth,
  ReaderStatistics,
  ReadRequest,
  ReadResult,
  RegionInfo,
  VolumeInfo,
} from "./reader.ts";

/** A reader over another: all but the reading is the other's. */
export abstract class LayeredReader implements NeedleReader {
  /** Stands over `reader`, which becomes this one's to close. */
  constructor(/** The other. */ protected readonly reader: NeedleReader) {}

  /** See {@linkcode NeedleReader.read}. */
  abstract read(request: ReadRequest, signal?: AbortSignal): Promise<ReadResult>;

  /** See {@linkcode NeedleReader.statistics}. */
  abstract statistics(): ReaderStatistics;

  /** See {@linkcode NeedleReader.volumes}: the engines' only. */
  volumes(signal?: AbortSignal): Promise<readonly VolumeInfo[]> {
    return this.reader.volumes(signal);
  }

  /** See {@linkcode NeedleReader.needles}: the engines' only. */
  needles(volume: number, after: bigint, limit: number, signal?: AbortSignal): Promise<readonly NeedleInfo[]> {
    return this.reader.needles(volume, after, limit, signal);
  }

  /** See {@linkcode NeedleReader.connections}. */
  connections(): readonly EngineConnectionInfo[] {
    return this.reader.connections();
  }

  /** See {@linkcode NeedleReader.regions}. */
  regions(): readonly RegionInfo[] {
    return this.reader.regions();
  }

  /** See {@linkcode NeedleReader.health}: the engines'. */
  health(): ReaderHealth {
    return this.reader.health();
  }

  /** See {@linkcode NeedleReader.close}. */
  close(grace?: number): Promise<void> {
    return this.reader.close(grace);
  }

  /** The same as close(). */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
