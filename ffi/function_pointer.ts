/**
 * Calling functions that are known by their addresses only, as verbs keeps them in its structs.
 *
 * @module
 */
import { absoluteSymbols } from "./absolute_symbols.ts";
import { libc } from "./libc.ts";
import { cString } from "./pointer.ts";

/** How functions at addresses are reached. */
export type Reach =
  /** Through a shared object of absolute symbols: some 4 ns a call. */
  | "shim"
  /** Through `Deno.UnsafeFnPointer`: some 800 ns a call. */
  | "pointer";

/** Functions by the names of their definitions. */
export type Functions<T extends Record<string, Deno.ForeignFunction>> = Deno.StaticForeignLibraryInterface<T>;

/** Where each function is. */
export type Addresses<T> = { readonly [name in keyof T]: bigint };

/** Not for programs that this one starts. */
const MFD_CLOEXEC = 1;

let preferred: Reach = "shim";

/** How functions bound last were reached: `pointer` where the shim cannot be had. */
export function reach(): Reach {
  return preferred;
}

/**
 * Makes the functions at `addresses` callable. They must outlive every call, as functions of libraries that are never
 * closed do. `by` asks for one way; without it the shim is tried, and `UnsafeFnPointer` stands in where it fails: on a C
 * library other than glibc, or where memfd_create or /proc is forbidden.
 */
export function functionsAt<const T extends Record<string, Deno.ForeignFunction>>(
  definitions: T,
  addresses: Addresses<T>,
  by?: Reach,
): Functions<T> {
  if ((by ?? preferred) === "pointer") return throughPointers(definitions, addresses);
  try {
    return throughShim(definitions, addresses);
  } catch (error) {
    if (by === "shim" || error instanceof Deno.errors.NotCapable) throw error;
    preferred = "pointer";
    return throughPointers(definitions, addresses);
  }
}

/** {@linkcode functionsAt}, bound once a thread for the same addresses: the devices of one driver share their functions. */
export function boundFunctions<const T extends Record<string, Deno.ForeignFunction>>(
  definitions: T,
  addresses: Addresses<T>,
): Functions<T> {
  const key = Object.entries(addresses).map(([name, address]) => `${name}@${address}`).join();
  let functions = bound.get(key);
  if (functions === undefined) bound.set(key, functions = functionsAt<T>(definitions, addresses));
  return functions as Functions<T>;
}

const bound = new Map<string, unknown>();

function throughShim<T extends Record<string, Deno.ForeignFunction>>(
  definitions: T,
  addresses: Addresses<T>,
): Functions<T> {
  const image = absoluteSymbols(new Map(Object.entries(addresses)));
  const fd = libc().memfd_create(cString("verbena-shim"), MFD_CLOEXEC);
  if (fd < 0) throw new Error("memfd_create failed");
  const written = libc().write(fd, image, BigInt(image.length));
  if (written !== BigInt(image.length)) throw new Error(`write to a memfd: ${written} of ${image.length} bytes`);
  // The descriptor stays open: the loader knows libraries by their path, and would take the next one with this number
  // for the library it has loaded already.
  return Deno.dlopen(`/proc/self/fd/${fd}`, definitions).symbols;
}

function throughPointers<T extends Record<string, Deno.ForeignFunction>>(
  definitions: T,
  addresses: Addresses<T>,
): Functions<T> {
  const functions = Object.entries(definitions).map(([name, definition]) => {
    const pointer = Deno.UnsafePointer.create(addresses[name] ?? 0n);
    if (pointer === null) throw new TypeError(`the function ${name} is at address 0`);
    const target = new Deno.UnsafeFnPointer(pointer as Deno.PointerObject<Deno.ForeignFunction>, definition);
    return [name, target.call.bind(target)];
  });
  return Object.fromEntries(functions) as unknown as Functions<T>;
}
