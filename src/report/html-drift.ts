import { counted, humanCount } from '../core/index.ts';
import type { DriftSummary, FeatureDrift, ScoreDrift } from './drift-summary.ts';
import { driftDirection } from './drift-summary.ts';
import { type Html, html } from './escape.ts';
import { cardTable, code } from './html-part.ts';
import { clock } from './words.ts';

/** The section on drift: whether the given model still fits, the features that moved most, and the scores beside those of its calibration. */

const HEADINGS = {
  'too-few': 'Too few rows to tell',
  keep: 'Keep the model',
  watch: 'Keep the model, and watch it',
  retrain: 'Fit the model anew',
} as const;

export function driftSection(drift: DriftSummary | undefined): Html | undefined {
  if (drift === undefined) return undefined;
  const { advice, reasons, worst, scores, changes, changeCount, features } = drift;
  return html`<section id="drift" aria-labelledby="drift-h"><h2 id="drift-h">Whether the model still fits</h2>
<div class="card${advice === 'retrain' && ' warn'}"><h3 class="plain">${HEADINGS[advice]}</h3><ul class="list">${reasons.map((reason) => html`<li><bdi>${reason}</bdi></li>`)}</ul>
${
  changes.length > 0 &&
  html`<p>The mean score changed:</p><ul class="list">${changes.map(
    ({ row, ms, before, after }) =>
      html`<li>${ms === undefined ? html`after row ${humanCount(row)}` : html`at about <span class="nb">${clock(ms)} UTC</span>`}, from ${before.toFixed(2)} to ${after.toFixed(2)}</li>`,
  )}${changeCount > changes.length && html`<li>and ${counted(changeCount - changes.length, 'more time')}</li>`}</ul>`
}</div>
${worst.length > 0 && cardTable('drift', 'Features that moved', worst.map(featureRow), { right: [1], caption: html`${worst.length < features.compared ? `The ${humanCount(worst.length)} of ${counted(features.compared, 'feature')} that moved most` : 'The features'}, by population stability index against the rows that the model was fitted on: from 0.1 on a feature has moved, from 0.25 far. The line in a bar is at 0.25.` })}
${scores !== undefined && scoreFigure(scores)}
</section>`;
}

function featureRow(feature: FeatureDrift): Html {
  const { name, index, missingBefore, missingNow } = feature;
  const moved = index >= Math.max(0.1, feature.limit);
  return html`
<tr><th scope="row">${code(name, 60)}</th><td class="r">${index.toFixed(3)}</td><td>${indexBar(index, moved)}</td><td>${moved ? driftDirection(feature) : 'as before'}</td><td>${percent(missingBefore)} before, ${percent(missingNow)} now</td></tr>`;
}

/** The bar is full at twice the bound for far. */
const FULL = 0.5;

function indexBar(index: number, moved: boolean): Html {
  const width = Math.min(100, (100 * index) / FULL);
  return html`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="${moved ? 'bar-plus' : 'bar-minus'}" width="${round(width)}" height="10"/><line class="bar-bound" x1="50" x2="50" y1="0" y2="10"/></svg>`;
}

const WIDTH = 640;
const HEIGHT = 150;
const LEFT = 44;
const BOTTOM = 22;

/** Bars of the scores now, and as a line those of the calibration, of which each part of the axis holds a twentieth. */
function scoreFigure({ before, now, gap, limit, rates, calibrationRows }: ScoreDrift): Html {
  const most = Math.max(...before, ...now, 1e-9);
  const plot = { width: WIDTH - LEFT - 8, height: HEIGHT - BOTTOM - 8 };
  const step = plot.width / now.length;
  const y = (share: number): number => 8 + plot.height * (1 - share / most);
  const bars = now.map(
    (share, i) =>
      html`<rect class="area-flows" x="${round(LEFT + i * step + 1)}" y="${round(y(share))}" width="${round(step - 2)}" height="${round(8 + plot.height - y(share))}"/>`,
  );
  const line = before
    .map(
      (share, i) => `${round(LEFT + i * step)},${round(y(share))} ${round(LEFT + (i + 1) * step)},${round(y(share))}`,
    )
    .join(' ');
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (score) =>
      html`<text x="${round(LEFT + score * plot.width)}" y="${HEIGHT - 6}" text-anchor="middle">${score}</text>`,
  );
  const words = rates.map(
    ({ promised, achieved }) =>
      html`<li>${1 - promised} or more: ${percent(achieved)} of the rows here, where ${percent(promised)} of ordinary ones would</li>`,
  );
  return html`<figure class="card"><svg class="timeline scores" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Shares of rows by score, now and when the model was calibrated; the largest gap is ${gap.toFixed(2)}">
<text x="${LEFT - 6}" y="${round(y(most) + 8)}" text-anchor="end">${percent(most)}</text>${bars}<polyline class="score-before" points="${line}"/>
<line class="baseline" x1="${LEFT}" x2="${WIDTH - 8}" y1="${8 + plot.height}" y2="${8 + plot.height}"/>${ticks}</svg>
<figcaption>Shares of rows by score: bars are this input, the line is the ${counted(calibrationRows, 'ordinary row')} that the model was calibrated on. The largest gap between the two, added up, is ${gap.toFixed(2)}; from ${limit.toFixed(2)} on it counts.<ul class="list">${words}</ul></figcaption></figure>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}
