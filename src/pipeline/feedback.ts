import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { nearest, safeText, UserError } from '../core/index.ts';
import { DETECTORS, hoursOf } from '../detect/index.ts';
import {
  type Feedback,
  type LabelledIncident,
  MEASURED,
  SCOPE_PARTS,
  SEVERITIES,
  type SuppressionRule,
} from '../incident/index.ts';
import { NetworkSet } from '../wire/index.ts';

/**
 * suppressions.yaml: what a person said of incidents, and the rules that hide what was called ordinary. It is meant to be read and edited; what a
 * program adds leaves comments and order as they are. Version 1:
 *
 *     version: 1
 *     last: 3                     # highest number that a rule ever had: none is given twice
 *     rules:
 *       - id: s3
 *         incident: inc-26550e03ff93
 *         created: 2026-11-21
 *         expires: 2026-12-21     # of the traffic: what is later is shown again
 *         reason: nightly backup
 *         scope: { detector: [beacon], source: [192.168.20.66], destination: [198.51.100.77], port: [443] }
 *         limits: { flowsPerHour: 800, peers: 2, ports: [443], bytesPerFlow: 12000, severity: medium }
 *     labels:
 *       - { incident: inc-26550e03ff93, label: benign, detectors: [beacon], at: 2026-11-21 }
 */
export const FEEDBACK_FILE = 'suppressions.yaml';
const VERSION = 1;

type Path = readonly (string | number)[];
const MAX_RULES = 1000;
const MAX_LABELS = 10_000;

/** Words of the published schema. */
const words = z.registry<{ title?: string; description: string }>();

function say<T extends z.ZodType>(schema: T, description: string): T {
  words.add(schema, { description });
  return schema;
}

const DAY_PATTERN = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?Z)?$/;
const text = z.string().min(1).max(1000);
const network = z.string().refine((one) => NetworkSet.parse([one]) !== undefined || /^[^/\s]{1,200}$/.test(one), {
  error: 'expected an address, or a network in CIDR notation as in 192.168.0.0/16',
});
const DAY_ERROR = { error: 'expected a day as in 2026-12-21, or a time as in 2026-12-21T08:00:00Z' };
const date = z
  .string()
  .regex(DAY_PATTERN, DAY_ERROR)
  .refine((one) => !Number.isNaN(dateOf(one)), DAY_ERROR);
const port = z.int().min(0).max(65_535);
const incident = z
  .string()
  .regex(/^inc-[0-9a-f]{12}$/, { error: 'expected the id of an incident, as in inc-26550e03ff93' });
const list = <T extends z.ZodType>(member: T) => z.array(member).min(1).max(1000);

