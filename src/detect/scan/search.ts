import { humanCount } from '../../core/index.ts';
import { TimeSpan } from '../bounded/bounded.ts';
import { ANSWERED, type Contact } from './contact.ts';

/** Groups of first contacts as they are walked and told: the stretch of a search, its span, pace and score. */

/** One step of a walk: a host or a port, with the contacts it stands for. */
export interface Unit {
  readonly label: string;
  readonly firstMs: number;
  readonly failed: boolean;
  readonly contacts: readonly Contact[];
}

export interface Stretch {
  readonly units: readonly Unit[];
  /** These and what the same run of tries reached before and after, which as answers could not add to the odds. */
  readonly run: readonly Unit[];
  readonly failed: number;
  readonly log10Odds: number;
}

/** A program goes from one target to the next within this; at a slower pace an answer may as well be an ordinary contact. */
const RUN_GAP_MS = 2000;

const RUN_SLACK_MS = 20;

const FAST_PER_SECOND = 5;

export function unitOf(label: string, contacts: readonly Contact[]): Unit {
  return {
    label,
    firstMs: contacts.reduce((t, c) => Math.min(t, c.firstMs), Infinity),
    failed: contacts.every((c) => c.outcome !== ANSWERED),
    contacts,
  };
}

/** Units [from, to) and their neighbours in time, as long as these follow one another no slower than a program tries them. */
export function runAround(units: readonly Unit[], from: number, to: number): readonly Unit[] {
  const start = (i: number): number => units[i]?.firstMs ?? Number.NaN;
  const gaps = Float64Array.from(
    { length: Math.max(0, to - from - 1) },
    (_, i) => start(from + i + 1) - start(from + i),
  ).sort();
  const usual = gaps[gaps.length >> 1];
  if (usual === undefined || !(usual <= RUN_GAP_MS)) return units.slice(from, to);
  const longest = Math.min(RUN_GAP_MS, 3 * usual + RUN_SLACK_MS);
  let first = from;
  let last = to;
  while (first > 0 && start(first) - start(first - 1) <= longest) first--;
  while (last < units.length && start(last) - start(last - 1) <= longest) last++;
  return units.slice(first, last);
}

/** What a search of hosts found on ports that did not fail often enough to be part of it: answers of its hosts while a program tried them. */
export function foundBeside(contacts: readonly Contact[], stretches: readonly Stretch[]): Contact[] {
  const tried = distinct(stretches.flatMap((s) => s.run.flatMap((u) => u.contacts)));
  const { span, base } = spanOf(tried);
  if (!span.known || base > RUN_GAP_MS * tried.length) return [];
  const hosts = new Set(tried.map((c) => c.host));
  return contacts.filter(
    (c) =>
      c.outcome === ANSWERED &&
      hosts.has(c.host) &&
      c.firstMs >= span.firstMs - RUN_GAP_MS &&
      c.firstMs <= span.lastMs + RUN_GAP_MS,
  );
}

/** The most contacts whose first flows lie within `windowMs`, in order of time; all where no times are known. */
export function densest(contacts: readonly Contact[], windowMs: number): Contact[] {
  const ordered = contacts.toSorted((a, b) => compare(a.firstMs, b.firstMs) || compareText(a.host, b.host));
  let from = 0;
  let bestFrom = 0;
  let bestTo = 0;
  ordered.forEach((contact, i) => {
    while (contact.firstMs - (ordered[from]?.firstMs ?? 0) > windowMs) from++;
    if (i + 1 - from > bestTo - bestFrom) {
      bestFrom = from;
      bestTo = i + 1;
    }
  });
  return ordered.slice(bestFrom, bestTo);
}

/** Span of the first attempts at each target, its length (`base`, ms), and new targets per second. */
export function spanOf(contacts: readonly Contact[]): { span: TimeSpan; base: number; perSecond: number } {
  const span = new TimeSpan();
  for (const c of contacts) span.add(c.firstMs);
  const base = span.lengthMs;
  return { span, base, perSecond: base > 0 ? ((contacts.length - 1) * 1000) / base : 0 };
}

/** A burst within one tick of the clock has no measurable rate; it is as fast as can be told, and gets no credit for it. */
export function breadthScore(targets: number, perSecond: number, webClient = false): number {
  const doubt = 4 / (targets + 4);
  if (webClient) return 1 - Math.min(1, 2 * doubt);
  return 1 - (perSecond >= FAST_PER_SECOND ? doubt / 2 : doubt);
}

export function certainty(log10Odds: number): number {
  return 1 / (1 + 10 ** -log10Odds);
}

export function oddsText(log10Odds: number): string {
  return log10Odds < 6 ? humanCount(10 ** log10Odds) : `10^${log10Odds.toFixed(1)}`;
}

/** Median number of echo requests that a host was sent. */
export function usualPackets(contacts: readonly Contact[]): number {
  const packets = contacts.map((c) => c.packets).sort((a, b) => a - b);
  return packets[packets.length >> 1] ?? 0;
}

export function countFailed(contacts: readonly Contact[]): number {
  return contacts.filter((c) => c.outcome !== ANSWERED).length;
}

export function distinct(contacts: readonly Contact[]): Contact[] {
  return [...new Set(contacts)];
}

export function groupBy<K>(contacts: readonly Contact[], keyOf: (contact: Contact) => K): Map<K, Contact[]> {
  const groups = new Map<K, Contact[]>();
  for (const contact of contacts) {
    const key = keyOf(contact);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [contact]);
    else group.push(contact);
  }
  return groups;
}

export function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function round(value: number): number {
  return Number(value.toPrecision(4));
}

export function percent(ratio: number): string {
  return `${Number((100 * ratio).toFixed(1))} %`;
}
