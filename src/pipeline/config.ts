import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { REDACTIONS } from '../analyst/index.ts';
import { nearest, UserError } from '../core/index.ts';
import { DETECTORS } from '../detect/index.ts';
import { DEFAULT_FLOW_OPTIONS } from '../flow/index.ts';
import { parseAlertBudget, SEVERITIES } from '../incident/index.ts';
import { LANGUAGE_PROVIDERS } from '../io/index.ts';
import { checkParameters, models, parametersOf } from '../model/index.ts';
import { NetworkSet } from '../wire/index.ts';

/**
 * The configuration file: every key optional, unknown keys refused with the nearest one, so that a typing error can't silently change a result.
 * Flags of the command line win over it.
 */

const network = z.string().refine((text) => NetworkSet.parse([text]) !== undefined, {
  error: 'expected an address or a network in CIDR notation, as in 192.168.0.0/16',
});
const positive = z.number().positive();

/** Settings of one detector: numbers or switches by name. Which names and kinds a detector has is checked after the shape, from its own defaults. */
const settings = z.record(z.string(), z.union([z.number().nonnegative(), z.boolean()]));

/** One plugin: which, what it must be, what it may, and how much it may take. */
const pluginShape = z.strictObject({
  use: z.string().min(1).max(1000),
  version: z.string().max(100).optional(),
  integrity: z
    .string()
    .regex(/^sha256-[A-Za-z0-9+/]{43}=$/, {
      error: 'expected sha256- and 44 letters, as anomalyst plugin lock prints them',
    })
    .optional(),
  grant: z
    .strictObject({
      files: z.array(z.string().min(1)).max(20).optional(),
      writes: z.array(z.string().min(1)).max(20).optional(),
      network: z.array(z.string().min(1)).max(20).optional(),
    })
    .optional(),
  settings: z.record(z.string(), z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))).optional(),
  timeoutMs: z.int().min(100).max(600_000).optional(),
  memoryMb: z.int().min(16).max(16_384).optional(),
});

const timeout = z.int().min(100).max(86_400_000);

/** The language model: how it is reached, and how much it may take. */
const analystShape = z.strictObject({
  provider: z.enum(LANGUAGE_PROVIDERS).optional(),
  url: z.string().min(1).max(2000).optional(),
  model: z.string().min(1).max(500).optional(),
  allowRemote: z.boolean().optional(),
  keyFrom: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, {
      error:
        'expected the name of a variable of the environment, as in MY_SERVER_KEY; the key itself is never written here',
    })
    .optional(),
  temperature: z.number().min(0).max(2).optional(),
  maxOutputTokens: z.int().min(16).max(100_000).optional(),
  maxContextTokens: z.int().min(2048).max(4_194_304).optional(),
  keepAlive: z
    .string()
    .regex(/^(?:-1|0|\d{1,6}(?:s|m|h))$/, { error: "expected a time as Ollama takes it: '10m', '1h', '0', '-1'" })
    .optional(),
  concurrency: z.int().min(1).max(64).optional(),
  personas: z.array(z.string().min(1).max(41)).min(1).max(20).optional(),
  templates: z.string().min(1).optional(),
  redact: z.enum(REDACTIONS).optional(),
  knownDomains: z.array(z.string().min(1).max(300)).min(1).max(100_000).optional(),
  attempts: z.int().min(1).max(20).optional(),
  timeouts: z
    .strictObject({
      connectMs: timeout.optional(),
      firstTokenMs: timeout.optional(),
      idleMs: timeout.optional(),
      totalMs: timeout.optional(),
    })
    .optional(),
  budget: z
    .strictObject({
      tokens: z.int().positive().optional(),
      money: positive.optional(),
      inputPrice: z.number().nonnegative().optional(),
      outputPrice: z.number().nonnegative().optional(),
    })
    .optional(),
});

