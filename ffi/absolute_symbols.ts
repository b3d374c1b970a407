/**
 * A shared object without code, whose dynamic symbols are absolute addresses (ELF `SHN_ABS`). Loaded, its symbols are
 * the functions at those addresses: that is how a function known only by its pointer becomes one that Deno calls in
 * nanoseconds. glibc takes absolute symbols as they are from 2.28 on.
 *
 * @module
 */

const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const SYMBOL = 24;
const DYNAMIC_ENTRY = 16;
const EM_X86_64 = 62;
const EM_AARCH64 = 183;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const FLAGS_RW = 6;
const ET_DYN = 3;
const STB_GLOBAL_STT_FUNC = 0x12;
const SHN_ABS = 0xfff1;
const DT = { NULL: 0, HASH: 4, STRTAB: 5, SYMTAB: 6, STRSZ: 10, SYMENT: 11 } as const;

/** The bytes of the shared object for this machine's architecture. */
export function absoluteSymbols(symbols: ReadonlyMap<string, bigint>): Uint8Array<ArrayBuffer> {
  const entries = [...symbols];
  const count = entries.length + 1; // symbol 0 is the empty one
  const names = new TextEncoder().encode(["", ...symbols.keys()].map((name) => `${name}\0`).join(""));
  const symbolsAt = align(ELF_HEADER + 2 * PROGRAM_HEADER);
  const hashAt = align(symbolsAt + count * SYMBOL);
  const namesAt = align(hashAt + (3 + count) * 4);
  const dynamicAt = align(namesAt + names.length);
  const dynamic: [number, number][] = [
    [DT.HASH, hashAt],
    [DT.STRTAB, namesAt],
    [DT.SYMTAB, symbolsAt],
    [DT.STRSZ, names.length],
    [DT.SYMENT, SYMBOL],
    [DT.NULL, 0],
  ];
  const size = dynamicAt + dynamic.length * DYNAMIC_ENTRY;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  writeHeader(bytes, view);
  writeProgramHeader(view, 0, PT_LOAD, 0, size, 4_096);
  writeProgramHeader(view, 1, PT_DYNAMIC, dynamicAt, dynamic.length * DYNAMIC_ENTRY, 8);
  let nameAt = 1;
  entries.forEach(([name, address], index) => {
    const at = symbolsAt + (index + 1) * SYMBOL;
    view.setUint32(at, nameAt, true);
    view.setUint8(at + 4, STB_GLOBAL_STT_FUNC);
    view.setUint16(at + 6, SHN_ABS, true);
    view.setBigUint64(at + 8, address, true);
    nameAt += name.length + 1;
  });
  writeHash(view, hashAt, count);
  bytes.set(names, namesAt);
  dynamic.forEach(([tag, value], index) => {
    view.setBigUint64(dynamicAt + index * DYNAMIC_ENTRY, BigInt(tag), true);
    view.setBigUint64(dynamicAt + index * DYNAMIC_ENTRY + 8, BigInt(value), true);
  });
  return bytes;
}

function align(offset: number): number {
  return (offset + 15) & ~15;
}

function writeHeader(bytes: Uint8Array, view: DataView): void {
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian, version 1
  view.setUint16(16, ET_DYN, true);
  view.setUint16(18, Deno.build.arch === "aarch64" ? EM_AARCH64 : EM_X86_64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, BigInt(ELF_HEADER), true); // where the program headers are
  view.setUint16(52, ELF_HEADER, true);
  view.setUint16(54, PROGRAM_HEADER, true);
  view.setUint16(56, 2, true);
  view.setUint16(58, 64, true); // a section header's size, of which there is none
}

function writeProgramHeader(
  view: DataView,
  index: number,
  type: number,
  offset: number,
  size: number,
  alignment: number,
): void {
  const at = ELF_HEADER + index * PROGRAM_HEADER;
  view.setUint32(at, type, true);
  view.setUint32(at + 4, FLAGS_RW, true);
  for (const field of [8, 16, 24]) view.setBigUint64(at + field, BigInt(offset), true); // file, virtual, physical
  for (const field of [32, 40]) view.setBigUint64(at + field, BigInt(size), true); // in the file, in memory
  view.setBigUint64(at + 48, BigInt(alignment), true);
}

// One bucket whose chain runs through every symbol: the loader compares names.
function writeHash(view: DataView, at: number, count: number): void {
  view.setUint32(at, 1, true);
  view.setUint32(at + 4, count, true);
  view.setUint32(at + 8, count > 1 ? 1 : 0, true);
  for (let index = 1; index < count; index++) {
    view.setUint32(at + 12 + index * 4, index + 1 < count ? index + 1 : 0, true);
  }
}
