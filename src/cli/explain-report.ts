import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Persona, Pseudonyms, type Redaction } from '../analyst/index.ts';
import { counted, EXIT, humanCount, humanDuration, safeText, UserError } from '../core/index.ts';
import { describeFileError, type EgressLedger, OutputFile, type ServedModel, writeOutput } from '../io/index.ts';
import {
  type AnalystCall,
  AnswerStore,
  type AskedQuestion,
  askAbout,
  type Config,
  estimateQuestion,
  INCIDENTS_FILE,
  incidentContext,
  metricsCsv,
  metricsJson,
  RunQueries,
  readReport,
  totalCalls,
  withEarlierCalls,
  withOpinions,
} from '../pipeline/index.ts';
import { type AnalysisResult, REPORT_FORMATS } from '../report/index.ts';
import { INTERRUPTED } from './interrupt.ts';
import { contextListsOf, pseudonymKey } from './language-option.ts';
import { note, print, showUserError } from './terminal.ts';

/** Folder beside the report in which answers are kept, one file a question. */
const ANSWERS_FOLDER = 'analyst-answers';
const METRICS_JSON = 'analyst-metrics.json';
const METRICS_CSV = 'analyst-metrics.csv';

export interface ExplainOptions {
  /** As incidents.json has it: the same whether it was just written or is read back, so that the same is asked. */
  readonly result: AnalysisResult;
  /** Where the report lies, and is written anew. */
  readonly folder: string;
  readonly model: ServedModel;
  readonly personas: readonly Persona[];
  readonly config: Config;
  readonly egress: EgressLedger;
  readonly signal: AbortSignal;
  readonly redact?: Redaction;
  readonly again?: boolean;
  /** Asks in stages, with queries on what the run left in the folder. */
  readonly staged?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  /** Id of the only incident that is asked about. */
  readonly only?: string;
}

/** What the model sees as pseudonyms: by --redact, the configuration, or where the model runs: addresses do not leave this network without being asked for. */
export function redactionOf(given: Redaction | undefined, config: Config, place: ServedModel['place']): Redaction {
  return given ?? config.analyst?.redact ?? (place === 'remote' ? 'addresses' : 'none');
}

/**
 * Asks a model about the incidents of a report, writes the report anew with what it thinks, and the metrics beside it. Returns the exit code: done also where
 * the model failed, which is said in one line; 130 where it was stopped. Rejects with UserError where the disk fails.
 */
export async function explainReport(options: ExplainOptions): Promise<number> {
  const { result, folder, model, personas, config, egress, signal } = options;
  const settings = config.analyst ?? {};
  const incidents = result.incidents.filter(({ id }) => options.only === undefined || id === options.only);
  if (incidents.length === 0) {
    if (options.quiet !== true) note('There are no incidents to explain.');
    return EXIT.done;
  }
  const redaction = redactionOf(options.redact, config, model.place);
  const pseudonyms = new Pseudonyms(redaction, redaction === 'none' ? '' : pseudonymKey(folder));
  const lists = contextListsOf(config);
  const contextOf = (incident: AnalysisResult['incidents'][number]) => incidentContext(result, incident, lists);
  const tell = (text: string): void => {
    if (options.quiet !== true) note(text);
  };
  const prompt = incidents
    .flatMap((incident) => personas.map((persona) => estimateQuestion(incident, persona, { contextOf, pseudonyms })))
    .reduce((sum, tokens) => sum + tokens, 0);
  tell(
    `asking ${safeText(model.model, 100)} at ${safeText(model.server, 100)} about ${counted(incidents.length, 'incident')}: prompts of about ${humanCount(prompt)} tokens`,
  );
  const asked = await askAbout(incidents, {
    model,
    personas,
    contextOf,
    pseudonyms,
    maxOutputTokens: settings.maxOutputTokens,
    store: new AnswerStore(path.join(folder, ANSWERS_FOLDER)),
    again: options.again,
    queries: options.staged === true ? new RunQueries(result, folder) : undefined,
    concurrency: settings.concurrency,
    budget: settings.budget,
    signal,
    onOpinion: ({ incident, opinion, call }, done, all) => {
      if (opinion.outcome === 'answer')
        tell(
          `${done}/${all} ${incident} ${opinion.persona}: ${opinion.verdict?.assessment ?? ''}${call.durationMs === undefined ? ', known from before' : ` in ${humanDuration(call.durationMs)}`}${opinion.claimsDropped > 0 ? `, ${counted(opinion.claimsDropped, 'claim')} left out` : ''}${stagedWords(call)}`,
        );
    },
  });
  const told: AnalysisResult = { ...result, incidents: withOpinions(result.incidents, asked) };
  for (const format of REPORT_FORMATS) {
    const file = new OutputFile(folder, format.file);
    for (const part of format.parts(told)) file.write(part);
    file.finish();
  }
  const calls = asked.map(({ call }) => call);
  const all = withEarlierCalls(calls, earlierMetrics(folder));
  writeOutput(folder, METRICS_JSON, metricsJson(all));
  writeOutput(folder, METRICS_CSV, metricsCsv(all));
  for (const line of failureLines(asked)) note(line);
  for (const line of egress.lines([redaction === 'none' ? 'addresses' : 'addresses as pseudonyms'])) tell(line);
  if (options.json === true) await print(metricsJson(calls));
  else tell(summaryLine(calls));
  return signal.aborted ? INTERRUPTED : EXIT.done;
}

