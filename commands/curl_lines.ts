/**
 * What to paste into a terminal, or a browser, to try a service that has just started.
 *
 * @module
 */
import type { Sample } from "../routes/app.ts";

/** The lines for a service at `origin` with a needle that is there; `token` opens what needs one. */
export function firstSteps(origin: string, { fileId, size }: Sample, token: string | undefined): string[] {
  const open = [
    `curl -s ${origin}/health`,
    `curl -s -o needle.bin '${origin}/read?file_id=${fileId}&offset=0&size=${size}'`,
  ];
  if (token === undefined) return open;
  return [
    ...open,
    `TOKEN=${token}`,
    `curl -s -o needle.bin -H "Authorization: Bearer $TOKEN" ${origin}/v1/needles/${fileId}`,
    `curl -s -H "Authorization: Bearer $TOKEN" ${origin}/v1/stats`,
    `dashboard: ${origin}/#token=${token}`,
  ];
}
