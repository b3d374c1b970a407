/**
 * What perftest's two sides tell each other about the bandwidth they saw.
 *
 * @module
 */

/** Bytes of each number of a report. */
export const REPORT_NUMBER_SIZE = 8;

/** A report; from a server that was passive, rubbish. */
export interface BandwidthReport {
  /** Bytes of a message. */
  readonly size: number;
  /** Messages. */
  readonly iterations: number;
  /** The best there was at any time, in MiB a second. */
  readonly peak: number;
  /** MiB a second. */
  readonly average: number;
  /** Millions of messages a second. */
  readonly rate: number;
}

/** The report's numbers in the order in which they are exchanged, each for itself. */
export function encodeReport(report: BandwidthReport): Uint8Array<ArrayBuffer>[] {
  const integer = (value: number) => written((view) => view.setBigUint64(0, BigInt(value)));
  const real = (value: number) => written((view) => view.setFloat64(0, value));
  const { size, iterations, peak, average, rate } = report;
  return [integer(size), integer(iterations), real(peak), real(average), real(rate)];
}

function written(write: (view: DataView<ArrayBuffer>) => void): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(REPORT_NUMBER_SIZE));
  write(view);
  return new Uint8Array(view.buffer);
}

/** Reads the numbers. Nothing is refused: a passive server's are whatever its memory held. */
export function decodeReport(numbers: readonly Uint8Array<ArrayBuffer>[]): BandwidthReport {
  const views = numbers.map((bytes) => new DataView(bytes.buffer, bytes.byteOffset));
  const integer = (index: number): number => Number(views[index]?.getBigUint64(0) ?? 0n);
  const real = (index: number): number => views[index]?.getFloat64(0) ?? 0;
  return { size: integer(0), iterations: integer(1), peak: real(2), average: real(3), rate: real(4) };
}
