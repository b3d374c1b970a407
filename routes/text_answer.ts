/**
 * Answers that are one text: a server that has the text at hand need not read it out of a stream.
 *
 * @module
 */

/** What an answer is made of. */
export interface TextAnswer {
  /** The text. */
  readonly text: string;
  /** The headers; whoever sets one on the response later sets it here, too. */
  readonly headers: Record<string, string>;
}

const ANSWERS = new WeakMap<Response, TextAnswer>();

/** A response with this text. */
export function textAnswer(text: string, status: number, headers: Record<string, string>): Response {
  const response = new Response(text, { status, headers });
  ANSWERS.set(response, { text, headers });
  return response;
}

/** What a response of {@linkcode textAnswer} was made of; undefined of others. */
export function textOf(response: Response): TextAnswer | undefined {
  return ANSWERS.get(response);
}