const scopeShape = z.strictObject({
  detector: say(list(text).optional(), 'Any of these detectors: beacon, scan ...'),
  source: say(list(network).optional(), 'The actor is one of these addresses, or lies in one of these networks.'),
  destination: say(
    list(network).optional(),
    'Every peer is one of these addresses, or lies in one of these networks; a list of peers that is cut never fits.',
  ),
  organisation: say(list(text).optional(), 'Every name that is asked for belongs to one of these registrable domains.'),
  port: say(list(port).optional(), 'The port of the responder that it is about.'),
  schedule: say(
    list(
      z.string().refine((one) => hoursOf(one) !== undefined, {
        error: 'expected hours in UTC, as in mon-fri 22:00-06:00 or daily 02:00-04:00',
      }),
    ).optional(),
    'Hours in UTC, as in mon-fri 22:00-06:00: begin, end and the flows that are kept lie within.',
  ),
});
const limitsShape = z.strictObject({
  flowsPerHour: say(z.number().nonnegative().optional(), 'More flows an hour are shown.'),
  peers: say(z.int().nonnegative().optional(), 'More peers are shown.'),
  ports: say(z.array(port).max(1000).optional(), 'Other ports of responders are shown.'),
  kinds: say(
    list(text).optional(),
    "Kinds of detections, as in lateral-movement.enumeration, or 'scan' for all of its kinds: others are shown.",
  ),
  organisations: say(list(text).optional(), 'Names below other registrable domains are shown.'),
  hardware: say(
    list(
      z.string().regex(/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/, {
        error: 'expected a hardware address in lower case with colons, as in 3c:52:82:01:02:03',
      }),
    ).optional(),
    'Another device that has the address of the actor is shown: hardware addresses in lower case with colons.',
  ),
  bytesPerFlow: say(
    z.number().nonnegative().optional(),
    'Bytes of the largest flow among the evidence, both directions: larger ones are shown.',
  ),
  severity: say(z.enum(SEVERITIES).optional(), 'More severe incidents are shown.'),
});
const ruleShape = z.strictObject({
  id: say(
    z.string().regex(/^s[1-9]\d{0,8}$/, { error: "expected 's' and a number, as in s3" }),
    "Its name: 's' and a number that no other rule has.",
  ),
  incident: say(incident.optional(), 'The incident that was labelled.'),
  created: say(date.optional(), 'Day on which it was made.'),
  expires: say(
    date.optional(),
    'Traffic from this day on is shown again: by the time of the traffic, not by the clock.',
  ),
  reason: say(z.string().max(1000).optional(), 'Why, for whoever reads it later.'),
  scope: say(
    scopeShape,
    'What it is bound to: all parts must fit, and an absent part fits everything. At least one part must stand here.',
  ),
  limits: say(
    limitsShape.optional(),
    'How the behaviour was, with headroom: what goes beyond is shown and says why. An absent limit does not bind.',
  ),
});
const labelShape = z.strictObject({
  incident: say(incident, 'The incident that was labelled.'),
  label: say(z.enum(['benign', 'malicious']), 'malicious: no rule hides it.'),
  detectors: say(z.array(text).max(100).optional(), 'Detectors whose reliability it moves.'),
  at: say(date.optional(), 'Day of the label.'),
  reason: say(z.string().max(1000).optional(), 'Why, for whoever reads it later.'),
});
const documentShape = z.strictObject({
  version: say(z.literal(VERSION), 'Version of this shape.'),
  last: say(z.int().nonnegative().optional(), 'Highest number that a rule ever had: none is given twice.'),
  rules: say(z.array(ruleShape).max(MAX_RULES).nullish(), 'What hides, and how far.'),
  labels: say(z.array(labelShape).max(MAX_LABELS).nullish(), 'What a person said of incidents.'),
});
words.add(documentShape, {
  title: 'Anomalyst suppressions',
  description: 'What a person said of incidents, and the rules that hide what was called ordinary (docs/incidents.md).',
});

/** The published JSON Schema (draft 2020-12), as text with a newline at its end: schema/suppressions.schema.json. */
export function suppressionsJsonSchemaText(): string {
  const schema = z.toJSONSchema(documentShape, {
    target: 'draft-2020-12',
    metadata: words,
    unrepresentable: 'throw',
    // The checks below know no more of an empty scope than that it is refused.
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === scopeShape) jsonSchema.minProperties = 1;
    },
  });
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Where the schema lies in this installation: the same two floors up from src and from dist. */
const SCHEMA_FILE = fileURLToPath(new URL('../../schema/suppressions.schema.json', import.meta.url));

function dateOf(given: string): number {
  if (!DAY_PATTERN.test(given)) return Number.NaN;
  const ms = Date.parse(given);
  // Some readers of dates roll the 31st of a short month over.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== given.slice(0, 10) ? Number.NaN : ms;
}

/** The file with its comments, so that it can be added to. Throws UserError with file, line and column of the first mistake. */
export class FeedbackFile {
  readonly feedback: Feedback;
  /** Highest number that a rule ever had. */
  readonly last: number;
  readonly #document: Document;

