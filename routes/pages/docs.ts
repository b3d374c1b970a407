/**
 * `/docs`: the description of the API (OpenAPI 3.1) as a page that needs no script.
 *
 * @module
 */
import { type Html, html } from "./html.ts";

/** What of an OpenAPI document the page shows. */
interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: {
    readonly schemas?: Readonly<Record<string, Schema>>;
    readonly securitySchemes?: Readonly<Record<string, { readonly description?: string }>>;
  };
}

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly responses?: Readonly<Record<string, Answer>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

interface Answer {
  readonly description?: string;
  readonly content?: Content;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly example?: unknown;
}

/** One operation with its place. */
interface Entry {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const METHODS = ["get", "head", "post", "put", "patch", "delete"];
/** Of operations that bear no tag. */
const UNTAGGED = "other";

/** The page that shows an OpenAPI document. */
export function renderDocs(document: unknown): string {
  // ours, and described by the library that made it
  const { info, tags = [], paths = {}, components = {} } = document as Document;
  const entries = Object.entries(paths).flatMap(([path, operations]) =>
    METHODS.flatMap((method): Entry[] => {
      const operation = operations[method];
      return operation === undefined ? [] : [{ id: slug(`${method} ${path}`), method, path, operation }];
    })
  );
  const named = new Set(tags.map(({ name }) => name));
  const sections = [...tags, { name: UNTAGGED }].flatMap(({ name, description = "" }) => {
    const own = entries.filter(({ operation: { tags: [tag = UNTAGGED] = [] } }) =>
      (named.has(tag) ? tag : UNTAGGED) === name
    );
    return own.length === 0 ? [] : [{ name, description, entries: own }];
  });
  const schemas = Object.entries(components.schemas ?? {});
  const access = Object.values(components.securitySchemes ?? {}).map(({ description }) => description ?? "");
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${info.title}: the HTTP API</title>
        <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/assets/style.css">
        <link rel="stylesheet" href="/assets/docs.css">
      </head>
      <body>
        <header class="top">
          <h1><img src="/assets/icon.svg" alt="" width="22" height="22"> ${info.title}: the HTTP API</h1>
          <p class="facts"><span>Version ${info.version}</span></p>
          <nav aria-label="Pages"><a href="/">Dashboard</a> <a href="/openapi.json">OpenAPI</a></nav>
        </header>
        <div class="book">
          <nav class="contents" aria-label="Operations">
    ${sections.map(({ name, entries }) =>
      html`
        <h2>${heading(name)}</h2>
        <ul>
        ${entries.map(({ id, method, path }) =>
          html`
            <li><a href="#${id}"><code>${label(method)} ${breakable(path)}</code></a></li>
          `
        )}</ul>
      `
    )}<h2><a href="#schemas">Schemas</a></h2>
          </nav>
          <main>
    <p class="lead">${info.description}</p>
    ${access.map((text) =>
      html`
        <section aria-labelledby="access-heading">
          <h2 id="access-heading">Access</h2>
          <p>${text}</p>
          <p>A token goes with each request, as <code>Authorization: Bearer TOKEN</code>. Refusals under <code>/v1</code> are
        problem details (RFC 9457), of other routes one line of text; 401 and 403 name the scope that was missing.</p>
        </section>
      `
    )}${sections.map(({ name, description, entries }) =>
      html`
        <section aria-labelledby="${slug(`tag ${name}`)}">
        <h2 id="${slug(`tag ${name}`)}">${heading(name)}</h2>
        <p>${description}</p>
        ${entries.map(renderOperation)}</section>
      `
    )}<section aria-labelledby="schemas">
    <h2 id="schemas">Schemas</h2>
    ${schemas.map(([name, schema]) => renderSchema(name, schema))}</section>
          </main>
        </div>
      </body>
    </html>
  `.text;
}

function renderOperation({ id, method, path, operation }: Entry): Html {
  const { summary, description, parameters = [], responses = {} } = operation;
  return html`
    <article class="panel" id="${id}" aria-labelledby="${id}-heading">
    <h3 id="${id}-heading"><code><b>${label(method)}</b> ${breakable(path)}</code></h3>
    <p>${summary}. ${description}</p>
    <p class="needs">${needs(operation)}</p>
    ${parameters.length === 0 ? "" : html`
      <table>
        <thead>
          <tr>
            <th scope="col">Parameter</th>
            <th scope="col">In</th>
            <th scope="col">Type</th>
            <th scope="col" class="wide">Meaning</th>
          </tr>
        </thead>
        <tbody>
      ${parameters.map((parameter) =>
        html`
          <tr>
            <td><code>${parameter.name}</code></td>
            <td>${parameter.in}</td>
            <td>${typeOf(parameter.schema)}</td>
            <td class="wide">${sentence(
              parameter.required === true ? "Required." : "",
              parameter.description,
              exampleOf(parameter.schema),
            )}</td>
          </tr>
        `
      )}</tbody>
      </table>
    `}<table>
    <thead><tr><th scope="col">Status</th><th scope="col">Answer</th><th scope="col" class="wide">Meaning</th></tr></thead>
    <tbody>
    ${renderAnswers(responses)}</tbody></table>
    <pre tabindex="0"><code>${curl(method, path, operation)}</code></pre>
    </article>
  `;
}

/** Refusals of one form are one row. */
function renderAnswers(responses: Readonly<Record<string, Answer>>): Html[] {
  const rows = new Map<string, { statuses: string[]; said: Set<string>; content: Content }>();
  for (const [status, { description = "", content = {} }] of Object.entries(responses)) {
    const key = Number(status) >= 400 ? JSON.stringify(content) : status;
    const row = rows.get(key) ?? { statuses: [], said: new Set(), content };
    row.statuses.push(status);
    row.said.add(description);
    rows.set(key, row);
  }
  return [...rows.values()].map(({ statuses, said: [said, ...others], content }) => {
    const types = Object.entries(content).map(([type, { schema }]) =>
      html`<div><code>${type}</code> ${typeOf(schema)}</div>`
    );
    return html`
      <tr>
        <td class="statuses">${statuses.join(" ")}</td>
        <td>${types.length === 0 ? "–" : types}</td>
        <td class="wide">${others.length === 0 ? said : "Refused, with what was wrong."}</td>
      </tr>
    `;
  });
}

function renderSchema(name: string, { properties = {}, required = [], description }: Schema): Html {
  return html`
    <article class="panel" id="${slug(`schema ${name}`)}" aria-labelledby="${slug(`schema ${name}`)}-heading">
      <h3 id="${slug(`schema ${name}`)}-heading"><code>${name}</code></h3>
      <p>${description}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col">Type</th>
            <th scope="col" class="wide">Meaning</th>
          </tr>
        </thead>
        <tbody>
    ${rowsOf(properties, required, "")}</tbody>
      </table>
    </article>
  `;
}

/** The members of an object, and of the objects within it that have no name of their own. */
function rowsOf(properties: Readonly<Record<string, Schema>>, required: readonly string[], before: string): Html[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const optional = required.includes(name) ? "" : "Optional.";
    const row = html`
      <tr>
        <td><code>${breakable(`${before}${name}`)}</code></td>
        <td>${typeOf(schema)}</td>
        <td class="wide">${sentence(optional, schema.description, "")}</td>
      </tr>
    `;
    const inner = schema.items ?? schema;
    const prefix = `${before}${name}${schema.items === undefined ? "." : "[]."}`;
    return [row, ...rowsOf(inner.properties ?? {}, inner.required ?? [], prefix)];
  });
}

function typeOf(schema: Schema | undefined): Html {
  if (schema === undefined) return html``;
  const { $ref, type, format, items, additionalProperties } = schema;
  if ($ref !== undefined) {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return html`<a href="#${slug(`schema ${name}`)}">${name}</a>`;
  }
  if (schema.enum !== undefined) {
    return html`${schema.enum.map((value, index) => [index === 0 ? "" : ", ", html`<code>${String(value)}</code>`])}`;
  }
  if (items !== undefined) return html`list of ${typeOf(items)}`;
  if (typeof additionalProperties === "object" && schema.properties === undefined) {
    const inner = typeOf(additionalProperties);
    return inner.text === "" ? html`object` : html`${inner} by name`;
  }
  const name = typeof type === "string" ? type : type?.join(" or ") ?? "";
  return html`${format ?? name}`;
}

/** The scopes that an operation wants, in words. */
function needs({ security = [] }: Operation): Html {
  const scopes = security.flatMap((scheme) => Object.values(scheme)).flat();
  const open = security.length === 0 || security.some((scheme) => Object.keys(scheme).length === 0);
  if (security.length === 0) return html`Open to all.`;
  const wanted = scopes.length === 0
    ? html`A token`
    : html`A token with ${scopes.map((scope) => html`<code>${scope}</code>`)}`;
  return html`${wanted}${open ? ", or none where the configuration lets it be asked without" : ""}.`;
}

function curl(method: string, path: string, { parameters = [], security = [] }: Operation): string {
  const values = new Map(parameters.map(({ name, schema }) => [name, String(schema?.example ?? name.toUpperCase())]));
  const filled = path.replaceAll(/\{([^}]+)\}/g, (_, name) => values.get(name) ?? name);
  const query = parameters.filter((parameter) =>
    parameter.in === "query" && (parameter.required || parameter.schema?.example)
  )
    .map(({ name }) => `${name}=${values.get(name)}`).join("&");
  const flags = [
    "curl -s",
    method === "head" ? "-I" : method === "get" ? "" : `-X ${method.toUpperCase()}`,
    security.some((scheme) => "bearer" in scheme) ? '-H "authorization: Bearer $TOKEN"' : "",
    `"http://127.0.0.1:8081${filled}${query === "" ? "" : `?${query}`}"`,
  ];
  return flags.filter((flag) => flag !== "").join(" ");
}

function exampleOf(schema: Schema | undefined): Html | string {
  return schema?.example === undefined ? "" : html`Such as <code>${String(schema.example)}</code>.`;
}

function sentence(...parts: readonly (Html | string | undefined)[]): Html {
  const said = parts.filter((part) => part !== undefined && part !== "");
  return html`${said.map((part, index) => [index === 0 ? "" : " ", part])}`;
}

/** A path or name that may be broken where it has a separator. */
function breakable(text: string): Html {
  return html`${text.split(/(?<=[/.,])/).map((part, index) => index === 0 ? part : [html`<wbr>`, part])}`;
}

function label(method: string): string {
  return method.toUpperCase();
}

function heading(tag: string): string {
  return tag.slice(0, 1).toUpperCase() + tag.slice(1);
}

function slug(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
}
