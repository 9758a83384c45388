import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { counted, EXIT, humanBytes, humanDuration, safeText, type Table, UserError } from '../../core/index.ts';
import type { ThreatLists } from '../../detect/index.ts';
import type { FeatureMatrix } from '../../feature/index.ts';
import {
  type AlertBudget,
  AlertKeeper,
  alertsNear,
  NO_FEEDBACK,
  parseAlertBudget,
  SEVERITIES,
  type Severity,
  severityRank,
} from '../../incident/index.ts';
import {
  describeFileError,
  EgressLedger,
  encodeConnectionCsv,
  expandInputs,
  makeOutputFolder,
  OutputFile,
  type PluginHost,
  parseDuration,
  type Reject,
  readThreatLists,
  writeOutput,
} from '../../io/index.ts';
import {
  ALERTS_FILE,
  AnomalySheet,
  ARCHIVE_FILE,
  type Archive,
  analyze,
  analyzeTable,
  archiveOf,
  type ClassifiedInput,
  type Config,
  classifyInputs,
  FEEDBACK_FILE,
  type GivenFile,
  LearningModel,
  nextTurn,
  noteAlerts,
  parseRetrainEvery,
  RECORDS_FILE,
  RecordKeeper,
  type RecordsKept,
  type RetrainEvery,
  readAlerts,
  TURN_MS,
  threatListBlindSpots,
  writeArchive,
} from '../../pipeline/index.ts';
import {
  type AnalysisResult,
  FlowCsvWriter,
  flowCsvHeader,
  REPORT_FORMATS,
  renderJson,
  renderTerminal,
  rowCsvHeader,
  rowCsvLines,
  textCell,
} from '../../report/index.ts';
import { fitFlows, planOptions, readDefinitions, readDefinitionText, readSystemInput } from '../definitions.ts';
import { Explainer } from '../explain-report.ts';
import { readFeedback } from '../feedback-file.ts';
import { languageModelOf, personasOf } from '../language-option.ts';
import { collectFiles, collectHomeNetworks, configOf, flowOptionsOf } from '../option.ts';
import { refuseOwnFiles } from '../output.ts';
import { givePlugins, startPlugins, tellPluginFailures } from '../plugin-host.ts';
import { ProgressLine } from '../progress.ts';
import { note, print, showUserError, terminalWidth, wantsColor } from '../terminal.ts';
import { readTextFile } from '../text-file.ts';
import { addLiveOptions, askedInterfaces, type LiveFlags, type RunOnce, runLive } from './analyze-live.ts';
import { askedAddress, runStream, runWatch, WATCH_PREFIX } from './analyze-stream.ts';
import { baselineOf, vendorsOf } from './devices.ts';
import { readRules, readRuleText } from './rules.ts';

interface AnalyzeFlags extends LiveFlags {
  readonly out?: string;
  readonly json?: boolean;
  readonly top?: number;
  readonly failOn?: Severity;
  readonly baseline?: string;
  readonly threatList?: string[];
  readonly rules?: string;
  readonly vendors?: string;
  readonly model?: string;
  readonly algorithm?: string;
  readonly retrainEvery?: RetrainEvery;
  readonly config?: string;
  readonly seed?: number;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly progress?: boolean;
  readonly homeNet?: string[];
  readonly as?: string;
  readonly features?: string;
  readonly llm?: string | false;
  readonly suppressions?: string;
  readonly alertBudget?: AlertBudget;
  readonly alertHistory?: string;
}

const DEFAULT_OUT = 'anomalyst-out';
const MODEL_FILE = 'model.safetensors';
const FLOWS_FILE = 'flows.csv';
const ROWS_FILE = 'rows.csv';
const ANOMALIES_FILE = 'anomalies.csv';
const REJECTED_FILE = 'rejected.csv';
/** What a run writes, or takes away where an earlier one left it. */
const OWN_FILES = [
  ...[FLOWS_FILE, ROWS_FILE, ANOMALIES_FILE, REJECTED_FILE, ARCHIVE_FILE, RECORDS_FILE],
  ...['incidents.json', 'incidents.csv', 'report.html'],
];
/** Rejected lines that are kept; all are counted. */
const MAX_REJECTED = 100_000;
const DEFAULT_TOP = 10;
/** What a shell gives for a command that Ctrl-C ended: a gate must not take half-done work for clean. */
const INTERRUPTED = 130;

