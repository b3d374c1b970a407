/**
 * Prints which symbol a verb's optimised call goes to directly, or null where it takes the long way; run with
 * `--v8-flags=--allow-natives-syntax` and `DENO_UNSTABLE_FFI_TRACE_TURBO=1`. A process of its own for each verb, as the
 * engine optimises one function at a time on request.
 *
 * @module
 */
import { cString, functionsAt, libc, OPERATIONS } from "../../ffi/mod.ts";

/** Values for each parameter type, the fast kind and one that has to be converted. */
const VALUES: Record<string, { fast: string; slow: string }> = {
  usize: { fast: "1n", slow: "1" },
  i32: { fast: "1", slow: "1" },
};

const [verb, kind] = Deno.args as [keyof typeof OPERATIONS, "fast" | "slow"];
const standIn = libc().dlsym(0n, cString("llabs"));
const definition = OPERATIONS[verb];
const { target } = functionsAt({ target: definition }, { target: standIn }, "shim");
const values = definition.parameters.map((type) => VALUES[type]?.[kind]);
const call = new Function("target", `return () => target(${values.join(", ")})`)(target);
new Function("call", "%PrepareFunctionForOptimization(call)")(call);
call();
new Function("call", "%OptimizeFunctionOnNextCall(call)")(call);
call();
// deno-lint-ignore no-explicit-any -- Deno's own tests look the same way
const internal = (Deno as any)[(Deno as any).internal];
// deno-lint-ignore no-console -- this is the answer
console.log(internal.getTurbocallTarget());