  constructor(content: string, file: string) {
    const lines = new LineCounter();
    const document = parseDocument(content, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: true,
      logLevel: 'error',
    });
    const at = (offset: number | undefined): string => {
      const { line, col } = lines.linePos(offset ?? 0);
      return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
    };
    const [broken] = document.errors;
    if (broken !== undefined) throw new UserError(`${at(broken.pos[0])}: ${broken.message}`, 'mend the YAML there');
    let plain: unknown;
    try {
      plain = document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      throw new UserError(`${file}: ${error.message}`, 'write the value out where the alias (*) stands');
    }
    const parsed = documentShape.safeParse(plain ?? { version: VERSION });
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const path = [...(issue?.path ?? [])].filter((key): key is string | number => typeof key !== 'symbol');
      if (issue?.code === 'unrecognized_keys') {
        const key = issue.keys[0] ?? '';
        const known = knownKeys(path);
        const near = nearest(key, known);
        throw new UserError(
          `${at(offsetOf(document, [...path, key]))}: unknown key '${safeText(key, 60)}'`,
          near === undefined ? `known keys here: ${known.join(', ')}` : `did you mean '${near}'?`,
        );
      }
      throw new UserError(
        `${at(offsetOf(document, path))}: ${path.length === 0 ? '' : `${path.join('.')}: `}${issue?.message ?? ''}`,
        'see docs/incidents.md for what the file holds',
      );
    }
    const { rules, labels, last = 0 } = parsed.data;
    const seen = new Set<string>();
    const detectors = [...new Set([...DETECTORS.map(({ info }) => info.id), ...Object.keys(MEASURED)])];
    const kinds = [...detectors, ...DETECTORS.flatMap(({ info }) => info.kinds)];
    for (const [i, rule] of (rules ?? []).entries()) {
      if (seen.has(rule.id))
        throw new UserError(
          `${at(offsetOf(document, ['rules', i, 'id']))}: there are two rules ${rule.id}`,
          'give one of them another number',
        );
      seen.add(rule.id);
      if (Object.values(rule.scope).every((part) => part === undefined))
        throw new UserError(
          `${at(offsetOf(document, ['rules', i, 'scope']))}: rule ${rule.id} has an empty scope and would hide everything`,
          `give at least one of ${SCOPE_PARTS.join(', ')}`,
        );
      // Plugins have detectors and kinds of their own: only what is nearly one of ours is a mistake.
      const refuse = (what: string, path: Path, names: readonly string[] = [], known: readonly string[]): void => {
        for (const [j, name] of names.entries()) {
          const near = known.includes(name) ? undefined : nearest(name, known);
          if (near !== undefined)
            throw new UserError(
              `${at(offsetOf(document, ['rules', i, ...path, j]))}: unknown ${what} '${safeText(name, 60)}'`,
              `did you mean '${near}'?`,
            );
        }
      };
      refuse('detector', ['scope', 'detector'], rule.scope.detector, detectors);
      refuse('kind', ['limits', 'kinds'], rule.limits?.kinds, kinds);
    }
    this.#document = document;
    this.feedback = { rules: (rules ?? []).map(ruleOf), labels: latestLabels((labels ?? []).map(labelOf)) };
    this.last = Math.max(last, ...[...seen].map((id) => Number(id.slice(1))), 0);
  }

  /** @param file where it is going to stand: its first line leads editors to the schema of this installation. */
  static empty(file?: string): FeedbackFile {
    const schema = file === undefined ? SCHEMA_FILE : relative(dirname(resolve(file)), SCHEMA_FILE);
    return new FeedbackFile(
      `# yaml-language-server: $schema=${encodeURI(schema.replaceAll('\\', '/'))}\n# What was called ordinary or not, and the rules that follow from it (docs/incidents.md). Edit it as you like.\nversion: ${VERSION}\n`,
      FEEDBACK_FILE,
    );
  }

  /** The id that a rule gets that is added after so many others. */
  nextId(others = 0): string {
    return `s${this.last + 1 + others}`;
  }

  /** The file with a label and its rules more; an older label of the same incident goes, and the rules that came with it. */
  with(label: LabelledIncident, rules: readonly SuppressionRule[]): FeedbackFile {
    const document = this.#document.clone();
    removeWhere(document, 'labels', (node) => node['incident'] === label.incident);
    removeWhere(document, 'rules', (node) => node['incident'] === label.incident);
    add(document, 'labels', labelNode(label));
    for (const rule of rules) {
      add(document, 'rules', ruleNode(rule));
      document.set('last', Number(rule.id.slice(1)));
    }
    return new FeedbackFile(textOf(document), FEEDBACK_FILE);
  }

  /** The file without a rule, and without the label that it came with where that has no other rule; undefined where there is no such rule. */
  without(id: string): FeedbackFile | undefined {
    const rule = this.feedback.rules.find((one) => one.id === id);
    if (rule === undefined) return undefined;
    const document = this.#document.clone();
    document.set('last', this.last);
    removeWhere(document, 'rules', (node) => node['id'] === id);
    const isLast = !this.feedback.rules.some((one) => one !== rule && one.incident === rule.incident);
    if (rule.incident !== undefined && isLast)
      removeWhere(document, 'labels', (node) => node['incident'] === rule.incident);
    return new FeedbackFile(textOf(document), FEEDBACK_FILE);
  }

  text(): string {
    return textOf(this.#document);
  }
}

