/**
 * The bytes that the two sides of a connection's set-up send along.
 *
 * @module
 */
/** How long private data may be, in bytes: it depends on what carries the set-up. */
export interface PrivateDataLimits {
  /** With a request. */
  readonly request: number;
  /** With its acceptance. */
  readonly reply: number;
  /** With its refusal. */
  readonly refusal: number;
}

/** Throws RangeError where private data are too long for their place. */
export function checkPrivateData(bytes: Uint8Array, place: keyof PrivateDataLimits, limits: PrivateDataLimits): void {
  if (bytes.length <= limits[place]) return;
  throw new RangeError(`${bytes.length} bytes of private data: with a ${place} go at most ${limits[place]}`);
}

/** What a refusal says, where it is text: the rest, padding above all, is left out. */
export function printable(bytes: Uint8Array): string {
  return new TextDecoder("ascii").decode(bytes).replaceAll(/[^\x20-\x7e]/g, "");
}
