import { counted, EXIT, humanCount, type Json, safeText, UserError } from '../../core/index.ts';
import type { Feature } from '../../feature/index.ts';
import { changeSentence, type Explanation, type SmallestChange, smallestChange } from '../../model/index.ts';
import { type ExplainedRow, explainRow, recipeOf, StoppedError, sayValue } from '../../pipeline/index.ts';
import { scoreText } from '../columns.ts';
import { INTERRUPTED } from '../interrupt.ts';
import { aboutFile, type ModelInputFlags, readModelFile, withModelRun } from '../model-input.ts';
import { note, print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';
import { saidEnds } from './score.ts';

export interface ExplainRowFlags extends ModelInputFlags {
  readonly model?: string;
  readonly row?: number;
  readonly top?: number;
}

const DEFAULT_TOP = 15;

/** `explain <input> --model m --row n`: what of one record made its score. */
export async function runExplainRow(inputs: readonly string[], flags: ExplainRowFlags): Promise<number> {
  if (flags.model === undefined)
    throw new UserError('--row is of a model', 'give the model too: --model m.safetensors');
  if (inputs.length === 0)
    throw new UserError(
      'explain --model needs an input',
      'for example anomalyst explain flows.csv --model m.safetensors --row 17',
    );
  if (flags.row === undefined)
    throw new UserError(
      'explain --model needs --row',
      'the number of a record, as anomalyst score prints it: --row 17',
    );
  const given = readModelFile(flags.model);
  const recipe = aboutFile(given.name, () => recipeOf(given.model, flags.features !== undefined));
  try {
    return await withModelRun(
      inputs,
      flags,
      async (run) => {
        const options = { ...(await run.rowsFor(given)), model: given.model, row: flags.row ?? 0 };
        const text = await explainRow(options, (explained) => {
          const { batch, index } = explained;
          const change = smallestChange(given.model, batch.features, index);
          const byName = new Map(explained.features.map((feature) => [feature.name, feature]));
          // A class has a name; every other value is said by its unit.
          const said = changeSentence(change, explained.features, (name, value) =>
            byName.get(name)?.unit === 'class' ? sayValue(byName.get(name), value) : undefined,
          );
          return flags.json === true
            ? `${JSON.stringify(node(explained, change, said), null, 2)}\n`
            : describe(explained, said, flags.top ?? DEFAULT_TOP, terminalWidth(process.stdout));
        });
        run.step('');
        await print(text);
        return EXIT.done;
      },
      recipe.rows,
    );
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    note(error.message);
    return INTERRUPTED;
  }
}

/** Share of the score beside each feature as a bar: to the right what makes the record stranger, to the left what makes it more ordinary. */
function describe(
  { rowKind, row, explanation, features }: ExplainedRow,
  change: string,
  top: number,
  width: number,
): string {
  const noun = rowKind === 'flows' ? 'flow' : 'row';
  const { contributions, base, score } = explanation;
  const shown = contributions
    .filter(({ contribution }) => contribution !== 0)
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution))
    .slice(0, top);
  const rest = contributions.filter((one) => !shown.includes(one));
  const restSum = rest.reduce((sum, { contribution }) => sum + contribution, 0);
  const byName = new Map<string, Feature>(features.map((feature) => [feature.name, feature]));
  const largest = Math.max(1e-12, ...shown.map(({ contribution }) => Math.abs(contribution)));
  const names = shown.map(({ feature }) => safeText(feature, 40));
  const values = shown.map(({ feature, value, imputed }) =>
    value === undefined
      ? `missing${imputed === undefined ? '' : ` (as ${sayValue(byName.get(feature), imputed)})`}`
      : safeText(sayValue(byName.get(feature), value), 40),
  );
  const nameWidth = Math.max(13, ...names.map((name) => name.length));
  const valueWidth = Math.max(1, ...values.map((value) => value.length));
  const room = Math.max(10, Math.min(41, width - nameWidth - valueWidth - 14));
  const lines = shown.map(({ contribution, guard }, i) =>
    `${(names[i] ?? '').padEnd(nameWidth)}  ${(values[i] ?? '').padEnd(valueWidth)}  ${amount(contribution)}  ${bar(contribution / largest, room)}${guard > 0 ? ' beyond all that was fitted' : ''}`.trimEnd(),
  );
  const total = (name: string, value: number, digits = 4): string =>
    `${name.padEnd(nameWidth)}  ${''.padEnd(valueWidth)}  ${amount(value, digits)}`;
  const ends = saidEnds(row.who);
  const at =
    row.timeMs === undefined || Number.isNaN(new Date(row.timeMs).getTime())
      ? ''
      : `, ${new Date(row.timeMs).toISOString()}`;
  return [
    `${noun} ${humanCount(row.row)}${ends === '' ? '' : `, ${ends}`}${at}`,
    `score ${scoreText(score)}: ${meaning(score)}${explanation.extrapolated ? ' (extrapolated beyond what was counted)' : ''}`,
    '',
    total('nothing known', base),
    ...lines,
    ...(rest.length === 0 ? [] : [total(counted(rest.length, 'other'), restSum)]),
    `${total('sum', base + contributions.reduce((sum, { contribution }) => sum + contribution, 0), 6)} = the score`,
    '',
    wrap(change, width),
    '',
  ].join('\n');
}

function meaning(score: number): string {
  const one = 1 / (1 - score);
  return score < 0.5
    ? `about ${Math.round(100 * (1 - score))} % of ordinary records look this strange or stranger`
    : `1 in ${humanCount(Math.floor(one + 1e-6))} ordinary records looks this strange`;
}

function amount(value: number, digits = 4): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(digits)}`;
}

function bar(share: number, room: number): string {
  const half = Math.floor(room / 2);
  const length = Math.max(share === 0 ? 0 : 1, Math.round(Math.abs(share) * half));
  return share < 0
    ? `${' '.repeat(half - length)}${'░'.repeat(length)}|${' '.repeat(half)}`.trimEnd()
    : `${' '.repeat(half)}|${'█'.repeat(length)}`;
}

function node({ rowKind, row, explanation, features }: ExplainedRow, change: SmallestChange, said: string): object {
  const byName = new Map<string, Feature>(features.map((feature) => [feature.name, feature]));
  const sum = explanation.contributions.reduce((total, { contribution }) => total + contribution, explanation.base);
  return {
    kind: rowKind,
    row: row.row,
    ...(row.timeMs === undefined ? {} : { timeMs: row.timeMs }),
    ...row.who,
    score: explanation.score,
    raw: explanation.raw,
    base: explanation.base,
    rawBase: explanation.rawBase,
    sum,
    extrapolated: explanation.extrapolated,
    smallestChange: { ...change, said },
    contributions: explanation.contributions.map(
      (one: Explanation['contributions'][number]): { readonly [key: string]: Json | undefined } => ({
        feature: one.feature,
        ...(one.value === undefined ? {} : { value: one.value }),
        ...(one.imputed === undefined ? {} : { imputed: one.imputed }),
        said: sayValue(byName.get(one.feature), one.value),
        unit: byName.get(one.feature)?.unit ?? '',
        contribution: one.contribution,
        rawContribution: one.rawContribution,
        guard: one.guard,
      }),
    ),
  };
}