function textOf(document: Document): string {
  return document.toString({ lineWidth: 160 });
}

function add(document: Document, key: string, value: object): void {
  const known: unknown = document.get(key);
  if (known === undefined || known === null) document.set(key, document.createNode([value]));
  else document.addIn([key], document.createNode(value));
}

function removeWhere(document: Document, key: string, fits: (node: Record<string, unknown>) => boolean): void {
  const plain: unknown = (document.toJS() as Record<string, unknown> | null)?.[key];
  if (!Array.isArray(plain)) return;
  for (let i = plain.length - 1; i >= 0; i--) {
    const node: unknown = plain[i];
    if (typeof node === 'object' && node !== null && fits(node as Record<string, unknown>)) document.deleteIn([key, i]);
  }
}

/** Where a key or a value stands; where it is missing, where its parent does. */
function offsetOf(document: Document, path: readonly (string | number)[]): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1];
    if (isMap(parent))
      for (const pair of parent.items)
        if (isPair(pair) && isScalar(pair.key) && pair.key.value === key && pair.key.range) return pair.key.range[0];
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}

function knownKeys(path: readonly (string | number)[]): string[] {
  if (path.length === 0) return Object.keys(documentShape.shape);
  if (path[0] === 'labels') return Object.keys(labelShape.shape);
  if (path[2] === 'scope') return Object.keys(scopeShape.shape);
  return Object.keys(path[2] === 'limits' ? limitsShape.shape : ruleShape.shape);
}

function ruleOf({
  created,
  expires,
  limits = {},
  scope,
  id,
  incident: of,
  reason,
}: z.infer<typeof ruleShape>): SuppressionRule {
  return {
    id,
    ...defined({ incident: of, reason }),
    ...(created === undefined ? {} : { createdMs: dateOf(created) }),
    ...(expires === undefined ? {} : { expiresMs: dateOf(expires) }),
    scope: defined(scope),
    limits: defined(limits),
  };
}

function labelOf({ at, detectors = [], incident: of, label, reason }: z.infer<typeof labelShape>): LabelledIncident {
  return { incident: of, label, detectors, ...(at === undefined ? {} : { atMs: dateOf(at) }), ...defined({ reason }) };
}

/** One label for each incident: the last one counts. */
function latestLabels(labels: readonly LabelledIncident[]): LabelledIncident[] {
  const byIncident = new Map<string, LabelledIncident>();
  for (const label of labels) {
    byIncident.delete(label.incident);
    byIncident.set(label.incident, label);
  }
  return [...byIncident.values()];
}

/** Without members that are undefined. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function day(ms: number): string {
  const iso = new Date(ms).toISOString();
  return iso.endsWith('T00:00:00.000Z') ? iso.slice(0, 10) : iso;
}

function ruleNode({ id, incident: of, createdMs, expiresMs, reason, scope, limits }: SuppressionRule): object {
  return {
    id,
    ...defined({ incident: of }),
    ...(createdMs === undefined ? {} : { created: day(createdMs) }),
    ...(expiresMs === undefined ? {} : { expires: day(expiresMs) }),
    ...defined({ reason }),
    scope,
    limits,
  };
}

function labelNode({ incident: of, label, detectors, atMs, reason }: LabelledIncident): object {
  return { incident: of, label, detectors, ...(atMs === undefined ? {} : { at: day(atMs) }), ...defined({ reason }) };
}
