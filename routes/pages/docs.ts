/**
 * `/docs`: the description of the API as a page.
 *
 * @module
 */

/** The page. */
export function renderDocs(_document: unknown): string {
  return "";
}
