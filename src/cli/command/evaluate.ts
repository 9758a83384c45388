import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Command } from 'commander';
import { counted, EXIT, humanCount, humanDuration, safeText, UserError } from '../../core/index.ts';
import type { OutputFile } from '../../io/index.ts';
import { describeRate, type Interval, models, parseBudget, parseParameters } from '../../model/index.ts';
import {
  type Contender,
  checkAlgorithm,
  type Evaluated,
  type Evaluation,
  evaluateModels,
  kindOf,
  recipeOf,
  StoppedError,
} from '../../pipeline/index.ts';
import { curveSpark, renderCurves } from '../../report/index.ts';
import { columns, scoreText, short } from '../columns.ts';
import { INTERRUPTED } from '../interrupt.ts';
import {
  aboutFile,
  addLabelOptions,
  addRowOptions,
  addRunOptions,
  type LabelFlags,
  type ModelInputFlags,
  type ModelRun,
  readModelFile,
  tellRows,
  wholeFrom,
  withModelRun,
} from '../model-input.ts';
import { openOutput } from '../output.ts';
import { note, print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';

interface EvaluateFlags extends ModelInputFlags, LabelFlags {
  readonly model?: string[];
  readonly compare?: string[];
  readonly budget?: string;
  readonly out?: string;
  readonly folds?: number;
  readonly contaminated?: boolean;
  readonly replicates?: number;
  readonly rows?: number;
}

/** Declares `evaluate`. */
export function addEvaluateCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('evaluate')
    .summary('how well models tell strange from ordinary on labelled records')
    .description(
      'Measures models on records that are labelled: AUROC, average precision and the share found at 1 % false alarms, with 95 % intervals, and what is found at a budget, for each label. --compare fits kinds of models on other records of the same inputs, round by round: by time where there are times.',
    )
    .argument('<input...>', 'files or folders of them; - is standard input')
    .option('-m, --model <file>', 'a saved model; more than once for several', collect)
    .option(
      '--compare <kinds>',
      `kinds of models or model files, comma-separated; 'all' is every kind; a kind takes parameters, as in knn:neighbours=5`,
      collectList,
    );
  addRowOptions(command, { measures: true });
  addLabelOptions(command);
  command
    .option('--budget <budget>', "false alarms that someone will look at, as for score (default: '1%')")
    .option('-o, --out <file>', 'draw the curves into this file: .svg, or .html with the tables')
    .option('--folds <n>', 'rounds for kinds that are fitted (default: 5)', wholeFrom('--folds', 2, 20))
    .option('--contaminated', 'fit kinds on all records of the other rounds, whatever their labels')
    .option(
      '--rows <n>',
      'records to measure on, drawn evenly where there are more (default: 500,000; 20,000 with kinds that are fitted)',
      wholeFrom('--rows', 10, 10_000_000),
    )
    .option('--replicates <n>', 'resamplings for the intervals (default: 1,000)', wholeFrom('--replicates', 50, 10_000))
    .option('--json', 'print everything as JSON on standard output');
  addRunOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst evaluate test.csv --model clean.safetensors --label-column label --normal benign\n  anomalyst evaluate day.pcapng --labels day.labels.csv --model office.safetensors --out curves.svg\n  anomalyst evaluate rows.csv --label-column class --compare isolation-forest,knn,ecod',
    )
    .action(async (inputs: string[], flags: EvaluateFlags) => {
      done(await runEvaluate(inputs, flags));
    });
}

function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}

function collectList(text: string, before: string[] | undefined): string[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return [...(before ?? []), ...parts];
}

