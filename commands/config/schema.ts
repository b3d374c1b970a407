/**
 * The configuration file's schema, made of the table of settings: what checks a file, and what tells others of it.
 *
 * @module
 */
import { z } from "zod";
import { ConfigError } from "../../src/rdma/errors.ts";
import { resolveSmbSettings, SMB_SETTINGS, type SmbSettings } from "../../src/smb/client/settings.ts";
import { isComponent } from "../../src/smb/wire/names.ts";
import { suggest } from "../command.ts";
import { LOGONS } from "../smb_flags.ts";
import { EVERY_SETTING } from "./engine_settings.ts";
import type { Form } from "./kinds.ts";
import { SECTIONS } from "./settings.ts";

/** A key's value, whatever it is, by a dialect of JSON Schema's own. */
type Document = Readonly<Record<string, unknown>>;

const TEXT = "want a text that is not empty";

/** What a form takes. */
function formSchema(form: Form): z.ZodType {
  switch (form.type) {
    case "number":
      return wholeNumber(form.least, form.most, `want a whole number from ${form.least} to ${form.most}`);
    case "numbers": {
      const want = `want whole numbers from ${form.least} to ${form.most}`;
      return z.array(wholeNumber(form.least, form.most, want), { error: want }).min(1, { error: want });
    }
    case "choice":
      return z.enum(form.of, { error: `want one of ${form.of.join(", ")}` });
    case "choices": {
      const want = `want some of ${form.of.join(", ")}`;
      return z.array(z.enum(form.of, { error: want }), { error: want }).min(1, { error: want });
    }
    case "boolean":
      return z.boolean({ error: "want true or false" });
    case "text":
      return z.string({ error: TEXT }).min(1, { error: TEXT });
  }
}

function wholeNumber(least: number, most: number, error: string): z.ZodType<number> {
  return z.int({ error }).min(least, { error }).max(most, { error });
}

/** A section made of settings. */
function sectionSchema(section: string): z.ZodType {
  const shape: Record<string, z.ZodType> = {};
  for (const setting of EVERY_SETTING) {
    if (setting.section !== section) continue;
    const item = formSchema(setting.kind.form);
    const value = setting.several ? z.union([item, z.array(item)], { error: "want a text, or a list of texts" }) : item;
    const [first = "", ...more] = setting.fallback;
    const fallback = more.length === 0 ? first : setting.fallback.join(", ");
    const description = fallback === "" ? setting.help : `${setting.help} (${fallback})`;
    shape[setting.key] = value.optional().meta({ description });
  }
  return z.strictObject(shape, { error: wantObject }).optional();
}

const settingShape: Record<string, z.ZodType> = Object.fromEntries(
  Object.entries(SMB_SETTINGS).map(([name, { kind, help }]) => [
    name,
    formSchema(kind).optional().meta({ description: help }),
  ]),
);

const filled = (description: string): z.ZodType => formSchema({ type: "text" }).optional().meta({ description });

const serverSchema = z.strictObject({
  host: filled("name or numeric address; the server's own name where it is left out"),
  port: formSchema({ type: "number", least: 1, most: 65_535 }).optional().meta({ description: "TCP's port" }),
  user: filled("who logs on"),
  domain: filled("the user's domain"),
  passwordFile: filled("file that holds the password"),
  logon: z.enum(LOGONS, { error: `want one of ${LOGONS.join(", ")}` }).optional().meta({
    description: "log on without a user's name",
  }),
  ...settingShape,
}, { error: wantObject }).superRefine((server, { addIssue }) => {
  if (server.logon !== undefined && (server.user ?? server.domain ?? server.passwordFile) !== undefined) {
    addIssue({ code: "custom", path: ["logon"], message: "it goes without user, domain and passwordFile" });
  }
});

const smbSchema = z.strictObject({
  servers: z.record(z.string(), serverSchema, { error: wantObject }).optional().meta({
    description: "servers by name",
  }),
  ...settingShape,
}, { error: wantObject }).superRefine(({ servers = {}, ...settings }, { addIssue }) => {
  const disagree = (path: string[], all: SmbSettings): void => {
    try {
      resolveSmbSettings(all);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      addIssue({ code: "custom", path, message: error.message });
    }
  };
  disagree([], settings);
  const names = new Set<string>();
  for (const [name, server] of Object.entries(servers)) {
    const path = ["servers", name];
    if (!isComponent(name) || /[@:;[\]\s]/.test(name)) {
      addIssue({ code: "custom", path, message: "it cannot be part of a URL" });
    } else if (names.has(name.toLowerCase())) {
      addIssue({ code: "custom", path, message: "the name is given twice, case aside" });
    }
    names.add(name.toLowerCase());
    disagree(path, { ...settings, ...server as SmbSettings });
  }
}).optional();

function wantObject(): string {
  return "want an object";
}

/** The whole file. */
export const configSchema: z.ZodType<Document> = z.strictObject({
  ...Object.fromEntries(SECTIONS.map((section) => [section, sectionSchema(section)])),
  smb: smbSchema,
}, { error: wantObject });

/** The schema as JSON Schema (draft 2020-12), for editors and other programs. */
export function configJsonSchema(): Record<string, unknown> {
  return { title: "Verbena's configuration", ...z.toJSONSchema(configSchema, { io: "input" }) };
}

/** All that is wrong with a document, a line each: key, value, what is wanted. */
export function problemsOf(document: unknown): string[] {
  const result = configSchema.safeParse(document);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(issue.path, key));
    const key = issue.path.join(".") || "the file";
    if (issue.code === "custom") return [`${key}: ${issue.message}`];
    const value = issue.path.reduce<unknown>((within, name) => (within as Document)?.[name as string], document);
    return [`${key}: got ${JSON.stringify(value)?.slice(0, 64)}, ${issue.message}`];
  });
}

function unknownKey(path: readonly PropertyKey[], key: string): string {
  const known = knownKeys(path);
  const hint = suggest(key, known) || `; want ${known.join(", ")}`;
  return `${[...path, key].join(".")}: unknown key${hint}`;
}

/** The keys that the schema has at a path. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = configJsonSchema();
  for (const name of path) {
    const { properties, additionalProperties } = at as { properties?: Document; additionalProperties?: unknown };
    at = properties?.[name as string] ?? additionalProperties;
  }
  return Object.keys((at as { properties?: Document }).properties ?? {});
}
