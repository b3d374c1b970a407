/**
 * CRC-32C by the processor's own instruction for it, x86's `crc32` of SSE4.2, as a few lines of machine code: no library
 * that every system has exports one.
 *
 * @module
 */
import { mmap_flags } from "./constants.ts";
import { functionsAt } from "./function_pointer.ts";
import { libc } from "./libc.ts";
import { PAGE_SIZE } from "./memory.ts";
import { viewAt } from "./pointer.ts";

/** Goes on from the register `crc` (inverted, as it is while it runs) over bytes `at` to `end`. */
export type Crc32cStep = (bytes: Uint8Array, at: number, end: number, crc: number) => number;

// The registers of C's calling convention on x86-64: arguments in rdi, rsi, rdx, rcx, the result in eax.
//
// three(bytes, at, third, registers): three thirds side by side, as the instruction takes three cycles and each cycle
// can start one.
const THREE = `
  89f6          mov   esi, esi
  4801f7        add   rdi, rsi
  89d0          mov   eax, edx
  c1ea03        shr   edx, 3
  448b01        mov   r8d, [rcx]
  4531c9        xor   r9d, r9d
  4531d2        xor   r10d, r10d
  488d3407      lea   rsi, [rdi+rax]
  488d0406      lea   rax, [rsi+rax]
  f24c0f38f107  crc32 r8, qword ptr [rdi]
  f24c0f38f10e  crc32 r9, qword ptr [rsi]
  f24c0f38f110  crc32 r10, qword ptr [rax]
  4883c708      add   rdi, 8
  4883c608      add   rsi, 8
  4883c008      add   rax, 8
  ffca          dec   edx
  75de          jne   -34
  448901        mov   [rcx], r8d
  44894904      mov   [rcx+4], r9d
  44895108      mov   [rcx+8], r10d
  c3            ret`;
// one(bytes, at, length, register): eight bytes at a time, and what is left of eight.
const ONE = `
  89f6          mov   esi, esi
  4801f7        add   rdi, rsi
  89c8          mov   eax, ecx
  89d1          mov   ecx, edx
  c1e903        shr   ecx, 3
  740e          je    +14
  f2480f38f107  crc32 rax, qword ptr [rdi]
  4883c708      add   rdi, 8
  ffc9          dec   ecx
  75f2          jne   -14
  83e207        and   edx, 7
  740c          je    +12
  f20f38f007    crc32 eax, byte ptr [rdi]
  48ffc7        inc   rdi
  ffca          dec   edx
  75f4          jne   -12
  c3            ret`;
// features(): what cpuid's leaf 1 says in ecx.
const FEATURES = `
  53            push  rbx
  b801000000    mov   eax, 1
  0fa2          cpuid
  89c8          mov   eax, ecx
  5b            pop   rbx
  c3            ret`;

const DEFINITIONS = {
  three: { parameters: ["buffer", "u32", "u32", "buffer"], result: "void" },
  one: { parameters: ["buffer", "u32", "u32", "u32"], result: "u32" },
  features: { parameters: [], result: "u32" },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** cpuid's leaf 1, ecx: the processor has SSE4.2. */
const SSE42 = 1 << 20;
const FAILED = 0xffff_ffff_ffff_ffffn;
/** Bytes of a third: long ones first, as each three are put together by a dozen look-ups. */
const LONG = 4_096;
const SHORT = 256;

/**
 * The step, or undefined on another processor than x86-64 with SSE4.2, without `--allow-ffi`, and where memory may not
 * be made executable.
 */
export function crc32cStep(): Crc32cStep | undefined {
  if (Deno.build.arch !== "x86_64" || Deno.build.os !== "linux") return undefined;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  try {
    return madeStep();
  } catch {
    return undefined;
  }
}

function madeStep(): Crc32cStep | undefined {
  const addresses = place({ three: THREE, one: ONE, features: FEATURES });
  if (addresses === undefined) return undefined;
  const { three, one, features } = functionsAt(DEFINITIONS, addresses, "shim");
  if ((features() & SSE42) === 0) return undefined;
  const long = lookUps(LONG, one);
  const short = lookUps(SHORT, one);
  const registers = new Uint32Array(new ArrayBuffer(12));
  const threeThirds = (bytes: Uint8Array, at: number, third: number, crc: number, table: Uint32Array): number => {
    registers[0] = crc;
    three(bytes, at, third, registers);
    const two = shifted(table, registers[0] as number) ^ (registers[1] as number);
    return shifted(table, two) ^ (registers[2] as number);
  };
  return (bytes, at, end, crc) => {
    for (; end - at >= 3 * LONG; at += 3 * LONG) crc = threeThirds(bytes, at, LONG, crc, long);
    for (; end - at >= 3 * SHORT; at += 3 * SHORT) crc = threeThirds(bytes, at, SHORT, crc, short);
    return at < end ? one(bytes, at, end - at, crc >>> 0) : crc;
  };
}

// Puts functions into memory that can be executed, and from then on not written, for as long as the program runs.
function place<T extends string>(functions: Record<T, string>): Record<T, bigint> | undefined {
  const { PROT_READ, PROT_WRITE, PROT_EXEC, MAP_PRIVATE, MAP_ANONYMOUS } = mmap_flags;
  const size = BigInt(PAGE_SIZE);
  const page = libc().mmap(0n, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0n);
  if (page === FAILED) return undefined;
  const view = viewAt(page, PAGE_SIZE);
  const addresses = {} as Record<T, bigint>;
  let at = 0;
  for (const name in functions) {
    addresses[name] = page + BigInt(at);
    for (const [, byte = ""] of functions[name].replaceAll(/^ +([0-9a-f]+).*$/gm, "$1").matchAll(/([0-9a-f]{2})/g)) {
      view.setUint8(at++, parseInt(byte, 16));
    }
    at = (at + 15) & ~15;
  }
  if (libc().mprotect(page, size, PROT_READ | PROT_EXEC) === 0) return addresses;
  libc().munmap(page, size);
  return undefined;
}

// TABLE[256 * k + b] is byte k of the register, being b, after `length` bytes of zero.
function lookUps(length: number, one: (bytes: Uint8Array, at: number, length: number, crc: number) => number) {
  const zeros = new Uint8Array(length);
  const table = new Uint32Array(4 * 256);
  for (let bit = 0; bit < 32; bit++) {
    table[256 * (bit >> 3) + (1 << (bit & 7))] = one(zeros, 0, length, (1 << bit) >>> 0);
  }
  for (let index = 0; index < table.length; index++) {
    const lowest = index & -index & 255;
    const rest = (index & 255) - lowest;
    if (rest > 0) table[index] = (table[index - lowest] as number) ^ (table[(index & ~255) + lowest] as number);
  }
  return table;
}

function shifted(table: Uint32Array, register: number): number {
  return (table[register & 255] as number) ^ (table[256 + ((register >>> 8) & 255)] as number) ^
    (table[512 + ((register >>> 16) & 255)] as number) ^ (table[768 + (register >>> 24)] as number);
}
