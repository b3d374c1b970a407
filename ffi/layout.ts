/**
 * Where C's structs keep their fields on this machine's architecture.
 *
 * @module
 */
import { aarch64 } from "./layouts/aarch64.ts";
import { x86_64 } from "./layouts/x86_64.ts";

/** Every struct's field offsets and sizes, in bytes; the same names on every architecture. */
export type Layout = {
  readonly [S in keyof typeof x86_64]: { readonly [F in keyof typeof x86_64[S]]: number };
};

const LAYOUTS: Readonly<Record<typeof Deno.build.arch, Layout>> = { x86_64, aarch64 };

/** The layout of this machine. A field before its struct's pointer, in `verbs_context`, has a negative offset. */
export const layout: Layout = LAYOUTS[Deno.build.arch];
