import type { Command } from 'commander';
import { EXIT, nearest, UserError } from '../../core/index.ts';
import { DETECTORS } from '../../detect/index.ts';
import { FEATURE_PACKS } from '../../feature/index.ts';
import { FLOW_SCHEMA, flowField } from '../../flow/index.ts';
import { models } from '../../model/index.ts';
import { ODDITIES } from '../../wire/index.ts';
import { print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';

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

/** `explain <name>`: what a detector, model, oddity, column or feature is; a detection kind explains its detector. */
export function addExplainCommand(program: Command, done: (code: number) => void): void {
  program
    .command('explain')
    .summary('what a detector, model, oddity, column or feature is')
    .description(
      'Explains a name that a report uses: a detector or what it finds, a model, an oddity, a flow column, a feature. Without a name, lists them all.',
    )
    .argument('[name]', 'for example scan, beacon, ipv4.truncated-header, tcpState, conn_state')
    .option('--json', 'print as JSON')
    .action(async (name: string | undefined, flags: { readonly json?: boolean }) => {
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
