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
 * Why a library cannot be had in this process, with what to allow or which Debian packages to install; undefined when
 * `open` opens it.
 */
export function libraryFault(library: string, packages: string, open: () => unknown): string | undefined {
  // Asked first, as trying without the right would put a question to whoever sits at the terminal.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return "needs --allow-ffi, for any library";
  try {
    open();
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) throw error;
    return error.message.includes("No such file")
      ? `${library} not found: apt-get install ${packages}`
      : `${library} does not load: ${error.message}`;
  }
}
