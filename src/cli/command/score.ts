import type { Command } from 'commander';
import { counted, EXIT, humanCount, humanDuration, safeText, UserError } from '../../core/index.ts';
import type { OutputFile } from '../../io/index.ts';
import { conventionOf, conventions, describeRate, type Model, parseBudget } from '../../model/index.ts';
import {
  type RowEnds,
  recipeOf,
  type ScoredRow,
  type Scoring,
  StoppedError,
  scoreInputs,
  type ThresholdAsk,
} from '../../pipeline/index.ts';
import { textCell } from '../../report/index.ts';
import { columns, scoreText, short } from '../columns.ts';
import { INTERRUPTED } from '../interrupt.ts';
import {
  aboutFile,
  addLabelOptions,
  addRowOptions,
  addRunOptions,
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

interface ScoreFlags extends ModelInputFlags, LabelFlags {
  readonly model: string;
  readonly budget?: string;
  readonly threshold?: number;
  readonly contamination?: number;
  readonly convention?: string;
  readonly out?: string;
  readonly top?: number;
  readonly reasons?: number;
  readonly threads?: number;
}

const DEFAULT_TOP = 10;
const DEFAULT_BUDGET = '1 in 1000';

/** Declares `score`. */
export function addScoreCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('score')
    .summary('how strange each record is to a model, and why')
    .description(
      'Scores every record of the inputs with a saved model: 0 ordinary to 1 strange, the same for a record whatever stands beside it. The threshold is asked as a budget of false alarms; how many records lie above it is said beside what was promised.',
    )
    .argument('<input...>', 'files or folders of them; - is standard input')
    .requiredOption('-m, --model <file>', 'the model, as anomalyst train or analyze wrote it')
    .option(
      '--budget <budget>',
      `false alarms that someone will look at: '3/week', '10 a day', '0.1%', '1 in 10000' (default: ${DEFAULT_BUDGET})`,
    )
    .option('--threshold <score>', 'flag what scores above this, as in 0.999', numberOf('--threshold', '0.999'))
    .option(
      '--contamination <share>',
      "flag what this share of the training rows lies above, as scikit-learn's contamination; it has no default",
      numberOf('--contamination', '0.01'),
    )
    .option(
      '--convention <name>',
      `scores as other tools give them: ${conventions.map(({ id }) => id).join(', ')} (default: anomalyst)`,
    )
    .option('-o, --out <file>', 'write a line for every record: .csv, or .ndjson')
    .option('--top <n>', `the strangest records to show (default: ${DEFAULT_TOP})`, wholeFrom('--top', 0, 1000))
    .option('--reasons <n>', 'reasons beside each of them (default: 3)', wholeFrom('--reasons', 1, 100))
    .option(
      '--threads <n>',
      'threads that score, from 50,000 rows on; the scores are the same with any number (default: the cores, at most 4)',
      wholeFrom('--threads', 1, 64),
    )
    .option('--json', 'print the summary and the strangest records as JSON on standard output');
  addRowOptions(command, { measures: false });
  addLabelOptions(command);
  addRunOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst score tuesday.pcap --model office.safetensors --budget 3/week\n  anomalyst score flows.csv --model clean.safetensors --out scores.csv\n  anomalyst score flows.csv --model forest.safetensors --convention sklearn --contamination 0.01\n\nWithout labels the rate of alarms is known of ordinary records alone: many more than promised are either an attack or a change of what is ordinary.',
    )
    .action(async (inputs: string[], flags: ScoreFlags) => {
      done(await runScore(inputs, flags));
    });
}

async function runScore(inputs: readonly string[], flags: ScoreFlags): Promise<number> {
  const convention = conventionOf(flags.convention ?? 'anomalyst', '--convention');
  const ask = thresholdOf(flags, convention.flags !== undefined);
  if (flags.out !== undefined && !/\.(csv|ndjson|jsonl)$/i.test(flags.out))
    throw new UserError(`--out ${safeText(flags.out, 200)}: neither .csv nor .ndjson`, 'for example --out scores.csv');
  const given = readModelFile(flags.model);
  const { model } = given;
  const recipe = aboutFile(given.name, () => recipeOf(model, flags.features !== undefined));
  const output = flags.out === undefined ? undefined : openOutput(flags.out, [...inputs, ...(flags.labels ?? [])]);
  try {
    return await withModelRun(
      inputs,
      flags,
      async (run) => {
        const writer = output === undefined ? undefined : new ScoreWriter(output, recipe.rows === 'flows');
        const scoring = await scoreInputs({
          ...(await run.rowsFor(given)),
          model,
          ask,
          convention: convention.id,
          contamination: flags.contamination,
          top: flags.top ?? DEFAULT_TOP,
          reasons: flags.reasons,
          threads: flags.threads,
          labels: run.labels,
          flowLabels: run.flowLabels,
          ...(writer === undefined ? {} : { onRow: (row) => writer.write(row) }),
        });
        writer?.finish();
        output?.finish();
        run.step('');
        tellRows(scoring.inputs, scoring.notes, flags.quiet === true);
        if (flags.json === true) await print(`${JSON.stringify(scoringNode(flags, model, scoring), null, 2)}\n`);
        else if (flags.quiet !== true)
          await print(describeScoring(flags, model, scoring, terminalWidth(process.stdout)));
        return EXIT.done;
      },
      recipe.rows,
    );
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    note(error.message);
    return INTERRUPTED;
  } finally {
    output?.discard();
  }
}

