import * as path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { type LanguageModel, languageQuestion, type Persona, Pseudonyms } from '../../analyst/index.ts';
import { counted, EXIT, humanCount, type Json, safeText, UserError } from '../../core/index.ts';
import { EgressLedger } from '../../io/index.ts';
import {
  type Config,
  costOf,
  findReports,
  INCIDENTS_FILE,
  incidentContext,
  readReport,
  type StoredReport,
} from '../../pipeline/index.ts';
import type { AnalysisResult } from '../../report/index.ts';
import { explainReport, redactionOf } from '../explain-report.ts';
import { catchInterrupt } from '../interrupt.ts';
import {
  addLanguageOptions,
  allPersonas,
  contextListsOf,
  type LanguageFlags,
  languageModelOf,
  personasOf,
  pseudonymKey,
  redactOption,
} from '../language-option.ts';
import { collectNames, configOf } from '../option.ts';
import { note, print, terminalWidth } from '../terminal.ts';
import { wrap } from '../text.ts';
import { type AnalystBenchFlags, runAnalystBench } from './analyst-bench.ts';
import {
  type CompareFlags,
  comparePersonasOf,
  EXPORT_SHAPES,
  type ExportFlags,
  exportVerdicts,
  incidentOf,
  reportFile,
} from './analyst-compare.ts';

const DEFAULT_FOLDER = 'anomalyst-out';
/** As the analyst has it where the configuration says nothing. */
const DEFAULT_OUTPUT_TOKENS = 3000;

interface ReportFlags extends LanguageFlags {
  readonly config?: string;
  readonly report?: string;
  readonly persona?: string[];
  readonly json?: boolean;
}

interface RunFlags extends ReportFlags {
  readonly mode?: 'latest' | 'all';
  readonly incident?: string;
  readonly file?: string;
  readonly again?: boolean;
  readonly staged?: boolean;
  readonly quiet?: boolean;
}

