import type { Command } from 'commander';
import { counted, EXIT, humanCount, humanDuration, safeText, UserError } from '../../core/index.ts';
import { describeRate, models, parseParameters } from '../../model/index.ts';
import {
  checkAlgorithm,
  defaultAlgorithm,
  recipeOf,
  StoppedError,
  type Training,
  trainModel,
} from '../../pipeline/index.ts';
import { columns, scoreText, short } from '../columns.ts';
import { INTERRUPTED } from '../interrupt.ts';
import {
  aboutFile,
  addLabelOptions,
  addRowOptions,
  addRunOptions,
  collectPairs,
  type LabelFlags,
  type ModelInputFlags,
  numberOf,
  readModelFile,
  tellRows,
  wholeFrom,
  withModelRun,
} from '../model-input.ts';
import { openOutput } from '../output.ts';
import { note, print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';

interface TrainFlags extends ModelInputFlags, LabelFlags {
  readonly out: string;
  readonly algorithm?: string;
  readonly set?: string[];
  readonly contaminated?: boolean;
  readonly rows?: number;
  readonly from?: string;
  readonly approve?: string[];
  readonly trim?: number;
}

/** Declares `train`. */
export function addTrainCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('train')
    .summary('captures, logs or a table in, a model of what is ordinary out')
    .description(
      'Learns what is ordinary in captures, logs of flows or a table of any columns, and writes it into a model file: data only, with what is needed to measure other inputs alike. A table gives all its columns as features, flows those of the flow pack; --features defines your own.',
    )
    .argument('<input...>', 'files or folders of them; - is standard input')
    .requiredOption('-o, --out <file>', 'where the model goes, as in model.safetensors')
    .option(
      '--algorithm <kind>',
      `kind of model: ${models.map(({ kind }) => kind).join(', ')} (default: ${defaultAlgorithm()})`,
    )
    .option('--set <name=value>', 'a parameter of the kind (docs/models.md), as in --set trees=200', collectPairs);
  addRowOptions(command, { measures: true });
  addLabelOptions(command);
  command
    .option('--contaminated', 'fit on all rows whatever their labels, as where nobody knows')
    .option(
      '--rows <n>',
      'rows to fit on, drawn evenly where there are more (default: 100,000)',
      wholeFrom('--rows', 1, 10_000_000),
    )
    .option(
      '--from <model>',
      'fit a former model anew on these rows, without what it finds strange, so that nothing is taught slowly',
    )
    .option(
      '--approve <rows>',
      'with --from: numbers of rows that are ordinary however strange, as in 17,40-52',
      collectPairs,
    )
    .option(
      '--trim <share>',
      'with --from: share of ordinary rows that may be left out as strange (default: 0.01)',
      shareOfTrim,
    )
    .option('--json', 'print the summary as JSON on standard output');
  addRunOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst train monday.pcap --out office.safetensors\n  anomalyst train flows.csv --label-column label --normal benign --out clean.safetensors\n  anomalyst train rows.csv --algorithm knn --set neighbours=20 --out knn.safetensors\n  anomalyst train tuesday.pcap --from office.safetensors --out tuesday.safetensors',
    )
    .action(async (inputs: string[], flags: TrainFlags) => {
      done(await runTrain(inputs, flags));
    });
}

