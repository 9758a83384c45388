import type { Command } from 'commander';
import { EXIT, nearest, UserError } from '../../core/index.ts';
import { DETECTORS } from '../../detect/index.ts';
import { FEATURE_PACKS } from '../../feature/index.ts';
import { FLOW_SCHEMA, flowField } from '../../flow/index.ts';
import { models } from '../../model/index.ts';
import { ODDITIES } from '../../wire/index.ts';
import { addRowOptions, wholeFrom } from '../model-input.ts';
import { print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';
import { type ExplainRowFlags, runExplainRow } from './explain-row.ts';

interface Entry {
  readonly name: string;
  readonly what: string;
  readonly lines: readonly (readonly [string, string])[];
}

/** Everything that has a name and can say what it is. */
function entries(): Entry[] {
  return [
    ...DETECTORS.map(
      ({ info, defaults }): Entry => ({
        name: info.id,
        what: 'detector',
        lines: [
          ['Finds', info.kinds.join(', ')],
          ['Sees', info.sees],
          ['Fooled by', info.fooledBy],
          ['Cost', info.cost],
          ['Source', info.source],
          [
            'Thresholds',
            Object.entries(defaults)
              .map(([name, value]) => `${name} ${String(value)}`)
              .join(', '),
          ],
        ],
      }),
    ),
    ...models.map(
      (model): Entry => ({
        name: model.kind,
        what: 'model',
        lines: [
          ['Is', model.summary],
          ['Blind to', model.blindTo],
          ['Source', model.source],
        ],
      }),
    ),
    ...ODDITIES.map((oddity): Entry => ({ name: oddity.name, what: 'oddity', lines: [['Means', oddity.meaning]] })),
    ...FLOW_SCHEMA.columns.map(
      (column): Entry => ({
        name: column.name,
        what: 'flow column',
        lines: [
          ['Unit', column.unit === '' ? 'none' : column.unit],
          ['Means', column.meaning],
        ],
      }),
    ),
    ...FEATURE_PACKS.flatMap((pack) => pack.features).map(
      (feature): Entry => ({
        name: feature.name,
        what: 'feature',
        lines: [
          ['Unit', feature.unit],
          ['Means', feature.meaning],
        ],
      }),
    ),
  ];
}

/** `explain <name>`: what a detector, model, oddity, column or feature is; a detection kind explains its detector. With a model, what made the score of one record. */
export function addExplainCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('explain')
    .summary('what a detector, model, oddity, column or feature is; with --model, why a record is strange')
    .description(
      'Explains a name that a report uses: a detector or what it finds, a model, an oddity, a flow column, a feature. Without a name, lists them all. With --model and --row, explains the score of one record of the inputs: the share of every feature, which add up to it exactly.',
    )
    .argument(
      '[name...]',
      'for example scan, beacon, ipv4.truncated-header, tcpState, conn_state; with --model the inputs',
    )
    .option('-m, --model <file>', 'explain a record of the inputs by this model')
    .option('--row <n>', 'with --model: which record, as anomalyst score numbers them', wholeFrom('--row', 1, 1e12))
    .option('--top <n>', 'with --model: features to show (default: 15)', wholeFrom('--top', 1, 10_000));
  addRowOptions(command, { measures: false });
  command
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst explain beacon\n  anomalyst explain flows.csv --model clean.safetensors --row 17',
    )
    .action(async (names: string[], flags: ExplainRowFlags) => {
      if (flags.model !== undefined || flags.row !== undefined) {
        done(await runExplainRow(names, flags));
        return;
      }
      const [name, second] = names;
      if (second !== undefined)
        throw new UserError(
          'explain takes one name',
          'a record of an input is explained by a model: anomalyst explain flows.csv --model m.safetensors --row 17',
        );
      const all = entries();
      const detector = DETECTORS.find(({ info }) => info.kinds.includes(name ?? ''));
      // A short name of the filter, or one of another tool, stands for its columns.
      const exact = all.some((entry) => entry.name === name) || detector !== undefined;
      const columns: readonly string[] = exact || name === undefined ? [] : (flowField(name)?.columns ?? []);
      const folded = name?.toLowerCase();
      const found =
        name === undefined
          ? all
          : all.filter(
              (entry) =>
                entry.name === name ||
                entry.name === detector?.info.id ||
                columns.includes(entry.name) ||
                (!exact && columns.length === 0 && entry.name.toLowerCase() === folded),
            );
      if (found.length === 0) {
        const near = nearest(name ?? '', [
          ...all.map((entry) => entry.name),
          ...DETECTORS.flatMap(({ info }) => info.kinds),
        ]);
        throw new UserError(
          `there is nothing named '${name}'`,
          near === undefined ? 'anomalyst explain lists every name' : `did you mean '${near}'?`,
        );
      }
      if (flags.json === true)
        await print(
          `${JSON.stringify(
            found.map(({ lines, ...entry }) => ({
              ...entry,
              ...Object.fromEntries(lines.map(([key, value]) => [key.toLowerCase(), value])),
            })),
            null,
            2,
          )}\n`,
        );
      else if (name === undefined) {
        const kinds = [...new Set(all.map((entry) => entry.what))];
        await print(
          kinds
            .map(
              (kind) =>
                `${kind === 'oddity' ? 'oddities' : `${kind}s`}\n${wrap(
                  all
                    .filter((entry) => entry.what === kind)
                    .map((entry) => entry.name)
                    .join(', '),
                  terminalWidth(process.stdout),
                  '  ',
                )}\n`,
            )
            .join('\n'),
        );
      } else {
        const width = terminalWidth(process.stdout);
        await print(
          found
            .map(
              (entry) =>
                `${entry.name} (${entry.what})\n${entry.lines.map(([key, value]) => `  ${key}\n${wrap(value, width, '    ')}\n`).join('')}`,
            )
            .join('\n'),
        );
      }
      done(EXIT.done);
    });
}
