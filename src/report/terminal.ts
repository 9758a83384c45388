import type { JudgedIncident } from '../analyst/index.ts';
import { counted, humanBytes, humanCount, humanDuration, safeText } from '../core/index.ts';
import type { RelatedIncident } from '../incident/index.ts';
import { type Painter, padEnd, painter, textWidth, wrapParts, wrapText } from './ansi.ts';
import { budgetSentence, feedbackSentences, incidentRemarks } from './feedback-words.ts';
import { opinionAuthor, opinionSummary } from './opinion-text.ts';
import type { AnalysisResult, InputSummary, RunSummary } from './result.ts';
import { saidOf } from './said.ts';
import { day, isOfTable, number, SEVERITY_ORDER, severityWords, shortPath, span } from './words.ts';

export interface TerminalOptions {
  /** Whether escape sequences for colour may be written. */
  readonly color: boolean;
  /** Columns of the terminal; text is laid out within 40 to 110 of them. */
  readonly width: number;
  /** How many incidents are shown. */
  readonly top: number;
  readonly elapsedMs?: number | undefined;
  /** Where the report was written, as the user would type it. */
  readonly outDir?: string | undefined;
  /** Names of the files in it. */
  readonly files?: readonly string[] | undefined;
}

/** Column where the text of a section and of an incident begins: rank and badge stand before it. */
const LABEL = 13;
const MAX_PROBLEM_INPUTS = 3;
const MAX_ODDITIES = 3;
const MAX_SATURATIONS = 2;
/** What stands before the weightiest reason. */
const DRIFT_WORDS = { 'too-few': '', keep: 'fits. ', watch: 'watch it. ', retrain: 'fit it anew. ' } as const;
const MAX_NAME = 60;
const BESIDE = 'beside it ';

/**
 * What `analyze` leaves on the screen: what was read, what could not be, the incidents by urgency, and where the report lies.
 * Without colour it is plain text that reads the same. Lines end with LF, the last one too.
 */
