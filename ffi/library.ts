/**
 * Opening of the system's libraries: on first use, once a thread, and never closed, as a symbol called after that would
 * crash the process.
 *
 * @module
 */

/** A function that opens a library the first time it is called and returns its symbols ever after. */
export function lazily<T>(open: () => T): () => T {
  let opened: { readonly value: T } | undefined;
  return () => (opened ??= { value: open() }).value;
}

/**
 * What is wrong with opening a library, in its loader's words; undefined when it opens. Throws what is no fault of the
 * library, a missing permission above all.
 */
export function openFault(open: () => unknown): string | undefined {
  try {
    open();
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) throw error;
    return error.message;
  }
}
