/**
 * Writes the reference page docs/reference.md and the JSON Schema from the definitions that the code runs on.
 *
 *     npm run docs               write them
 *     npm run docs -- --check    exit 1 when one is not what would be written
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createProgram } from '../src/cli/index.ts';
import { baselineJsonSchemaText, DETECTORS } from '../src/detect/index.ts';
import { DGA_MODEL } from '../src/feature/data/dga-model.ts';
import {
  FEATURE_PACKS,
  type Feature,
  featuresJsonSchema,
  HOST_SCHEMA,
  shippedPopularList,
} from '../src/feature/index.ts';
import { DEFAULT_FLOW_OPTIONS, FLOW_SCHEMA } from '../src/flow/index.ts';
import { conventions, describeParameter, models, parametersOf } from '../src/model/index.ts';
import { configSchema, suppressionsJsonSchemaText } from '../src/pipeline/index.ts';
import { incidentsJsonSchema, REPORT_FORMATS } from '../src/report/index.ts';
import { ODDITIES } from '../src/wire/index.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
  ].join('\n');

const leftOut = JSON.parse(readFileSync(new URL('dga-left-out.json', import.meta.url), 'utf8')) as {
  readonly family: string;
  readonly kind: string;
  readonly auroc: number;
  readonly tpr: number;
}[];

/** The meaning of a feature, and what its values stand for where it is a class. */
const featureMeaning = (feature: Feature & { readonly classes?: readonly string[] }): string =>
  feature.classes === undefined
    ? feature.meaning
    : `${feature.meaning} ${feature.classes.map((name, i) => `${i} ${name}`).join(', ')}.`;

type Command = ReturnType<typeof createProgram>;

/** A command with its arguments and options, and those of its subcommands. */
function describeCommand(command: Command, parents: readonly string[]): string {
  const names = [...parents, command.name()];
  const takes = command.registeredArguments.map((one) =>
    one.required ? `<${one.name()}${one.variadic ? '...' : ''}>` : `[${one.name()}${one.variadic ? '...' : ''}]`,
  );
  const parts = [
    `## ${[...names, ...takes].join(' ')}`,
    command.summary() === '' ? command.description() : `${command.summary()}.`,
    ...(command.options.length === 0
      ? []
      : [
          table(
            ['option', 'what it does'],
            command.options.map((option) => [`\`${option.flags}\``, option.description]),
          ),
        ]),
    ...command.commands.map((sub) => describeCommand(sub as Command, names)),
  ];
  return parts.join('\n\n');
}
const commands = createProgram(() => undefined)
  .commands.map((command) => describeCommand(command as Command, ['anomalyst']))
  .join('\n\n');

const reference = `# Reference

This page is generated from the code by \`npm run docs\`; \`anomalyst fields\` and \`anomalyst explain <name>\` show the same on the terminal.

${commands}

## Exit codes

0 done, 1 our fault, 2 yours, 3 findings at or above \`--fail-on\`, 130 stopped by Ctrl-C, 141 the reader of the output went away.

## Files it writes

${table(
  ['file', 'what it is'],
  [
    ...REPORT_FORMATS.map((format): [string, string] => [`\`${format.file}\``, format.meaning]),
    ['`flows.csv`', 'Every flow: the columns below, start and end in ISO 8601, and the score of the model.'],
    [
      '`model.safetensors`',
      'The model that was fitted on this input (from 100 flows on), for `--model`. Data only, with a checksum.',
    ],
  ],
)}

The JSON Schema of \`incidents.json\` is [schema/incidents.schema.json](../schema/incidents.schema.json), published as \`anomalyst/schema/incidents.schema.json\`.

## Configuration

\`--config <yaml>\`. Every key is optional; an unknown one is an error with its line and the nearest valid name. Flags win over the file.

${table(
  ['key', 'what it is'],
  Object.entries(configSchema.shape).map(([key, type]): [string, string] => [`\`${key}\``, type.description ?? '']),
)}

\`\`\`yaml
homeNet: [10.1.0.0/16, fd00::/8]
failOn: high
flow:
${Object.entries(DEFAULT_FLOW_OPTIONS)
  .filter(([key]) => key !== 'batchRows' && key !== 'hashSeed')
  .map(([key, value]) => `  ${key}: ${value}`)
  .join('\n')}
detect:
  long-connection: false      # switches a detector off
  scan: {}                    # its settings by name, see below
\`\`\`

## Detectors

${DETECTORS.map(
  ({ info, defaults }) => `### ${info.id}

Finds ${info.kinds.map((kind) => `\`${kind}\``).join(', ')}.

- **Sees:** ${info.sees}
- **Fooled by:** ${info.fooledBy}
- **Cost:** ${info.cost}
- **Source:** ${info.source}

