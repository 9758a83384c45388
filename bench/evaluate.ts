/**
 * What the product finds in real captures and logs whose truth is known, what it says about benign captures, and, apart from that, what it finds of simulated attacks:
 * `anomalyst analyze` on each, nothing else.
 *
 *     npm run evaluate -- [--only <text in the path>] [--quick] [--json] [--markdown] [--check] [--no-build]
 *
 * The truth is that of the data's own documentation and labels, and lives in evaluate-capture.ts and evaluate-log.ts alone; the product never reads it.
 * A case is found when one incident has a detection of the expected kind, the expected host among its actors (or on either side, for a flood's
 * victim), the expected peer, port and server name in its detections or evidence. --only takes cases by a part of their path, and a simulated attack by a part of
 * `simulated/<kind>`; `--only day` composes a day of the benign captures alone; `--only others` takes the collections without known attacks; `--only models` takes the models on labelled tables alone. --quick fits these with one seed instead of ten. --markdown writes docs/evaluation.md. --check exits with 1 when a benign capture has more than one incident of medium severity, the composed day more than three incidents or one of high, when a required case is not found at rank 1, something benign has an incident of severity high or
 * critical, or a beacon score on RITA's data is not RITA's.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { SEVERITIES, type Severity, severityRank } from '../src/incident/index.ts';
import { build, DATA, eachOf, has, ROOT, textTable } from './child.ts';
import { BENIGN, CAPTURES } from './evaluate-capture.ts';
import { analyze, type CaseResult, type Counts, evaluate, type Outcome } from './evaluate-case.ts';
import { type ComposedDay, evaluateDay, MOST_INCIDENTS_A_DAY } from './evaluate-day.ts';
import { LOGS, type LogCase, logInputs, type Ranking, rankFlows, rankSources } from './evaluate-log.ts';
import { type Column, caseColumns, MATRIX_LEGEND, matrixMarkdown, matrixText } from './evaluate-matrix.ts';
import {
  ADBENCH_HEAD,
  adbenchRows,
  evaluateModels,
  INTRUSION_HEAD,
  intrusionRows,
  type ModelResults,
  modelConclusions,
  modelNode,
  modelViolations,
} from './evaluate-model.ts';
import { evaluateOthers } from './evaluate-other.ts';
import { RITA_HEAD, RITA_PATH, type RitaPair, ritaDisagreements, ritaPairs, ritaRows } from './evaluate-rita.ts';
import {
  evaluateSimulated,
  SIMULATED,
  SIMULATED_HEAD,
  type SimulatedResult,
  simulatedConclusions,
  simulatedNode,
  simulatedRow,
  simulatedViolations,
} from './evaluate-simulated.ts';

interface BenignResult {
  readonly path: string;
  readonly group: string;
  readonly outcome: Outcome;
}

interface LogResult {
  readonly result: CaseResult;
  readonly rankings: readonly Ranking[];
  /** Pairs that RITA would score; absent for other data than RITA's. */
  readonly rita: readonly RitaPair[] | undefined;
}

/** Everything that was run. */
interface Results {
  readonly captures: readonly CaseResult[];
  readonly logs: readonly LogResult[];
  readonly benign: readonly BenignResult[];
  readonly simulated: readonly SimulatedResult[];
  /** All benign captures in one day; undefined where it was not asked for. */
  readonly day: ComposedDay | undefined;
  /** Collections without known attacks, a folder each. */
  readonly others: readonly Column[];
  /** Undefined where they were not asked for. */
  readonly models: ModelResults | undefined;
}

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
  },
});
if (!existsSync(DATA)) {
  console.log(`skipped: the captures and logs are not there (${DATA})`);
  process.exit(0);
}
if (!flags['no-build'] && flags.only !== 'models') build();
const work = mkdtempSync(join(tmpdir(), 'anomalyst-evaluate-'));

