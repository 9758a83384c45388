import { counted, humanCount } from '../core/index.ts';
import { type Html, html, trusted } from './escape.ts';
import { badge } from './html-incident.ts';
import { cardTable, code, network, separated } from './html-part.ts';
import type { ClusterSummary, StrangeRow, TableFeature, TableSummary } from './result.ts';
import { number } from './words.ts';

/** The section of a table: what was measured on it, what the filters left, which flags fired, which rows lie apart. */

const MAX_COLUMNS = 60;
const MAX_VALUES = 12;
/** Clusters that have a colour: as many as the finest usual cut has. */
export const CLUSTER_COLORS = 7;
export const CUTS = [2, 3, 4, 5, 6, 7] as const;

export function tableSection(table: TableSummary | undefined): Html {
  if (table === undefined) return html``;
  return html`<section id="table" aria-labelledby="table-h"><h2 id="table-h">Table</h2>
<p class="card">${counted(table.rows, 'row')} of ${counted(table.columns.length, 'column')}; ${table.kept === table.rows ? 'no filter left any out' : html`the filters left ${humanCount(table.kept)}`}.</p>
${
  table.filters.length > 0 &&
  cardTable(
    'filters',
    'Filters',
    table.filters.map(
      ({ name, mode, dropped }) => html`
<tr><th scope="row">${code(name, 60)}</th><td>${mode}</td><td class="r">${humanCount(dropped)}</td></tr>`,
    ),
    { right: [2], caption: 'Filters, in the order in which they were asked.' },
  )
}
${
  table.flags.length > 0 &&
  cardTable(
    'flags',
    'Flags',
    table.flags.map(
      ({ name, severity, description, rows, entities }) => html`
<tr><th scope="row">${code(name, 60)}</th><td>${badge(severity)}</td><td><span>${network(description, 300)}</span></td><td class="r">${humanCount(rows)}</td><td class="r">${entities > 0 && humanCount(entities)}</td></tr>`,
    ),
    { right: [3, 4], caption: 'Flags; those that fired are incidents above.' },
  )
}
${clusterPart(table)}
${strangestPart(table.strangest)}
${featurePart(table.features)}
${columnPart(table)}
</section>`;
}

function strangestPart(rows: readonly StrangeRow[]): Html {
  if (rows.length === 0) return html``;
  return cardTable(
    'strangest',
    'Strangest rows',
    rows.map(
      ({ row, score, values, contributions }) => html`
<tr><th scope="row" class="r">${humanCount(row)}</th><td class="r">${score.toFixed(4)}</td><td><span>${separated(
        contributions.map(
          ({ feature, value, contribution }) =>
            html`${code(feature, 60)} ${value === undefined ? 'missing' : number(value)} <span class="note">${contribution.toFixed(2)}</span>`,
        ),
        '; ',
      )}</span></td><td><dl class="values">${Object.entries(values)
        .slice(0, MAX_VALUES)
        .map(
          ([name, value]) =>
            html`<div><dt>${network(name, 40)}</dt><dd>${typeof value === 'number' ? number(value) : network(value, 120)}</dd></div>`,
        )}</dl></td></tr>`,
    ),
    {
      right: [0, 1],
      caption:
        'The rows that the model finds strangest, with what carried the score. There are such rows in every table.',
    },
  );
}

function featurePart(features: readonly TableFeature[]): Html {
  if (features.length === 0) return html``;
  const cell = (value: number | undefined): Html => html`<td class="r">${value !== undefined && number(value)}</td>`;
  return cardTable(
    'features',
    'Features',
    features.slice(0, MAX_COLUMNS).map(
      ({ name, weight, missing, min, median, max }) => html`
<tr><th scope="row">${code(name, 80)}</th><td class="r">${number(weight)}</td><td class="r">${humanCount(missing)}</td>${cell(min)}${cell(median)}${cell(max)}</tr>`,
    ),
    { right: [1, 2, 3, 4, 5], caption: 'Features that the model and the groups look at.' },
  );
}

function columnPart({ columns }: TableSummary): Html {
  const more = columns.length - MAX_COLUMNS;
  return cardTable(
    'columns',
    'Columns',
    columns.slice(0, MAX_COLUMNS).map(
      ({ name, kind, unit, missing }) => html`
<tr><th scope="row">${code(name, 80)}</th><td>${kind === 'string' ? 'text' : kind === 'int32' ? 'integer' : 'number'}${unit !== '' && html` <span class="note">${network(unit, 40)}</span>`}</td><td class="r">${humanCount(missing)}</td></tr>`,
    ),
    {
      right: [2],
      caption: html`Columns of the table${more > 0 && `; ${humanCount(more)} more are in incidents.json`}.`,
    },
  );
}

// ----------------------------------------------------------------------------------------------------------------------- groups