/** How the threshold was asked: one way at most. @param hasOwn whether the convention has a threshold of its own */
function thresholdOf({ budget, threshold, contamination }: ScoreFlags, hasOwn: boolean): ThresholdAsk {
  const given = [
    ['--budget', budget],
    ['--threshold', threshold],
  ].filter(([, value]) => value !== undefined);
  if (given.length > 1 || (given.length === 1 && contamination !== undefined && !hasOwn))
    throw new UserError(
      `${[...given.map(([name]) => name), ...(contamination === undefined ? [] : ['--contamination'])].join(' and ')}: there is one threshold`,
      'give one of them',
    );
  if (threshold !== undefined) return { by: 'score', score: threshold };
  if (budget !== undefined) return { by: 'budget', budget: parseBudget(budget) };
  if (hasOwn) return { by: 'convention' };
  if (contamination !== undefined) return { by: 'contamination', contamination };
  return { by: 'budget', budget: parseBudget(DEFAULT_BUDGET) };
}

/** A line for every record. */
class ScoreWriter {
  readonly #output: OutputFile;
  readonly #isJson: boolean;
  readonly #isFlows: boolean;
  #lines: string[] = [];

  constructor(output: OutputFile, isFlows: boolean) {
    this.#output = output;
    this.#isJson = !/\.csv$/i.test(output.path);
    this.#isFlows = isFlows;
    if (!this.#isJson)
      this.#lines.push(
        `${isFlows ? 'flow,time,protocol,initiator,initiatorPort,responder,responderPort' : 'row,time,actor'},score,value,word,flagged,label,reasons`,
      );
  }

