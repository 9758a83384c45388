import { z } from 'zod';
import { nearest, safeText, UserError } from '../core/index.ts';

/**
 * `anomalyst-plugin.json`: what a plugin is called, what it adds, and what it asks to be allowed. docs/plugins.md tells it. Nothing in it is code.
 */

export const MANIFEST_FILE = 'anomalyst-plugin.json';

/** Version of the interface between this program and a plugin. It rises when a plugin that ran before would not run any more. */
export const PLUGIN_API = 1;

/** Longest manifest that is read, in characters. */
const MAX_TEXT = 262_144;

const sentence = z.string().min(1).max(500);
/** A name in `<namespace>.<name>`, which stands in expressions. */
const itemName = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, {
  error: "expected a name of small letters, digits and '_', as in amount_risk",
});
const columnName = z.string().min(1).max(200);

const parameter = z.union([
  z.strictObject({
    type: z.literal('number'),
    description: sentence,
    default: z.number().optional(),
    least: z.number().optional(),
    most: z.number().optional(),
  }),
  z.strictObject({ type: z.literal('text'), description: sentence, default: z.string().max(1000).optional() }),
  z.strictObject({ type: z.literal('boolean'), description: sentence, default: z.boolean().optional() }),
]);
const parameters = z.record(itemName, parameter).optional();

const takes = z
  .array(z.strictObject({ name: itemName, type: z.enum(['number', 'text', 'boolean', 'any']) }))
  .min(1)
  .max(8);

const common = { name: itemName, description: sentence, parameters };

const network = z.string().regex(/^[A-Za-z0-9.:[\]-]{1,253}:\d{1,5}$/, {
  error: 'expected a host and a port, as in api.example.com:443',
});

export const manifestShape = z.strictObject({
  name: z
    .string()
    .max(214)
    .regex(/^(@[a-z0-9-][a-z0-9._-]*\/)?[a-z][a-z0-9._-]*$/, {
      error: 'expected a name as npm takes it, beginning with a small letter',
    }),
  version: z.string().regex(/^\d{1,9}\.\d{1,9}\.\d{1,9}(-[0-9A-Za-z.-]{1,60})?$/, {
    error: 'expected a version of three numbers, as in 1.0.0',
  }),
  description: sentence,
  api: z.int().positive(),
  main: z.string().regex(/^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}\.m?js$/, {
    error: 'expected a file of the plugin that ends in .js or .mjs, as in main.js',
  }),
  adds: z.strictObject({
    features: z
      .array(
        z.strictObject({
          ...common,
          takes,
          gives: z.enum(['number', 'text']).default('number'),
          unit: z.string().max(60).optional(),
        }),
      )
      .max(100)
      .optional(),
    filters: z
      .array(z.strictObject({ ...common, takes }))
      .max(100)
      .optional(),
    flags: z
      .array(z.strictObject({ ...common, takes }))
      .max(100)
      .optional(),
    detectors: z
      .array(
        z.strictObject({
          ...common,
          table: z.enum(['flows', 'rows']).default('rows'),
          needs: z.array(columnName).min(1).max(64),
        }),
      )
      .max(50)
      .optional(),
    decoders: z
      .array(
        z.strictObject({
          ...common,
          transport: z.enum(['tcp', 'udp']),
          ports: z.array(z.int().min(1).max(65_535)).min(1).max(64),
          /** Also asked where a decoder of this program has recognised the content. */
          recognised: z.boolean().optional(),
        }),
      )
      .max(50)
      .optional(),
    sinks: z.array(z.strictObject(common)).max(20).optional(),
    reports: z.array(z.strictObject(common)).max(20).optional(),
  }),
  permissions: z
    .strictObject({
      files: z.strictObject({ why: sentence }).optional(),
      writes: z.strictObject({ why: sentence }).optional(),
      network: z.strictObject({ hosts: z.array(network).min(1).max(20), why: sentence }).optional(),
    })
    .optional(),
});

export type Manifest = z.infer<typeof manifestShape>;
export type ManifestParameters = z.infer<typeof parameters>;

/** What a plugin can add, by the key under `adds`, in the order of docs/plugins.md. */
export const ADDED_KINDS = ['features', 'filters', 'flags', 'detectors', 'decoders', 'sinks', 'reports'] as const;
export type AddedKind = (typeof ADDED_KINDS)[number];

/** The first half of what a plugin adds: the last part of its name, in the letters that a name in an expression may have. */
export function namespaceOf(name: string): string {
  return (name.split('/').at(-1) ?? name).replace(/[^a-z0-9]+/g, '_');
}