/** Declares `analyze`; its action reports the exit code through `done`. */
export function addAnalyzeCommand(program: Command, done: (code: number) => void): void {
  const command = program
    .command('analyze')
    .summary('captures or logs in, ranked and explained incidents out')
    .description(
      'Reads captures (pcap, pcapng), logs of flows (Zeek, Suricata, NetFlow ...) or tables of any columns (CSV, JSON, Parquet ...); plain, gzip, zstd or lz4; files, folders, patterns, or - for standard input. Finds what is strange in them, and writes report.html, incidents.json, incidents.csv, flows.csv (rows.csv for a table) and the fitted model into the output folder. anomalyst formats lists what can be read.',
    )
    .argument('[input...]', 'files or folders of them; - is standard input; live:eth0 is an interface')
    .option('-o, --out <folder>', `where the report goes (default: ./${DEFAULT_OUT})`)
    .option('--json', 'print the incidents as JSON on standard output, as in incidents.json')
    .option('--top <n>', `incidents to show on the terminal (default: ${DEFAULT_TOP})`, positiveInteger('--top'))
    .addOption(
      new Option('--fail-on <severity>', 'exit with 3 when an incident is at least this severe').choices(SEVERITIES),
    )
    .option(
      '--home-net <networks>',
      'your networks in CIDR notation, comma-separated (default: private addresses)',
      collectHomeNetworks,
    )
    .option(
      '--as <format>',
      'what the inputs are, where that should not be told from their content (see anomalyst formats)',
    )
    .option(
      '--features <yaml>',
      'definitions of features, filters and flags (docs/features.md), or a configuration of Anomal',
    )
    .option('--baseline <yaml>', 'judge devices, services and protocols by this baseline (docs/baseline.md)')
    .option(
      '--threat-list <files>',
      'threat lists, comma-separated: lines, CSV, MISP or STIX 2.1 (docs/threat-lists.md)',
      (text, before: string[] | undefined) => collectFiles('--threat-list', text, before),
    )
    .option('--rules <name or yaml>', 'ask rules of every flow: classic, or a file (anomalyst rules, docs/features.md)')
    .option('--vendors <file>', 'table of vendors of hardware addresses, instead of the one that ships')
    .option('--model <file>', 'score flows with a saved model instead of one fitted on this input')
    .option(
      '--algorithm <kind>',
      'fit a model of this kind instead of the usual one; half-space-trees and robust-random-cut-forest learn as they score',
    )
    .option(
      '--retrain-every <time or rows>',
      'fit the model anew along the way, as in 6h or 10000, leaving out what it finds strange',
      (given) => parseRetrainEvery(given, (text) => parseDuration('--retrain-every', text)),
    )
    .option(
      '--suppressions <yaml>',
      `what was called ordinary before (default: ${FEEDBACK_FILE} in the output folder, where there is one; docs/incidents.md)`,
    )
    .option('--alert-budget <n/time>', 'at most so many alerts, as in 3/week, 2/day or 1/hour', alertBudget)
    .option(
      '--alert-history <json>',
      `alerts that were shown before, which take room in the budget (default: ${ALERTS_FILE} in the output folder)`,
    )
    .option('--llm <model>', 'let a language model explain the incidents, as in ollama:qwen2.5:3b (docs/analyst.md)')
    .option('--no-llm', 'ask no language model, also where the configuration names one')
    .option('--config <yaml>', 'configuration file; flags win over it')
    .option('--seed <n>', 'seed of all chance in the run (default: 42)', integer('--seed'))
    .option('-q, --quiet', 'print nothing but errors')
    .option('-v, --verbose', 'tell more on standard error: inputs, times, model')
    .option('--progress', 'show progress also when standard error is no terminal')
    .option('--no-progress', 'show no progress');
  addLiveOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst analyze office.pcap\n  anomalyst analyze captures/ --out monday --home-net 10.1.0.0/16\n  anomalyst analyze --live eth0 --duration 1h\n  tcpdump -i eth0 -w - -c 100000 | anomalyst analyze -\n  anomalyst analyze office.pcap --json --quiet | jq .incidents[0].title\n\nExit codes: 0 done, 1 our fault, 2 yours, 3 findings at or above --fail-on, 130 stopped by Ctrl-C (what was read is reported; a live analysis\nis ended by it and gives 0 or 3).',
    )
    .action(async (given: string[], asked: AnalyzeFlags) => {
      // A system file of Anomal names its input itself.
      const system =
        given.length === 0 && asked.features !== undefined && asked.live === undefined
          ? await readSystemInput(asked.features)
          : undefined;
      const inputs = system === undefined ? given : [system.input];
      const duration = asked.duration ?? system?.durationMs;
      const flags: AnalyzeFlags = duration === undefined ? asked : { ...asked, duration };
      const address = askedAddress(inputs);
      const interfaces = address === undefined ? askedInterfaces(inputs, flags, false) : undefined;
      if (address !== undefined) askedInterfaces([], flags, true);
      if (interfaces === undefined && inputs.length === 0) command.error("error: missing required argument 'input'");
      done(await runAnalyze(inputs, flags, interfaces, address));
    });
}

