import { counted, humanBytes, humanCount, humanDuration } from '../core/index.ts';
import { type Incident, severityRank } from '../incident/index.ts';
import { type Html, html, trusted } from './escape.ts';
import type { Timeline } from './result.ts';
import { clock, SEVERITY_ORDER } from './words.ts';

/**
 * The charts of the report as inline SVG. Colours come from classes of the page's style sheet, so that one drawing serves light, dark and paper;
 * nothing here uses a style attribute, which the page's content security policy would refuse.
 */

/** Most incidents that the timeline marks; more would only paint over each other. */
const MAX_MARKS = 400;
const MAX_SUBLANES = 6;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY, 90 * DAY, 180 * DAY, 365 * DAY,
]; // biome-ignore format: one line per unit
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export interface Tick {
  readonly ms: number;
  readonly label: string;
  /** True where the label names a day among times of day. */
  readonly day: boolean;
}

/** Round UTC times within [startMs, endMs], at most `most` of them, at least as far apart as the finest step that allows it. */
export function timeTicks(startMs: number, endMs: number, most: number): Tick[] {
  const length = endMs - startMs;
  if (!(length > 0) || Math.abs(startMs) > 8.64e15 || Math.abs(endMs) > 8.64e15) return [];
  let step = STEPS.find((candidate) => length / candidate <= most);
  if (step === undefined) step = Math.ceil(length / most / (365 * DAY)) * 365 * DAY;
  const ticks: Tick[] = [];
  for (let ms = Math.ceil(startMs / step) * step; ms <= endMs && ticks.length <= most; ms += step)
    ticks.push(tickAt(ms, step));
  return ticks;
}

function tickAt(ms: number, step: number): Tick {
  const date = new Date(ms);
  const monthDay = `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}`;
  if (step >= 30 * DAY) return { ms, label: `${monthDay} ${date.getUTCFullYear()}`, day: true };
  if (step >= DAY || ms % DAY === 0) return { ms, label: monthDay, day: true };
  const text = date.toISOString().slice(-13, -1);
  return {
    ms,
    label: step >= MINUTE ? text.slice(0, 5) : step >= SECOND ? text.slice(0, 8) : text.slice(3),
    day: false,
  };
}

/** The smallest of 1, 2, 2.5 or 5 times a power of ten that is not below the value; 1 for nothing. */
export function niceCeiling(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= value * (1 - 1e-12)) ?? 10;
  return factor * power;
}

interface Mark {
  readonly incident: Incident;
  readonly x: number;
  readonly width: number;
  readonly lane: number;
  readonly labelled: boolean;
}

interface Geometry {
  readonly width: number;
  readonly left: number;
  readonly right: number;
  readonly bytesHeight: number;
  readonly flowsHeight: number;
  readonly ticks: number;
}

/** Two drawings of the same data: text in an SVG shrinks with it, so a phone gets one of its own. */
const GEOMETRY = {
  wide: { width: 1040, left: 76, right: 16, bytesHeight: 120, flowsHeight: 64, ticks: 11 },
  narrow: { width: 358, left: 58, right: 6, bytesHeight: 96, flowsHeight: 52, ticks: 4 },
} as const satisfies Record<string, Geometry>;

/**
 * Traffic and incidents on one time axis: bytes and new flows per bucket, below them one lane per severity with a bar for every incident and its
 * rank beside it. Undefined when there is nothing with a time.
 */
