/**
 * Rules of other tools, written anew from their descriptions, to stand beside ours on the same flows: no code of theirs, and no setting of theirs tuned. Every one looks at flows and names
 * pairs of hosts, so that hits and false alarms are counted alike for all.
 *
 * - RITA 5 (activecm/rita, analysis/beacons.go): the beacon score of a source and a destination address, whole seconds, bytes of the source; flagged from 0.75 on, where its threat category begins to be Low
 *   to Medium. C2 over DNS: 100 different names below one registrable domain.
 * - Elastic (elastic/integrations, beaconing transform 1.3.3): counts in 360 buckets of 60 s; flagged where counts are steadier than chance, where they correlate with themselves shifted by a period, or where
 *   bytes vary by at most 5 %. Its key is a host and a process; flows know no process, so here it is a host and a destination, which is kinder to it.
 * - Slips (stratosphereips, 1.1.21): connections that were not established to 10 different addresses on one port (its first report is above 5 and at a new power of ten), or to 10 ports of one address, within an hour;
 *   answers to TXT questions with an entropy of 5 bits a character or more; 500 MB sent to one address within an hour.
 */
import { numberAt, type Table, textAt } from '../src/core/index.ts';
import { ritaBeaconScore } from '../src/detect/index.ts';
import { registrableDomain, shannonEntropy } from '../src/feature/index.ts';
import { bindFlows } from '../src/flow/index.ts';

const HOUR_MS = 3_600_000;

/** 'actor peer' of everything that a rule flags; peer '' where the rule is about a host. */
export type Rule = (tables: readonly Table[]) => Set<string>;

interface Contact {
  readonly startMs: number;
  readonly sent: number;
  readonly returned: number;
}

interface Pairs {
  readonly pairs: Map<string, Contact[]>;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Connections of TCP and UDP that were answered, by pair of hosts, in order of time; from inside to outside, as RITA takes them. */
function pairsOf(tables: readonly Table[], isHome: (address: string) => boolean): Pairs {
  const pairs = new Map<string, Contact[]>();
  let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const table of tables) {
    const flows = bindFlows(table);
    for (let row = 0; row < flows.rowCount; row++) {
      const startMs = numberAt(flows.startMs, row);
      const [from, to] = [textAt(flows.initiator, row), textAt(flows.responder, row)];
      const protocol = textAt(flows.protocol, row);
      if (startMs === undefined || from === undefined || to === undefined) continue;
      firstMs = Math.min(firstMs, startMs);
      lastMs = Math.max(lastMs, startMs);
      if (
        (protocol !== 'tcp' && protocol !== 'udp') ||
        !isHome(from) ||
        isHome(to) ||
        /^(?:22[4-9]|23\d|255)\.|^ff/.test(to)
      )
        continue;
      const key = `${from} ${to}`;
      const contacts = pairs.get(key) ?? [];
      contacts.push({
        startMs,
        sent: numberAt(flows.initiatorBytes, row) ?? 0,
        returned: numberAt(flows.responderBytes, row) ?? 0,
      });
      pairs.set(key, contacts);
    }
  }
  for (const contacts of pairs.values()) contacts.sort((a, b) => a.startMs - b.startMs);
  return { pairs, firstMs, lastMs };
}

const RITA_FLAGGED = 0.75;

export function ritaBeacons(isHome: (address: string) => boolean): Rule {
  return (tables) => {
    const { pairs, firstMs, lastMs } = pairsOf(tables, isHome);
    const found = new Set<string>();
    for (const [key, contacts] of pairs) {
      const score = ritaBeaconScore({
        timestampsSec: contacts.map(({ startMs }) => Math.floor(startMs / 1000)),
        sizes: contacts.map(({ sent }) => sent),
        datasetMinSec: Math.floor(firstMs / 1000),
        datasetMaxSec: Math.floor(lastMs / 1000),
      });
      if (score !== undefined && score.score >= RITA_FLAGGED) found.add(key);
    }
    return found;
  };
}

const BUCKET_MS = 60_000;
const BUCKETS = 360;
const LEAST_BUCKETS = 12;
const LEAST_FILLED = 7;

export function elasticBeacons(isHome: (address: string) => boolean): Rule {
  return (tables) => {
    const { pairs, lastMs } = pairsOf(tables, isHome);
    const found = new Set<string>();
    for (const [key, contacts] of pairs) if (isElasticBeacon(contacts, lastMs - BUCKETS * BUCKET_MS)) found.add(key);
    return found;
  };
}

function isElasticBeacon(all: readonly Contact[], beginMs: number): boolean {
  const whole = {
    count: new Array<number>(BUCKETS).fill(0),
    sent: new Array<number>(BUCKETS).fill(0),
    returned: new Array<number>(BUCKETS).fill(0),
  };
  for (const { startMs, sent, returned } of all) {
    const i = Math.min(BUCKETS - 1, Math.floor((startMs - beginMs) / BUCKET_MS));
    if (i < 0) continue;
    whole.count[i] = (whole.count[i] ?? 0) + 1;
    whole.sent[i] = (whole.sent[i] ?? 0) + sent;
    whole.returned[i] = (whole.returned[i] ?? 0) + returned;
  }
  const first = whole.count.findIndex((n) => n > 0);
  const last = whole.count.findLastIndex((n) => n > 0);
  const count = whole.count.slice(first, last + 1);
  const filled = count.filter((n) => n > 0).length;
  if (first < 0 || count.length < LEAST_BUCKETS || filled < LEAST_FILLED) return false;
  if (filled > count.length / 2) {
    const kept = truncated(count);
    const mean = meanOf(kept);
    // Relative variance: less of it than a Poisson process has.
    if (mean > 0 && varianceOf(kept) <= 0.1 * mean) return true;
  }
  if (bestPeriod(count) >= 0.7) return true;
  const perConnection = (bytes: readonly number[]): number[] =>
    bytes.slice(first, last + 1).flatMap((n, i) => ((count[i] ?? 0) > 0 ? [n / (count[i] ?? 1)] : []));
  return [whole.sent, whole.returned].some((bytes) => {
    const kept = truncated(perConnection(bytes));
    const mean = meanOf(kept);
    return mean > 0 && Math.sqrt(varianceOf(kept)) <= 0.05 * mean;
  });
}