async function runEvaluate(inputs: readonly string[], flags: EvaluateFlags): Promise<number> {
  if (flags.model === undefined && flags.compare === undefined)
    throw new UserError(
      'there is nothing to evaluate',
      'give a saved model with --model, or kinds to fit with --compare isolation-forest,knn',
    );
  if (flags.labelColumn === undefined && flags.labels === undefined)
    throw new UserError(
      'records need labels to measure by',
      'say with --label-column where they stand, or give the labels of flows with --labels',
    );
  const budget = parseBudget(flags.budget ?? '1%');
  if (flags.out !== undefined && !/\.(svg|html)$/i.test(flags.out))
    throw new UserError(`--out ${safeText(flags.out, 200)}: neither .svg nor .html`, 'for example --out curves.svg');
  const asked = [...(flags.model ?? []).map((name) => `file:${name}`), ...expand(flags.compare ?? [])];
  // What is wrong with the contenders is told before hours of reading.
  const parsed = asked.map(contenderOf);
  const [first] = parsed.flatMap((one) => ('model' in one ? [one] : []));
  const kind =
    first !== undefined
      ? aboutFile(first.name, () => recipeOf(first.model, flags.features !== undefined)).rows
      : undefined;
  const output = flags.out === undefined ? undefined : openOutput(flags.out, [...inputs, ...(flags.labels ?? [])]);
  try {
    return await withModelRun(
      inputs,
      flags,
      async (run) => {
        const contenders = await Promise.all(parsed.map((one) => placed(one, run)));
        const rows =
          first !== undefined && contenders.every((one) => 'model' in one)
            ? await run.rowsFor(first)
            : { ...run.rows, rows: kind ?? run.rows.rows ?? kindOf(run.inputs) };
        const evaluation = await evaluateModels({
          ...rows,
          contenders,
          labels: run.labels,
          flowLabels: run.flowLabels,
          budget,
          folds: flags.folds,
          contaminated: flags.contaminated,
          replicates: flags.replicates,
          maxRows: flags.rows,
          onStep: run.step,
        });
        if (output !== undefined) writePicture(output, evaluation);
        run.step('');
        tellRows(evaluation.inputs, evaluation.notes, flags.quiet === true);
        if (flags.json === true) await print(`${JSON.stringify(evaluation, null, 2)}\n`);
        else await print(describeEvaluation(evaluation, terminalWidth(process.stdout), flags.out));
        return EXIT.done;
      },
      kind,
    );
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    note(error.message);
    return INTERRUPTED;
  } finally {
    output?.discard();
  }
}

function expand(compared: readonly string[]): string[] {
  return compared.flatMap((one) => (one === 'all' ? models.map(({ kind }) => kind) : [one]));
}

/** A model file, or a kind with its parameters: 'knn:neighbours=5:distance=largest'. */
function contenderOf(text: string): Contender {
  if (text.startsWith('file:')) return fromFile(text.slice(5));
  const [kind = '', ...pairs] = text.split(':');
  if (!models.some((entry) => entry.kind === kind) && fs.existsSync(text)) return fromFile(text);
  const algorithm = checkAlgorithm(kind, '--compare');
  return { name: text, algorithm, parameters: parseParameters(algorithm, pairs, '--compare') };
}

function fromFile(file: string): Extract<Contender, { readonly model: unknown }> {
  return { name: path.basename(file), model: readModelFile(file).model };
}

async function placed(contender: Contender, run: ModelRun): Promise<Contender> {
  if (!('model' in contender)) return contender;
  const { plan, rows, homeNet, types } = await run.rowsFor(contender);
  return {
    ...contender,
    rows: {
      ...(plan === undefined ? {} : { plan }),
      rows,
      homeNet,
      types,
    },
  };
}

