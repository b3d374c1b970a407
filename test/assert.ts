/**
 * The assertions that tests use: node:assert's strict ones, under the names Deno's users know.
 *
 * @module
 */
import assertModule from "node:assert/strict";

/** Fails unless `condition` holds. */
export function assert(condition: unknown, message?: string): asserts condition {
  assertModule.ok(condition, message);
}

/** Fails unless the two are deeply and strictly equal. */
export function assertEquals(actual: unknown, expected: unknown, message?: string): void {
  assertModule.deepStrictEqual(actual, expected, message);
}

/** Fails unless `text` contains or matches `expected`. */
export function assertMatch(text: string, expected: string | RegExp): void {
  assertModule.ok(
    typeof expected === "string" ? text.includes(expected) : expected.test(text),
    `${JSON.stringify(text)} does not match ${expected}`,
  );
}

// deno-lint-ignore no-explicit-any -- the shape TypeScript itself asks of "any class"
type ErrorClass<E extends Error> = new (...args: any[]) => E;

function checkError<E extends Error>(error: unknown, expected: ErrorClass<E>, message?: string | RegExp): E {
  if (!(error instanceof expected)) {
    throw new assertModule.AssertionError({ message: `expected ${expected.name}, got ${error}`, actual: error });
  }
  if (message !== undefined) assertMatch(error.message, message);
  return error;
}

/** Fails unless `run` throws an `expected` whose message contains or matches `message`; returns the error. */
export function assertThrows<E extends Error>(
  run: () => unknown,
  expected: ErrorClass<E>,
  message?: string | RegExp,
): E {
  try {
    run();
  } catch (error) {
    return checkError(error, expected, message);
  }
  throw new assertModule.AssertionError({ message: `expected ${expected.name}, nothing was thrown` });
}

/** Fails unless the promise is rejected with an `expected` whose message contains or matches `message`; returns the error. */
export async function assertRejects<E extends Error>(
  run: () => Promise<unknown>,
  expected: ErrorClass<E>,
  message?: string | RegExp,
): Promise<E> {
  try {
    await run();
  } catch (error) {
    return checkError(error, expected, message);
  }
  throw new assertModule.AssertionError({ message: `expected ${expected.name}, the promise was fulfilled` });
}

/** Bytes from hexadecimal digits; white space is ignored. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(digits.replaceAll(/\s/g, "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
