/**
 * What the resources of `/v1` that answer JSON have in common: the door before the parameters, and refusals as problem
 * details.
 *
 * @module
 */
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import type { Need } from "../../src/access/mod.ts";
import type { Bindings } from "../guard.ts";
import { HttpError, titleOf } from "../http_error.ts";
import type { Service } from "../service.ts";
import { Problem } from "./schemas.ts";

/** What the routes' handlers are called with. */
export interface V1Env {
  /** The server's. */
  Bindings: Bindings;
}

/** A sub-app whose parameters are checked, and that refuses wrong ones with 400. */
export function resource(): OpenAPIHono<V1Env> {
  return new OpenAPIHono<V1Env>({
    defaultHook: (result) => {
      if (result.success) return;
      const [issue] = result.error.issues;
      throw new HttpError(400, `${issue?.path.join(".") || result.target}: ${issue?.message ?? "not as described"}`);
    },
  });
}

/** Lets in who meets the need, before anything else is looked at. */
export function guarded(service: Service, need: Need): MiddlewareHandler<V1Env> {
  return async (c, next) => {
    await service.guard.admit(c, need);
    await next();
  };
}

/** An answer of JSON, as a description has it. */
export function answer<T extends z.ZodType>(
  schema: T,
  description: string,
): { description: string; content: { "application/json": { schema: T } } } {
  return { description, content: { "application/json": { schema } } };
}

/** A refusal, as a description has it. */
interface Refused {
  description: string;
  content: { "application/problem+json": { schema: typeof Problem } };
}

/** The refusals that each of these statuses stands for. */
export function refusals<S extends number>(...statuses: S[]): Record<S, Refused> {
  const entries = statuses.map((status): [number, Refused] => [
    status,
    { description: titleOf(status), content: { "application/problem+json": { schema: Problem } } },
  ]);
  return Object.fromEntries(entries) as Record<S, Refused>;
}

/** The scopes that a route's bearer needs, as a description has them. */
export function bearer(...scopes: string[]): { bearer: string[] }[] {
  return [{ bearer: scopes }];
}