${table(
  ['setting', 'default'],
  Object.entries(defaults).map(([name, value]): [string, string] => [`\`detect.${info.id}.${name}\``, String(value)]),
)}`,
).join('\n\n')}

## Models

${table(
  ['model', 'what it is', 'blind to', 'source'],
  models.map((model) => [model.kind, model.summary, model.blindTo, model.source]),
)}

What can be set of each with \`--set name=value\` of \`train\` and \`tune\`, and under \`fit:\` in a configuration:

${table(
  ['model', 'parameter', 'default', 'range', 'meaning'],
  models.flatMap(({ kind }) =>
    parametersOf(kind).map((parameter) => {
      const { standard, range } = describeParameter(parameter);
      return [kind, `\`${parameter.name}\``, standard, range, parameter.meaning];
    }),
  ),
)}

What \`--convention\` of \`score\` knows:

${table(
  ['convention', 'what it is', 'its flaw'],
  conventions.map(({ id, meaning, flaw }) => [`\`${id}\``, meaning, flaw]),
)}

## Flow columns

${table(
  ['column', 'unit', 'meaning'],
  FLOW_SCHEMA.columns.map((column) => [`\`${column.name}\``, column.unit, column.meaning]),
)}

## Host columns

One row per source and window of 60 s or 10 min, made from flows.

${table(
  ['column', 'unit', 'meaning'],
  HOST_SCHEMA.columns.map((column) => [`\`${column.name}\``, column.unit, column.meaning]),
)}

## Features

Numbers measured on a table, by pack; models read the pack \`flow\`. Every unit that begins with \`ln\` holds ln(1 + x) of the plain quantity. Missing is missing,
never 0. What a pack remembers of the rows before is bounded, and what found no room is counted and missing.

${FEATURE_PACKS.map(
  (pack) => `### ${pack.id} (of ${pack.table})

${pack.meaning}

${table(
  ['feature', 'unit', 'meaning'],
  pack.features.map((feature) => [`\`${feature.name}\``, feature.unit, featureMeaning(feature)]),
)}`,
).join('\n\n')}

### The DGA score

\`dns.dga-score\` and its like judge the label that was registered, by a small network trained on ${DGA_MODEL.summary.honest.trained.toLocaleString('en-US')} honest
names and on generators of ${DGA_MODEL.summary.families.length} kinds of names written after published descriptions; 0.5 is what 1 in 100 of ${DGA_MODEL.summary.honest.heldBack.toLocaleString('en-US')} honest
names that were held back reach. Names of dictionary words are not told from honest ones by it. The share that is found at that false-positive rate, of families that it was
trained on (other seeds), and of each family when it was left out of the training, which is what one that nobody has seen would meet:

${table(
  ['family', 'kind', 'AUROC', 'found', 'AUROC, left out', 'found, left out'],
  DGA_MODEL.summary.families.map((one) => {
    const out = leftOut.find((other) => other.family === one.family);
    return [
      one.family,
      out?.kind ?? '',
      one.auroc.toFixed(4),
      `${(100 * one.tpr).toFixed(1)} %`,
      out?.auroc.toFixed(4) ?? '',
      out === undefined ? '' : `${(100 * out.tpr).toFixed(1)} %`,
    ];
  }),
)}

Made by \`node scripts/dga.ts <lists>\` and the same with \`--evaluate\`; the head of that script says where the lists come from.

### Popular domains

The list that ships has ${shippedPopularList().size.toLocaleString('en-US')} domains, made by \`scripts/popular.ts\` from third-party-web 0.30.0 (MIT, Copyright (c) 2019 Patrick Hulce) and
the WhoTracks.me site data of April 2018 by Cliqz and Ghostery ([CC BY 4.0](https://creativecommons.org/licenses/by/4.0/); names and order taken). A domain that is not on it
has no rank. Lists in the layouts of Tranco, Cisco Umbrella, Majestic Million and CrUX, or with one name per line, can be read in its place.

## Oddities

What traffic or a capture file does that it should not. Counted and reported, never an error.

${table(
  ['oddity', 'meaning'],
  ODDITIES.map((oddity) => [`\`${oddity.name}\``, oddity.meaning]),
)}
`;

const wanted = new Map([
  ['docs/reference.md', reference],
  ['schema/incidents.schema.json', incidentsJsonSchema()],
  ['schema/features.schema.json', await featuresJsonSchema()],
  ['schema/baseline.schema.json', baselineJsonSchemaText()],
  ['schema/suppressions.schema.json', suppressionsJsonSchemaText()],
]);
for (const [name, text] of wanted) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    console.error(`${name} is out of date; run: npm run docs`);
    process.exitCode = 1;
  }
}