/** The threat lists, with a note on each that could not be used whole; undefined without any. Throws UserError. */
function threatListsOf(files: readonly string[] | undefined, quiet: boolean): ThreatLists | undefined {
  if (files === undefined) return undefined;
  const threats = readThreatLists(files);
  if (!quiet) for (const sentence of threatListBlindSpots(threats)) note(sentence);
  return threats;
}

async function runAnalyze(
  inputs: readonly string[],
  flags: AnalyzeFlags,
  interfaces: readonly string[] | undefined,
  address: string | undefined,
): Promise<number> {
  const config = configOf(flags.config);
  const plugins = await startPlugins(config, flags.config);
  try {
    return await runConfigured(inputs, flags, interfaces, address, config, plugins);
  } finally {
    await plugins?.close();
  }
}

async function runConfigured(
  inputs: readonly string[],
  flags: AnalyzeFlags,
  interfaces: readonly string[] | undefined,
  address: string | undefined,
  config: Config,
  plugins: PluginHost | undefined,
): Promise<number> {
  const files = interfaces === undefined && address === undefined ? expandInputs(inputs, { rows: true }) : [];
  const out = flags.out ?? config.out ?? DEFAULT_OUT;
  if (out === '') throw new UserError('--out is empty', 'give a folder, for example --out monday');
  const homeNet = flags.homeNet ?? config.homeNet;
  const seed = flags.seed ?? config.seed;
  if (flags.model !== undefined && flags.algorithm !== undefined)
    throw new UserError(
      '--algorithm and --model exclude each other: a saved model is of the kind that it is',
      'leave one of them out; --retrain-every goes with both',
    );
  const modelPath = flags.model ?? (flags.algorithm === undefined ? config.model : undefined);
  const model = modelPath === undefined ? undefined : { name: modelPath, bytes: readWhole(modelPath) };
  if (flags.features !== undefined && flags.rules !== undefined)
    throw new UserError(
      '--features and --rules exclude each other',
      'put the flags of the rules into the file of --features',
    );
  const definitions =
    flags.rules !== undefined
      ? await readRules(flags.rules, config, plugins)
      : flags.features === undefined
        ? undefined
        : await readDefinitions(flags.features, config, plugins);
  const learning =
    flags.algorithm === undefined && flags.retrainEvery === undefined
      ? undefined
      : new LearningModel({
          ...(flags.algorithm === undefined ? {} : { kind: flags.algorithm }),
          ...(flags.retrainEvery === undefined ? {} : { every: flags.retrainEvery }),
          endless: interfaces !== undefined || address !== undefined,
        });
  const baseline = baselineOf(flags.baseline, config);
  // The table that ships is 4 MB: a run reads it at its end, when most of its memory is free again.
  const vendors =
    flags.vendors === undefined && config.vendors === undefined && baseline === undefined
      ? undefined
      : await vendorsOf(flags.vendors, config);
  const threats = threatListsOf(flags.threatList ?? config.threatLists, flags.quiet === true);
  const named = flags.suppressions ?? config.suppressions;
  const suppressions = named ?? path.join(out, FEEDBACK_FILE);
  const feedback = named !== undefined || fs.existsSync(suppressions) ? readFeedback(suppressions).feedback : undefined;
  const budget =
    flags.alertBudget ?? (config.alertBudget === undefined ? undefined : parseAlertBudget(config.alertBudget));
  const history = flags.alertHistory ?? config.alertHistory ?? path.join(out, ALERTS_FILE);
  if (flags.alertHistory !== undefined && budget === undefined)
    throw new UserError('--alert-history without a budget says nothing', 'add --alert-budget, for example 3/week');
  const keeper = budget === undefined ? undefined : new AlertKeeper(budget, readAlerts(history));
  const given = await givenFiles(flags, config, model);
  const explain = await explainerOf(flags, config);
  refuseOwnFiles(out, OWN_FILES, files);
  makeOutputFolder(out);

  const abort = new AbortController();
  let interrupted = 0;
  const onInterrupt = (): void => {
    if (abort.signal.aborted) {
      // Some senders signal twice at once, to the process and to its group.
      if (performance.now() - interrupted > 500) process.exit(INTERRUPTED);
      return;
    }
    interrupted = performance.now();
    abort.abort();
    const rest =
      interfaces === undefined ? 'what was read until now is' : 'what is on its way is still read, and all of it';
    if (flags.quiet !== true) note(`\nstopping: ${rest} analysed (Ctrl-C again to leave at once)`);
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  process.on('SIGHUP', onInterrupt);
  const progress =
    flags.quiet !== true && (flags.progress ?? process.stderr.isTTY) ? new ProgressLine(process.stderr) : undefined;
  let runs = 0;
  const recordsFor = (folder: string): RecordKeeper => {
    const records = new RecordKeeper(() => new OutputFile(folder, RECORDS_FILE));
    if (plugins !== undefined) records.refuse('plugins took part, which are programs of their own');
    if (definitions !== undefined && config.popular !== undefined)
      records.refuse('the definitions use a list of popular names of your own');
    if (learning?.goesOn === true && runs++ > 0) records.refuse('the model had learned in windows before this one');
    return records;
  };
  const once: RunOnce = (folder, run) =>
    inFolder(folder, FLOWS_FILE, async (output, records) => {
      const sheet =
        baseline === undefined || vendors === undefined
          ? undefined
          : new AnomalySheet(baseline, { homeNet, vendors, notes: true });
      const analysis = await run({
        ...(baseline === undefined ? {} : { baseline }),
        ...(threats === undefined ? {} : { threats }),
        ...(vendors === undefined ? {} : { vendors }),
        ...(feedback === undefined ? {} : { feedback }),
        ...(keeper === undefined ? {} : { keeper }),
        records,
        ...(homeNet === undefined ? {} : { homeNet }),
        ...(seed === undefined ? {} : { seed }),
        ...(model === undefined ? {} : { model }),
        ...(learning === undefined ? {} : { learning }),
        flow: flowOptionsOf(config),
        ...(config.detect === undefined ? {} : { detect: config.detect }),
        ...(definitions === undefined ? {} : { plan: planOptions(definitions, config, homeNet, plugins).plan }),
        ...(plugins === undefined ? {} : { plugins }),
        scratchFolder: folder,
        onFlows: (table, scores) => {
          output.writeFlows(table, scores);
          sheet?.add(table);
        },
        onReject: (input, reject) => output.writeReject(input, reject),
        ...(progress === undefined ? {} : { onProgress: (state) => progress.update(state) }),
        signal: abort.signal,
      });
      if (sheet !== undefined && sheet.flows > 0)
        output.write(ANOMALIES_FILE, () => encodeConnectionCsv(sheet.finish()));
      else output.remove(ANOMALIES_FILE);
      return analysis;
    });
  const analyzeRows = (folder: string, inputs: readonly ClassifiedInput[]): Promise<number> =>
    inFolder(folder, ROWS_FILE, (output, records) =>
      analyzeTable({
        inputs,
        records,
        ...(feedback === undefined ? {} : { feedback }),
        ...(keeper === undefined ? {} : { keeper }),
        ...(seed === undefined ? {} : { seed }),
        ...(model === undefined ? {} : { model }),
        ...(learning === undefined ? {} : { learning }),
        ...(definitions === undefined ? {} : planOptions(definitions, config, homeNet, plugins)),
        types: { ...config.types, ...definitions?.types },
        ...(plugins === undefined ? {} : { plugins }),
        scratchFolder: folder,
        onRows: (table, features, scores, rows) => output.writeRows(table, features, scores, rows),
        onReject: (input, reject) => output.writeReject(input, reject),
        ...(progress === undefined ? {} : { onProgress: (state) => progress.update(state) }),
        signal: abort.signal,
      }),
    );
  const inFolder = async (
    folder: string,
    table: string,
    run: (
      output: RunOutput,
      records: RecordKeeper,
    ) => Promise<Pick<Awaited<ReturnType<typeof analyze>>, 'result' | 'parts' | 'model'>>,
  ): Promise<number> => {
    const begun = performance.now();
    const output = new RunOutput(folder, table);
    const records = recordsFor(folder);
    const alertsBefore = keeper?.past ?? [];
    try {
      const { result, parts, model: fitted } = await run(output, records);
      progress?.end();
      output.finishTables(result.table);
      for (const format of REPORT_FORMATS) await output.writeParts(format.file, format.parts(result));
      if (plugins !== undefined) await givePlugins(plugins, result, (name, bytes) => output.write(name, () => bytes));
      if (fitted !== undefined && (model === undefined || learning?.goesOn === true))
        output.write(MODEL_FILE, () => fitted.save());
      else if (modelPath === undefined) output.remove(MODEL_FILE);
      const inFolderOf = (file: string): string => path.relative(path.resolve(folder), path.resolve(file));
      const { firstMs = 0, lastMs = 0 } = parts.base.run;
      output.archive(
        archiveOf(
          parts,
          {
            kind: table === FLOWS_FILE ? 'flows' : 'rows',
            feedback: feedback ?? NO_FEEDBACK,
            feedbackFile: inFolderOf(suppressions),
            ...(keeper === undefined
              ? {}
              : {
                  alertBudget: {
                    text: keeper.budget.text,
                    before: alertsNear(alertsBefore, keeper.budget, firstMs, lastMs),
                    file: inFolderOf(history),
                  },
                }),
            ...(config.detect === undefined ? {} : { detect: config.detect }),
            ...(learning === undefined
              ? {}
              : {
                  learning: {
                    ...(flags.algorithm === undefined ? {} : { kind: flags.algorithm }),
                    ...(flags.retrainEvery === undefined ? {} : { every: flags.retrainEvery }),
                  },
                }),
            ...(config.timeZone === undefined ? {} : { timeZone: config.timeZone }),
            config: {
              seed,
              detect: config.detect,
              flow: config.flow,
              model: modelPath,
              algorithm: flags.algorithm,
              baseline: flags.baseline ?? config.baseline,
              features: flags.features,
            },
          },
          // Who gives plugins knows that they are programs of their own; `replay` says it.
          output.records(records, given, flags.quiet === true || plugins !== undefined),
        ),
      );
      output.noteAlerts(history, keeper?.latest);
      const elapsedMs = performance.now() - begun;
      await show(result, flags, config, output, elapsedMs);
      if (plugins !== undefined) tellPluginFailures(plugins);
      for (const error of output.errors) showUserError(error);
      if (output.errors.length > 0) return EXIT.yourMistake;
      explain?.later(folder, abort.signal);
      const failOn = flags.failOn ?? config.failOn;
      const failed =
        failOn !== undefined &&
        result.incidents.some((incident) => severityRank(incident.severity) >= severityRank(failOn));
      return failed ? EXIT.findings : EXIT.done;
    } finally {
      progress?.end();
      output.close();
      records.discard();
    }
  };
  try {
    if (interfaces !== undefined) return await runLive(interfaces, flags, out, abort.signal, once);
    const analyzeFiles = async (folder: string, names: readonly string[]): Promise<number> => {
      const inputs = await classifyInputs(names, { as: flags.as, signal: abort.signal, onWait: note });
      return inputs.some(isTable) ||
        (definitions !== undefined &&
          inputs.every(({ format }) => format?.openTable !== undefined) &&
          !(inputs.every(({ format }) => format?.flows === true) && fitFlows(definitions, config, plugins)))
        ? await analyzeRows(folder, inputs)
        : await once(folder, (options) => analyze({ ...options, inputs: names, classified: inputs }));
    };
    const quiet = flags.quiet === true;
    if (address?.startsWith(WATCH_PREFIX) === true)
      return await runWatch(address, {
        out,
        signal: abort.signal,
        durationMs: flags.duration,
        quiet,
        analyze: (folder, file) => analyzeFiles(folder, [file]),
      });
    if (address !== undefined)
      return await runStream(address, {
        out,
        signal: abort.signal,
        durationMs: flags.duration,
        windowMs: flags.window,
        quiet,
        records: flags.as !== undefined,
        analyze: (folder, name, rows, flows) => {
          const inputs: ClassifiedInput[] = [{ name, format: undefined, rows }];
          // The source itself sees the signal, and gives to the end what is on its way.
          return flows
            ? once(folder, ({ signal: _passedOn, ...options }) =>
                analyze({ ...options, inputs: [name], classified: inputs }),
              )
            : analyzeRows(folder, inputs);
        },
      });
    const code = await analyzeFiles(out, files);
    return abort.signal.aborted && code !== EXIT.yourMistake ? INTERRUPTED : code;
  } finally {
    await explain?.finished();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
    process.off('SIGHUP', onInterrupt);
  }
}

/** What explains reports with a language model once they are written; undefined where none is asked for. Rejects with UserError. */
async function explainerOf(flags: AnalyzeFlags, config: Config): Promise<Explainer | undefined> {
  if (flags.llm === false || (flags.llm === undefined && config.analyst?.model === undefined)) return undefined;
  const egress = new EgressLedger();
  const model = await languageModelOf(flags.llm === undefined ? {} : { llm: flags.llm }, config, egress);
  return new Explainer({
    model,
    personas: personasOf(undefined, config),
    config,
    egress,
    ...(flags.quiet === undefined ? {} : { quiet: flags.quiet }),
  });
}

async function show(
  result: AnalysisResult,
  flags: AnalyzeFlags,
  config: Config,
  output: RunOutput,
  elapsedMs: number,
): Promise<void> {
  if (flags.quiet === true) {
    for (const input of result.run.inputs)
      if (input.status === 'failed')
        note(`error: ${safeText(`${input.name}: ${input.message ?? 'unreadable'}`, 1000)}`);
  }
  if (flags.verbose === true) {
    for (const input of result.run.inputs) {
      note(
        `${safeText(input.name)}: ${input.format}${input.compression === '' ? '' : ` in ${input.compression}`}, ${counted(input.rows ?? input.packets, input.rows === undefined ? 'packet' : 'row')}, ${input.status}`,
      );
    }
    const { model } = result.run;
    if (model !== undefined)
      note(
        `model: ${model.kind}, ${model.features.length} features, from ${safeText(model.fittedOn)}, fitted on ${counted(model.rows, result.run.flows > 0 ? 'flow' : 'row')}, ${model.checksum.slice(0, 12)}`,
      );
    const memory = process.resourceUsage().maxRSS / 1000;
    note(
      `${result.table === undefined || result.run.flows > 0 ? `${counted(result.run.packets, 'packet')} and ${counted(result.run.flows, 'flow')}` : counted(result.table.rows, 'row')} in ${humanDuration(elapsedMs)}, at most ${Math.round(memory)} MB of memory`,
    );
  }
  if (flags.json === true) await print(renderJson(result));
  else if (flags.quiet !== true) {
    await print(
      renderTerminal(result, {
        color: wantsColor(process.stdout),
        width: terminalWidth(process.stdout),
        top: flags.top ?? config.top ?? DEFAULT_TOP,
        elapsedMs,
        outDir: output.folder,
        files: output.files,
      }),
    );
  }
}

/** Whether the input can be nothing but a table. */
function isTable({ format, isTable: hasNoFlows }: ClassifiedInput): boolean {
  return format !== undefined && (!format.flows || hasNoFlows === true);
}

/** The files of one run. A disk that fails costs the file it failed on; the others, and the summary on the terminal, still come. */
class RunOutput {
  readonly folder: string;
  readonly files: string[] = [];
  readonly errors: UserError[] = [];
  readonly #name: string;
  #table: OutputFile | undefined;
  #rejected: OutputFile | undefined;
  #rejects = 0;
  #csv: FlowCsvWriter | undefined = new FlowCsvWriter();
  #headed = false;

  /** @param table flows.csv or rows.csv; the other one, of an earlier run, is taken away. */
  constructor(folder: string, table: string) {
    this.folder = folder;
    this.#name = table;
    for (const name of [FLOWS_FILE, ROWS_FILE, REJECTED_FILE]) if (name !== table) this.#keep(() => this.remove(name));
    this.#keep(() => {
      this.#table = new OutputFile(folder, table);
      if (table === FLOWS_FILE) this.#table.write(flowCsvHeader());
    });
  }

  writeFlows(table: Table, scores: Float64Array | undefined): void {
    const csv = this.#csv;
    if (this.#table !== undefined && csv !== undefined) this.#keep(() => this.#table?.write(csv.lines(table, scores)));
  }

  writeRows(table: Table, features: FeatureMatrix, scores: Float64Array | undefined, rows: Float64Array): void {
    if (this.#table === undefined) return;
    this.#keep(() => {
      if (!this.#headed) this.#table?.write(rowCsvHeader(table.schema, features.features));
      this.#headed = true;
      this.#table?.write(rowCsvLines(table, features, scores, rows));
    });
  }

  /** Keeps a line that could not be read, with the reason. */
  writeReject(input: string, { line, reason, bytes }: Reject): void {
    if (this.#rejects++ >= MAX_REJECTED) return;
    const failed = (): void => {
      this.#rejected = undefined;
      this.#rejects = MAX_REJECTED;
    };
    this.#keep(() => {
      if (this.#rejected === undefined) {
        this.#rejected = new OutputFile(this.folder, REJECTED_FILE);
        this.#rejected.write('input,line,reason,text\n');
      }
      const text = new TextDecoder().decode(bytes);
      this.#rejected.write(`${textCell(input)},${line},${textCell(reason)},${textCell(text)}\n`);
    }, failed);
  }

  /** @param summary of the table that was analysed, where it was one: rows.csv has its header also when no row was left. */
  finishTables(summary: AnalysisResult['table']): void {
    if (this.#name === ROWS_FILE && !this.#headed && this.#table !== undefined && summary !== undefined)
      this.#keep(() => this.#table?.write(rowCsvHeader(summary, summary.features)));
    for (const [name, file] of [
      [this.#name, this.#table],
      [REJECTED_FILE, this.#rejected],
    ] as const) {
      if (file === undefined) continue;
      this.#keep(() => {
        file.finish();
        this.files.push(name);
      });
    }
    this.#table = undefined;
    this.#rejected = undefined;
    this.#csv = undefined;
  }

  /** The event loop gets its turn between the parts, which may be a hundred megabytes together. */
  async writeParts(name: string, parts: Iterable<string>): Promise<void> {
    let file: OutputFile | undefined;
    if (
      !this.#keep(() => {
        file = new OutputFile(this.folder, name);
      })
    )
      return;
    let turn = performance.now();
    for (const part of parts) {
      if (!this.#keep(() => file?.write(part))) return;
      if (performance.now() - turn <= TURN_MS) continue;
      await nextTurn();
      turn = performance.now();
    }
    this.#keep(() => {
      file?.finish();
      this.files.push(name);
    });
  }

  write(name: string, render: () => string | Uint8Array): void {
    const content = render();
    this.#keep(() => {
      writeOutput(this.folder, name, content);
      this.files.push(name);
    });
  }

  /** Keeps what the report was put together of; its size is told. */
  archive(archive: Archive): void {
    this.#keep(() => {
      const bytes = writeArchive(this.folder, archive);
      this.files.push(`${ARCHIVE_FILE} (${humanBytes(bytes)})`);
    });
  }

  /** Ends the records; their size is told. */
  records(keeper: RecordKeeper, given: readonly GivenFile[], quiet: boolean): RecordsKept {
    const kept = keeper.finish(given);
    if (kept.isKept) this.files.push(`${RECORDS_FILE} (${humanBytes(kept.bytes)})`);
    else {
      this.#keep(() => this.remove(RECORDS_FILE));
      if (!quiet)
        note(`the records were not kept, so that a replay begins at the detections: ${safeText(kept.why, 500)}`);
    }
    return kept;
  }

  noteAlerts(file: string, latest: AlertKeeper['latest']): void {
    if (latest !== undefined) this.#keep(() => noteAlerts(file, latest));
  }

  /** Takes away what an earlier run left under this name and this one has nothing for: it would lie beside a report that it does not belong to. */
  remove(name: string): void {
    const file = path.join(this.folder, name);
    try {
      fs.rmSync(file, { force: true });
    } catch (error) {
      throw describeFileError(error, file, 'write');
    }
  }

  /** Removes what was not finished. */
  close(): void {
    this.#table?.discard();
    this.#rejected?.discard();
    this.#table = undefined;
    this.#rejected = undefined;
  }

  /** False where the disk failed. */
  #keep(
    step: () => void,
    failed = (): void => {
      this.#table = undefined;
    },
  ): boolean {
    try {
      step();
      return true;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.errors.push(error);
      failed();
      return false;
    }
  }
}

