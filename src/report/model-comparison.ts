import { safeText } from '../core/index.ts';
import { html, join } from './escape.ts';

/** How one language model with one template did over incidents whose truth is known. Shares are 0 to 1; what nobody measured is absent. */
export interface ModelScore {
  readonly model: string;
  readonly template: string;
  readonly incidents: number;
  /** Those that got a verdict that passed the check. */
  readonly answered: number;
  /** Of all incidents: the assessment fits the truth. */
  readonly assessmentRight: number;
  /** Of the attacks: it is called by a right name. */
  readonly hypothesisRight: number;
  /** Of all claims that were made. */
  readonly claimsKept?: number;
  readonly schemaValid?: number;
  readonly meanDurationMs?: number;
  readonly meanFirstTokenMs?: number;
  readonly tokensPerSecond?: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly cost?: number;
  readonly wordsPerAnswer?: number;
  /** Why there was no verdict, and how often: 'timeout 2'. */
  readonly failures: readonly string[];
}

interface Measure {
  readonly name: string;
  readonly pick: (score: ModelScore) => number | undefined;
  readonly text: (value: number) => string;
  /** Where a full bar stands; the largest value where absent. */
  readonly full?: number;
}

const percent = (value: number): string => `${Math.round(100 * value)} %`;
const share = (of: number, all: number): number | undefined => (all === 0 ? undefined : of / all);

const MEASURES: readonly Measure[] = [
  { name: 'answered', pick: (s) => share(s.answered, s.incidents), text: percent, full: 1 },
  { name: 'assessment right', pick: (s) => s.assessmentRight, text: percent, full: 1 },
  { name: 'name right', pick: (s) => s.hypothesisRight, text: percent, full: 1 },
  { name: 'claims kept', pick: (s) => s.claimsKept, text: percent, full: 1 },
  { name: 'fits schema', pick: (s) => s.schemaValid, text: percent, full: 1 },
  { name: 's a verdict', pick: (s) => (s.meanDurationMs ?? Number.NaN) / 1000, text: (n) => short(n) },
  { name: 'tokens/s', pick: (s) => s.tokensPerSecond, text: (n) => short(n) },
  { name: 'words', pick: (s) => s.wordsPerAnswer, text: (n) => short(n) },
];

function short(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Lines of a table for a terminal, best first as `rankScores` orders them. */
export function comparisonTable(scores: readonly ModelScore[]): string {
  const rows = [
    ['model', 'template', ...MEASURES.map(({ name }) => name), 'no verdict'],
    ...scores.map((score) => [
      safeText(score.model, 40),
      safeText(score.template, 30),
      ...MEASURES.map(({ pick, text }) => valueText(pick(score), text)),
      score.failures.map((failure) => safeText(failure, 40)).join(', '),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column < 2 || column === row.length - 1
            ? cell.padEnd(widths[column] ?? 0)
            : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function valueText(value: number | undefined, text: (value: number) => string): string {
  return value === undefined || !Number.isFinite(value) ? '-' : text(value);
}

/** Most right assessments first, then right names, then the faster one, then by name. */
export function rankScores(scores: readonly ModelScore[]): ModelScore[] {
  return scores.toSorted(
    (a, b) =>
      b.assessmentRight - a.assessmentRight ||
      b.hypothesisRight - a.hypothesisRight ||
      (a.meanDurationMs ?? Number.MAX_VALUE) - (b.meanDurationMs ?? Number.MAX_VALUE) ||
      (`${a.model} ${a.template}` < `${b.model} ${b.template}` ? -1 : 1),
  );
}

const LABEL = 260;
const COLUMN = 130;
const BAR = 84;
const ROW = 30;
const HEAD = 46;

/** A page that loads nothing: the bars of every measure side by side, and the numbers as a table. */
export function renderModelComparison(scores: readonly ModelScore[]): string {
  const width = LABEL + COLUMN * MEASURES.length;
  const height = HEAD + ROW * scores.length + 10;
  const columns = MEASURES.map(({ name, pick, text, full }, column) => {
    const x = LABEL + COLUMN * column;
    const values = scores.map(pick).filter((value) => value !== undefined && Number.isFinite(value));
    const most = full ?? Math.max(...values.map(Number), 0);
    const bars = scores.map((score, row) => {
      const value = pick(score);
      const y = HEAD + ROW * row;
      if (value === undefined || !Number.isFinite(value))
        return html`<text x="${x}" y="${y + 15}" class="none">not measured</text>`;
      const length = most > 0 ? Math.max(1, Math.min(1, value / most) * BAR) : 1;
      return html`<rect x="${x}" y="${y + 4}" width="${Number(length.toFixed(1))}" height="14"><title>${score.model}, ${score.template}: ${name} ${text(value)}</title></rect><text x="${x + Number(length.toFixed(1)) + 4}" y="${y + 15}">${text(value)}</text>`;
    });
    return html`<g><text x="${x}" y="30" class="head">${name}</text>${bars}</g>`;
  });
  const labels = scores.map(
    (score, row) =>
      html`<text x="${LABEL - 10}" y="${HEAD + ROW * row + 15}" text-anchor="end">${safeText(score.model, 26)}, ${safeText(score.template, 18)}</text>`,
  );
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>Language models compared</title>
<style>body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}table{border-collapse:collapse;margin-top:1.5rem}td,th{padding:.25rem .75rem;text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}svg{max-width:100%;height:auto;font-size:12px}rect{fill:#3b6ea5}.head{font-weight:600}.none{fill:#777}@media(prefers-color-scheme:dark){body{background:#16181c;color:#ddd}svg text{fill:#ddd}td,th{border-color:#444}}</style></head>
<body><h1>Language models compared</h1>
<p>${scores[0]?.incidents ?? 0} simulated incidents with known truth. Longer bars are more; fewer seconds a verdict are better.</p>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"><title>Models and templates by measure</title>${labels}${columns}</svg>
<table><thead><tr><th>model</th><th>template</th>${MEASURES.map(({ name }) => html`<th>${name}</th>`)}<th>no verdict</th></tr></thead>
<tbody>${scores.map((score) => html`<tr><td>${score.model}</td><td>${score.template}</td>${MEASURES.map(({ pick, text }) => html`<td>${valueText(pick(score), text)}</td>`)}<td>${score.failures.join(', ')}</td></tr>`)}</tbody></table>
</body></html>
`;
  return join([page]).text;
}
