import type { Command } from 'commander';
import { EXIT, safeText } from '../../core/index.ts';
import { FEATURE_PACKS } from '../../feature/index.ts';
import { FLOW_SCHEMA } from '../../flow/index.ts';
import { print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';

/** Every column of the flow table and every feature, from the definitions that make them. */
export function addFieldsCommand(program: Command, done: (code: number) => void): void {
  program
    .command('fields')
    .summary('every flow column and feature: unit and meaning')
    .description('Lists the columns of flows.csv and the features that models read, with unit and meaning.')
    .argument('[text]', 'only those whose name or meaning holds this text')
    .option('--json', 'print as JSON')
    .action(async (text: string | undefined, flags: { readonly json?: boolean }) => {
      const wanted = (text ?? '').toLowerCase();
      const holds = (field: { readonly name: string; readonly meaning: string }): boolean =>
        `${field.name} ${field.meaning}`.toLowerCase().includes(wanted);
      const columns = FLOW_SCHEMA.columns
        .filter(holds)
        .map(({ name, kind, unit, meaning }) => ({ name, kind, unit, meaning }));
      const features = FEATURE_PACKS.flatMap((pack) => pack.features)
        .filter(holds)
        .map(({ name, unit, meaning }) => ({ name, unit, meaning }));
      if (flags.json === true) await print(`${JSON.stringify({ columns, features }, null, 2)}\n`);
      else if (columns.length + features.length === 0)
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
        await print(
          `${columns.length > 0 ? `Flow columns (flows.csv)\n${lines(columns)}` : ''}${features.length > 0 ? `Features (what models read)\n${lines(features)}` : ''}`,
        );
      }
      done(EXIT.done);
    });
}
