/**
 * Who reads a needle from front to back: told from the requests alone, for several readers of one needle at once. No I/O;
 * time is a parameter.
 *
 * @module
 */

/** Readers of one needle that are told apart. */
const MAX_CURSORS = 8;
/** Requests in a row that make a reader sequential. */
const STREAK = 3;
/** How far from where it stands a sequential reader's next request may begin, in requests: several are on their way at once. */
const LOOSE = 4;

/** One reader, as far as it shows. */
export class ReaderCursor {
  /** Where the furthest of its requests ended. */
  frontier = 0;
  /** Requests in a row. */
  streak = 0;
  /** When {@linkcode bytes} began to be counted. */
  since = 0;
  /** Bytes read since then. */
  bytes = 0;
}

/**
 * Takes note of a request, and says how many bytes its reader is about to read within `horizon` milliseconds: 0 for one
 * that does not read in a row.
 */
export function followReader(
  cursors: ReaderCursor[],
  request: { offset: number; size: number },
  now: number,
  horizon: number,
): number {
  const { offset, size } = request;
  const found = cursors.findIndex((cursor) => follows(cursor, offset, size));
  const cursor = found < 0 ? newest(cursors) : cursors[found] as ReaderCursor;
  if (found < 0) {
    cursor.frontier = 0;
    cursor.streak = 0;
    cursor.since = now;
    cursor.bytes = 0;
  } else if (found > 0) {
    cursors.splice(found, 1);
    cursors.unshift(cursor);
  }
  cursor.frontier = Math.max(cursor.frontier, offset + size);
  cursor.streak++;
  cursor.bytes += size;
  const elapsed = now - cursor.since;
  if (elapsed > horizon) { // forget half: the pace of late counts
    cursor.bytes /= 2;
    cursor.since += elapsed / 2;
  }
  if (cursor.streak < STREAK) return 0;
  return cursor.bytes / (now - cursor.since + 1) * horizon;
}

function follows({ frontier, streak }: ReaderCursor, offset: number, size: number): boolean {
  if (streak < 2) return offset === frontier;
  return Math.abs(offset - frontier) <= LOOSE * size;
}

// The one used longest ago begins anew.
function newest(cursors: ReaderCursor[]): ReaderCursor {
  const cursor = cursors.length < MAX_CURSORS ? new ReaderCursor() : cursors.pop() as ReaderCursor;
  cursors.unshift(cursor);
  return cursor;
}