/** Reads a manifest. @param file the name for messages. Throws UserError with the key of the first mistake, and the nearest known key where there is one. */
export function parseManifest(text: string, file: string): Manifest {
  if (text.length > MAX_TEXT)
    throw new UserError(
      `${file}: longer than ${MAX_TEXT} characters`,
      'a manifest names what a plugin adds, and no more',
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(
      `${file}: not JSON: ${safeText(error instanceof Error ? error.message : String(error), 200)}`,
      'mend it there; docs/plugins.md shows a manifest',
    );
  }
  const api = typeof value === 'object' && value !== null && 'api' in value ? value.api : undefined;
  if (typeof api === 'number' && Number.isInteger(api) && api !== PLUGIN_API)
    throw new UserError(
      `${file}: api: the plugin is made for version ${api} of the plugin interface, and this program has ${PLUGIN_API}`,
      api > PLUGIN_API
        ? 'update anomalyst, or take an older version of the plugin'
        : 'take a newer version of the plugin',
    );
  const result = manifestShape.safeParse(value);
  if (!result.success) fail(result.error.issues[0], file);
  const manifest = result.data;
  if (ADDED_KINDS.every((kind) => (manifest.adds[kind] ?? []).length === 0))
    throw new UserError(`${file}: adds: the plugin adds nothing`, `name what it adds under ${ADDED_KINDS.join(', ')}`);
  for (const [i, { parameters: declared }] of (manifest.adds.flags ?? []).entries())
    for (const [key, { type }] of Object.entries(declared ?? {}))
      if (type === 'text')
        throw new UserError(
          `${file}: adds.flags[${i}].parameters.${key}: a flag takes numbers and truth values`,
          'as in "type": "number"',
        );
  // Functions of expressions share one list of names, as do those that have settings.
  for (const group of [['features', 'filters'], ['flags'], ['detectors', 'decoders', 'sinks', 'reports']] as const) {
    const seen = new Map<string, string>();
    for (const kind of group)
      for (const [i, { name }] of (manifest.adds[kind] ?? []).entries()) {
        const before = seen.get(name);
        if (before !== undefined)
          throw new UserError(
            `${file}: adds.${kind}[${i}].name: '${name}' is the name of ${before} already`,
            'give it another name',
          );
        seen.set(name, `adds.${kind}[${i}]`);
      }
  }
  return manifest;
}

function fail(issue: z.core.$ZodIssue | undefined, file: string): never {
  if (issue === undefined) throw new Error('a failed parse has an issue');
  const inner = issue.code === 'invalid_union' ? issue.errors.flat().find((one) => one.path.length > 0) : undefined;
  const path = [...issue.path, ...(inner?.path ?? [])];
  const found = inner ?? issue;
  if (found.code === 'unrecognized_keys') {
    const known = knownKeys(path);
    const key = found.keys[0] ?? '';
    const near = nearest(key, known);
    throw new UserError(
      `${file}: ${safeText(pathText([...path, key]), 200)}: unknown key`,
      near === undefined ? `known keys here: ${known.join(', ')}` : `did you mean '${near}'?`,
    );
  }
  throw new UserError(
    `${file}: ${safeText(pathText(path), 200)}: ${safeText(found.message.replace(/^Invalid input: /, ''), 300)}`,
    'docs/plugins.md shows a manifest',
  );
}

function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${String(step)}`;
  return text === '' ? 'the whole' : text;
}

/** The keys that the shape knows at a path. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = manifestShape;
  for (const step of path) {
    at = unwrapped(at);
    if (typeof step === 'number') at = at instanceof z.ZodArray ? at.element : undefined;
    else if (at instanceof z.ZodObject) at = (at.shape as Record<string, unknown>)[String(step)];
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else at = undefined;
  }
  at = unwrapped(at);
  if (at instanceof z.ZodUnion)
    return [...new Set(at.options.flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape) : [])))];
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrapped(shape: unknown): unknown {
  let at = shape;
  while (at instanceof z.ZodOptional || at instanceof z.ZodDefault) at = at.unwrap();
  return at;
}

export type Setting = number | string | boolean;

/**
 * The parameters of one thing that a plugin adds, as somebody set them, with the defaults. Throws UserError where one is unknown, missing, of the wrong type or out of range.
 * @param where how messages call the place, as in `plugins[0].settings.velocity`
 */
export function settingsOf(
  declared: ManifestParameters,
  given: Readonly<Record<string, unknown>>,
  where: string,
): Record<string, Setting> {
  const settings: Record<string, Setting> = {};
  const names = Object.keys(declared ?? {});
  for (const key of Object.keys(given))
    if (!names.includes(key)) {
      const near = nearest(key, names);
      throw new UserError(
        `${where}: there is no parameter '${safeText(key, 60)}'`,
        near !== undefined
          ? `did you mean '${near}'?`
          : names.length === 0
            ? 'it has none'
            : `it has ${names.join(', ')}`,
      );
    }
  for (const [name, spec] of Object.entries(declared ?? {})) {
    const value = Object.hasOwn(given, name) ? given[name] : spec.default;
    if (value === undefined) throw new UserError(`${where}: the parameter '${name}' is missing`, spec.description);
    const wanted = spec.type === 'text' ? 'string' : spec.type;
    if (typeof value !== wanted || (typeof value === 'number' && !Number.isFinite(value)))
      throw new UserError(`${where}.${name}: expected a ${spec.type}`, spec.description);
    if (spec.type === 'number') {
      const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = spec;
      if (Number(value) < least || Number(value) > most)
        throw new UserError(`${where}.${name}: expected a number from ${least} to ${most}`, spec.description);
    }
    settings[name] = value as Setting;
  }
  return settings;
}
