import { humanBytes, humanCount, humanDuration, isoTime, safeText } from '../core/index.ts';
import type { FlowRecord } from '../flow/index.ts';
import { type HostReference, SEVERITIES, type Severity, WHOLE_TABLE } from '../incident/index.ts';

/** The wording that the text and the HTML report share: times, ranges, values with their unit, ends of a flow. All times are UTC. */

/** '2021-04-01 15:55:45', with '.785' when `digits` is 3; 'unknown time' for what no calendar holds. */
export function clock(epochMs: number, digits: 0 | 3 = 0): string {
  const iso = isoTime(epochMs);
  const t = iso.indexOf('T');
  if (t < 0) return iso;
  return `${iso.slice(0, t)} ${iso.slice(t + 1, digits === 3 ? -1 : -5)}`;
}

/** '2021-04-01'. */
export function day(epochMs: number): string {
  return clock(epochMs).split(' ')[0] ?? '';
}

/** '15:55:45' or '15:55:45.785'; the whole text where there is no time of day. */
export function timeOfDay(epochMs: number, digits: 0 | 3 = 0): string {
  const text = clock(epochMs, digits);
  return text.includes(':') ? text.slice(text.indexOf(' ') + 1) : text;
}

export function sameDay(a: number, b: number): boolean {
  return day(a) === day(b);
}

const UNKNOWN_TIME = 'unknown time';

/** Whether it has no time, as rows of a table without a column that tells it: their times are 0. */
export function isTimeless({ firstMs, lastMs }: { readonly firstMs: number; readonly lastMs: number }): boolean {
  return firstMs === 0 && lastMs === 0;
}

/** Whether it is said of a table as a whole, so that no host or other entity stands behind it. */
export function isOfTable({ actors }: { readonly actors: readonly HostReference[] }): boolean {
  return actors.length === 1 && actors[0]?.address === WHOLE_TABLE;
}

/** '2021-04-01 15:55:45 to 15:55:58 UTC (12.8 s)'; one time alone where both are the same second. */
export function span(firstMs: number, lastMs: number): string {
  if (isTimeless({ firstMs, lastMs })) return UNKNOWN_TIME;
  const duration = ` (${humanDuration(lastMs - firstMs)})`;
  const from = clock(firstMs);
  const to = clock(lastMs);
  if (from === to) return `${from} UTC${lastMs - firstMs >= 1 ? duration : ''}`;
  return `${from} to ${sameDay(firstMs, lastMs) ? timeOfDay(lastMs) : to} UTC${duration}`;
}

/** A number for people: whole numbers with separators, others to four significant digits. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return 'not a number';
  if (Number.isInteger(value)) return Math.abs(value) < 1e15 ? humanCount(value) : value.toExponential(3);
  const abs = Math.abs(value);
  if (abs >= 1000) return abs < 1e15 ? humanCount(value) : value.toExponential(3);
  return abs < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/**
 * A measured value as people read it: '64 hosts', '12.8 s', '1.2 MB', '98.12 %' for ratios, '0.89 of 1' for scores, '8.5 targets a second' for rates,
 * '99 to 1' for the logarithm of odds.
 */
export function measured(value: number | string, unit: string): string {
  if (typeof value === 'string') return unit === '' ? value : `${value} ${unit}`;
  if (unit === 'ms') return Number.isFinite(value) ? humanDuration(value) : number(value);
  if (unit === 'bytes') return Number.isFinite(value) ? humanBytes(value) : number(value);
  if (unit === '' || unit === 'probability') return number(value);
  if (unit === 'ratio' || unit.startsWith('ratio ')) return `${number(Number((100 * value).toPrecision(12)))} %`;
  if (unit === 'score' || unit === 'score 0..1') return `${number(value)} of 1`;
  if (unit === 'factor') return `${number(value)} times`;
  if (unit === 'log10 of odds') return odds(value);
  const [counted = '', per] = unit.split('/');
  const noun = Math.abs(value) === 1 ? singular(counted) : counted;
  const time = per === undefined ? '' : (PERIODS.get(per) ?? `/${per}`);
  return `${number(value)} ${noun}${time}`;
}

const PERIODS: ReadonlyMap<string, string> = new Map([
  ['s', ' a second'],
  ['min', ' a minute'],
  ['h', ' an hour'],
]);

/** '99 to 1' for log10(99), '10⁵⁷ to 1' for 57, '1 to 4' for what speaks against. */
function odds(log: number): string {
  if (!Number.isFinite(log)) return number(log);
  const size = large(Math.abs(log));
  return log < 0 ? `1 to ${size}` : `${size} to 1`;
}

function large(log: number): string {
  if (log < 1) return number(10 ** log);
  if (log < 6) return humanCount(10 ** log);
  const [mantissa = '', carry = '0'] = (10 ** (log - Math.floor(log))).toExponential(1).split('e');
  const power = [...String(Math.floor(log) + Number(carry))].map((digit) => SUPERSCRIPTS[Number(digit)]).join('');
  return mantissa === '1.0' ? `10${power}` : `${mantissa} × 10${power}`;
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 'host' for 'hosts', 'address' for 'addresses'; units that are no plain English plural stay as they are. */
function singular(unit: string): string {
  if (!/^[a-z]{2,}s$/.test(unit)) return unit;
  return unit.replace(/(ss|x|ch|sh)es$|s$/, '$1');
}

/** A path made safe and cut on its left, because its end says more: '…/captures/office.pcap'. */
export function shortPath(path: string, max: number): string {
  const safe = safeText(path, 4000);
  return safe.length <= max ? safe : `…${safe.slice(1 - max)}`;
}

/** The last part of a path, after the last slash or backslash; the whole where that would be empty. */
export function fileName(path: string): string {
  return path.split(/[/\\]/).at(-1) || path;
}

/** Ties each number to the unit after it with a no-break space, so that no line ends between them. */
export function keepUnits(text: string): string {
  return text.replace(/(?<=\d) (?=(?:ms|s|min|h|d|B|kB|MB|GB|TB|PB|%)(?!\w))/g, '\u00a0');
}

/** '10.0.0.5:443', '[fe80::1]:443', or the address alone. */
export function endpoint(address: string | undefined, port: number | undefined): string {
  const text = safeText(address ?? 'unknown', 60);
  if (port === undefined) return text;
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}

/** A name that a flow shows of itself, with what it is. */
export interface FlowName {
  readonly label: string;
  /** Text from the network, made safe and short. */
  readonly text: string;
}

/** The names of a flow in the order in which a reader wants them. */
export function flowNames(flow: FlowRecord, max: number): FlowName[] {
  const names: FlowName[] = [];
  const add = (label: string, text: string | undefined) => {
    if (text !== undefined) names.push({ label, text: safeText(text, max) });
  };
  add('SNI', flow.serverName);
  add('Host', flow.httpHost);
  add('request', flow.httpRequest);
  const rcode = flow.dnsRcode === undefined ? '' : `, ${safeText(flow.dnsRcode, 20)}`;
  add(`DNS ${safeText(flow.dnsType ?? 'query', 20)}${rcode}`, flow.dnsQuery);
  return names;
}

/** '3 critical, 1 low': the severities that occur, most urgent first. */
export function severityWords(counts: Readonly<Record<Severity, number>>): string {
  return SEVERITY_ORDER.filter((severity) => counts[severity] > 0)
    .map((severity) => `${humanCount(counts[severity])} ${severity}`)
    .join(', ');
}

/** Most urgent first. */
export const SEVERITY_ORDER: readonly Severity[] = SEVERITIES.toReversed();