/** `analyst`: what a language model makes of incidents that are on disk already. */
export function addAnalystCommand(program: Command, done: (code: number) => void): void {
  const analyst = program
    .command('analyst')
    .summary('let a language model explain incidents; see what it is sent, and what that takes')
    .description(
      'Lets a language model explain the incidents of a report. It runs on this machine unless the configuration says otherwise, sees facts that code computed and no text from the network, and every sentence of it is checked. Severities stay what they are (docs/analyst.md).',
    );
  const personas = (command: Command): Command =>
    command.option(
      '--persona <ids>',
      'who explains, one or several with commas (anomalyst analyst personas)',
      (text, before?: string[]) => collectNames('--persona', text, before),
    );
  const configured = (command: Command): Command =>
    command.option('--config <yaml>', 'configuration file with a section analyst; flags win over it');

  const run = analyst
    .command('run')
    .summary('ask the model about the incidents of a report, and write the report anew')
    .description(
      'Asks the model about the incidents in a folder that anomalyst analyze wrote to, the most urgent first, and writes the report anew. What was answered before is not asked again, so a run that was stopped goes on where it was.',
    )
    .argument('[folder]', `the folder of the report (default: ${DEFAULT_FOLDER})`)
    .addOption(
      new Option('--mode <which>', 'which reports of the folder, where it has several (default: latest)').choices([
        'latest',
        'all',
      ]),
    )
    .option('--incident <id>', 'only this incident, by id or rank')
    .option('--file <name>', 'only the report in this folder inside of the folder, or this incidents.json')
    .option('--again', 'ask anew also what was answered before')
    .option(
      '--staged',
      'for larger models: let it choose fixed queries on the flows, incidents and devices of the run first (docs/analyst.md)',
    );
  addLanguageOptions(run);
  personas(configured(run))
    .addOption(redactOption())
    .option('-q, --quiet', 'print nothing but errors')
    .option('--json', 'print the metrics as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  anomalyst analyst run anomalyst-out --llm ollama:qwen2.5:3b\n  anomalyst analyst run --incident 1 --persona technical-expert,executive-briefing --llm ollama:qwen2.5:3b',
    )
    .action(async (folder: string | undefined, flags: RunFlags) => {
      done(await runAnalyst(folder ?? DEFAULT_FOLDER, flags));
    });

  const brief = analyst
    .command('brief')
    .summary('show exactly what would be sent about an incident')
    .description('Shows exactly what would be sent to a model about an incident. Nothing is sent.')
    .argument('<incident>', 'id or rank')
    .option('--report <file>', `incidents.json, or the folder that it is in (default: ${DEFAULT_FOLDER})`);
  personas(configured(brief))
    .addOption(redactOption())
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  anomalyst analyst brief 1 --redact addresses')
    .action(async (incident: string, flags: ReportFlags) => {
      await showBrief(incident, flags);
      done(EXIT.done);
    });

  const tokens = analyst
    .command('tokens')
    .summary('estimate the tokens and the money before anything is sent')
    .description('Estimates what asking about every incident of a report would take. Nothing is sent.')
    .option('--report <file>', `incidents.json, or the folder that it is in (default: ${DEFAULT_FOLDER})`);
  personas(configured(tokens))
    .addOption(redactOption())
    .option('--json', 'print as JSON')
    .action(async (flags: ReportFlags) => {
      await showTokens(flags);
      done(EXIT.done);
    });

  const models = analyst
    .command('models')
    .summary('list the models that the server has')
    .description('Lists the models that the server has, by the name that --llm takes.');
  addLanguageOptions(models);
  configured(models)
    .option('--json', 'print as JSON')
    .action(async (flags: ReportFlags) => {
      done(await listModels(flags));
    });

  const list = analyst
    .command('personas')
    .summary('list who can explain')
    .description('Lists the personas: for whom they write, and what they are asked for.');
  configured(list)
    .option('--json', 'print as JSON')
    .action(async (flags: ReportFlags) => {
      await listPersonas(flags);
      done(EXIT.done);
    });

  analyst
    .command('compare')
    .summary('show where models and personas agree about an incident')
    .description(
      'Shows what the rules, and every model and persona that was asked, make of an incident: where they agree, and which evidence all or one of them rests on. Nothing is sent.',
    )
    .argument('<incident>', 'id or rank')
    .option('--report <file>', 'incidents.json, or the folder that it is in', DEFAULT_FOLDER)
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  anomalyst analyst compare 1')
    .action(async (incident: string, flags: CompareFlags) => {
      await comparePersonasOf(incident, flags);
      done(EXIT.done);
    });

  analyst
    .command('export')
    .summary('print verdicts in the shapes of older tools')
    .description(
      'Prints the verdicts of a report, of the rules and of models, one JSON object a line: as verdicts on sessions (status, threat type, reason, action), or as analyses in five parts (devices, communication, volume, risk, recommendation).',
    )
    .option('--report <file>', 'incidents.json, or the folder that it is in', DEFAULT_FOLDER)
    .addOption(new Option('--shape <which>', 'the shape').choices([...EXPORT_SHAPES]).default('session'))
    .option('--incident <id>', 'only this incident, by id or rank')
    .addHelpText('after', '\nExample:\n  anomalyst analyst export --shape five-part | jq .risk_level')
    .action(async (flags: ExportFlags) => {
      await exportVerdicts(flags);
      done(EXIT.done);
    });

  const bench = analyst
    .command('bench')
    .summary('compare models and personas over incidents with known truth')
    .description(
      'Asks several models, as several personas, about simulated incidents of which the truth is known, and compares how often they are right, what was kept of their claims, and how fast they are.',
    )
    .requiredOption('--models <names>', 'models with commas, as --llm takes them', (text: string, before?: string[]) =>
      collectNames('--models', text, before),
    )
    .option('--templates <ids>', 'personas with commas (default: the first one)', (text: string, before?: string[]) =>
      collectNames('--templates', text, before),
    )
    .option('--llm-url <url>', 'where the server listens')
    .option('-o, --out <file>', 'the comparison as a page', 'analyst-comparison.html');
  configured(bench)
    .option('--json', 'print as JSON')
    .action(async (flags: AnalystBenchFlags) => {
      done(await runAnalystBench(flags));
    });
}