async function runTrain(inputs: readonly string[], flags: TrainFlags): Promise<number> {
  if (flags.out === '' || flags.out.endsWith('/'))
    throw new UserError('--out is no file name', 'for example --out model.safetensors');
  if (flags.from === undefined && (flags.approve !== undefined || flags.trim !== undefined))
    throw new UserError('--approve and --trim are of a model that is fitted anew', 'give the former one with --from');
  if (flags.contaminated === true && flags.labelColumn === undefined && flags.labels === undefined)
    throw new UserError('--contaminated: without labels all rows are fitted on anyway', 'leave it out');
  const former = flags.from === undefined ? undefined : readModelFile(flags.from);
  const approved = approvedRows(flags.approve);
  // Before hours of reading, not after.
  if (flags.algorithm !== undefined) checkAlgorithm(flags.algorithm);
  const output = openOutput(flags.out, [...inputs, ...(flags.labels ?? [])]);
  try {
    return await withModelRun(
      inputs,
      flags,
      async (run) => {
        const fit = run.config.fit ?? {};
        const algorithm = flags.algorithm ?? former?.model.kind ?? fit.algorithm ?? defaultAlgorithm();
        const parameters = {
          ...(fit.algorithm === algorithm ? fit.parameters : {}),
          ...parseParameters(algorithm, flags.set ?? []),
        };
        const rows = former === undefined ? run.rows : await run.rowsFor(former);
        const training = await trainModel({
          ...rows,
          algorithm,
          parameters,
          labels: run.labels,
          flowLabels: run.flowLabels,
          contaminated: flags.contaminated,
          maxRows: flags.rows,
          recipe: run.recipe,
          ...(former === undefined ? {} : { from: { model: former.model, approved, budget: flags.trim } }),
          onStep: run.step,
        });
        output.write(training.model.save());
        output.finish();
        run.step('');
        tellRows(training.inputs, training.notes, flags.quiet === true);
        if (flags.json === true) await print(`${JSON.stringify(trainingNode(flags.out, training), null, 2)}\n`);
        else if (flags.quiet !== true)
          await print(describeTraining(flags.out, training, terminalWidth(process.stdout)));
        return EXIT.done;
      },
      former === undefined
        ? undefined
        : aboutFile(former.name, () => recipeOf(former.model, flags.features !== undefined)).rows,
    );
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    note(error.message);
    return INTERRUPTED;
  } finally {
    output.discard();
  }
}

const LEAST_TRIM = 0.0001;
const MOST_TRIM = 0.2;

function shareOfTrim(text: string): number {
  const value = numberOf('--trim', '0.01')(text);
  if (!(value >= LEAST_TRIM && value <= MOST_TRIM))
    throw new UserError(
      `--trim ${safeText(text, 40)}: expected a share from ${LEAST_TRIM} to ${MOST_TRIM}`,
      'for example --trim 0.01: of a hundred ordinary rows one may be left out',
    );
  return value;
}

/** '17,40-52' as numbers of rows. Throws UserError. */
function approvedRows(parts: readonly string[] | undefined): ReadonlySet<number> {
  const rows = new Set<number>();
  for (const part of (parts ?? []).flatMap((text) => text.split(','))) {
    const match = /^\s*(\d{1,12})(?:\s*-\s*(\d{1,12}))?\s*$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || first < 1 || last < first || last - first > 1_000_000)
      throw new UserError(
        `--approve ${safeText(part, 40)}: expected the number of a row, or two with a dash`,
        'for example --approve 17,40-52',
      );
    for (let row = first; row <= last; row++) rows.add(row);
  }
  return rows;
}

const METHODS = {
  'held-back': 'rows that were held back from the fit',
  'cross-fitted': 'rows, each scored by a part that was fitted without it',
  'in-sample': 'row that it was fitted on: its scores mean little',
} as const;

