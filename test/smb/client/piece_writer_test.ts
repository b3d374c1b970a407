import { PieceWriter } from "../../../src/smb/client/piece_writer.ts";
import { assertEquals, assertRejects } from "../../assert.ts";

const SIZE = 10;
const DEPTH = 4;

/** A writer whose writes end when the test says so, and the offsets of those it has begun. */
function held(): {
  writer: PieceWriter;
  begun: number[];
  end: (offset: number, error?: Error) => void;
  lent: () => number;
} {
  const begun: number[] = [];
  const writes = new Map<number, PromiseWithResolvers<void>>();
  let lent = 0;
  const writer = new PieceWriter(0, {
    size: () => SIZE,
    depth: () => DEPTH,
    lend: () => {
      lent++;
      return Promise.resolve({
        owner: undefined,
        pieces: [new Uint8Array(SIZE)],
        descriptors: () => undefined,
        [Symbol.dispose]: () => void lent--,
      });
    },
    write: (offset) => {
      begun.push(offset);
      const write = Promise.withResolvers<void>();
      writes.set(offset, write);
      return write.promise;
    },
  });
  return {
    writer,
    begun,
    end: (offset, error) => error === undefined ? writes.get(offset)?.resolve() : writes.get(offset)?.reject(error),
    lent: () => lent,
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

Deno.test("while one write is late, none is begun further ahead of it than there may be at once", async () => {
  const { writer, begun, end, lent } = held();
  const appended = writer.append(new Uint8Array(100));
  await turns();
  assertEquals(begun, [0, 10, 20, 30]);
  for (const offset of [10, 20, 30]) end(offset);
  await turns();
  assertEquals(begun, [0, 10, 20, 30], "what is written lies within 4 pieces of the first that is not");
  end(0);
  await turns();
  assertEquals(begun, [0, 10, 20, 30, 40, 50, 60, 70]);
  for (const offset of [40, 50, 60, 70]) end(offset);
  await appended;
  const finished = writer.finish();
  await turns();
  for (const offset of [80, 90]) end(offset);
  assertEquals([await finished, begun.length, lent()], [100, 10, 0]);
});

Deno.test("what one write meets is told by the next step, after all that are under way have ended", async () => {
  const { writer, begun, end, lent } = held();
  const appended = writer.append(new Uint8Array(100));
  await turns();
  end(0, new Error("the disk is full"));
  await assertRejects(() => appended, Error, "the disk is full");
  assertEquals(begun, [0, 10, 20, 30]);
  let abandoned = false;
  const abandoning = writer.abandon().then(() => abandoned = true);
  await turns();
  assertEquals(abandoned, false);
  for (const offset of [10, 20, 30]) end(offset);
  await abandoning;
  assertEquals(lent(), 0);
});
