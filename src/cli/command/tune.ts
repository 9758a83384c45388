import { type Command, Option } from 'commander';
import { counted, EXIT, humanCount, safeText, UserError } from '../../core/index.ts';
import type { OutputFile } from '../../io/index.ts';
import { describeParameter, type Interval, type Parameters, parametersOf, parseParameters } from '../../model/index.ts';
import {
  checkAlgorithm,
  defaultAlgorithm,
  StoppedError,
  type TuneCriterion,
  type Tuning,
  tuneModel,
} from '../../pipeline/index.ts';
import { columns } from '../columns.ts';
import { INTERRUPTED } from '../interrupt.ts';
import {
  addLabelOptions,
  addRowOptions,
  addRunOptions,
  collectPairs,
  type LabelFlags,
  type ModelInputFlags,
  tellRows,
  wholeFrom,
  withModelRun,
} from '../model-input.ts';
import { openOutput } from '../output.ts';
import { note, print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';

interface TuneFlags extends ModelInputFlags, LabelFlags {
  readonly algorithm?: string;
  readonly trials?: number;
  readonly by?: TuneCriterion;
  readonly folds?: number;
  readonly contaminated?: boolean;
  readonly set?: string[];
  readonly rows?: number;
  readonly out?: string;
}

const DEFAULT_TRIALS = 20;
const SHOWN = 8;

/** Declares `tune`. */
export function addTuneCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('tune')
    .summary('searches the parameters of a kind of model, and says whether anything beats the defaults')
    .description(
      'Tries parameters of a kind of model at random on rows that the fit did not see: by average precision where there are labels, else by the mass-volume curve. A third of the rows is kept aside, and what the best gains over the defaults is measured there. The file that --out writes is for anomalyst train --config.',
    )
    .argument('<input...>', 'files or folders of them; - is standard input')
    .option('--algorithm <kind>', `kind of model (default: ${defaultAlgorithm()})`)
    .option('--trials <n>', `sets of parameters to try (default: ${DEFAULT_TRIALS})`, wholeFrom('--trials', 1, 10_000))
    .option('--set <name=value>', 'a parameter that is held and not searched', collectPairs)
    .addOption(
      new Option(
        '--by <criterion>',
        'what to choose by (default: average-precision; mass-volume without labels)',
      ).choices(['average-precision', 'auroc', 'found-at-1-percent', 'mass-volume']),
    );
  addRowOptions(command, { measures: true });
  addLabelOptions(command);
  command
    .option('--folds <n>', 'rounds in which each set is tried (default: 3)', wholeFrom('--folds', 2, 10))
    .option('--contaminated', 'fit on all rows whatever their labels')
    .option(
      '--rows <n>',
      'rows to search on, drawn evenly where there are more (default: 20,000)',
      wholeFrom('--rows', 60, 1_000_000),
    )
    .option('-o, --out <file>', 'write the chosen parameters into this YAML file')
    .option('--json', 'print everything as JSON on standard output');
  addRunOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst tune rows.csv --algorithm knn --label-column class --trials 40 --out knn.yaml\n  anomalyst train rows.csv --config knn.yaml --out knn.safetensors',
    )
    .action(async (inputs: string[], flags: TuneFlags) => {
      done(await runTune(inputs, flags));
    });
}

async function runTune(inputs: readonly string[], flags: TuneFlags): Promise<number> {
  const algorithm = checkAlgorithm(flags.algorithm ?? defaultAlgorithm());
  const fixed = parseParameters(algorithm, flags.set ?? []);
  if (flags.out !== undefined && !/\.ya?ml$/i.test(flags.out))
    throw new UserError(`--out ${safeText(flags.out, 200)}: no .yaml file`, 'for example --out knn.yaml');
  const output = flags.out === undefined ? undefined : openOutput(flags.out, [...inputs, ...(flags.labels ?? [])]);
  try {
    return await withModelRun(inputs, flags, async (run) => {
      const tuning = await tuneModel({
        ...run.rows,
        algorithm,
        trials: flags.trials ?? DEFAULT_TRIALS,
        labels: run.labels,
        flowLabels: run.flowLabels,
        by: flags.by,
        folds: flags.folds,
        contaminated: flags.contaminated,
        fixed,
        maxRows: flags.rows,
        onStep: run.step,
      });
      if (output !== undefined) writeYaml(output, tuning, inputs);
      run.step('');
      tellRows(tuning.inputs, tuning.notes, flags.quiet === true);
      if (flags.json === true) await print(`${JSON.stringify(tuning, null, 2)}\n`);
      else await print(describeTuning(tuning, terminalWidth(process.stdout), flags.out));
      return EXIT.done;
    });
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    note(error.message);
    return INTERRUPTED;
  } finally {
    output?.discard();
  }
}

const CRITERIA: Readonly<Record<TuneCriterion, string>> = {
  'average-precision': 'average precision',
  auroc: 'AUROC',
  'found-at-1-percent': 'share found at 1 % false alarms',
  'mass-volume': 'mass-volume, 1 minus the share of the range that holds 90 to 99.9 % of the rows',
};