function describeTraining(file: string, training: Training, width: number): string {
  const { model, rowKind, retrained } = training;
  const noun = rowKind === 'flows' ? 'flow' : 'row';
  const { training: summary } = model;
  const left = [
    training.read > training.kept ? `${humanCount(training.read - training.kept)} left out by filters` : '',
    training.kept > training.eligible
      ? `${humanCount(training.kept - training.eligible)} left out by their labels`
      : '',
    training.eligible > training.sampled ? `${humanCount(training.sampled)} of the others drawn` : '',
    retrained === undefined
      ? ''
      : `${humanCount(retrained.trimmed.length)} left out as strange to the former model (by chance ${humanCount(retrained.expectedTrimmed)}), ${humanCount(retrained.approved)} approved, ${humanCount(retrained.anchored)} rows of the former training kept`,
  ].filter((part) => part !== '');
  const facts: [string, string][] = [
    ['model', `${model.kind}, seed ${model.seed}, ${model.checksum.slice(0, 12)}`],
    [
      'fitted on',
      `${counted(summary.fittedRows, noun)} of ${humanCount(training.read)}${left.length === 0 ? '' : `: ${left.join('; ')}`}`,
    ],
  ];
  if (training.labels !== undefined)
    facts.push([
      'labels',
      training.labels
        .slice(0, 8)
        .map(({ name, rows, normal }) => `${safeText(name, 40)} ${humanCount(rows)}${normal ? ' (ordinary)' : ''}`)
        .join(', ') + (training.labels.length > 8 ? ' ...' : ''),
    ]);
  const names = model.featureNames.slice(0, 12).map((name) => safeText(name, 40));
  facts.push([
    'features',
    `${model.featureNames.length}: ${names.join(', ')}${model.featureNames.length > names.length ? ' ...' : ''}`,
  ]);
  if (Object.keys(training.parameters).length > 0)
    facts.push([
      'set',
      Object.entries(training.parameters)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join(' '),
    ]);
  facts.push(['calibration', `${humanCount(summary.calibrationRows)} ${METHODS[summary.calibration]}`]);
  for (const caution of [...summary.cautions, ...(retrained?.remarks ?? [])]) facts.push(['caution', caution]);
  const lines = facts.map(([name, text]) =>
    wrap(safeText(text, 2000), width, ' '.repeat(13)).replace(/^ {13}/, name.padEnd(13)),
  );
  const timed = training.budgets.some(({ perDay }) => perDay !== undefined);
  const table = columns(
    [
      ['ordinary records above it', 'score', ...(timed ? ['a day', 'a week'] : []), ''],
      ...training.budgets.map(({ rate, score, extrapolated, perDay, perWeek }) => [
        describeRate(rate),
        score === undefined ? '-' : scoreText(score),
        ...(timed ? [perDay, perWeek].map((n) => (n === undefined ? '' : short(n))) : []),
        score === undefined ? 'rarer than it can tell' : extrapolated ? 'extrapolated beyond what was counted' : '',
      ]),
    ],
    ['left', 'left', ...(timed ? (['right', 'right'] as const) : []), 'left'],
  );
  const { spanMs } = training.rate;
  const span = spanMs === undefined ? '' : `alarms at the rate of the ${humanDuration(spanMs)} that were read\n`;
  return `${safeText(file, 300)}\n${lines.join('\n')}\n\n${table}${span}`;
}

function trainingNode(file: string, training: Training): object {
  const { model, retrained } = training;
  const {
    reference: _bins,
    features,
    ...summary
  } = model.training as Training['model']['training'] & { reference?: unknown };
  return {
    file,
    model: { kind: model.kind, seed: model.seed, checksum: model.checksum, schemaVersion: model.schemaVersion },
    parameters: training.parameters,
    rows: {
      kind: training.rowKind,
      read: training.read,
      kept: training.kept,
      eligible: training.eligible,
      sampled: training.sampled,
      unlabelled: training.unlabelled,
      ...(training.labels === undefined ? {} : { labels: training.labels }),
    },
    training: summary,
    features,
    budgets: training.budgets,
    ...(training.rate.spanMs === undefined ? {} : { spanMs: training.rate.spanMs }),
    ...(retrained === undefined
      ? {}
      : {
          retrained: {
            trimmed: retrained.trimmed.length,
            expectedTrimmed: retrained.expectedTrimmed,
            approved: retrained.approved,
            anchored: retrained.anchored,
            scoreShift: retrained.drift.scores,
            remarks: retrained.remarks,
          },
        }),
    inputs: training.inputs,
    notes: training.notes,
  };
}
