/**
 * One table of everything that was analysed: detectors and the first incidents down, captures and logs across, a block for each folder of the data, as many blocks as the width asks for.
 * A cell of a detector has the severity of the most severe incident that it took part in (C critical, H high, M medium, L low, i info) and how many incidents those are.
 */
import { basename } from 'node:path';
import { DETECTORS } from '../src/detect/index.ts';
import { SEVERITIES, type Severity, severityRank } from '../src/incident/index.ts';
import { textTable } from './child.ts';
import type { CaseResult } from './evaluate-case.ts';

/** What the table shows of an incident. */
export interface ShownIncident {
  readonly severity: Severity;
  readonly kind: string;
  readonly detections: readonly { readonly detector: string }[];
}

/** A column: one capture or log, or many of one kind. */
export interface Column {
  readonly folder: string;
  readonly name: string;
  /** Of each its incidents, the first ones first. */
  readonly runs: readonly (readonly ShownIncident[])[];
  /** What is known of it, and whether it was met. */
  readonly truth: string;
  readonly result: string;
}

const MARKS: Readonly<Record<Severity, string>> = { critical: 'C', high: 'H', medium: 'M', low: 'L', info: 'i' };
const TOP = 2;
const MAX_NAME = 22;

/** Columns of cases, each by itself. */
export function caseColumns(results: readonly CaseResult[]): Column[] {
  return results
    .filter(({ verdict }) => verdict !== 'skipped')
    .map((one) => ({
      folder: one.case.path.split('/')[0] ?? '',
      name: basename(one.case.path),
      runs: [one.outcome.incidents],
      truth: one.case.need,
      result: one.verdict,
    }));
}

interface Block {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** @param width columns of captures beside each other. */
function blocks(columns: readonly Column[], width: number): Block[] {
  const folders = [...new Set(columns.map(({ folder }) => folder))];
  return folders.flatMap((folder) => {
    const all = columns.filter((column) => column.folder === folder);
    const parts: Block[] = [];
    for (let from = 0; from < all.length; from += width) {
      const some = all.slice(from, from + width);
      parts.push({
        title: all.length > width ? `${folder} (${from + 1} to ${from + some.length} of ${all.length})` : folder,
        head: [folder, ...some.map(({ name }) => shortened(name))],
        rows: rowsOf(some),
      });
    }
    return parts;
  });
}

function rowsOf(columns: readonly Column[]): string[][] {
  const detectors = [...DETECTORS.map(({ info }) => info.id)];
  const known = new Set(detectors);
  for (const incident of columns.flatMap(({ runs }) => runs.flat()))
    for (const { detector } of incident.detections) {
      if (!known.has(detector)) detectors.push(detector);
      known.add(detector);
    }
  const rows = detectors.map((id) => [id, ...columns.map((column) => detectorCell(column, id))]);
  return [
    ...rows.filter(([, ...cells]) => cells.some((cell) => cell !== '.')),
    ...Array.from({ length: TOP }, (_, i) => [
      i === 0 ? 'first incident' : 'second',
      ...columns.map((column) => topCell(column, i)),
    ]),
    ['truth', ...columns.map(({ truth }) => truth)],
    ['result', ...columns.map(({ result }) => result)],
  ];
}

function detectorCell({ runs }: Column, id: string): string {
  const own = runs.flat().filter((incident) => incident.detections.some(({ detector }) => detector === id));
  if (own.length === 0) return '.';
  const worst = own.reduce((a, b) => (severityRank(b.severity) > severityRank(a.severity) ? b : a));
  return `${MARKS[worst.severity]} ${own.length}`;
}

/** What stands at a rank; of many captures what stands there most often. */
function topCell({ runs }: Column, rank: number): string {
  const counts = new Map<string, number>();
  for (const incidents of runs) {
    const incident = incidents[rank];
    if (incident === undefined) continue;
    const text = `${MARKS[incident.severity]} ${incident.kind}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  if (most === undefined) return '-';
  return runs.length === 1 ? most[0] : `${most[0]} (${most[1]})`;
}

function shortened(name: string): string {
  const stem = name.replace(/\.(pcap|pcapng|cap|zip|json|binetflow|log)(\.gz)?$/, '');
  return stem.length <= MAX_NAME ? stem : `${stem.slice(0, 9)}..${stem.slice(-(MAX_NAME - 11))}`;
}

export const MATRIX_LEGEND = `${[...SEVERITIES]
  .reverse()
  .map((severity) => `${MARKS[severity]} ${severity}`)
  .join(
    ', ',
  )}; the number beside it: incidents of a detector; detectors that found nothing in a block are left out of it`;

export function matrixText(columns: readonly Column[], width = 4): string {
  return blocks(columns, width)
    .map(({ head, rows }) =>
      textTable(
        [...head],
        rows.map((row) => [...row]),
        head.map((_, i) => i),
      ),
    )
    .join('\n\n');
}

export function matrixMarkdown(
  columns: readonly Column[],
  table: (head: readonly string[], rows: readonly (readonly string[])[]) => string,
  width = 8,
): string {
  return blocks(columns, width)
    .map(({ title, head, rows }) => `**${title}**\n\n${table(['', ...head.slice(1)], rows)}`)
    .join('\n\n');
}
