/**
 * Writes the reference page docs/reference.md and the JSON Schema from the definitions that the code runs on.
 *
 *     npm run docs               write them
 *     npm run docs -- --check    exit 1 when one is not what would be written
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createProgram } from '../src/cli/index.ts';
import { DETECTORS } from '../src/detect/index.ts';
import { FEATURE_PACKS } from '../src/feature/index.ts';
import { DEFAULT_FLOW_OPTIONS, FLOW_SCHEMA } from '../src/flow/index.ts';
import { models } from '../src/model/index.ts';
import { configSchema } from '../src/pipeline/index.ts';
import { incidentsJsonSchema, REPORT_FORMATS } from '../src/report/index.ts';
import { ODDITIES } from '../src/wire/index.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
  ].join('\n');

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

## Flow columns

${table(
  ['column', 'unit', 'meaning'],
  FLOW_SCHEMA.columns.map((column) => [`\`${column.name}\``, column.unit, column.meaning]),
)}

## Features

${FEATURE_PACKS.map(
  (pack) => `${pack.meaning}

${table(
  ['feature', 'unit', 'meaning'],
  pack.features.map((feature) => [`\`${feature.name}\``, feature.unit, feature.meaning]),
)}`,
).join('\n\n')}

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
]);
for (const [name, text] of wanted) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    console.error(`${name} is out of date; run: npm run docs`);
    process.exitCode = 1;
  }
}