export function renderTerminal(result: AnalysisResult, options: TerminalOptions): string {
  const { color, top, elapsedMs, outDir, files = [] } = options;
  const width = Math.min(110, Math.max(40, Math.floor(options.width) || 80));
  const paint = painter(color);
  const lines: string[] = [];
  const section = (label: string, text: readonly string[]) => {
    text.forEach((line, i) => {
      lines.push(paint('quiet', padEnd(i === 0 ? label : '', LABEL)) + line);
    });
  };
  const wrap = (text: string) => wrapText(text, width - LABEL);

  readSection(result.run, elapsedMs, width - LABEL).forEach(([label, text]) => {
    section(label, text);
  });
  for (const [label, text] of problems(result, width - LABEL, paint)) section(label, text);

  lines.push('');
  if (result.incidents.length === 0) {
    section('Incidents', [
      paint('strong', 'none'),
      ...wrap(safeText(result.run.emptyBecause ?? 'Nothing in this traffic reached a threshold.', 600)),
    ]);
  } else {
    const counts = SEVERITY_ORDER.filter((severity) => result.run.severityCounts[severity] > 0).map((severity) => {
      const words = `${humanCount(result.run.severityCounts[severity])} ${severity}`;
      return color ? paint(severity, ` ${words} `) : words;
    });
    section('Incidents', wrapParts(counts, color ? ' ' : ', ', width - LABEL));
    const shown = result.incidents.slice(0, Math.max(0, Math.floor(top)));
    for (const incident of shown) lines.push('', ...incidentLines(incident, result.run, width, paint));
    const rest = result.incidents.slice(shown.length);
    if (rest.length > 0) {
      const words = severityWords(countSeverities(rest));
      lines.push('');
      section(
        '',
        wrap(`${humanCount(rest.length)} more: ${words}. --top ${result.incidents.length} shows them all.`).map(
          (line) => paint('quiet', line),
        ),
      );
    }
  }

  const said = feedbackSentences(result.run.feedback);
  const budget = budgetSentence(result.run.alerts);
  if (said.length > 0) {
    const more = said.length - MAX_RULES;
    lines.push('');
    section('Feedback', [
      ...said.slice(0, MAX_RULES).flatMap(wrap),
      ...(more > 0 ? [`and ${humanCount(more)} more in the report`] : []),
    ]);
  }
  if (budget !== undefined) {
    lines.push('');
    section('Alerts', wrap(budget));
  }

  for (const [label, text] of tableSections(result, width - LABEL)) {
    lines.push('');
    section(label, text);
  }

  if (outDir !== undefined) {
    lines.push('');
    const main = files.find((file) => file.endsWith('.html')) ?? files[0];
    const first = main === undefined ? undefined : safeText(main, MAX_NAME);
    const others = files.filter((file) => file !== main).map((file) => safeText(file, MAX_NAME));
    const folder = safeText(outDir, 300).replace(/\/+$/, '');
    section(
      'Report',
      wrapText(first === undefined ? folder : `${folder}/${first}`, width - LABEL).map((line) => paint('strong', line)),
    );
    if (others.length > 0)
      section(
        '',
        wrapParts(others, ', ', width - LABEL - BESIDE.length).map((line, i) =>
          paint('quiet', (i === 0 ? BESIDE : ' '.repeat(BESIDE.length)) + line),
        ),
      );
  }
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

const MAX_FILTERS = 5;
const MAX_STRANGE = 3;

/** What there is to say about a table: what its filters dropped, its groups, the strangest rows. */
function tableSections({ table }: AnalysisResult, width: number): Section[] {
  if (table === undefined) return [];
  const sections: Section[] = [];
  if (table.filters.length > 0) {
    const shown = table.filters
      .slice(0, MAX_FILTERS)
      .map(({ name, mode, dropped }) => `${safeText(name, 40)} (${mode}) dropped ${humanCount(dropped)}`);
    sections.push(['Filters', wrapParts([...shown, `${counted(table.kept, 'row')} left`], ', ', width)]);
  }
  const { clusters } = table;
  const best = clusters?.cuts.find(({ k }) => k === clusters.best);
  if (clusters !== undefined && best !== undefined) {
    const sizes = clusters.cuts.map(
      ({ k, clusters: all }) =>
        `${k}: ${all
          .map(({ size }) => size)
          .toReversed()
          .join('/')}`,
    );
    sections.push([
      'Groups',
      [
        ...wrapText(
          `${best.k} groups part the rows best (silhouette ${best.silhouette.toFixed(2)}). Rows in each${clusters.rows < table.kept ? `, of ${humanCount(clusters.rows)} that were drawn by chance` : ''}, by number of groups:`,
          width,
        ),
        ...wrapParts(sizes, ', ', width),
      ],
    ]);
  }
  const strange = table.strangest.slice(0, MAX_STRANGE).map(({ row, score, contributions }) => {
    const why = contributions
      .slice(0, 2)
      .map(({ feature, value }) => `${safeText(feature, 40)} ${value === undefined ? 'missing' : number(value)}`)
      .join(', ');
    return `row ${humanCount(row)} (${score.toFixed(3)}; ${why})`;
  });
  if (strange.length > 0) sections.push(['Strangest', wrapParts(strange, ', ', width)]);
  return sections;
}

type Section = readonly [label: string, text: readonly string[]];

function readSection(run: RunSummary, elapsedMs: number | undefined, width: number): Section[] {
  const names = run.inputs.map((input) => shortPath(input.name, MAX_NAME));
  const shown = names.length > 4 ? [...names.slice(0, 3), `${humanCount(names.length - 3)} more`] : names;
  const rows = run.inputs.reduce((sum, input) => sum + (input.rows ?? 0), 0);
  const ofRows = run.inputs.some((input) => input.rows !== undefined);
  const numbers = [
    ...(run.packets > 0 || !ofRows ? [counted(run.packets, 'packet')] : []),
    ...(ofRows ? [counted(rows, 'row')] : []),
    ...(run.bytes > 0 || !ofRows ? [humanBytes(run.bytes)] : []),
    ...(run.flows > 0 || !ofRows ? [counted(run.flows, 'flow'), counted(run.hosts, 'host')] : []),
  ];
  if (elapsedMs !== undefined) numbers.push(`in ${humanDuration(elapsedMs)}`);
  const sections: Section[] = [
    ['Read', [...wrapParts(shown.length > 0 ? shown : ['nothing'], ', ', width), ...wrapParts(numbers, ', ', width)]],
  ];
  if (run.firstMs !== undefined && run.lastMs !== undefined)
    sections.push(['Time', wrapText(span(run.firstMs, run.lastMs), width)]);
  return sections;
}

/** What could not be read or seen, most harmful first, each kind cut at a few lines. */
function problems(result: AnalysisResult, width: number, paint: Painter): Section[] {
  const { run, oddities } = result;
  const sections: Section[] = [];
  const warn = (lines: readonly string[]) => lines.map((line) => paint('warning', line));
  const inputs = (status: InputSummary['status'], label: string) => {
    const bad = run.inputs.filter((input) => input.status === status);
    const text = bad
      .slice(0, MAX_PROBLEM_INPUTS)
      .flatMap((input) =>
        wrapText(`${shortPath(input.name, MAX_NAME)}: ${safeText(input.message ?? 'no reason given', 300)}`, width),
      );
    if (bad.length > MAX_PROBLEM_INPUTS) text.push(`and ${humanCount(bad.length - MAX_PROBLEM_INPUTS)} more`);
    if (text.length > 0) sections.push([label, warn(text)]);
  };
  inputs('failed', 'Failed');
  inputs('cut', 'Cut');
  const noted = ofRows(result) ? run.inputs.filter(hasNote) : [];
  if (noted.length > 0) {
    const text = noted
      .slice(0, MAX_PROBLEM_INPUTS)
      .flatMap(({ name, message }) => wrapText(`${shortPath(name, MAX_NAME)}: ${safeText(message ?? '', 300)}`, width));
    if (noted.length > MAX_PROBLEM_INPUTS) text.push(`and ${humanCount(noted.length - MAX_PROBLEM_INPUTS)} more`);
    sections.push(['Note', text]);
  }
  if (run.saturations.length > 0) {
    const text = run.saturations
      .slice(0, MAX_SATURATIONS)
      .flatMap(({ detector, what, cap, refused }) =>
        wrapText(
          `${safeText(detector, 40)}: ${safeText(what, 80)}, ${humanCount(cap)} at most; ${humanCount(refused)} refused`,
          width,
        ),
      );
    if (run.saturations.length > MAX_SATURATIONS)
      text.push(`and ${counted(run.saturations.length - MAX_SATURATIONS, 'more limit')} reached`);
    sections.push(['Full', warn(text)]);
  }
  if (oddities.length > 0) {
    const shown = oddities.slice(0, MAX_ODDITIES);
    const countWidth = Math.max(...shown.map((oddity) => humanCount(oddity.count).length));
    const indent = ' '.repeat(countWidth + 2);
    const hang = (words: string, head: string) =>
      wrapText(words, width - indent.length).map((line, i) => (i === 0 ? head : indent) + line);
    const text = shown.flatMap((oddity) =>
      hang(
        `${safeText(oddity.name, 50)}: ${safeText(oddity.meaning, 200)}`,
        `${humanCount(oddity.count).padStart(countWidth)}  `,
      ),
    );
    const rest = oddities.slice(MAX_ODDITIES);
    if (rest.length > 0) {
      const total = rest.reduce((sum, oddity) => sum + oddity.count, 0);
      const words = `and ${counted(rest.length, 'more kind')}, ${counted(total, 'time')}`;
      text.push(...hang(words, indent).map((line) => paint('quiet', line)));
    }
    sections.push(['Odd', text]);
  }
  if (run.drift !== undefined) {
    const { advice, reasons } = run.drift;
    const text = wrapText(safeText(`${DRIFT_WORDS[advice]}${reasons[0] ?? ''}`, 400), width);
    sections.push(['Model', advice === 'retrain' ? warn(text) : text]);
  }
  const [blind, ...more] = run.blindSpots;
  if (blind !== undefined) {
    const rest = more.length === 0 ? '' : ` (${humanCount(more.length)} more in the report)`;
    sections.push(['Not seen', wrapText(`${safeText(blind, 300)}${rest}`, width)]);
  }
  return sections;
}

/** Rows alone: what is to be said of the inputs of flows is among the blind spots. */
function ofRows({ run, table }: AnalysisResult): boolean {
  return table !== undefined && run.flows === 0;
}

/** Read to the end, but not all of it as it stands: cells that are missing now, names made distinct. */
function hasNote({ status, message }: InputSummary): boolean {
  return status === 'complete' && message !== undefined;
}

const MAX_RULES = 5;
const MAX_STEP_LINES = 3;
const MAX_RELATED = 3;
/** On a narrower terminal the text goes below the badge instead of beside it. */
const BESIDE_WIDTH = 64;
const NARROW_INDENT = 5;

/** Rank, severity and title; hosts; time and id; other incidents of the host; what to do first. Each begins a line in the same column. */
function incidentLines(incident: JudgedIncident, run: RunSummary, width: number, paint: Painter): string[] {
  const rank = String(incident.rank).padStart(2);
  const badge = ` ${incident.severity.toUpperCase()} `;
  const beside = width >= BESIDE_WIDTH;
  const indent = beside ? Math.max(LABEL, rank.length + badge.length + 1) : NARROW_INDENT;
  const room = width - indent;
  const quiet = (lines: readonly string[]) => lines.map((line) => paint('quiet', line));
  const actors = addresses(incident.actors, incident.actors.length);
  // The title says 'the table' already.
  const ofTable = isOfTable(incident);
  const hosts =
    incident.recordCount !== undefined && incident.peerCount === 0
      ? actors
      : `${actors} with ${addresses(incident.peers, incident.peerCount)}`;
  const body = [
    ...wrapText(safeText(incident.title, 300), room).map((line) => paint('strong', line)),
    ...saidLines(incident, room),
    ...(ofTable ? [] : quiet(wrapText(hosts, room))),
    ...quiet(wrapParts([when(incident, run), safeText(incident.id, 20)], ', ', room)),
    ...quiet(sameHost(incident, room)),
    ...incidentRemarks(incident).flatMap((remark) => wrapText(remark, room)),
    ...firstStep(incident, room),
    ...quiet(opinionLines(incident, room)),
  ];
  const head = `${rank}${paint(incident.severity, badge)}`;
  if (!beside) return [head, ...body.map((line) => ' '.repeat(indent) + line)];
  const gap = ' '.repeat(indent - rank.length - badge.length);
  return body.map((line, i) => (i === 0 ? head + gap : ' '.repeat(indent)) + line);
}

/** 'Flag: 10.0.0.2 asked 3 names in 20 s', 'Rule: ET SCAN ... (and 2 more)'. */
function saidLines(incident: JudgedIncident, room: number): string[] {
  const [first, ...more] = saidOf(incident);
  if (first === undefined) return [];
  const rest = more.length === 0 ? '' : ` (and ${humanCount(more.length)} more)`;
  return wrapText(`${first.by}: ${safeText(first.text, 200)}${rest}`, room);
}

/** 'Same host: password guessing (incident 2), regular calls (incident 3); same flows: new service (incident 4)', by rank. */
function sameHost(incident: JudgedIncident, room: number): string[] {
  const { related = [], relatedCount = related.length } = incident;
  if (related.length === 0) return [];
  const shown = related.slice(0, MAX_RELATED);
  const whose = isOfTable(incident) ? 'Same table' : incident.actors.length === 1 ? 'Same host' : 'Same hosts';
  const list = (shares: RelatedIncident['shares']): string =>
    shown
      .filter((other) => other.shares === shares)
      .map(({ rank, label }) => `${safeText(label, 40)} (incident\u00a0${rank})`)
      .join(', ');
  const ofActor = list('actor');
  const ofFlow = list('flow');
  const parts = [
    ...(ofActor === '' ? [] : [`${whose}: ${ofActor}`]),
    ...(ofFlow === '' ? [] : [`${ofActor === '' ? 'Same' : 'same'} flows: ${ofFlow}`]),
  ];
  const more = relatedCount > shown.length ? `, ${humanCount(relatedCount - shown.length)} more` : '';
  return wrapText(`${parts.join('; ')}${more}`, room);
}

function firstStep(incident: JudgedIncident, room: number): string[] {
  const claim = incident.verdict.whatToDoFirst[0];
  if (claim === undefined) return [];
  const lines = wrapText(`First: ${safeText(claim.text, 300)}`, room);
  if (lines.length <= MAX_STEP_LINES) return lines;
  const last = lines[MAX_STEP_LINES - 1] ?? '';
  return [...lines.slice(0, MAX_STEP_LINES - 1), `${textWidth(last) < room ? last : last.slice(0, -1)}…`];
}

/** 'qwen2.5:7b, on this machine, as analyst/1: The model calls it benign, the rules call it malicious.' */
function opinionLines(incident: JudgedIncident, room: number): string[] {
  return (incident.verdict.opinions ?? []).flatMap((opinion) =>
    wrapText(`${opinionAuthor(opinion)}: ${opinionSummary(opinion)}`, room),
  );
}

function addresses(hosts: readonly { readonly address: string }[], total: number): string {
  const shown = hosts.slice(0, 2).map((host) => safeText(host.address, 45));
  if (total > shown.length) shown.push(`${humanCount(total - shown.length)} more`);
  return shown.length === 0 ? 'no one' : shown.join(', ');
}

/** '05:28:38 to 05:34:44 UTC (6 min 6 s)'; the day is left out where the whole run is one day. */
function when({ firstMs, lastMs }: JudgedIncident, run: RunSummary): string {
  const oneDay = run.firstMs !== undefined && run.lastMs !== undefined && day(run.firstMs) === day(run.lastMs);
  const text = span(firstMs, lastMs);
  const date = `${day(firstMs)} `;
  return oneDay && text.startsWith(date) ? text.slice(date.length) : text;
}

function countSeverities(incidents: readonly JudgedIncident[]): RunSummary['severityCounts'] {
  const counts = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  for (const incident of incidents) counts[incident.severity]++;
  return counts;
}