  write(row: ScoredRow): void {
    this.#lines.push(this.#isJson ? JSON.stringify(rowNode(row)) : this.#csv(row));
    if (this.#lines.length >= 1000) this.#flush();
  }

  finish(): void {
    this.#flush();
  }

  #flush(): void {
    if (this.#lines.length > 0) this.#output.write(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  #csv({ row, timeMs, who, score, value, word, flagged, label, reasons }: ScoredRow): string {
    const text = (cell: string | undefined): string => (cell === undefined ? '' : textCell(cell));
    const number = (cell: number | undefined): string => (cell === undefined ? '' : String(cell));
    const ends = this.#isFlows
      ? [
          text(who.protocol),
          text(who.initiator),
          number(who.initiatorPort),
          text(who.responder),
          number(who.responderPort),
        ]
      : [text(who.actor)];
    const why = reasons.map(({ feature, said, contribution }) => `${feature} = ${said} (${signed(contribution)})`);
    return [
      row,
      timeMs === undefined ? '' : isoTime(timeMs),
      ...ends,
      score,
      value,
      text(word),
      flagged ? 1 : 0,
      text(label),
      why.length === 0 ? '' : textCell(why.join('; ')),
    ].join(',');
  }
}

function isoTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

function signed(share: number): string {
  return `${share >= 0 ? '+' : ''}${share.toFixed(3)}`;
}

function rowNode({ row, timeMs, who, score, raw, value, word, flagged, label, reasons }: ScoredRow): object {
  return {
    row,
    ...(timeMs === undefined ? {} : { timeMs }),
    ...who,
    score,
    raw,
    value,
    ...(word === undefined ? {} : { word }),
    flagged,
    ...(label === undefined ? {} : { label }),
    reasons,
  };
}

/** '192.168.20.66:51234 > 192.168.20.10:22 tcp', or who acts. */
export function saidEnds({ actor, initiator, initiatorPort, responder, responderPort, protocol }: RowEnds): string {
  if (initiator === undefined && responder === undefined) return actor === undefined ? '' : safeText(actor, 60);
  const end = (address: string | undefined, port: number | undefined): string => {
    const text = safeText(address ?? '?', 60);
    return port === undefined ? text : `${text.includes(':') ? `[${text}]` : text}:${port}`;
  };
  return `${end(initiator, initiatorPort)} > ${end(responder, responderPort)}${protocol === undefined ? '' : ` ${safeText(protocol, 20)}`}`;
}

function describeScoring(flags: ScoreFlags, model: Model, scoring: Scoring, width: number): string {
  const { threshold, rowKind, rows, rate, convention } = scoring;
  const noun = rowKind === 'flows' ? 'flow' : 'row';
  const facts: [string, string][] = [
    ['model', `${safeText(flags.model, 200)}: ${model.kind}, ${model.checksum.slice(0, 12)}`],
    [
      'scored',
      `${counted(rows, noun)}${scoring.read > rows ? ` of ${humanCount(scoring.read)}` : ''}${rate.spanMs === undefined ? '' : ` in ${humanDuration(rate.spanMs)}`}`,
    ],
  ];
  if (convention.id !== 'anomalyst')
    facts.push(['convention', `${convention.id}: ${convention.meaning} Its flaw: ${convention.flaw}`]);
  facts.push(['threshold', saidThreshold(flags, scoring)]);
  const perWeek = (n: number | undefined): string => (n === undefined ? '' : `, ${short(n)} a week`);
  if (threshold.promised !== undefined)
    facts.push([
      'promised',
      `at most ${describeRate(threshold.promised)} ordinary ${noun}s above it, ${short(threshold.promised * rows)} of ${humanCount(rows)}${perWeek(threshold.promisedPerWeek)}`,
    ]);
  const { share, alerts } = threshold;
  facts.push([
    'found',
    `${counted(alerts, noun)} above it: ${alerts === 0 ? 'none' : describeRate(share.value)}${perWeek(threshold.foundPerWeek)} (95 % interval ${percent(share.low)} to ${percent(share.high)})${excess(threshold.promised, share.low)}`,
  ]);
  const { above, rows: calibrationRows } = threshold.calibration;
  facts.push(['calibration', `${humanCount(above)} of ${humanCount(calibrationRows)} calibration rows above it`]);
  if (threshold.labelled !== undefined) {
    const { ordinary, falseAlarms, falseAlarmRate, falseAlarmsPerWeek, strange, found } = threshold.labelled;
    facts.push([
      'labels',
      `${humanCount(falseAlarms)} of ${humanCount(ordinary)} ordinary ${noun}s above it (${percent(falseAlarmRate.value)}, 95 % interval ${percent(falseAlarmRate.low)} to ${percent(falseAlarmRate.high)}${perWeek(falseAlarmsPerWeek)}); ${humanCount(found)} of ${humanCount(strange)} others`,
    ]);
  }
  if (threshold.extrapolated)
    facts.push([
      'caution',
      `the threshold is an extrapolation: ${humanCount(calibrationRows)} calibration rows show ${describeRate(1 / (calibrationRows + 1))} by counting, what is rarer comes from a fitted tail`,
    ]);
  for (const caution of model.training.cautions) facts.push(['caution', caution]);
  if (scoring.unexplained > 0)
    facts.push(['reasons', `${humanCount(scoring.unexplained)} flagged ${noun}s have none: too many are flagged`]);
  const lines = facts.map(([name, text]) => wrap(text, width, ' '.repeat(13)).replace(/^ {13}/, name.padEnd(13)));
  const isOwn = convention.id === 'anomalyst';
  const table = columns(
    [
      [noun, 'score', ...(isOwn ? [] : [convention.id]), '', 'reasons'],
      ...scoring.top.map((row) => [
        humanCount(row.row),
        scoreText(row.score),
        ...(isOwn ? [] : [`${Number(row.value.toPrecision(4))}${row.word === undefined ? '' : ` ${row.word}`}`]),
        `${row.flagged ? '!' : ' '} ${saidEnds(row.who)}`,
        row.reasons.map(({ feature, said }) => `${safeText(feature, 40)} ${safeText(said, 30)}`).join(', '),
      ]),
    ],
    ['right', 'left'],
  );
  return `${lines.join('\n')}\n${scoring.top.length === 0 ? '' : `\n${table}`}`;
}

function saidThreshold(flags: ScoreFlags, { threshold, convention, offset }: Scoring): string {
  if (threshold.by === 'convention')
    return offset !== undefined && convention.needsOffset
      ? `that of the convention, offset ${Number(offset.toPrecision(6))}${flags.contamination === undefined ? '' : ` for a contamination of ${flags.contamination}`}`
      : 'that of the convention';
  const asked =
    threshold.by === 'budget'
      ? `asked as ${flags.budget === undefined ? `${DEFAULT_BUDGET}, the default` : safeText(flags.budget, 60)}`
      : threshold.by === 'contamination'
        ? `above it lies ${describeRate(flags.contamination ?? 0)} of the training rows`
        : 'as given';
  return `score ${threshold.score === undefined ? '?' : scoreText(threshold.score)} (${asked})`;
}

/** What many more alarms than promised mean. */
function excess(promised: number | undefined, low: number): string {
  return promised !== undefined && low > promised
    ? `: ${short(low / promised)} times what ordinary records give at least; an attack, or what is ordinary has changed`
    : '';
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function scoringNode(flags: ScoreFlags, model: Model, scoring: Scoring): object {
  const { convention, threshold } = scoring;
  return {
    model: { file: flags.model, kind: model.kind, checksum: model.checksum },
    rows: { kind: scoring.rowKind, read: scoring.read, scored: scoring.rows },
    ...(scoring.span === undefined ? {} : { span: scoring.span }),
    convention: { id: convention.id, meaning: convention.meaning, flaw: convention.flaw },
    ...(scoring.offset === undefined ? {} : { offset: scoring.offset }),
    threshold: {
      ...threshold,
      ...(threshold.by === 'budget' ? { asked: flags.budget ?? DEFAULT_BUDGET } : {}),
    },
    top: scoring.top.map(rowNode),
    unexplained: scoring.unexplained,
    inputs: scoring.inputs,
    notes: scoring.notes,
  };
}
