import { type ColumnSpec, isoTime, safeText } from '../core/index.ts';
import { FLOW_SCHEMA } from '../flow/index.ts';
import type { AnalysisResult } from './result.ts';
import { isTimeless } from './words.ts';

/**
 * CSV after RFC 4180, in UTF-8 without a byte order mark. Lines end with LF: no cell ever holds a line break, so `cut`, `awk` and `wc -l` read
 * the file as well as any spreadsheet does. A missing value is an empty cell.
 *
 * A spreadsheet takes a cell that begins with = + - @ (or their full-width forms) for a formula, and which characters part cells depends on the
 * country: where the list separator is `;`, a comma file is split at every `;` inside the text. So in every text cell an apostrophe is put before
 * such a character at the beginning and after each `,` `;` `|` (OWASP, "CSV Injection"). Numbers stay numbers. Control characters, tabs and line
 * breaks among them, and what else could disturb a terminal are written as `\u{..}`, and a cell is cut at 3,000 characters, so that it fits in a
 * spreadsheet's cell (32,767) even when every character is escaped.
 */

const MAX_CELL = 3000;

/** The columns of flows.csv: the times in ISO 8601, the flow columns as they are, and the anomaly score. */
export const FLOW_CSV_COLUMNS: readonly ColumnSpec[] = [
  { name: 'start', kind: 'string', unit: 'ISO 8601, UTC', meaning: 'startMs for people, to the millisecond.' },
  { name: 'end', kind: 'string', unit: 'ISO 8601, UTC', meaning: 'endMs for people, to the millisecond.' },
  ...FLOW_SCHEMA.columns,
  {
    name: 'score',
    kind: 'float64',
    unit: '0 to 1',
    meaning: 'How strange the model finds the flow: 0 ordinary, 1 strange; missing where no model scored it.',
  },
];

/** The first line of flows.csv, with its line end. */
export function flowCsvHeader(): string {
  return `${FLOW_CSV_COLUMNS.map((column) => column.name).join(',')}\n`;
}

/** A number in ECMAScript form; empty for what is not a number. */
function numberCell(value: number | undefined): string {
  return value !== undefined && Number.isFinite(value) ? String(value) : '';
}

/** At the start of a cell, or after what some country's spreadsheet takes for a separator: blanks and quotes, then what starts a formula. */
const FORMULA = /(^|[,;|])(?=[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;
const QUOTED = /[",;|]/;
/** What needs neither look nor quotes: nearly every address, name, flag and hex string. */
const PLAIN = /^\w[\w.:/-]*$/;

/** Text as a cell: control characters visible, no formula, quoted where it must be. */
export function textCell(text: string): string {
  if (text.length <= MAX_CELL && PLAIN.test(text)) return text;
  const plain = safeText(text, MAX_CELL).replace(FORMULA, "$1'");
  return QUOTED.test(plain) || plain !== plain.trim() ? `"${plain.replaceAll('"', '""')}"` : plain;
}

const INCIDENT_COLUMNS = [
  'rank',
  'id',
  'severity',
  'urgency',
  'kind',
  'title',
  'actors',
  'peers',
  'peerCount',
  'techniques',
  'first',
  'last',
  'durationMs',
  'flowCount',
  'judgedBy',
  'assessment',
  'confidence',
  'hypothesis',
  'action',
  'whatToDoFirst',
] as const;

/** incidents.csv: one line per incident, most urgent first. What is a list (addresses, techniques) is joined with blanks. */
export function renderIncidentsCsv(result: AnalysisResult): string {
  return [...renderIncidentsCsvParts(result)].join('');
}

/** Characters of a part, at least. */
const PART_LENGTH = 1 << 16;

/** The same text in parts of some lines. */
export function* renderIncidentsCsvParts(result: AnalysisResult): Generator<string> {
  let out = `${INCIDENT_COLUMNS.join(',')}\n`;
  for (const incident of result.incidents) {
    const { verdict } = incident;
    const row: Record<(typeof INCIDENT_COLUMNS)[number], string> = {
      rank: numberCell(incident.rank),
      id: textCell(incident.id),
      severity: textCell(incident.severity),
      urgency: numberCell(incident.urgency),
      kind: textCell(incident.kind),
      title: textCell(incident.title),
      actors: textCell(incident.actors.map((host) => host.address).join(' ')),
      peers: textCell(incident.peers.map((host) => host.address).join(' ')),
      peerCount: numberCell(incident.peerCount),
      techniques: textCell(incident.techniques.map((technique) => technique.id).join(' ')),
      first: isTimeless(incident) ? '' : timeCell(incident.firstMs),
      last: isTimeless(incident) ? '' : timeCell(incident.lastMs),
      durationMs: isTimeless(incident) ? '' : numberCell(incident.lastMs - incident.firstMs),
      flowCount: numberCell(incident.flowCount),
      judgedBy: textCell(verdict.by),
      assessment: textCell(verdict.assessment),
      confidence: numberCell(verdict.confidence),
      hypothesis: textCell(verdict.hypothesis),
      action: textCell(verdict.action),
      whatToDoFirst: textCell(verdict.whatToDoFirst.map((claim) => claim.text).join(' ')),
    };
    out += `${INCIDENT_COLUMNS.map((name) => row[name]).join(',')}\n`;
    if (out.length < PART_LENGTH) continue;
    yield out;
    out = '';
  }
  yield out;
}

function timeCell(epochMs: number): string {
  return Math.abs(epochMs) <= 8.64e15 ? isoTime(epochMs) : '';
}
