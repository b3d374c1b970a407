/**
 * A client of the HTTP API, typed by its routes: `createApiClient("http://127.0.0.1:8081", token).v1.stats.$get()`.
 *
 * @module
 */
import { hc } from "hono/client";
import type { AppType } from "./app.ts";

/** The client's type. */
export type ApiClient = ReturnType<typeof hc<AppType>>;

/**
 * Makes a client of the service at `origin`. Answers are Responses: their status is theirs to look at.
 *
 * @param token Shown with each request; without one, what the service gives to clients nearby.
 * @param fetcher Asks, in place of the platform's `fetch`.
 */
export function createApiClient(origin: string, token?: string, fetcher: typeof fetch = fetch): ApiClient {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return hc<AppType>(origin, { headers, fetch: fetcher });
}
