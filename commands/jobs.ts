/**
 * Several tasks at once, found while earlier ones are carried out.
 *
 * @module
 */

/** Tasks that may wait between the one who finds them and those who carry them out. */
const AHEAD = 4096;

/**
 * Carries out what `tasks` yields, `count` at once. `found` is told of each task as it is found, and `complete` once there
 * are no more. Rejects with what `tasks` or `run` throws first, when those that were begun have ended.
 */
export async function runJobs<T>(
  tasks: AsyncIterable<T>,
  count: number,
  run: (task: T) => Promise<void>,
  found: (task: T) => void = () => {},
  complete: () => void = () => {},
): Promise<void> {
  const waiting: T[] = [];
  let ended = false;
  let news = Promise.withResolvers<void>();
  const wake = (): void => {
    news.resolve();
    news = Promise.withResolvers();
  };
  const find = async (): Promise<void> => {
    try {
      for await (const task of tasks) {
        while (waiting.length >= AHEAD && !ended) await news.promise;
        if (ended) return;
        found(task);
        waiting.push(task);
        wake();
      }
      complete();
    } finally {
      ended = true;
      wake();
    }
  };
  const work = async (): Promise<void> => {
    try {
      for (;;) {
        const task = waiting.shift();
        if (task !== undefined) {
          wake();
          await run(task);
        } else if (ended) {
          return;
        } else {
          await news.promise;
        }
      }
    } catch (error) {
      ended = true;
      waiting.length = 0;
      wake();
      throw error;
    }
  };
  const outcomes = await Promise.allSettled([find(), ...Array.from({ length: count }, work)]);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