function interval({ value, low, high }: Interval): string {
  return `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function difference({ value, low, high }: Interval): string {
  const sign = (n: number): string => `${n > 0 ? '+' : ''}${n.toFixed(3)}`;
  return `${sign(value)} (${sign(low)} to ${sign(high)})`;
}

function describeEvaluation(evaluation: Evaluation, width: number, out: string | undefined): string {
  const { rowKind, rows, strange, results, budget, rate, folds } = evaluation;
  const noun = rowKind === 'flows' ? 'flow' : 'row';
  const facts: [string, string][] = [
    [
      'measured on',
      `${counted(rows, noun)}, ${humanCount(strange)} strange (${percent(strange / rows)})${evaluation.unlabelled > 0 ? `; ${humanCount(evaluation.unlabelled)} have no label` : ''}${evaluation.available > rows && folds?.byTime !== true ? `; drawn from ${humanCount(evaluation.available)}` : ''}${rate.spanMs === undefined ? '' : `; ${humanDuration(rate.spanMs)}`}`,
    ],
  ];
  if (folds !== undefined)
    facts.push([
      'fitted',
      `${folds.byTime ? `${folds.count} rounds in order of time: each stretch is judged by what was fitted on all before it, the first by nobody` : `${folds.count} rounds at random, for want of times: each part is judged by what was fitted on the others`}; on ${evaluation.contaminated ? 'all of them, whatever their labels' : 'the ordinary ones alone'}`,
    ]);
  const lines = facts.map(([name, text]) => wrap(text, width, ' '.repeat(13)).replace(/^ {13}/, name.padEnd(13)));
  const measures = columns(
    [
      ['', 'AUROC', 'average precision', 'found at 1 % false alarms', ''],
      ...results.map((one) => [
        safeText(one.name, 40),
        interval(one.measures.auroc),
        interval(one.measures.averagePrecision),
        interval(one.measures.tprAtFpr),
        curveSpark(one.curve, 16),
      ]),
      ['by chance', '0.500', (strange / rows).toFixed(3), '0.010', ''],
    ],
    [],
  );
  const differences =
    results.length < 2
      ? ''
      : `\nbeyond ${safeText(results[0]?.name ?? '', 40)}, on the same ${noun}s\n${columns(
          results.flatMap((one) =>
            one.difference === undefined
              ? []
              : [
                  [
                    safeText(one.name, 40),
                    difference(one.difference.auroc),
                    difference(one.difference.averagePrecision),
                    difference(one.difference.tprAtFpr),
                  ],
                ],
          ),
        )}`;
  const line = `at a budget of ${budget.text}${budget.text.startsWith('1 in') ? '' : ` (${describeRate(budget.share)})`}: score above ${scoreText(budget.threshold)}`;
  const atBudget = columns(
    [
      ['', 'precision', 'recall', 'false alarms', ...(rate.spanMs === undefined ? [] : ['a week'])],
      ...results.map((one) => [
        safeText(one.name, 40),
        one.precision === undefined ? 'none flagged' : percent(one.precision.value),
        percent(one.recall.value),
        `${percent(one.falsePositiveRate.value)} (${percent(one.falsePositiveRate.low)} to ${percent(one.falsePositiveRate.high)})`,
        ...(rate.spanMs === undefined
          ? []
          : [one.falseAlarmsPerWeek === undefined ? '' : short(one.falseAlarmsPerWeek)]),
      ]),
    ],
    ['left', 'right', 'right', 'left', 'right'],
  );
  const skipped = results
    .filter(({ skippedFolds }) => skippedFolds > 0)
    .map(
      ({ name, skippedFolds }) =>
        `note: ${safeText(name, 40)}: ${counted(skippedFolds, 'round')} had no ordinary ${noun}s to fit on and ${skippedFolds === 1 ? 'is' : 'are'} left out\n`,
    );
  return `${lines.join('\n')}\n\n${measures}${differences}\n${line}\n${atBudget}\n${labelTable(results, noun)}${skipped.join('')}${out === undefined ? '' : `curves in ${safeText(out, 300)}\n`}`;
}

const MAX_LABELS = 40;

/** How much of each label is flagged, by each contender. */
function labelTable(results: readonly Evaluated[], noun: string): string {
  const [first] = results;
  if (first === undefined) return '';
  const shown = first.byLabel.slice(0, MAX_LABELS);
  return columns(
    [
      ['label', `${noun}s`, ...results.map(({ name }) => `flagged by ${safeText(name, 30)}`)],
      ...shown.map(({ name, normal, rows }) => [
        `${safeText(name, 40)}${normal ? ' (ordinary)' : ''}`,
        humanCount(rows),
        ...results.map((one) => {
          const found = one.byLabel.find((label) => label.name === name);
          return found === undefined ? '' : `${humanCount(found.flagged)} (${percent(found.share.value)})`;
        }),
      ]),
      ...(first.byLabel.length > shown.length ? [[`${first.byLabel.length - shown.length} more, in --json`]] : []),
    ],
    ['left', 'right', ...results.map(() => 'right' as const)],
  );
}

function legend({ measures }: Evaluated): string {
  return `AUROC ${interval(measures.auroc)}, average precision ${interval(measures.averagePrecision)}, found at 1 % ${interval(measures.tprAtFpr)}`;
}

function writePicture(output: OutputFile, evaluation: Evaluation): void {
  const { results, rows, strange, rowKind } = evaluation;
  const svg = renderCurves(
    `${humanCount(strange)} strange among ${humanCount(rows)} ${rowKind}`,
    results.map((one) => ({ name: one.name, note: legend(one), points: one.curve })),
    strange / rows,
  );
  if (/\.svg$/i.test(output.path)) output.write(svg);
  else {
    const text = markup(describeEvaluation(evaluation, 120, undefined));
    output.write(
      `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">\n<title>Evaluation</title>\n<style>body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}pre{overflow-x:auto;line-height:1.35}svg{max-width:100%;height:auto}</style>\n<h1>Evaluation</h1>\n${svg}<pre>${text}</pre>\n</html>\n`,
    );
  }
  output.finish();
}

function markup(text: string): string {
  return text.replace(/[&<>]/g, (ch) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[ch] ?? ch);
}
