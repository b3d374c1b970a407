/**
 * Files as web streams.
 *
 * @module
 */
import type { PieceWriter } from "./piece_writer.ts";

/** A stream of pieces, each copied out of memory that is used again. */
export function readableOf(pieces: AsyncGenerator<Uint8Array, void, void>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value.slice());
    },
    async cancel() {
      await pieces.return();
    },
  }, { highWaterMark: 0 });
}

/** A stream into a writer. */
export function writableOf(writer: PieceWriter): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    async write(chunk) {
      try {
        await writer.append(chunk);
      } catch (error) {
        await writer.abandon(); // a sink that failed is neither closed nor aborted
        throw error;
      }
    },
    async close() {
      await writer.finish();
    },
    abort: () => writer.abandon(),
  });
}
