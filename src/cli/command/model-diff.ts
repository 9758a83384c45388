import { counted, EXIT, humanCount, safeText, UserError } from '../../core/index.ts';
import {
  type Change,
  describeRate,
  diffModels,
  type FeatureMove,
  type ModelDiff,
  parseBudget,
} from '../../model/index.ts';
import {
  type ComparedRow,
  type Comparison,
  compareOnInputs,
  type JudgedRow,
  type RowEnds,
  recipeOf,
  StoppedError,
} from '../../pipeline/index.ts';
import { columns, scoreText } from '../columns.ts';
import { INTERRUPTED } from '../interrupt.ts';
import { aboutFile, type NamedModel, readModelFile, tellRows, withModelRun } from '../model-input.ts';
import { note, print } from '../terminal.ts';
import type { DiffFlags } from './model.ts';
import { jsonText, shortNumber } from './model-inspect.ts';

const DEFAULT_RATE = 0.01;

/** `model diff`. */
export async function runDiff(fileA: string, fileB: string, flags: DiffFlags): Promise<number> {
  const rate = rateOf(flags.budget);
  const [a, b] = [readModelFile(fileA), readModelFile(fileB)];
  const diff = diffModels(a.model, b.model);
  try {
    const comparison = flags.on === undefined ? undefined : await compareOn(flags.on, a, b, rate, flags);
    if (flags.json === true)
      await print(`${JSON.stringify({ files: { a: fileA, b: fileB }, ...diff, on: comparison }, finite, 2)}\n`);
    else {
      await print(describeDiff(fileA, fileB, diff, flags.top));
      if (comparison !== undefined) await print(`\n${describeComparison(comparison, rate)}`);
    }
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    note(error.message);
    return INTERRUPTED;
  }
}

function finite(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}

function rateOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_RATE;
  const budget = parseBudget(text);
  if (budget.kind === 'time')
    throw new UserError(
      `--budget ${budget.text}: two models are compared at a share of the records`,
      "for example '0.1%' or '1 in 1000'",
    );
  return budget.rate;
}

async function compareOn(
  inputs: readonly string[],
  a: NamedModel,
  b: NamedModel,
  rate: number,
  flags: DiffFlags,
): Promise<Comparison> {
  const kinds = [a, b].map(
    ({ name, model }) => aboutFile(name, () => recipeOf(model, flags.features !== undefined)).rows,
  );
  const [kind, other] = kinds;
  if (kind !== other)
    throw new UserError(
      `${a.name} was fitted on ${kind}, ${b.name} on ${other}`,
      'the same inputs can be scored with two models of flows, or with two of rows',
    );
  return await withModelRun(
    inputs,
    flags,
    async (run) => {
      const comparison = await compareOnInputs({
        a: { model: a.model, rows: await run.rowsFor(a) },
        b: { model: b.model, rows: await run.rowsFor(b) },
        rate,
        most: flags.top,
        signal: run.signal,
        onStep: run.step,
      });
      run.step('');
      tellRows(comparison.inputs, comparison.notes, flags.quiet === true);
      return comparison;
    },
    kind,
  );
}

function describeDiff(fileA: string, fileB: string, diff: ModelDiff, top: number): string {
  const head = `a  ${safeText(fileA, 300)}  ${diff.a.kind} ${diff.a.checksum.slice(0, 12)}\nb  ${safeText(fileB, 300)}  ${diff.b.kind} ${diff.b.checksum.slice(0, 12)}\n`;
  if (diff.identical) return `${head}\nbit for bit the same model\n`;
  const changes = [
    ...diff.changes,
    ...diff.parameters.map((change) => ({ ...change, name: `parameter ${change.name}` })),
  ];
  const { added, removed, reordered, moved } = diff.features;
  const names = (list: readonly string[]): string =>
    `${list
      .slice(0, 20)
      .map((name) => safeText(name, 60))
      .join(', ')}${list.length > 20 ? ' ...' : ''}`;
  const features = [
    ...(added.length > 0 ? [`added in b: ${names(added)}`] : []),
    ...(removed.length > 0 ? [`not in b: ${names(removed)}`] : []),
    ...(reordered ? ['those of both are in another order, which changes no score'] : []),
  ];
  const isMeasuredAnew =
    moved.length > 0 &&
    diff.changes.some(({ name, a, b }) => name === 'encoding' && a !== undefined && b !== undefined);
  const parts = [
    head,
    changes.length === 0 ? 'kind, seed, rows and parameters are the same\n' : changeLines(changes),
    thresholdLines(diff),
    `${counted(moved.length, 'feature')} of both${features.length === 0 ? '' : `; ${features.join('; ')}`}\n${moveLines(moved, top)}${isMeasuredAnew ? 'each learned anew how rare texts are: such a feature moves with that, though the texts may be as before\n' : ''}`,
    diff.arrays.length === 0 ? 'all arrays are the same\n' : `arrays that differ: ${names(diff.arrays)}\n`,
  ];
  return parts.join('\n');
}

function changeLines(changes: readonly Change[]): string {
  return columns([
    ['', 'a', 'b'],
    ...changes.map(({ name, a, b }) =>
      // Pages of JSON: that they differ is all there is to see.
      name === 'encoding'
        ? [
            name,
            a === undefined ? 'none' : `${humanCount(String(a).length)} characters`,
            b === undefined ? 'none' : `${humanCount(String(b).length)} characters, others`,
          ]
        : [safeText(name, 60), jsonText(a), jsonText(b)],
    ),
  ]);
}