/** What a run is given beside its inputs, as it is kept with the records. */
async function givenFiles(
  flags: AnalyzeFlags,
  config: Config,
  model: { readonly name: string; readonly bytes: Uint8Array } | undefined,
): Promise<readonly GivenFile[]> {
  const baseline = flags.baseline ?? config.baseline;
  const definitions =
    flags.rules !== undefined
      ? await readRuleText(flags.rules)
      : flags.features === undefined
        ? undefined
        : await readDefinitionText(flags.features);
  return [
    ...(definitions === undefined
      ? []
      : [{ role: 'definitions' as const, name: definitions.file, bytes: new TextEncoder().encode(definitions.text) }]),
    ...(model === undefined ? [] : [{ role: 'model' as const, ...model }]),
    ...(baseline === undefined
      ? []
      : [{ role: 'baseline' as const, name: baseline, bytes: new TextEncoder().encode(readTextFile(baseline)) }]),
    ...(flags.threatList ?? config.threatLists ?? []).map((name) => ({
      role: 'threat-list' as const,
      name,
      bytes: readWhole(name),
    })),
  ];
}

function readWhole(file: string): Uint8Array {
  try {
    return fs.readFileSync(path.resolve(file));
  } catch (error) {
    throw describeFileError(error, file, 'read');
  }
}

function alertBudget(text: string): AlertBudget {
  const budget = parseAlertBudget(text);
  if (budget === undefined)
    throw new UserError(
      `--alert-budget ${text}: expected a number of alerts and a time`,
      'for example --alert-budget 3/week; also /day and /hour',
    );
  return budget;
}

function positiveInteger(flag: string): (text: string) => number {
  return (text) => {
    if (!/^\d{1,9}$/.test(text) || Number(text) === 0)
      throw new UserError(`${flag} ${text}: expected a whole number above 0`, `for example ${flag} 10`);
    return Number(text);
  };
}

function integer(flag: string): (text: string) => number {
  return (text) => {
    if (!/^-?\d{1,15}$/.test(text))
      throw new UserError(`${flag} ${text}: expected a whole number`, `for example ${flag} 42`);
    return Number(text);
  };
}