export const configSchema = z.strictObject({
  homeNet: z.array(network).min(1).optional().describe('Networks that are yours, in CIDR notation.'),
  out: z.string().min(1).optional().describe('Folder for the report and the tables.'),
  model: z.string().min(1).optional().describe('Model file to score flows with, instead of one fitted on this input.'),
  baseline: z.string().min(1).optional().describe('Baseline to judge by (docs/baseline.md).'),
  threatLists: z
    .array(z.string().min(1))
    .min(1)
    .max(1000)
    .optional()
    .describe('Threat lists to hold the traffic against (docs/threat-lists.md).'),
  vendors: z
    .string()
    .min(1)
    .optional()
    .describe('Table of vendors of hardware addresses, as anomalyst baseline oui update makes it.'),
  seed: z.int().optional().describe('Seed of all chance in the run.'),
  top: z.int().positive().optional().describe('How many incidents the terminal shows.'),
  suppressions: z
    .string()
    .min(1)
    .optional()
    .describe(
      'What was called ordinary before (docs/incidents.md), instead of suppressions.yaml in the output folder.',
    ),
  alertBudget: z
    .string()
    .refine((text) => parseAlertBudget(text) !== undefined, { error: 'expected a number and a time, as in 3/week' })
    .optional()
    .describe('At most so many alerts, as in 3/week, 2/day or 1/hour.'),
  alertHistory: z
    .string()
    .min(1)
    .optional()
    .describe('Alerts that were shown before, for the budget; alerts.json in the output folder where absent.'),
  failOn: z.enum(SEVERITIES).optional().describe('Exit with 3 when an incident is at least this severe.'),
  types: z
    .record(z.string(), z.enum(['number', 'integer', 'text', 'time', 'boolean']))
    .optional()
    .describe('Types of the columns of tables, by name, where they should not be told from the first rows.'),
  popular: z
    .string()
    .min(1)
    .optional()
    .describe(
      'List of popular domains for ranks (Tranco, Umbrella, Majestic, CrUX or one domain a line), instead of the one that ships.',
    ),
  timeZone: z
    .string()
    .min(1)
    .optional()
    .describe('Zone of hours and weekdays in features: Europe/Berlin, +02:00, UTC (the default).'),
  flow: z
    .strictObject({
      tcpIdleTimeoutMs: positive.optional(),
      idleTimeoutMs: positive.optional(),
      activeTimeoutMs: positive.optional(),
      lingerMs: positive.optional(),
      maxFlows: z.int().min(1024).max(8_388_608).optional(),
    })
    .optional()
    .describe('Timeouts and size of the flow table.'),
  detect: z
    .record(z.string(), z.union([z.boolean(), settings]))
    .optional()
    .describe('Detectors: false switches one off, a mapping sets its thresholds.'),
  fit: z
    .strictObject({
      algorithm: z.enum(models.map(({ kind }) => kind)).optional(),
      parameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).optional(),
    })
    .optional()
    .describe(
      'What anomalyst train fits: the kind of model, and its parameters by name, as anomalyst tune writes them.',
    ),
  analyst: analystShape.optional().describe('The language model that explains incidents (docs/analyst-providers.md).'),
  plugins: z.array(pluginShape).max(50).optional().describe('Plugins to run, each pinned (docs/plugins.md).'),
});

export type Config = z.infer<typeof configSchema>;

/** Names and defaults of what `flow:` takes, for help. */
export const FLOW_CONFIG_DEFAULTS = DEFAULT_FLOW_OPTIONS;

/**
 * Reads a configuration. @param file the name for messages.
 * Throws UserError with file, line and column of the first mistake, its path, and the nearest valid name where there is one.
 */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'error',
  });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw new UserError(`${file}:${line}:${col}: ${broken.message}`, 'mend the YAML there');
  }
  const value = plainValue(document, file);
  const result = configSchema.safeParse(value ?? {});
  const fault = result.success ? (detectorFault(result.data.detect) ?? fitFault(result.data.fit)) : undefined;
  if (result.success && fault === undefined) return result.data;
  const issue: Issue = fault ?? flatten(result.error?.issues[0]);
  const path = [...issue.path];
  let message = issue.message;
  let hint = 'see Configuration in docs/reference.md';
  if (issue.unknownKey !== undefined) {
    const key = issue.unknownKey;
    message = `unknown key '${key}'`;
    const known = issue.known ?? knownKeys(path);
    const near = nearest(key, known);
    hint = near === undefined ? `known keys here: ${known.join(', ')}` : `did you mean '${near}'?`;
    path.push(key);
  }
  const { line, col } = position(document, path, lines);
  throw new UserError(
    `${file}:${line}:${col}: ${path.length > 0 && issue.unknownKey === undefined ? `${path.join('.')}: ` : ''}${message}`,
    hint,
  );
}

/** The document as plain values. Throws UserError where an alias has no anchor, or aliases multiply beyond all measure. */
function plainValue(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new UserError(`${file}: ${error.message}`, 'write the value out where the alias (*) stands');
  }
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The first key that nobody knows, where that is the matter. */
  readonly unknownKey?: string;
  /** What there is instead, where the path alone does not say. */
  readonly known?: readonly string[];
}

