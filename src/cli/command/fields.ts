import type { Command } from 'commander';
import { EXIT, safeText } from '../../core/index.ts';
import { FEATURE_PACKS, type Feature, HOST_SCHEMA } from '../../feature/index.ts';
import { FLOW_FIELDS, FLOW_SCHEMA } from '../../flow/index.ts';
import { print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';

/** Every column of the flow table and every feature, from the definitions that make them. */
export function addFieldsCommand(program: Command, done: (code: number) => void): void {
  program
    .command('fields')
    .summary('every flow column and feature: unit and meaning')
    .description(
      'Lists the columns of flows.csv and the features of every pack, with unit and meaning; models read those of the pack flow.',
    )
    .argument('[text]', 'only those whose name or meaning holds this text')
    .option('--filter', 'the names that filters and --fields know instead: columns, short names and their synonyms')
    .option('--json', 'print as JSON')
    .action(async (text: string | undefined, flags: { readonly json?: boolean; readonly filter?: boolean }) => {
      const wanted = (text ?? '').toLowerCase();
      if (flags.filter === true) {
        await printFilterFields(wanted, flags.json === true);
        done(EXIT.done);
        return;
      }
      const holds = (field: { readonly name: string; readonly meaning: string }): boolean =>
        `${field.name} ${field.meaning}`.toLowerCase().includes(wanted);
      const columns = FLOW_SCHEMA.columns
        .filter(holds)
        .map(({ name, kind, unit, meaning }) => ({ name, kind, unit, meaning }));
      const hostColumns = HOST_SCHEMA.columns
        .filter(holds)
        .map(({ name, kind, unit, meaning }) => ({ name, kind, unit, meaning }));
      const packs = FEATURE_PACKS.map((pack) => ({ ...pack, features: pack.features.filter(holds) }));
      const features = packs.flatMap((pack) =>
        pack.features.map((feature) => ({
          name: feature.name,
          unit: feature.unit,
          meaning: meaningOf(feature),
          pack: pack.id,
          table: pack.table,
        })),
      );
      if (flags.json === true) await print(`${JSON.stringify({ columns, hostColumns, features }, null, 2)}\n`);
      else if (columns.length + hostColumns.length + features.length === 0)
        await print(`No column and no feature holds '${safeText(text ?? '')}'.\n`);
      else {
        const width = terminalWidth(process.stdout);
        const lines = (fields: readonly { name: string; unit: string; meaning: string }[]): string =>
          fields
            .map(
              ({ name, unit, meaning }) =>
                `  ${name}${unit === '' ? '' : `  [${unit}]`}\n${wrap(meaning, width, '      ')}\n`,
            )
            .join('');
        const parts = [
          { title: 'Flow columns (flows.csv)', fields: columns },
          { title: 'Host columns (one row per source and window)', fields: hostColumns },
          ...packs.map((pack) => ({
            title: `Features of the pack ${pack.id}, of ${pack.table}: ${pack.meaning}`,
            fields: features.filter((feature) => feature.pack === pack.id),
          })),
        ];
        await print(
          parts
            .filter(({ fields }) => fields.length > 0)
            .map(({ title, fields }) => `${wrap(title, width, '')}\n${lines(fields)}`)
            .join(''),
        );
      }
      done(EXIT.done);
    });
}

/** The meaning of a feature, and what its values 0, 1, 2 ... stand for where it is a class. */
function meaningOf(feature: Feature & { readonly classes?: readonly string[] }): string {
  return feature.classes === undefined
    ? feature.meaning
    : `${feature.meaning} ${feature.classes.map((name, i) => `${i} ${name}`).join(', ')}.`;
}

/** The fields of the filter language whose names or meaning hold the text, short names first. */
async function printFilterFields(wanted: string, json: boolean): Promise<void> {
  const fields = [...FLOW_FIELDS]
    .sort((a, b) => Number(isColumn(a.name)) - Number(isColumn(b.name)))
    .filter(({ name, aliases, meaning }) => [name, ...aliases, meaning].join(' ').toLowerCase().includes(wanted))
    .map(({ name, aliases, kind, columns, meaning }) => ({ name, aliases, kind, columns, meaning }));
  if (json) {
    await print(`${JSON.stringify({ fields }, null, 2)}\n`);
    return;
  }
  if (fields.length === 0) {
    await print(`No field of the filter holds '${safeText(wanted)}'.\n`);
    return;
  }
  const width = terminalWidth(process.stdout);
  const entries = fields.map(({ name, aliases, kind, meaning }) => {
    const also = aliases.length === 0 ? '' : ` Also ${aliases.join(', ')}.`;
    return `  ${name}  [${kind}]\n${wrap(`${meaning}${also}`, width, '      ')}\n`;
  });
  await print(`Fields of --filter and --fields\n${entries.join('')}`);
}

function isColumn(name: string): boolean {
  return FLOW_SCHEMA.columns.some((column) => column.name === name);
}
