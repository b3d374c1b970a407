/**
 * A small volume to try things on where there is no SeaweedFS.
 *
 * @module
 */
import { formatFileId } from "./file_id.ts";
import { VolumeWriter } from "./writer.ts";

/** A needle of the sample volume. */
export interface SampleNeedle {
  /** `1,01…`. */
  readonly fileId: string;
  /** Bytes of its data. */
  readonly size: number;
}

/** Sizes of the needles beside the text: a page, a usual FUSE read, and one long enough to be read in a row. */
const SIZES = [4_096, 65_536, 8 << 20];

const TEXT = "These bytes were placed in the memory of the process that serves you by an RDMA Write.\n";

/**
 * Writes volume 1 into an empty directory: a line of text, then needles of 4 KiB, 64 KiB and 8 MiB that hold the
 * numbers 0, 1, 2 … as 32-bit little-endian words. Cookies are drawn at random. Throws as {@linkcode VolumeWriter} does.
 */
export function writeSampleVolume(directory: string, nowMs: number): SampleNeedle[] {
  using writer = new VolumeWriter(directory, 1);
  const encoder = new TextEncoder();
  const contents = [encoder.encode(TEXT), ...SIZES.map(countingWords)];
  return contents.map((data, index) => {
    const [cookie = 1] = crypto.getRandomValues(new Uint32Array(1));
    const isText = index === 0;
    const fileId = writer.append({
      key: BigInt(index + 1),
      cookie,
      data,
      name: encoder.encode(isText ? "hello.txt" : `${data.length}.bin`),
      mime: encoder.encode(isText ? "text/plain" : "application/octet-stream"),
      lastModified: Math.floor(nowMs / 1_000),
    }, nowMs);
    return { fileId: formatFileId(fileId), size: data.length };
  });
}

function countingWords(size: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  for (let at = 0; at < size; at += 4) view.setUint32(at, at / 4, true);
  return new Uint8Array(view.buffer);
}