/** The groups: a switch for the number of them, the map and the list of the groups of that cut, and the tree. The switch is style alone; nothing runs. */
function clusterPart({ clusters, kept }: TableSummary): Html {
  if (clusters === undefined || clusters.cuts.length === 0) return html``;
  const { cuts, best, rows, measured, map } = clusters;
  const shown = cuts.filter(({ k }) => (CUTS as readonly number[]).includes(k));
  const sampled = measured < rows;
  return html`<div class="card groups"><h3 class="plain" id="groups-h">Groups of rows</h3>
<p>${counted(rows, 'row')}${rows < kept && html` drawn by chance from ${humanCount(kept)},`} by Gower's distance and complete linkage${sampled && html`; the distances of a sample of ${humanCount(measured)} were measured, and every other row stands with the nearest group`}. The number of groups that parts them best is ${best}. What a group is called says nothing about good or bad.</p>
${shown.map(
  ({ k }) =>
    html`<input type="radio" name="cut" id="cut-${k}"${k === best && html` checked`}><label for="cut-${k}">\u2060${k} groups</label> `,
)}
<div class="cuts">
<figure>${mapChart(
    clusters,
    shown.map(({ k }) => k),
  )}<figcaption>Rows on a plane: near is alike, as far as a plane can show it (stress ${map.stress.toFixed(2)}; 0 is exact). ${counted(map.points.length, 'row')} shown.</figcaption></figure>
${shown.map(
  (cut) =>
    html`<div class="cut-list k${cut.k}">${cardTable(
      'clusters',
      `Groups of the cut into ${cut.k}`,
      cut.clusters.map(
        ({ label, size, silhouette, medoid, influence }) => html`
<tr><th scope="row"><span class="dot c${label}"></span> ${label}</th><td class="r">${humanCount(size)}</td><td class="r">${silhouette.toFixed(2)}</td><td class="r">${humanCount(medoid)}</td><td><span>${separated(
          influence
            .filter(({ share }) => share >= 0.01)
            .slice(0, 4)
            .map(({ column, share }) => html`${code(column, 40)} ${Math.round(100 * share)}\u00a0%`),
          ', ',
        )}</span></td></tr>`,
      ),
      { right: [1, 2, 3], caption: html`Mean silhouette ${cut.silhouette.toFixed(2)} (1 is well parted, 0 is not).` },
    )}</div>`,
)}
</div>
<details><summary>The tree of the groups</summary><figure>${treeChart(clusters)}<figcaption>Each join at the distance of its two furthest rows. A number is how many rows stand below.</figcaption></figure></details>
</div>`;
}

const MAP = 440;
const MARGIN = 10;

function mapChart({ map, cuts }: ClusterSummary, shown: readonly number[]): Html {
  const at = (value: number): number => Math.round((MARGIN + (value + 0.5) * (MAP - 2 * MARGIN)) * 10) / 10;
  const places = cuts.map(({ k }, i) => [k, i] as const).filter(([k]) => shown.includes(k));
  const points = map.points.map(({ x, y, labels }) => {
    const classes = places.map(([k, i]) => `k${k}c${Math.min(CLUSTER_COLORS, labels[i] ?? 0)}`).join(' ');
    return trusted(`<circle class="${classes}" cx="${at(x)}" cy="${at(y)}" r="3"/>`);
  });
  return html`<svg class="map" viewBox="0 0 ${MAP} ${MAP}" role="img" aria-label="Map of ${humanCount(map.points.length)} rows, coloured by group">${points}</svg>`;
}

const TREE_WIDTH = 640;
const TREE_HEIGHT = 260;

function treeChart({ tree }: ClusterSummary): Html {
  const { leaves, joins } = tree;
  const n = leaves.length;
  if (n < 2 || joins.length !== n - 1) return html`<p>There is no tree to draw.</p>`;
  const order: number[] = [];
  const walk = [n + joins.length - 1];
  while (walk.length > 0) {
    const node = walk.pop() ?? 0;
    const join = joins[node - n];
    if (join === undefined) order.push(node);
    else walk.push(join.right, join.left);
  }
  const top = Math.max(...joins.map(({ height }) => height), 1e-9);
  const x = new Map(order.map((leaf, i) => [leaf, ((i + 0.5) / n) * TREE_WIDTH]));
  const y = (height: number): number => 12 + (1 - height / top) * (TREE_HEIGHT - 40);
  const heights = new Map<number, number>();
  const round = (value: number): number => Math.round(value * 10) / 10;
  const lines = joins.map(({ left, right, height }, i) => {
    const a = x.get(left) ?? 0;
    const b = x.get(right) ?? 0;
    x.set(n + i, (a + b) / 2);
    heights.set(n + i, height);
    const from = y(heights.get(left) ?? 0);
    const to = y(heights.get(right) ?? 0);
    return `M${round(a)} ${round(from)}V${round(y(height))}H${round(b)}V${round(to)}`;
  });
  const labels = order.map(
    (leaf) =>
      html`<text x="${round(x.get(leaf) ?? 0)}" y="${TREE_HEIGHT - 12}" text-anchor="middle">${humanCount(leaves[leaf] ?? 0)}</text>`,
  );
  return html`<svg class="tree" viewBox="0 0 ${TREE_WIDTH} ${TREE_HEIGHT}" role="img" aria-label="Tree of the groups, ${n} branches"><path d="${trusted(lines.join(''))}"/>${labels}</svg>`;
}
