/**
 * C as it is: the system's libraries, their structs, native memory and function pointers, without any policy.
 *
 * @module
 */
export * from "./constants.ts";
export * from "./crc32c.ts";
export * from "./errno.ts";
export * from "./function_pointer.ts";
export * from "./layout.ts";
export * from "./layouts/aarch64.ts";
export * from "./layouts/x86_64.ts";
export * from "./libc.ts";
export * from "./libgssapi.ts";
export * from "./libibverbs.ts";
export * from "./library.ts";
export * from "./librdmacm.ts";
export * from "./memory.ts";
export * from "./pointer.ts";
export * from "./socket_descriptor.ts";