/** A union says only that nothing fitted; the branch that looked inside says more. */
function flatten(issue: z.core.$ZodIssue | undefined): Issue {
  if (issue === undefined) throw new Error('a failed parse has an issue');
  if (issue.code === 'unrecognized_keys')
    return { path: issue.path, message: issue.message, unknownKey: issue.keys[0] ?? '' };
  if (issue.code !== 'invalid_union') return issue;
  if (issue.path[0] === 'plugins') return { path: issue.path, message: 'expected a text, a number, true or false' };
  const inner = issue.errors.flat().find((candidate) => candidate.path.length > 0);
  if (inner === undefined) return { path: issue.path, message: 'expected true, false, or settings by name' };
  return { path: [...issue.path, ...inner.path], message: 'expected a number not below 0, true or false' };
}

/** A detector or a setting that does not exist, or a setting of the wrong kind. */
function detectorFault(detect: Config['detect']): Issue | undefined {
  for (const [id, setting] of Object.entries(detect ?? {})) {
    const detector = DETECTORS.find((entry) => entry.info.id === id);
    if (detector === undefined) return { path: ['detect'], message: `unknown detector '${id}'`, unknownKey: id };
    if (typeof setting === 'boolean') continue;
    for (const [name, value] of Object.entries(setting)) {
      const standard = detector.defaults[name];
      if (standard === undefined)
        return { path: ['detect', id], message: `unknown setting '${name}'`, unknownKey: name };
      if (typeof value !== typeof standard)
        return {
          path: ['detect', id, name],
          message: `expected a ${typeof standard}, as its default ${String(standard)} is`,
        };
    }
  }
  return undefined;
}

/** A parameter that the kind of model has not, or a value that it can't have. */
function fitFault(fit: Config['fit']): Issue | undefined {
  const { algorithm, parameters = {} } = fit ?? {};
  const [first] = Object.keys(parameters);
  if (first === undefined) return undefined;
  if (algorithm === undefined)
    return { path: ['fit', 'parameters'], message: 'expected fit.algorithm beside it: whose parameters they are' };
  for (const [name, value] of Object.entries(parameters)) {
    const known = parametersOf(algorithm).map((one) => one.name);
    if (!known.includes(name))
      return { path: ['fit', 'parameters'], message: `unknown parameter '${name}'`, unknownKey: name, known };
    try {
      checkParameters(algorithm, { [name]: value });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { path: ['fit', 'parameters', name], message: error.message.slice(error.message.lastIndexOf(': ') + 2) };
    }
  }
  return undefined;
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  if (path.length === 0) return Object.keys(configSchema.shape);
  if (path[0] === 'flow')
    return Object.keys(DEFAULT_FLOW_OPTIONS).filter((key) => key !== 'batchRows' && key !== 'hashSeed');
  if (path[0] === 'fit') return ['algorithm', 'parameters'];
  if (path[0] === 'analyst')
    return Object.keys(
      path[1] === 'timeouts' || path[1] === 'budget' ? analystShape.shape[path[1]].unwrap().shape : analystShape.shape,
    );
  if (path[0] === 'plugins')
    return Object.keys(path[2] === 'grant' ? pluginShape.shape.grant.unwrap().shape : pluginShape.shape);
  if (path[0] === 'detect' && path.length === 1) return DETECTORS.map((entry) => entry.info.id);
  const detector = DETECTORS.find((entry) => entry.info.id === path[1]);
  return detector === undefined ? [] : Object.keys(detector.defaults);
}

function position(
  document: ReturnType<typeof parseDocument>,
  path: readonly PropertyKey[],
  lines: LineCounter,
): { line: number; col: number } {
  for (let length = path.length; length > 0; length--) {
    const keys = path.slice(0, length).map((key) => (typeof key === 'symbol' ? key.toString() : key));
    // The key's own place says more than its value's, where the parent is a mapping.
    const parent: unknown = length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true);
    if (typeof parent === 'object' && parent !== null && 'items' in parent && Array.isArray(parent.items)) {
      for (const item of parent.items as unknown[]) {
        if (typeof item === 'object' && item !== null && 'key' in item) {
          const { key } = item;
          if (
            typeof key === 'object' &&
            key !== null &&
            'value' in key &&
            'range' in key &&
            key.value === keys.at(-1) &&
            Array.isArray(key.range)
          ) {
            return lines.linePos(Number(key.range[0]));
          }
        }
      }
    }
    const node: unknown = document.getIn(keys, true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return lines.linePos(Number(node.range[0]));
  }
  return { line: 1, col: 1 };
}