/** Between the 10th and the 80th percentile. */
function truncated(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const kept = sorted.slice(Math.floor(0.1 * sorted.length), Math.ceil(0.8 * sorted.length));
  return kept.length === 0 ? sorted : kept;
}

function bestPeriod(count: readonly number[]): number {
  let best = 0;
  for (let period = 2; period <= count.length / 6; period++) {
    let sum = 0;
    let multiples = 0;
    for (let shift = period; shift <= count.length / 2; shift += period) {
      sum += correlation(count, shift);
      multiples++;
    }
    if (multiples > 0) best = Math.max(best, sum / multiples);
  }
  return best;
}

function correlation(values: readonly number[], shift: number): number {
  const a = values.slice(0, values.length - shift);
  const b = values.slice(shift);
  const [ma, mb] = [meanOf(a), meanOf(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [(a[i] ?? 0) - ma, (b[i] ?? 0) - mb];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return meanOf(values.map((value) => (value - mean) ** 2));
}

const SLIPS_TARGETS = 10;

export const slipsScans: Rule = (tables) => {
  const targets = new Map<string, Set<string>>();
  for (const table of tables) {
    const flows = bindFlows(table);
    for (let row = 0; row < flows.rowCount; row++) {
      const outcome = textAt(flows.outcome, row);
      const port = numberAt(flows.responderPort, row);
      const [from, to] = [textAt(flows.initiator, row), textAt(flows.responder, row)];
      if ((outcome !== 'unanswered' && outcome !== 'refused') || port === undefined) continue;
      if (from === undefined || to === undefined) continue;
      const hour = Math.floor((numberAt(flows.startMs, row) ?? 0) / HOUR_MS);
      add(targets, `${from} ${hour} port ${port}`, to);
      add(targets, `${from} ${hour} host ${to}`, String(port));
    }
  }
  return new Set([...targets].flatMap(([key, set]) => (set.size >= SLIPS_TARGETS ? [`${key.split(' ')[0]} `] : [])));
};

const SLIPS_UPLOAD = 500e6;

export const slipsUploads: Rule = (tables) => {
  const sent = new Map<string, number>();
  for (const table of tables) {
    const flows = bindFlows(table);
    for (let row = 0; row < flows.rowCount; row++) {
      const hour = Math.floor((numberAt(flows.startMs, row) ?? 0) / HOUR_MS);
      const key = `${textAt(flows.initiator, row)} ${textAt(flows.responder, row)} ${hour}`;
      sent.set(key, (sent.get(key) ?? 0) + (numberAt(flows.initiatorBytes, row) ?? 0));
    }
  }
  return new Set([...sent].flatMap(([key, n]) => (n >= SLIPS_UPLOAD ? [key.replace(/ \d+$/, '')] : [])));
};

const RITA_NAMES = 100;
const SLIPS_ENTROPY = 5;

export const ritaDns: Rule = (tables) => {
  const names = new Map<string, Set<string>>();
  eachQuestion(tables, (from, name) => {
    const domain = registrableDomain(name);
    if (domain !== undefined && domain !== name) add(names, `${from} ${domain}`, name);
  });
  return new Set([...names].flatMap(([key, set]) => (set.size >= RITA_NAMES ? [`${key.split(' ')[0]} `] : [])));
};

export const slipsTxt: Rule = (tables) => {
  const found = new Set<string>();
  for (const table of tables) {
    const flows = bindFlows(table);
    for (let row = 0; row < flows.rowCount; row++) {
      const answers = textAt(flows.dnsAnswers, row);
      if (answers === undefined || textAt(flows.dnsType, row) !== 'TXT') continue;
      if (shannonEntropy(answers.replace(/^TXT /, '')) >= SLIPS_ENTROPY) found.add(`${textAt(flows.initiator, row)} `);
    }
  }
  return found;
};

function eachQuestion(tables: readonly Table[], see: (from: string, name: string) => void): void {
  for (const table of tables) {
    const flows = bindFlows(table);
    for (let row = 0; row < flows.rowCount; row++) {
      const query = textAt(flows.dnsQuery, row);
      const from = textAt(flows.initiator, row);
      if (query === undefined || from === undefined) continue;
      see(from, query);
      for (const part of (textAt(flows.operations, row) ?? '').split(', ')) {
        const name = /^[A-Z?][A-Z0-9-]* (\S+)$/.exec(part)?.[1];
        if (name !== undefined) see(from, name);
      }
    }
  }
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key) ?? new Set();
  set.add(value);
  sets.set(key, set);
}