async function runAnalyst(folder: string, flags: RunFlags): Promise<number> {
  const config = configOf(flags.config);
  const personas = personasOf(flags.persona, config);
  const reports = chosenReports(folder, flags);
  const egress = new EgressLedger();
  const model = await languageModelOf(flags, config, egress);
  const interrupt = catchInterrupt('stopping: what was answered is kept');
  let code: number = EXIT.done;
  try {
    for (const report of reports) {
      const result = readReport(path.join(report.folder, INCIDENTS_FILE));
      const { incident } = flags;
      const explained = await explainReport({
        result,
        folder: report.folder,
        model,
        personas,
        config,
        egress,
        signal: interrupt.signal,
        ...(flags.redact === undefined ? {} : { redact: flags.redact }),
        ...(flags.again === undefined ? {} : { again: flags.again }),
        ...(flags.staged === undefined ? {} : { staged: flags.staged }),
        ...(flags.quiet === undefined ? {} : { quiet: flags.quiet }),
        ...(flags.json === undefined ? {} : { json: flags.json }),
        ...(incident === undefined ? {} : { only: incidentOf(result, incident, report.folder).id }),
      });
      if (explained !== EXIT.done) code = explained;
      if (interrupt.signal.aborted) break;
    }
    return code;
  } finally {
    interrupt.end();
  }
}

/** The reports that a run is about. */
function chosenReports(folder: string, { mode = 'latest', file }: RunFlags): StoredReport[] {
  if (file !== undefined) {
    const inside = path.basename(file) === INCIDENTS_FILE ? path.dirname(file) : file;
    return findReports(path.resolve(folder, inside)).slice(-1);
  }
  const all = findReports(folder);
  return mode === 'all' ? all : all.slice(-1);
}

interface Asked {
  readonly persona: string;
  readonly system: string;
  readonly messages: readonly { readonly role: 'user'; readonly text: string }[];
  readonly schema: Json;
  readonly estimatedInputTokens: number;
  readonly maxOutputTokens: number;
}

/** Where the configured model runs, as the redaction depends on it; this machine where none is configured. */
async function placeOf(config: Config): Promise<LanguageModel['place']> {
  if (config.analyst?.url === undefined) return 'machine';
  return (await languageModelOf({ llm: config.analyst.model ?? 'any' }, config, new EgressLedger())).place;
}

/** What a run over this report would ask about an incident, one request a persona. */
async function requestsOf(flags: ReportFlags, config: Config, result: AnalysisResult, file: string) {
  const redaction = redactionOf(flags.redact, config, await placeOf(config));
  const pseudonyms = new Pseudonyms(redaction, redaction === 'none' ? '' : pseudonymKey(path.dirname(file)));
  const personas = personasOf(flags.persona, config);
  const lists = contextListsOf(config);
  return (incident: AnalysisResult['incidents'][number]): Asked[] =>
    personas.map((persona) => {
      const context = incidentContext(result, incident, lists);
      const { system, text, schema, estimatedInputTokens } = languageQuestion(incident, {
        persona,
        context,
        pseudonyms,
      });
      return {
        persona: persona.id,
        system,
        messages: [{ role: 'user', text }],
        schema,
        estimatedInputTokens,
        maxOutputTokens: config.analyst?.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS,
      };
    });
}

async function showBrief(wanted: string, flags: ReportFlags): Promise<void> {
  const file = reportFile(flags.report ?? DEFAULT_FOLDER);
  const config = configOf(flags.config);
  const result = readReport(file);
  const incident = incidentOf(result, wanted, file);
  const requests = (await requestsOf(flags, config, result, file))(incident);
  if (flags.json === true) {
    await print(`${JSON.stringify({ incident: incident.id, requests }, null, 2)}\n`);
    return;
  }
  for (const { persona, ...request } of requests) {
    const messages = request.messages.map(({ role, text }) => `--- ${role}\n${text}\n`).join('\n');
    await print(
      `=== ${persona}: about ${humanCount(request.estimatedInputTokens)} tokens, an answer of at most ${humanCount(request.maxOutputTokens)}\n--- system\n${request.system}\n\n${messages}`,
    );
  }
}