function benignCaptures(): { readonly path: string; readonly group: string }[] {
  return BENIGN.flatMap(([folder, group]) =>
    existsSync(join(DATA, folder))
      ? readdirSync(join(DATA, folder), { recursive: true, encoding: 'utf8' })
          .filter((name) => /\.(pcap|pcapng|cap)(\.gz)?$/.test(name))
          .sort()
          .map((name) => ({ path: join(folder, name), group }))
      : [],
  );
}

/** A log case with its ranking, or with RITA's pairs. */
async function evaluateLog(one: LogCase): Promise<LogResult> {
  const rankings: Ranking[] = [];
  const pairs: RitaPair[] = [];
  const result = await evaluate(
    one,
    work,
    (path) => logInputs(one, path),
    (results) => {
      if (one.labels?.rank === 'flows') rankings.push(...rankFlows(one, results));
      if (one.path === RITA_PATH) pairs.push(...ritaPairs(results));
    },
  );
  const isRun = result.verdict !== 'skipped' && result.verdict !== 'failed';
  if (one.labels?.rank === 'sources' && isRun) rankings.push(...rankSources(one, result.outcome));
  return { result, rankings, rita: one.path === RITA_PATH && isRun ? pairs : undefined };
}

/** What is read of a capture's path: itself, the captures in a zip file, or why they can't be had. */
function openCapture(path: string): string[] | string {
  if (!path.endsWith('.zip')) return [path];
  const folder = mkdtempSync(join(work, 'zip-'));
  const [program, args] = has('unzip')
    ? (['unzip', ['-qo', path, '-d', folder]] as const)
    : (['python3', ['-m', 'zipfile', '-e', path, folder]] as const);
  if (!has(program)) return 'zip: neither unzip nor python3 is there';
  const run = spawnSync(program, args, { encoding: 'utf8' });
  if (run.status !== 0) return `zip: ${program} ended with ${run.status ?? 'a signal'}`;
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(pcap|pcapng|cap)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

interface Alerts {
  readonly captures: number;
  readonly hours: number;
  readonly counts: Counts;
  /** Captures with at least one incident of medium or above, and of high or above. */
  readonly withMedium: number;
  readonly withHigh: number;
}

interface Summary {
  readonly required: number;
  readonly found: number;
  readonly first: number;
  readonly wanted: number;
  readonly wantedFound: number;
  readonly groups: Readonly<Record<string, Alerts>>;
  readonly allBenign: Alerts;
  /** What --check fails for. */
  readonly violations: readonly string[];
  readonly skipped: readonly string[];
}

function summarize({ captures, logs, benign, simulated, day, models }: Results): Summary {
  const cases = [...captures, ...logs.map(({ result }) => result)];
  const required = cases.filter((one) => one.case.need === 'required' && one.verdict !== 'skipped');
  const wanted = cases.filter((one) => one.case.need === 'wanted' && one.verdict !== 'skipped');
  const isFound = (one: CaseResult): boolean => one.match !== undefined;
  const groups: Record<string, Alerts> = {};
  for (const [, group] of BENIGN) groups[group] = alerts(benign.filter((one) => one.group === group));
  return {
    required: required.length,
    found: required.filter(isFound).length,
    first: required.filter((one) => one.verdict === 'found first').length,
    wanted: wanted.length,
    wantedFound: wanted.filter(isFound).length,
    groups,
    allBenign: alerts(benign),
    violations: [
      ...required
        .filter((one) => one.verdict !== 'found first')
        .map(
          (one) =>
            `${one.case.path}: ${one.case.truth}: ${one.verdict}${one.match === undefined ? '' : ` at rank ${one.match.rank}`} (${one.note})`,
        ),
      ...cases
        .filter((one) => one.case.need === 'quiet' && one.verdict !== 'quiet' && one.verdict !== 'skipped')
        .map((one) => `${one.case.path}: ${one.verdict}: ${one.note}`),
      ...cases
        .filter((one) => one.case.need === 'wanted' && one.verdict === 'failed')
        .map((one) => `${one.case.path}: ${one.note}`),
      ...benign.flatMap((one) => [
        ...(one.outcome.failed === undefined ? [] : [`${one.path}: ${one.outcome.failed}`]),
        ...one.outcome.incidents
          .filter((incident) => severityRank(incident.severity) >= severityRank('high'))
          .map((incident) => `${one.path}: ${incident.severity}: ${incident.title}`),
        ...(one.outcome.counts.medium > MOST_MEDIUM
          ? [`${one.path}: ${one.outcome.counts.medium} incidents of medium severity`]
          : []),
      ]),
      ...dayViolations(day),
      ...logs.flatMap(({ rita }) => (rita === undefined ? [] : ritaDisagreements(rita))),
      ...simulatedViolations(simulated),
      ...(models === undefined ? [] : modelViolations(models)),
    ],
    skipped: cases.filter((one) => one.verdict === 'skipped').map((one) => `${one.case.path}: ${one.note}`),
  };
}

/** A benign capture may have so many incidents of medium severity. */
const MOST_MEDIUM = 1;

function dayViolations(day: ComposedDay | undefined): string[] {
  if (day === undefined) return [];
  const { failed, incidents } = day.outcome;
  if (failed !== undefined) return [`the composed day: ${failed}`];
  const grave = incidents.filter(({ severity }) => severityRank(severity) >= severityRank('high'));
  return [
    ...(incidents.length > MOST_INCIDENTS_A_DAY ? [`the composed day: ${incidents.length} incidents`] : []),
    ...grave.map(({ severity, title }) => `the composed day: ${severity}: ${title}`),
  ];
}

/** Everything as one table: attacks and odd things, logs, benign captures by kind of device, the composed day, collections. */
function columnsOf({ captures, logs, benign, day, others }: Results): Column[] {
  const kinds = new Map<string, BenignResult[]>();
  for (const one of benign) {
    // Captures of one kind of device lie in a folder of their own.
    const folder = dirname(one.path);
    kinds.set(folder, [...(kinds.get(folder) ?? []), one]);
  }
  const benignColumns = [...kinds].map(([folder, runs]): Column => {
    const { withMedium, withHigh } = alerts(runs);
    return {
      folder: 'benign captures',
      name: `${basename(folder)} (${runs.length})`,
      runs: runs.map(({ outcome }) => outcome.incidents),
      truth: 'benign',
      result: withMedium === 0 ? 'quiet' : `${withMedium} with medium${withHigh === 0 ? '' : `, ${withHigh} high`}`,
    };
  });
  return [
    ...caseColumns([...captures, ...logs.map(({ result }) => result)]),
    ...benignColumns,
    ...(day === undefined
      ? []
      : [
          {
            folder: 'benign captures',
            name: `COMPOSED day (${day.captures})`,
            runs: [day.outcome.incidents],
            truth: 'benign',
            result: `${day.outcome.incidents.length} incidents`,
          },
        ]),
    ...others,
  ];
}

/** What the composed day is, and what was said of it. */
function daySentences({ captures, packets, leftOut, outcome }: ComposedDay): string[] {
  return [
    `COMPOSED, no real day: ${captures} benign captures moved to moments of one day (2026-03-02, seed 7) in one input of ${packets} packets${leftOut.length === 0 ? '' : `, ${leftOut.length} left out that hold no Ethernet frames`}: ${outcome.incidents.length} incidents (at most ${MOST_INCIDENTS_A_DAY})`,
    ...outcome.incidents.map(({ severity, kind, title }) => `${severity}: ${kind}: ${title}`),
  ];
}

function alerts(results: readonly BenignResult[]): Alerts {
  const counts: Record<Severity, number> = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  for (const { outcome } of results) for (const severity of SEVERITIES) counts[severity] += outcome.counts[severity];
  const withAtLeast = (least: Severity): number =>
    results.filter(({ outcome }) =>
      outcome.incidents.some((incident) => severityRank(incident.severity) >= severityRank(least)),
    ).length;
  return {
    captures: results.length,
    hours: results.reduce((sum, { outcome }) => sum + outcome.hours, 0),
    counts,
    withMedium: withAtLeast('medium'),
    withHigh: withAtLeast('high'),
  };
}

/** A file's name; for a folder, whose own may say little, also the one above. */
function nameOf(path: string): string {
  const name = basename(path);
  return name.includes('.') ? name : join(basename(dirname(path)), name);
}

function caseNode(result: CaseResult): object {
  return {
    path: result.case.path,
    truth: result.case.truth,
    need: result.case.need,
    verdict: result.verdict,
    ...(result.match && { rank: result.match.rank, severity: result.match.severity, kind: result.match.kind }),
    note: result.note,
    counts: result.outcome.counts,
  };
}

function benignNode(result: BenignResult): object {
  return {
    path: result.path,
    hours: result.outcome.hours,
    counts: result.outcome.counts,
    ...(result.outcome.failed !== undefined && { failed: result.outcome.failed }),
    incidents: result.outcome.incidents.map(({ rank, severity, kind, title }) => ({ rank, severity, kind, title })),
  };
}

const CASE_HEAD = ['', 'truth', 'need', 'result', 'rank', 'severity', 'kind', 'incidents c/h/m/l/i'];
const CAPTURE_HEAD = ['capture', ...CASE_HEAD.slice(1)];
const LOG_HEAD = ['log', ...CASE_HEAD.slice(1)];
const RANKING_HEAD = ['log', 'what', 'value'];
const BENIGN_HEAD = [
  'benign captures',
  'files',
  'hours',
  'c/h/m/l/i',
  'with medium+',
  'with high+',
  'medium+ per file',
  'medium+ per hour',
  'all per hour',
];

function caseRow(result: CaseResult): string[] {
  const { match } = result;
  return [
    nameOf(result.case.path),
    result.case.truth,
    result.case.need,
    result.verdict,
    match === undefined ? '-' : String(match.rank),
    match?.severity ?? '-',
    match?.kind ?? '-',
    inOneCell(result.outcome.counts),
  ];
}

const inOneCell = (counts: Counts): string =>
  [...SEVERITIES]
    .reverse()
    .map((severity) => counts[severity])
    .join('/');

function benignRow(name: string, { captures, hours, counts, withMedium, withHigh }: Alerts): string[] {
  const medium = counts.medium + counts.high + counts.critical;
  const all = medium + counts.low + counts.info;
  const per = (n: number, of: number): string => (of === 0 ? '-' : (n / of).toFixed(2));
  return [
    name,
    String(captures),
    hours.toFixed(2),
    inOneCell(counts),
    String(withMedium),
    String(withHigh),
    per(medium, captures),
    per(medium, hours),
    per(all, hours),
  ];
}

function benignRows(summary: Summary): string[][] {
  return [...Object.entries(summary.groups), ['all benign', summary.allBenign] as const]
    .filter(([, group]) => group.captures > 0)
    .map(([name, group]) => benignRow(name, group));
}

function conclusions(summary: Summary): string[] {
  return [
    `required cases: found ${summary.found} of ${summary.required}, ranked first ${summary.first} of ${summary.required}`,
    `wanted cases: found ${summary.wantedFound} of ${summary.wanted}`,
    `benign captures with high or critical: ${summary.allBenign.withHigh} of ${summary.allBenign.captures}`,
  ];
}

const rankingRow = ({ path, what, value }: Ranking): string[] => [nameOf(path), what, value];

/** RITA's table, and whether it is as published. */
function ritaOf(
  logs: readonly LogResult[],
): { readonly rows: string[][]; readonly sentence: string; readonly detected: string } | undefined {
  const log = logs.find(({ rita }) => rita !== undefined);
  const pairs = log?.rita;
  if (log === undefined || pairs === undefined) return undefined;
  const found = log.result.outcome.incidents.flatMap(({ detections }) =>
    detections.filter(({ kind }) => kind === 'beacon.interval'),
  );
  const agreeing = pairs.filter(({ agrees }) => agrees).length;
  return {
    rows: ritaRows(pairs),
    sentence: `beacon scores on RITA's data: ${pairs.length} pairs scored, ${agreeing} as RITA's test has them, to the third decimal`,
    detected:
      found
        .map(({ actor, flowCount, score }) => `${actor}, ${flowCount} connections, ${score.toFixed(3)}`)
        .join('; ') || 'none',
  };
}

function print(results: Results, summary: Summary): void {
  const { captures, logs, benign, simulated, day, models } = results;
  const columns = columnsOf(results);
  if (columns.length > 0) console.log(`${matrixText(columns)}\n${MATRIX_LEGEND}\n`);
  const left = [0, 1, 2, 3, 5, 6];
  if (captures.length > 0) console.log(`${textTable(CAPTURE_HEAD, captures.map(caseRow), left)}\n`);
  if (logs.length > 0) {
    const rows = logs.map(({ result }) => caseRow(result));
    console.log(`${textTable(LOG_HEAD, rows, left)}\n`);
  }
  const rankings = logs.flatMap((one) => one.rankings);
  if (rankings.length > 0) console.log(`${textTable(RANKING_HEAD, rankings.map(rankingRow), [0, 1, 2])}\n`);
  const rita = ritaOf(logs);
  if (rita !== undefined) console.log(`${textTable(RITA_HEAD, rita.rows, [0, 2])}\n`);
  const unsure = [...captures, ...logs.map(({ result }) => result)].filter(
    (one) => one.verdict !== 'found first' && one.note !== '',
  );
  if (unsure.length > 0)
    console.log(
      `Where it is not found first:\n${unsure.map((one) => `  ${nameOf(one.case.path)}: ${one.verdict}: ${one.note}`).join('\n')}\n`,
    );
  if (benign.length > 0) console.log(`${textTable(BENIGN_HEAD, benignRows(summary), [0])}\n`);
  const loud = benign.flatMap((one) =>
    one.outcome.incidents
      .filter((incident) => severityRank(incident.severity) >= severityRank('medium'))
      .map(
        (incident) =>
          `  ${join(basename(dirname(one.path)), basename(one.path))}: ${incident.severity}: ${incident.kind}: ${incident.title}`,
      ),
  );
  if (loud.length > 0) console.log(`Medium or above on benign captures:\n${loud.join('\n')}\n`);
  if (day !== undefined) console.log(`${daySentences(day).join('\n  ')}\n`);
  console.log([...conclusions(summary), ...(rita === undefined ? [] : [rita.sentence])].join('\n'));
  if (simulated.length > 0)
    console.log(
      `\nSIMULATED, apart from all figures above:\n${textTable(
        SIMULATED_HEAD,
        simulated.map((one) => simulatedRow(one, inOneCell)),
        [0, 3, 5, 6],
      )}\n\n${simulatedConclusions(simulated).join('\n')}`,
    );
  if (models !== undefined) {
    for (const run of models.adbench)
      console.log(`\n${adbenchTitle(run.isSemi, models.seeds)}\n\n${textTable(ADBENCH_HEAD, adbenchRows(run), [0])}`);
    if (models.intrusion.length > 0)
      console.log(`\n${intrusionTitle(models.seeds)}\n\n${textTable(INTRUSION_HEAD, intrusionRows(models), [0])}`);
    console.log(`\n${modelConclusions(models).join('\n')}`);
  }
  for (const line of summary.skipped) console.log(`skipped: ${line}`);
  if (summary.violations.length > 0)
    console.log(`\nNot as it should be:\n${summary.violations.map((line) => `  ${line}`).join('\n')}`);
}

const seedsText = (seeds: number): string => (seeds === 1 ? 'one seed' : `${seeds} seeds`);
const adbenchTitle = (isSemi: boolean, seeds: number): string =>
  `ADBench, fitted on ${isSemi ? 'the first half of the normal rows' : 'all rows'}: AUROC / average precision / TPR at 1 % FPR in percent, mean of ${seedsText(seeds)}; published: AUROC`;
const intrusionTitle = (seeds: number): string =>
  `Labelled network data: AUROC / average precision / TPR at 1 % FPR, mean of ${seedsText(Math.ceil(seeds / 2))}`;

function markdown(results: Results, summary: Summary): string {
  const { captures, logs, benign, simulated, day, models } = results;
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
    [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');
  const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');
  const kinds = new Map<string, number>();
  for (const { outcome } of benign)
    for (const incident of outcome.incidents) {
      const key = `${incident.kind} (${incident.severity})`;
      kinds.set(key, (kinds.get(key) ?? 0) + 1);
    }
  const kindRows = [...kinds].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([kind, n]) => [kind, String(n)]);
  const rita = ritaOf(logs);
  return `<!-- Written by \`npm run evaluate -- --markdown\`; do not edit. -->

# What it finds, and what it does not

\`anomalyst analyze\` with its defaults on real captures and logs, one at a time, and, apart from that, on simulated attacks. The truth is what the data's own documentation and
labels say; the product does not know it. "Required" cases must be found at rank 1; "quiet" ones must not be mistaken for something else; "wanted" ones are reported to show what is
still missed. Counts of incidents are critical/high/medium/low/info.

    npm run evaluate                             # all of it
    npm run evaluate -- --only rita --no-build   # a part of it: a piece of a path, or simulated/beacon
    npm run evaluate -- --check                  # ends with 1 when something required is not first, or something benign is high

Of the captures and logs together (nothing simulated is in these sums):

${list([...conclusions(summary), ...(rita === undefined ? [] : [rita.sentence])])}

## Captures

${table(CAPTURE_HEAD, captures.map(caseRow))}

## Logs

Zeek, Argus (binetflow) and Suricata (EVE): no packets, and of some no payload sizes either, so that some detectors do not run.

${table(
  LOG_HEAD,
  logs.map(({ result }) => caseRow(result)),
)}

### Flows and sources against labels

In 001 a flow score is that of the model that is fitted on the same input: one flow in four is malicious there and they are all alike, and what is frequent and alike is
not strange to such a model. In 008 and 010 most flows are attacks, so that flows can't be ranked as rare events; ranked are sources. "Named" are those that an incident of a scan, guessing or a flood lists as actors. By these
labels whatever was sent to the machine is an attack, also one packet, and also answers of its own peers that were written down the wrong way round.

${table(
  RANKING_HEAD,
  logs.flatMap((one) => one.rankings.map(rankingRow)),
)}

### RITA's beacon scores

${
  rita === undefined
    ? "RITA's data was not there."
    : `What RITA selects: the last 24 hours of the data set, from the beginning of their first hour on, in whole seconds. RITA's own test
(\`integration/beacons_test.go\`) has the first pair as RITA 4.8 scored it and the second as RITA 5 does, and allows 0.05 either way. RITA 4.8 rounded up and counted small sizes as
a third part of the size score (1 - 1,049 / 65,535 for the first pair, whose 357 connections all sent 1,049 bytes); RITA 5 has no such part, so that its formula gives 1 there. Each published
row agrees to the third decimal with the form that it was made by.

${table(RITA_HEAD, rita.rows)}

The detector itself keeps milliseconds, takes exactly 24 hours for a day, scores every day of the data and reports what is worth a look; six connections are not. What it reports here: ${rita.detected}.`
}

## Benign captures

There is no long capture of a normal office among them, so a rate per hour speaks for these captures alone: the set-up of devices is busier and odder
than a day of their ordinary work.

${table(BENIGN_HEAD, benignRows(summary))}

${kindRows.length === 0 ? 'No incident of any severity.' : table(['incident on a benign capture', 'how often'], kindRows)}

### A composed day

${day === undefined ? 'Not run.' : list(daySentences(day).map(cell))}

## Everything in one table

Detectors and the first two incidents down, captures and logs across. ${MATRIX_LEGEND}. Where a column stands for many captures, its top incidents are those that stand there most often, with the number of captures.

${matrixMarkdown(columnsOf(results), table)}

## Models on labelled tables
${
  models === undefined || models.adbench.length + models.intrusion.length === 0
    ? '\nThe sets were not there.'
    : `
The models themselves, each with its defaults, apart from detectors and incidents. ADBench (Han et al. 2022) by the protocol of the published tables (vicliv/DTE, arXiv 2305.18593): sets under 1,000 rows drawn to 1,000 with replacement, over 50,000 to 50,000
without, columns standardised on the rows that are fitted on. Labelled network data is measured as \`analyze\` measures a table, \`bench/intrusion.ts\` says how it is cut and mixed.

${list(modelConclusions(models))}

${models.adbench.map((run) => `${adbenchTitle(run.isSemi, models.seeds)}.\n\n${table(ADBENCH_HEAD, adbenchRows(run))}`).join('\n\n')}

${intrusionTitle(models.seeds)}.

${table(INTRUSION_HEAD, intrusionRows(models))}`
}

## Simulated

**Simulated, and in no figure above.** Each kind of attack with its defaults, alone, in one hour of a simulated office from 9 o'clock on, seed 7
(\`anomalyst simulate --seed 7 --start 2026-03-02T09:00:00 --duration 1h --attack <kind>\`), and two hours of that office without any. An incident counts as the attack's when most of
the flows that it cites carry the attack's label. It says what the detectors see of the simulator's idea of an attack, and nothing about a real network.

${table(
  SIMULATED_HEAD,
  simulated.map((one) => simulatedRow(one, inOneCell)),
)}

${list(simulatedConclusions(simulated))}
`;
}

try {
  const captures = await eachOf(
    CAPTURES.filter((one) => one.path.includes(flags.only)),
    2,
    (one) => evaluate(one, work, openCapture),
  );
  const logs = await eachOf(
    LOGS.filter((one) => one.path.includes(flags.only)),
    2,
    evaluateLog,
  );
  const benign = await eachOf(
    benignCaptures().filter(({ path }) => path.includes(flags.only)),
    2,
    async ({ path, group }) => ({
      path,
      group,
      outcome: await analyze([join(DATA, path)], work),
    }),
  );
  const simulated = await eachOf(
    SIMULATED.filter((attack) => `simulated/${attack}`.includes(flags.only)),
    2,
    (attack) => evaluateSimulated(attack, work),
  );
  const day =
    flags.only === '' || flags.only === 'day'
      ? await evaluateDay(
          benignCaptures().map(({ path }) => path),
          work,
        )
      : undefined;
  const own = new Set([...CAPTURES, ...LOGS].map(({ path }) => path));
  const others = flags.only === '' || flags.only === 'others' ? await evaluateOthers(own, work) : [];
  const models = 'models'.includes(flags.only) ? evaluateModels(flags.quick) : undefined;
  const results: Results = { captures, logs, benign, simulated, day, others, models };
  const summary = summarize(results);
  if (flags.json)
    console.log(
      JSON.stringify(
        {
          summary,
          cases: captures.map(caseNode),
          logs: logs.map(({ result }) => caseNode(result)),
          rankings: logs.flatMap(({ rankings }) => rankings),
          rita: logs.flatMap(({ rita }) => rita ?? []),
          benign: benign.map(benignNode),
          simulated: simulated.map(simulatedNode),
          ...(day === undefined
            ? {}
            : {
                composedDay: {
                  ...day,
                  outcome: {
                    ...day.outcome,
                    incidents: day.outcome.incidents.map(({ rank, severity, kind, title }) => ({
                      rank,
                      severity,
                      kind,
                      title,
                    })),
                  },
                },
              }),
          others: others.map(({ name, runs, result }) => ({ name, result, incidents: runs.flat().length })),
          ...(models === undefined ? {} : { models: modelNode(models) }),
        },
        null,
        2,
      ),
    );
  else print(results, summary);
  if (flags.markdown) {
    if (flags.only !== '') throw new Error('--markdown writes about everything; leave --only out');
    writeFileSync(join(ROOT, 'docs', 'evaluation.md'), markdown(results, summary));
  }
  if (flags.check && summary.violations.length > 0) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