export function timelineChart(
  timeline: Timeline,
  incidents: readonly Incident[],
  size: keyof typeof GEOMETRY,
): Html | undefined {
  const { width, left, right, bytesHeight, flowsHeight, ticks: mostTicks } = GEOMETRY[size];
  const buckets = timeline.bytes.length;
  const startMs = timeline.startMs;
  const endMs = startMs + buckets * timeline.bucketMs;
  if (buckets === 0 || !(endMs > startMs) || !Number.isFinite(endMs)) return undefined;
  const plotWidth = width - left - right;
  const x = (ms: number) => left + clamp((ms - startMs) / (endMs - startMs), 0, 1) * plotWidth;

  const shown = incidents.slice(0, MAX_MARKS);
  const titleGap = 24;
  const bytesTop = titleGap;
  // Rows of a table have no bytes that are known to be traffic.
  const ofRows = timeline.of === 'rows';
  const flowsTop = ofRows ? titleGap : bytesTop + bytesHeight + titleGap + 4;
  let y = flowsTop + flowsHeight + 16;
  const lanes: Html[] = [];
  for (const severity of SEVERITY_ORDER) {
    const inLane = shown.filter((incident) => incident.severity === severity);
    if (inLane.length === 0) continue;
    const { marks, sublanes } = packMarks(inLane, x, left + plotWidth);
    const top = y;
    lanes.push(html`
<text class="axis lane" x="${left - 8}" y="${round(top + 12)}" text-anchor="end">${severity}</text>${marks.map(
      (mark) => html`
<rect class="fill-${severity}" x="${round(mark.x)}" y="${round(top + 3 + mark.lane * 16)}" width="${round(mark.width)}" height="11" rx="2"/>${
        mark.labelled &&
        html`<text class="rank" x="${round(rankX(mark, left + plotWidth))}" y="${round(top + 12 + mark.lane * 16)}">${mark.incident.rank}</text>`
      }`,
    )}`);
    y += sublanes * 16 + 6;
    lanes.push(html`
<line class="grid" x1="${left}" x2="${left + plotWidth}" y1="${round(y - 2)}" y2="${round(y - 2)}"/>`);
  }
  const axisY = y + 2;
  const height = axisY + 24;
  const ticks = timeTicks(startMs, endMs, mostTicks);
  const bucket = humanDuration(timeline.bucketMs);

  return html`<svg class="timeline ${size}" viewBox="0 0 ${width} ${round(height)}" role="img" aria-label="${describe(timeline, incidents)}">${ticks.map(
    (tick) => html`
<line class="grid" x1="${round(x(tick.ms))}" x2="${round(x(tick.ms))}" y1="${bytesTop}" y2="${round(axisY)}"/>
<text class="axis${tick.day && ' day'}" x="${round(clamp(x(tick.ms), left + 14, width - 3.5 * tick.label.length))}" y="${round(axisY + 16)}" text-anchor="middle">${tick.label}</text>`,
  )}
${!ofRows && area(timeline.bytes, 'Bytes', `per ${bucket}`, humanBytes, left, bytesTop, plotWidth, bytesHeight, 'area-bytes')}
${area(timeline.flows, ofRows ? 'Rows' : 'New flows', `per ${bucket}`, compact, left, flowsTop, plotWidth, flowsHeight, 'area-flows')}${lanes}
<line class="baseline" x1="${left}" x2="${left + plotWidth}" y1="${round(axisY)}" y2="${round(axisY)}"/>
<text class="axis" x="${left - 8}" y="${round(axisY + 16)}" text-anchor="end">UTC</text>
</svg>`;
}

/** One series as a filled step line over its buckets, with a scale of three lines. */
function area(
  values: readonly number[],
  title: string,
  note: string,
  format: (value: number) => string,
  left: number,
  top: number,
  width: number,
  height: number,
  className: 'area-bytes' | 'area-flows',
): Html {
  const max = niceCeiling(values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, value) : most), 0));
  const y = (value: number) => top + height - (Number.isFinite(value) ? clamp(value / max, 0, 1) : 0) * height;
  const step = width / values.length;
  let path = `M${left} ${top + height}`;
  values.forEach((value, i) => {
    path += `V${round(y(value))}H${round(left + (i + 1) * step)}`;
  });
  path += `V${top + height}Z`;
  // Half a flow is none: its label would say something else.
  const scale = (Number.isInteger(max / 2) ? [max, max / 2] : [max]).map(
    (value) => html`
<line class="grid" x1="${left}" x2="${left + width}" y1="${round(y(value))}" y2="${round(y(value))}"/>
<text class="axis" x="${left - 8}" y="${round(y(value) + 4)}" text-anchor="end">${format(value)}</text>`,
  );
  return html`<text class="title" x="${left}" y="${top - 8}">${title} <tspan class="note">${note}</tspan></text>${scale}
<path class="${className}" d="${trusted(path)}"/>
<line class="baseline" x1="${left}" x2="${left + width}" y1="${top + height}" y2="${top + height}"/>`;
}

