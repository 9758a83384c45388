import { safeText } from '../core/index.ts';
import type { CurvePoint } from '../model/index.ts';

/**
 * How well scores tell strange from ordinary, as a picture: the ROC curve over a logarithmic axis of false alarms, since nobody works where one ordinary record in ten is flagged, and the precision-recall
 * curve. One SVG without script or outside references.
 */

/** One contender's curve. */
export interface NamedCurve {
  readonly name: string;
  /** What the three measures say of it, for the legend. */
  readonly note: string;
  readonly points: readonly CurvePoint[];
}

const WIDTH = 960;
const SIZE = 360;
const LEFT = 64;
const TOP = 48;
const SECOND = 540;
/** Colours that stay apart for readers who see fewer of them (Okabe and Ito 2008). */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#8c6d1f'];
/** Left end of the logarithmic axis; what is smaller is drawn there. */
const LEAST_FPR = 1e-4;

/** @param curves at most 20 are drawn. @param chance share of strange rows, drawn as what chance would give. */
export function renderCurves(title: string, curves: readonly NamedCurve[], chance: number): string {
  const shown = curves.slice(0, 20);
  const height = TOP + SIZE + 72 + 20 * shown.length;
  const parts: string[] = [];
  parts.push(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" role="img">`,
    `<title>${markup(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="24" font-size="16">${markup(title)}</text>`,
  );
  parts.push(axes(LEFT, 'share of ordinary records flagged', 'share of strange records found'));
  for (let power = -4; power <= 0; power++) {
    const x = LEFT + logX(10 ** power);
    parts.push(
      `<line x1="${n(x)}" y1="${TOP}" x2="${n(x)}" y2="${TOP + SIZE}" stroke="#ddd"/>`,
      `<text x="${n(x)}" y="${TOP + SIZE + 18}" text-anchor="middle">${['0.01 %', '0.1 %', '1 %', '10 %', '100 %'][power + 4]}</text>`,
    );
  }
  const diagonal = Array.from({ length: 41 }, (_, i) => 10 ** (-4 + i / 10));
  parts.push(
    line(
      diagonal.map((fpr) => [LEFT + logX(fpr), y(fpr)]),
      '#999',
      '4 4',
    ),
  );
  parts.push(axes(SECOND, 'share of strange records found', 'share of flagged records that are strange'));
  for (let i = 0; i <= 4; i++) {
    const x = SECOND + (SIZE * i) / 4;
    parts.push(
      `<line x1="${n(x)}" y1="${TOP}" x2="${n(x)}" y2="${TOP + SIZE}" stroke="#ddd"/>`,
      `<text x="${n(x)}" y="${TOP + SIZE + 18}" text-anchor="middle">${25 * i} %</text>`,
    );
  }
  parts.push(
    line(
      [
        [SECOND, y(chance)],
        [SECOND + SIZE, y(chance)],
      ],
      '#999',
      '4 4',
    ),
  );
  shown.forEach(({ name, note, points }, i) => {
    const color = COLORS[i % COLORS.length] ?? '#000';
    // A step to the right comes before the step up: what lies between two thresholds is reached by neither.
    const roc: [number, number][] = [[LEFT, y(0)]];
    const recall: [number, number][] = [];
    let before = 0;
    for (const point of points) {
      const x = LEFT + logX(point.fpr);
      roc.push([x, y(before)], [x, y(point.tpr)]);
      before = point.tpr;
      recall.push([SECOND + SIZE * point.tpr, y(point.precision)]);
    }
    parts.push(line(roc, color), line(recall, color));
    const at = TOP + SIZE + 64 + 20 * i;
    parts.push(
      `<rect x="${LEFT}" y="${at - 10}" width="12" height="12" fill="${color}"/>`,
      `<text x="${LEFT + 20}" y="${at}">${markup(`${safeText(name, 60)}: ${note}`)}</text>`,
    );
  });
  parts.push('</svg>\n');
  return parts.join('\n');
}

function axes(left: number, below: string, beside: string): string {
  const ticks = [0, 25, 50, 75, 100].map((percent) => {
    const at = y(percent / 100);
    return `<line x1="${left}" y1="${n(at)}" x2="${left + SIZE}" y2="${n(at)}" stroke="#ddd"/><text x="${left - 6}" y="${n(at + 4)}" text-anchor="end">${percent} %</text>`;
  });
  return [
    ...ticks,
    `<rect x="${left}" y="${TOP}" width="${SIZE}" height="${SIZE}" fill="none" stroke="#333"/>`,
    `<text x="${left + SIZE / 2}" y="${TOP + SIZE + 38}" text-anchor="middle">${below}</text>`,
    `<text x="${left}" y="${TOP - 8}" font-size="12" fill="#555">${beside}</text>`,
  ].join('\n');
}

function line(points: readonly (readonly [number, number])[], color: string, dash?: string): string {
  const at = points.map(([px, py]) => `${n(px)},${n(py)}`).join(' ');
  return `<polyline points="${at}" fill="none" stroke="${color}" stroke-width="${dash === undefined ? 1.8 : 1}"${dash === undefined ? '' : ` stroke-dasharray="${dash}"`}/>`;
}

function logX(fpr: number): number {
  return (SIZE * (Math.log10(Math.max(LEAST_FPR, fpr)) + 4)) / 4;
}

function y(share: number): number {
  return TOP + SIZE * (1 - share);
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function markup(text: string): string {
  return text.replace(/[&<>"]/g, (ch) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[ch] ?? ch);
}

/** The ROC curve as one line of eight heights over the logarithm of false alarms, 0.01 % to the left, 100 % to the right. @param width columns, 4 .. 200. */
export function curveSpark(points: readonly CurvePoint[], width: number): string {
  let out = '';
  for (let i = 0; i < width; i++) {
    const fpr = 10 ** (-4 + (4 * i) / (width - 1));
    let tpr = 0;
    for (const point of points) {
      if (point.fpr > fpr * (1 + 1e-9)) break;
      tpr = point.tpr;
    }
    out += '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor(tpr * 8))] ?? ' ';
  }
  return out;
}