function said(parameters: Parameters): string {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${String(value)}`);
  return pairs.length === 0 ? 'the defaults' : pairs.join(' ');
}

function interval({ value, low, high }: Interval, sign = false): string {
  const text = (n: number): string => `${sign && n > 0 ? '+' : ''}${n.toFixed(4)}`;
  return `${text(value)} (${text(low)} to ${text(high)})`;
}

function describeTuning(tuning: Tuning, width: number, out: string | undefined): string {
  const { trials, final, criterion } = tuning;
  const noun = tuning.rowKind === 'flows' ? 'flow' : 'row';
  const failed = trials.filter(({ failure }) => failure !== undefined);
  const facts: [string, string][] = [
    [
      'searched',
      `${tuning.algorithm}, ${counted(trials.length - 1, 'set')} of parameters beside the defaults, on ${counted(tuning.chosenOn, noun)} in ${tuning.folds} rounds ${tuning.byTime ? 'in order of time' : 'at random'}; ${humanCount(tuning.held)} ${noun}s ${tuning.byTime ? 'that came after them' : ''} kept aside`.replace(
        '  ',
        ' ',
      ),
    ],
    ['criterion', CRITERIA[criterion]],
  ];
  if (criterion === 'mass-volume')
    facts.push([
      'caution',
      'without labels this says how closely a model follows where rows are dense, not whether it finds attacks: on public sets it agreed with AUROC on 7 of 10 pairs of models',
    ]);
  const [firstFailed] = failed;
  if (firstFailed !== undefined)
    facts.push([
      'failed',
      `${counted(failed.length, 'set')} could not be fitted, the first: ${firstFailed.failure ?? ''}`,
    ]);
  const order = trials.map((_, i) => i).sort((a, b) => (trials[b]?.value ?? -1) - (trials[a]?.value ?? -1) || a - b);
  const shown = order.slice(0, SHOWN);
  if (!shown.includes(0)) shown.push(0);
  const table = columns(
    [
      ['rank', 'value', 'seconds', 'parameters'],
      ...shown.map((i) => {
        const trial = trials[i];
        return [
          String(order.indexOf(i) + 1),
          trial?.value === undefined ? '-' : trial.value.toFixed(4),
          (trial?.seconds ?? 0).toFixed(2),
          said(trial?.parameters ?? {}),
        ];
      }),
    ],
    ['right', 'right', 'right', 'left'],
  );
  const isDefault = Object.keys(trials[order[0] ?? 0]?.parameters ?? {}).length === 0;
  const verdict = isDefault
    ? 'Nothing beats the defaults: none of the sets that were tried is better in the rounds.'
    : tuning.beatsDefaults
      ? `${said(tuning.best)} beats the defaults.`
      : `Nothing beats the defaults: what was best in the rounds gains nothing certain on the ${noun}s that were kept aside.`;
  const comparison = isDefault
    ? `the defaults reach ${interval(final.defaults)} on what was kept aside\n`
    : columns([
        ['kept aside', 'best of the rounds', interval(final.best)],
        ['', 'defaults', interval(final.defaults)],
        ['', 'gain', interval(final.gain, true)],
      ]);
  const measures =
    final.bestMeasures === undefined || final.defaultMeasures === undefined
      ? ''
      : `\n${columns([
          ['', 'AUROC', 'average precision', 'found at 1 % false alarms'],
          ...(
            [
              ['best', final.bestMeasures],
              ['defaults', final.defaultMeasures],
            ] as const
          ).map(([name, one]) => [name, interval(one.auroc), interval(one.averagePrecision), interval(one.tprAtFpr)]),
        ])}`;
  const lines = facts.map(([name, text]) =>
    wrap(safeText(text, 1000), width, ' '.repeat(11)).replace(/^ {11}/, name.padEnd(11)),
  );
  return `${lines.join('\n')}\n\n${table}\n${comparison}${measures}\n${wrap(verdict, width)}\n${out === undefined ? '' : `${safeText(out, 300)}: for anomalyst train --config\n`}`;
}

/** What `train --config` takes, with how it came about. */
function writeYaml(output: OutputFile, tuning: Tuning, inputs: readonly string[]): void {
  const { final, parameters, algorithm } = tuning;
  const searchable = parametersOf(algorithm).map((one) => `${one.name} ${describeParameter(one).standard}`);
  const lines = [
    `# anomalyst tune: ${algorithm} on ${inputs.map((input) => safeText(input, 100)).join(', ')}`,
    `# ${tuning.trials.length - 1} sets of parameters tried by ${CRITERIA[tuning.criterion]}`,
    `# on ${tuning.held} rows kept aside: best ${interval(final.best)}, defaults ${interval(final.defaults)}, gain ${interval(final.gain, true)}`,
    tuning.beatsDefaults
      ? '# The whole interval of the gain lies above 0.'
      : `# Nothing beats the defaults with certainty, so these are the defaults. Best in the rounds: ${said(tuning.best)}`,
    `# defaults: ${searchable.join(', ')}`,
    'fit:',
    `  algorithm: ${algorithm}`,
    ...(Object.keys(parameters).length === 0
      ? []
      : ['  parameters:', ...Object.entries(parameters).map(([name, value]) => `    ${name}: ${String(value)}`)]),
    '',
  ];
  output.write(lines.join('\n'));
  output.finish();
}