/** Puts bars into rows so that neither they nor their labels overlap; what finds no row goes into the last one, without a label. */
function packMarks(
  incidents: readonly Incident[],
  x: (ms: number) => number,
  right: number,
): { marks: Mark[]; sublanes: number } {
  const order = [...incidents].sort((a, b) => a.firstMs - b.firstMs || a.rank - b.rank);
  const ends: number[] = [];
  const marks: Mark[] = [];
  for (const incident of order) {
    const from = x(incident.firstMs);
    const width = Math.max(5, x(incident.lastMs) - from);
    const at = Math.min(from, right - width);
    const label = 8 + 7 * String(incident.rank).length;
    let lane = ends.findIndex((end) => end <= at);
    if (lane < 0 && ends.length < MAX_SUBLANES) lane = ends.length;
    const labelled = lane >= 0;
    if (lane < 0) lane = MAX_SUBLANES - 1;
    ends[lane] = Math.max(ends[lane] ?? 0, at + width + label);
    marks.push({ incident, x: at, width, lane, labelled });
  }
  return { marks, sublanes: Math.max(1, ends.length) };
}

function rankX(mark: Mark, right: number): number {
  const label = 3 + 7 * String(mark.incident.rank).length;
  const after = mark.x + mark.width + 4;
  return after + label <= right + 8 ? after : mark.x - label - 1;
}

/** What the chart shows, for who can't see it. */
function describe(timeline: Timeline, incidents: readonly Incident[]): string {
  const end = timeline.startMs + timeline.bytes.length * timeline.bucketMs;
  let peak = 0;
  timeline.bytes.forEach((value, i) => {
    if (value > (timeline.bytes[peak] ?? 0)) peak = i;
  });
  const worst = incidents.reduce<Incident | undefined>(
    (best, incident) =>
      best === undefined || severityRank(incident.severity) > severityRank(best.severity) ? incident : best,
    undefined,
  );
  return [
    timeline.of === 'rows'
      ? `Rows from ${clock(timeline.startMs)} to ${clock(end)} UTC in steps of ${humanDuration(timeline.bucketMs)}.`
      : `Traffic from ${clock(timeline.startMs)} to ${clock(end)} UTC in steps of ${humanDuration(timeline.bucketMs)}.`,
    timeline.of === 'rows'
      ? `The busiest step has ${counted(Math.max(0, ...timeline.flows), 'row')}.`
      : `The busiest step carried ${humanBytes(timeline.bytes[peak] ?? 0)} at ${clock(timeline.startMs + peak * timeline.bucketMs)}.`,
    incidents.length === 0
      ? 'There are no incidents.'
      : `${counted(incidents.length, 'incident')} marked by severity, the most severe ${worst?.severity ?? 'info'}; the table of incidents gives their times.`,
  ].join(' ');
}

/**
 * A bar from `from` to `to` on a scale that runs from `low` to `high`, as wide as its box. The number stands beside it in the text, so the
 * drawing is hidden from screen readers.
 */
export function bar(
  from: number,
  to: number,
  low: number,
  high: number,
  className: 'bar-plus' | 'bar-minus' | 'bar-total',
): Html {
  const range = high > low ? high - low : 1;
  const at = (value: number) => clamp((value - low) / range, 0, 1) * 200;
  const a = Math.min(at(from), at(to));
  const b = Math.max(at(from), at(to));
  const zero =
    low < 0 && high > 0 && html`<rect class="bar-zero" x="${round(at(0) - 0.5)}" y="0" width="1" height="10"/>`;
  return html`<svg class="bar" viewBox="0 0 200 10" preserveAspectRatio="none" aria-hidden="true">${zero}<rect class="${className}" x="${round(a)}" y="1" width="${round(Math.max(b - a, 1))}" height="8"/></svg>`;
}

/** The mark of the program, for the page's icon: three bars, one of them out of line. */
export function iconDataUrl(): string {
  const svg =
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='3' fill='#1d4e6b'/><path d='M3 10h2v3H3zM7 9h2v4H7z' fill='#b9d6e6'/><path d='M11 3h2v10h-2z' fill='#ff9b85'/></svg>";
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

function compact(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 10_000 ? `${value / 1000}k` : humanCount(value);
}

function clamp(value: number, low: number, high: number): number {
  return value >= low ? (value <= high ? value : high) : low;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