async function showTokens(flags: ReportFlags): Promise<void> {
  const file = reportFile(flags.report ?? DEFAULT_FOLDER);
  const config = configOf(flags.config);
  const result = readReport(file);
  const asked = await requestsOf(flags, config, result, file);
  const lines = result.incidents.map((incident) => {
    const requests = asked(incident);
    const prompt = requests.reduce((sum, { estimatedInputTokens }) => sum + estimatedInputTokens, 0);
    const answer = requests.reduce((sum, { maxOutputTokens }) => sum + maxOutputTokens, 0);
    return {
      id: incident.id,
      rank: incident.rank,
      severity: incident.severity,
      prompt,
      answer,
      ...moneyOf(prompt, answer, config),
    };
  });
  const sum = (pick: (line: (typeof lines)[number]) => number): number =>
    lines.reduce((all, line) => all + pick(line), 0);
  const prompt = sum((line) => line.prompt);
  const answer = sum((line) => line.answer);
  const total = { prompt, answer, ...moneyOf(prompt, answer, config) };
  if (flags.json === true) {
    await print(`${JSON.stringify({ incidents: lines, total }, null, 2)}\n`);
    return;
  }
  const money = (value: number | undefined): string => (value === undefined ? '' : `  at most ${value.toFixed(4)}`);
  await print(
    `${lines
      .map(
        (line) =>
          `${String(line.rank).padStart(4)}  ${line.severity.padEnd(8)}  ${line.id}  prompt ${humanCount(line.prompt)}, answer at most ${humanCount(line.answer)}${money(line.money)}\n`,
      )
      .join(
        '',
      )}In all ${counted(lines.length, 'incident')}: prompts of about ${humanCount(total.prompt)} tokens, answers of at most ${humanCount(total.answer)}${money(total.money)}\n`,
  );
}

function moneyOf(promptTokens: number, completionTokens: number, config: Config): { readonly money?: number } {
  const money = costOf({ promptTokens, completionTokens }, config.analyst?.budget ?? {});
  return money === undefined ? {} : { money };
}

async function listModels(flags: ReportFlags): Promise<number> {
  const config = configOf(flags.config);
  // The list needs no model, but the way to a server is opened for one.
  const named = flags.llm ?? config.analyst?.model;
  const model = await languageModelOf({ ...flags, llm: named ?? 'any' }, config, new EgressLedger());
  const interrupt = catchInterrupt(undefined);
  try {
    const list = await model.models(interrupt.signal);
    if (list.kind !== 'models') throw new UserError(list.message, list.hint);
    const names = list.models.map((name) => `${model.provider}:${name}`);
    if (flags.json === true) await print(`${JSON.stringify({ server: model.server, models: names }, null, 2)}\n`);
    else if (names.length === 0) note(`${model.server} has no models`);
    else await print(names.map((name) => `${safeText(name, 200)}\n`).join(''));
    return EXIT.done;
  } finally {
    interrupt.end();
  }
}

async function listPersonas(flags: ReportFlags): Promise<void> {
  const personas = allPersonas(configOf(flags.config));
  if (flags.json === true) {
    await print(`${JSON.stringify(personas, null, 2)}\n`);
    return;
  }
  const width = terminalWidth(process.stdout);
  const text = ({ id, version, title, audience, instructions, sections }: Persona): string =>
    [
      `${id} (version ${version}): ${title}, for ${audience}`,
      wrap(instructions, width, '  '),
      ...(sections.length === 0
        ? []
        : [wrap(`Sections: ${sections.map((one) => one.title).join('; ')}.`, width, '  ')]),
    ].join('\n');
  await print(`${personas.map((persona) => safeLines(text(persona))).join('\n\n')}\n`);
}

/** A template may hold anything that a terminal could act on. */
function safeLines(text: string): string {
  return text
    .split('\n')
    .map((line) => safeText(line, 2000))
    .join('\n');
}
