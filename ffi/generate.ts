/**
 * Writes the bindings' struct layouts and constants from the system's headers:
 * `deno task generate` (needs gcc, aarch64-linux-gnu-gcc, and the headers of libibverbs-dev and librdmacm-dev).
 *
 * @module
 */
import { enumerators, errnoNames, MACROS, probedValues, probeSource, STRUCTS } from "./probe.ts";

/** The architectures whose layouts are kept, by Deno's name, and the compiler that answers for each. */
export const COMPILERS: Readonly<Record<string, string>> = {
  x86_64: "x86_64-linux-gnu-gcc",
  aarch64: "aarch64-linux-gnu-gcc",
};

/** What the compiler of one architecture says. */
interface Answers {
  readonly values: Map<string, Map<string, number>>;
  readonly errno: Map<number, string>;
}

/** Compiles the probe with every compiler and returns the files to keep, by path within `ffi/`. */
export async function generate(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  let constants: string | undefined;
  for (const [architecture, compiler] of Object.entries(COMPILERS)) {
    const answers = await ask(compiler);
    files.set(`layouts/${architecture}.ts`, layoutFile(architecture, answers));
    const these = constantsFile(answers);
    if (constants !== undefined && constants !== these) throw new Error(`${architecture} has constants of its own`);
    constants = these;
  }
  return files.set("constants.ts", constants ?? "");
}

async function ask(compiler: string): Promise<Answers> {
  const preprocessed = await compile(compiler, ["-E"], probeSource(new Map()));
  const source = probeSource(enumerators(preprocessed));
  const macros = await compile(compiler, ["-dM", "-E"], "#include <errno.h>\n");
  return { values: probedValues(await compile(compiler, ["-S", "-O1"], source)), errno: errnoNames(macros) };
}

// The libraries' headers are the same for every architecture and stand in /usr/include; libc's are the compiler's own,
// and come first.
async function compile(compiler: string, flags: string[], source: string): Promise<string> {
  const args = [...flags, "-x", "c", "-w", "-idirafter", "/usr/include", "-o", "-", "-"];
  const child = new Deno.Command(compiler, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source)).then(() => writer.close()).catch(() => {}); // stderr says why
  const { success, stdout, stderr } = await output;
  if (!success) throw new Error(`${compiler}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

const NOTICE = "Generated from the system's headers by `deno task generate`; not to be edited.";

function layoutFile(architecture: string, { values }: Answers): string {
  const lines = Object.keys(STRUCTS).map((name) => {
    const fields = [...values.get(name) ?? []].map(([field, offset]) => `    ${field}: ${offset},`);
    return [`  ${name}: {`, ...fields, "  },"].join("\n");
  });
  return [
    `// ${NOTICE}`,
    "",
    `/** Struct layouts on ${architecture}: byte offsets of fields, and sizes in bytes. */`,
    `export const ${architecture} = {`,
    ...lines,
    "} as const;",
    "",
  ].join("\n");
}

function constantsFile({ values, errno }: Answers): string {
  const blocks = [...values].filter(([group]) => !(group in STRUCTS)).map(([group, members]) =>
    [
      group in MACROS ? `/** C's macros for ${group.replaceAll("_", " ")}. */` : `/** C's \`enum ${group}\`. */`,
      `export const ${group} = {`,
      ...[...members].map(([name, value]) => `  ${name}: ${value},`),
      "} as const;",
      "",
    ].join("\n")
  );
  return [
    `// ${NOTICE}`,
    "",
    ...blocks,
    "/** The names of errno's values. */",
    "export const ERRNO_NAMES: Readonly<Record<number, string>> = {",
    ...[...errno].map(([value, name]) => `  ${value}: "${name}",`),
    "};",
    "",
  ].join("\n");
}

if (import.meta.main) {
  for (const [path, text] of await generate()) await Deno.writeTextFile(new URL(path, import.meta.url), text);
}
