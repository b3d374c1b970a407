/**
 * Addresses: of JavaScript's buffers, and views of C's memory.
 *
 * Addresses of user space fit 47 bits, so a number holds one exactly; bigints are what Deno's fast calls take.
 *
 * @module
 */
import { libc } from "./libc.ts";

/** A buffer of JavaScript, as C may be handed it. */
export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The address of a buffer's first byte. The buffer does not move, but lives only as long as JavaScript refers to it: the
 * caller must, for as long as C may use the address.
 */
export function addressOf(bytes: Bytes): bigint {
  return libc().memset(bytes, 0, 0n); // sets nothing, and returns where
}

/** `length` bytes of C's memory, copied nowhere. The view is good for as long as the memory is. */
export function viewAt(address: bigint, length: number): DataView<ArrayBuffer> {
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer === null) throw new TypeError("a view of memory at address 0");
  return new DataView(Deno.UnsafePointerView.getArrayBuffer(pointer, length));
}

/** A NUL-terminated string in C's memory. */
export function stringAt(address: bigint): string {
  const pointer = Deno.UnsafePointer.create(address);
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/** A string as C wants it, NUL-terminated. */
export function cString(text: string): Bytes {
  return new TextEncoder().encode(`${text}\0`);
}

/** A struct that is filled here and handed to one call: zeroed bytes, and a view of them. */
export class Struct {
  /** The bytes, for `buffer` parameters. */
  readonly bytes: Bytes;
  /** The view, for its fields. C's byte order is the machine's, which is little-endian: pass `true`. */
  readonly view: DataView<ArrayBuffer>;

  /** Zeroed. */
  constructor(/** Size in bytes. */ readonly size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Where it is; good while the object is referred to. */
  get address(): bigint {
    return addressOf(this.bytes);
  }
}