function thresholdLines({ thresholds }: ModelDiff): string {
  return columns(
    [
      ['false alarms', 'raw score of a', 'of b'],
      ...thresholds.map(({ rate, a, b }) => [
        describeRate(rate),
        ...[a, b].map((threshold) =>
          threshold === undefined ? 'cannot tell' : `${shortNumber(threshold.raw)}${threshold.extrapolated ? '*' : ''}`,
        ),
      ]),
    ],
    ['left', 'right', 'right'],
  ).concat(
    thresholds.some(({ a, b }) => a?.extrapolated === true || b?.extrapolated === true)
      ? '* beyond what was counted\n'
      : '',
  );
}

function moveLines(moved: readonly FeatureMove[], top: number): string {
  if (moved.length === 0 || top === 0) return '';
  const shown = moved.slice(0, top);
  const table = columns(
    [
      ['feature', 'stability', '', 'median a', 'b', '5 .. 95 % of a', 'of b', 'missing a', 'b'],
      ...shown.map(({ name, a, b, missing, stability }) => [
        safeText(name, 50),
        stability.index.toFixed(3),
        verdictOf(stability),
        a.observed === 0 ? '-' : shortNumber(a.median),
        b.observed === 0 ? '-' : shortNumber(b.median),
        a.observed === 0 ? '-' : `${shortNumber(a.q05)} .. ${shortNumber(a.q95)}`,
        b.observed === 0 ? '-' : `${shortNumber(b.q05)} .. ${shortNumber(b.q95)}`,
        percent(missing.a),
        percent(missing.b),
      ]),
    ],
    ['left', 'right', 'left', 'right', 'right', 'left', 'left', 'right', 'right'],
  );
  const rest = moved.length - shown.length;
  const rough = shown.some(({ stability }) => stability.from === 'summary')
    ? 'stability from quantiles alone: a model kept no rows to compare\n'
    : '';
  return `${table}${rest > 0 ? `... and ${counted(rest, 'more feature')} that moved less; --top shows more\n` : ''}${rough}`;
}

function percent(share: number): string {
  return share === 0 ? '0' : `${shortNumber(Number((100 * share).toPrecision(3)))} %`;
}

function verdictOf({ index, limit }: FeatureMove['stability']): string {
  if (limit !== undefined && index <= limit) return 'as by chance';
  return index >= 0.25 ? 'moved far' : index >= 0.1 ? 'moved' : 'little';
}

function describeComparison(comparison: Comparison, rate: number): string {
  const { rowKind, scores, onlyA, onlyB, changed, movers } = comparison;
  const noun = rowKind === 'flows' ? 'flow' : 'row';
  const left =
    onlyA + onlyB > 0 ? ` (filters left ${humanCount(onlyA)} to a alone and ${humanCount(onlyB)} to b alone)` : '';
  const lines = [
    `on ${counted(scores.rows, noun)}${left}`,
    `  rank correlation  ${scores.correlation === undefined ? 'none: one model gives all the same score' : scores.correlation.toFixed(4)}`,
    `  difference        ${shortNumber(Number(scores.meanDifference.toPrecision(3)))} in the mean, ${shortNumber(Number(scores.largestDifference.toPrecision(3)))} at most`,
  ];
  const { sides } = scores;
  if (sides === undefined) lines.push(`  at ${describeRate(rate)}: one of the models cannot tell so rare a ${noun}`);
  else
    lines.push(
      `  at ${describeRate(rate)}, over the threshold of both ${humanCount(sides.both)}, of a alone ${humanCount(sides.onlyA)}, of b alone ${humanCount(sides.onlyB)}, of neither ${humanCount(sides.neither)}`,
    );
  if (scores.largestDifference === 0) lines.push(`  every ${noun} has the same score from both`);
  const parts = [`${lines.join('\n')}\n`];
  if (changed.length > 0) parts.push(`over one threshold alone\n${rowLines(changed, noun)}`);
  if (movers.length > 0) parts.push(`largest differences\n${rowLines(movers, noun)}`);
  return parts.join('\n');
}

function rowLines(rows: readonly ComparedRow[], noun: string): string {
  const table = columns(
    rows.map(({ row, who, a, b }) => [`  ${noun} ${row}`, endsText(who), scoreText(a.score), '->', scoreText(b.score)]),
  )
    .trimEnd()
    .split('\n');
  return rows
    .map(({ a, b }, i) => `${table[i] ?? ''}\n      a: ${reasonText(a)}\n      b: ${reasonText(b)}\n`)
    .join('');
}

function endsText({ actor, initiator, initiatorPort, responder, responderPort, protocol }: RowEnds): string {
  if (initiator === undefined) return actor === undefined ? '' : safeText(actor, 60);
  const end = (address: string | undefined, port: number | undefined): string =>
    safeText(`${address ?? '?'}${port === undefined ? '' : ` port ${port}`}`, 60);
  return `${end(initiator, initiatorPort)} to ${end(responder, responderPort)}${protocol === undefined ? '' : ` (${safeText(protocol, 20)})`}`;
}

function reasonText({ reasons }: JudgedRow): string {
  const told = reasons.filter(({ contribution }) => contribution >= 0.005);
  if (told.length === 0) return 'nothing pushes it up';
  return told
    .map(
      ({ feature, said, contribution }) =>
        `${safeText(feature, 60)} ${safeText(said, 60)} (+${contribution.toFixed(2)})`,
    )
    .join(', ');
}
