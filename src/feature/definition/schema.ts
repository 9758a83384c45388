import { z } from 'zod';
import { COLUMN_TYPES, FLAG_SEVERITIES, TRANSFORMS } from './definition.ts';

/** The shape of a file of definitions; docs/features.md tells it, schema/features.schema.json is made of it. */

const text = z.string().min(1).max(10_000);
const label = z.string().min(1).max(200);
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const columns = z.union([label, z.array(label).min(1).max(20)]);
const params = z.record(z.string(), scalar).describe('Parameters of the function, by name.');

export const featureShape = z.strictObject({
  name: label.describe('What reports and models call it. Every name once.'),
  expression: text.optional().describe('What it measures, as an expression.'),
  column: label.optional().describe('Or a column as it is.'),
  metric: label
    .optional()
    .describe('Or a function by its name, with its columns in `of`; or a feature of a pack, as in flow.bytes-ratio.'),
  of: columns.optional().describe('Columns that the metric takes, in order.'),
  params: params.optional(),
  transform: z.enum(TRANSFORMS).optional().describe('Applied to what it measures.'),
  weight: z.number().positive().max(1e6).optional().describe('How much it counts between rows, above 0; 1 by default.'),
  unit: z.string().max(60).optional().describe('Unit, for reports.'),
  meaning: z.string().max(500).optional().describe('One sentence, for reports.'),
});

export const filterShape = z.strictObject({
  name: label.optional().describe('What the counts of dropped rows call it.'),
  include: text.optional().describe('A condition: rows for which it is false are dropped.'),
  exclude: text.optional().describe('A condition: rows for which it is true are dropped.'),
});

export const flagShape = z.strictObject({
  name: label.describe('Every name once.'),
  when: text.optional().describe('A condition on a row.'),
  having: text.optional().describe('Or a condition on aggregates over the rows of a key.'),
  by: z
    .union([text, z.array(text).min(1).max(8)])
    .optional()
    .describe('With `having`: the key, one expression or several.'),
  over: z
    .string()
    .min(1)
    .max(40)
    .optional()
    .describe('With `having`: the window that trails behind each row, as in 10m; without it the whole table.'),
  function: label.optional().describe('Or a function that raises the flag, as beaconing_detector.'),
  of: columns.optional().describe('Columns that the function takes, in order.'),
  params: params.optional(),
  severity: z.enum(FLAG_SEVERITIES).describe('info, low, medium, high or critical.'),
  message: z
    .string()
    .min(1)
    .max(2000)
    .optional()
    .describe('What it says. Expressions in braces are filled in: {src} asked {count()} times.'),
  description: z.string().max(2000).optional().describe('What it is for.'),
  technique: z
    .string()
    .regex(/^T\d{4}(\.\d{3})?$/, { error: 'expected an ATT&CK technique, as in T1071.004' })
    .optional()
    .describe('ATT&CK technique, as in T1071.004.'),
});

const cut = z.int().min(2).max(50);

export const definitionsShape = z.strictObject({
  time: label.optional().describe('Column of the time: a time, or text in ISO 8601.'),
  entity: label.optional().describe('Column that says who acts: flags are told per entity.'),
  zone: label.optional().describe('Zone of hour(), weekday() and the like, as in Europe/Berlin; UTC by default.'),
  types: z
    .record(label, z.enum(COLUMN_TYPES))
    .optional()
    .describe('Types of columns where the reader shall not guess them.'),
  features: z.array(featureShape).max(500).optional().describe('What is measured on each row.'),
  filters: z.array(filterShape).max(100).optional().describe('Which rows are looked at.'),
  flags: z.array(flagShape).max(200).optional().describe('Conditions that are reported with a severity and a message.'),
  cluster: z
    .strictObject({
      cuts: z
        .union([cut, z.array(cut).min(1).max(20)])
        .optional()
        .describe('Numbers of clusters to cut into, 2 to 50.'),
    })
    .optional()
    .describe('How rows are grouped by their features and weights.'),
});

export type DefinitionsFile = z.infer<typeof definitionsShape>;

/** schema/features.schema.json. */
export function definitionsJsonSchema(): string {
  const schema = {
    title: 'Definitions of features, filters and flags',
    ...z.toJSONSchema(definitionsShape, { io: 'input' }),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

// ---- the layout of system 003 ----

const legacyText = z.string().min(1).max(2000);
const legacyParams = z.record(z.string(), z.union([scalar, z.array(scalar)]));

const common = {
  name: label,
  data_needed: legacyText.optional(),
  params: legacyParams.optional(),
  function_code: z.string().optional(),
};

export const legacyDefinitionsShape = z.strictObject({
  plugins: z.union([z.string(), z.array(z.string())]).nullish(),
  filters: z.array(z.strictObject(common)).max(100).nullish(),
  features: z
    .array(
      z.strictObject({
        ...common,
        type: z.enum(['field', 'metric']),
        multiplier: z.number().positive().max(1e6),
      }),
    )
    .max(500)
    .nullish(),
  flags: z
    .array(
      z.strictObject({
        ...common,
        type: z.enum(['direct', 'aggregation']),
        description: z.string().optional(),
        severity: z.enum(['low', 'medium', 'high']),
        message: z.string().max(2000).optional(),
      }),
    )
    .max(200)
    .nullish(),
});

const port = z.union([z.int().min(0).max(65_535), z.string().regex(/^\d{1,5}$/)]);

export const legacySystemShape = z.strictObject({
  data: z.strictObject({
    in_path: legacyText.optional(),
    out_path: legacyText.optional(),
    host: legacyText.optional(),
    port: port.optional(),
    collection_time: z.union([z.number().positive(), z.string().regex(/^\d+(\.\d+)?$/)]).optional(),
  }),
  features: z.strictObject({ path: legacyText }),
  setup: z.strictObject({
    classification_engine: z.string().optional(),
    input_driver: z.string(),
    output_driver: z.string().optional(),
  }),
});