/** ', planned 2 queries (top-peers, services), 1 of them failed' */
function stagedWords({ plan, queries, queriesFailed = 0 }: AnalystCall): string {
  if (queries === undefined) return '';
  if (plan !== 'answer') return `, no plan (${plan ?? 'unknown'})`;
  const failed = queriesFailed > 0 ? `, ${humanCount(queriesFailed)} of them failed` : '';
  return queries.length === 0
    ? ', planned no queries'
    : `, ${counted(queries.length, 'query', 'queries')} (${queries.join(', ')})${failed}`;
}

function earlierMetrics(folder: string): string | undefined {
  const file = path.join(folder, METRICS_JSON);
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw describeFileError(error, file, 'read');
  }
}

/** A line for every way in which questions failed, with what may help. */
function failureLines(asked: readonly AskedQuestion[]): string[] {
  const failed = asked.filter(({ opinion }) => opinion.outcome !== 'answer');
  const kinds = Map.groupBy(failed, ({ opinion }) => opinion.outcome);
  return [...kinds].map(([outcome, questions]) => {
    const { message, hint } = questions[0]?.opinion ?? {};
    return `no explanation of ${counted(questions.length, 'question')} (${outcome}): ${safeText(message ?? '', 400)}${hint === undefined ? '' : `\n  ${safeText(hint, 400)}`}`;
  });
}

function summaryLine(calls: readonly AnalystCall[]): string {
  const totals = totalCalls(calls);
  const { answer = 0, stored = 0 } = totals.outcomes;
  const rest = [
    `${counted(answer + stored, 'explanation')} of ${counted(totals.calls, 'question')}${stored > 0 ? ` (${humanCount(stored)} known from before)` : ''}`,
    `${counted(totals.claimsKept, 'claim')} kept, ${humanCount(totals.claimsDropped)} left out`,
    totals.promptTokens === undefined ? undefined : `${humanCount(totals.promptTokens)} prompt tokens`,
    totals.completionTokens === undefined ? undefined : `${humanCount(totals.completionTokens)} answer tokens`,
    totals.tokensPerSecond === undefined ? undefined : `${totals.tokensPerSecond.toFixed(1)} tokens/s`,
    totals.meanDurationMs === undefined ? undefined : `${humanDuration(totals.meanDurationMs)} each`,
    totals.schemaValidRate === undefined
      ? undefined
      : `${Math.round(100 * totals.schemaValidRate)} % in the right form at once`,
    totals.cost === undefined ? undefined : `cost ${totals.cost.toFixed(4)}`,
  ].filter((part) => part !== undefined);
  return rest.join('; ');
}

/** Explains reports behind an analysis that does not wait for it: one after the other, in the order in which they were written. */
export class Explainer {
  readonly #options: Omit<ExplainOptions, 'result' | 'folder' | 'signal'>;
  #last: Promise<void> = Promise.resolve();

  constructor(options: Omit<ExplainOptions, 'result' | 'folder' | 'signal'>) {
    this.#options = options;
  }

  /** The report in the folder is whole; it is written anew when the model is through. What fails is told, and costs nothing but the explanation. */
  later(folder: string, signal: AbortSignal): void {
    this.#last = this.#last.then(async () => {
      try {
        const result = readReport(path.join(folder, INCIDENTS_FILE));
        await explainReport({ ...this.#options, result, folder, signal });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        showUserError(error);
      }
    });
    // Whoever waits for `finished` hears of it; until then it is nobody's.
    this.#last.catch(() => undefined);
  }

  /** Resolves when all that was begun is through. */
  finished(): Promise<void> {
    return this.#last;
  }
}
