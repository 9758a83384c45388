/**
 * Logs that others made, with their truth: cases as for captures, and for those that carry a label per flow how well flows and sources are ranked. The truth is that of the data sets'
 * own documentation and labels; the product never reads it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATA } from './child.ts';
import type { Case, Outcome } from './evaluate-case.ts';

const STRATO = 'strato-testing';
const SLIPS = 'slips/dataset';

/** Incidents about what a source on the Internet tries. */
const ATTEMPTS = ['scan.', 'brute-force.', 'flood.'];

export interface LogCase extends Case {
  /** Files of the folder that are read; all of them where there are none. */
  readonly files?: readonly string[];
  /** The log whose last columns are `label` and `detailedlabel`, below ../shared/data, and what is ranked against it. */
  readonly labels?: { readonly path: string; readonly rank: 'flows' | 'sources' };
}

export const LOGS: readonly LogCase[] = [
  {
    path: 'rita/proxy',
    truth: 'beacon through a proxy: 10.136.0.18 -> www.honestimnotevil.com by 10.136.0.16:3128',
    need: 'required',
    kinds: ['beacon.'],
    actors: ['10.136.0.18'],
    peers: ['10.136.0.16'],
    port: 3128,
    name: 'www.honestimnotevil.com',
  },
  {
    path: `${STRATO}/001-zeek-scenario-malicious`,
    files: ['conn.log'],
    truth: 'NjRAT: 192.168.1.115 tries 41.108.179.197:1177 again and again; it never answers',
    need: 'required',
    kinds: ['beacon.', 'long-connection.', 'c2.', 'strange-flow.', 'scan.'],
    actors: ['192.168.1.115'],
    peers: ['41.108.179.197'],
    port: 1177,
    labels: { path: `${STRATO}/001-zeek-scenario-malicious/labeled-conn.log`, rank: 'flows' },
  },
  {
    path: `${STRATO}/005-zeek-scenario-malicious`,
    truth: 'Simda: generated names asked for by 192.168.1.116 (fd77:48a1:c0bb:0:b96c:506d:6c7f:e8be)',
    need: 'required',
    kinds: ['dns', 'dga', 'beacon.', 'c2.'],
    actors: ['192.168.1.116', 'fd77:48a1:c0bb:0:b96c:506d:6c7f:e8be'],
  },
  {
    path: `${STRATO}/008-zeek-mixed/data`,
    truth: 'a day of 147.32.81.167 under attack from the Internet (74 % of the flows)',
    need: 'required',
    kinds: ATTEMPTS,
    actors: ['104.156.155.13'],
    peers: ['147.32.81.167'],
    labels: { path: `${STRATO}/008-zeek-mixed/data/conn.log.labeled`, rank: 'sources' },
  },
  {
    path: `${STRATO}/010-zeek-mixed/data`,
    truth: 'a day of 147.32.83.234 under attack from the Internet (63 % of the flows)',
    need: 'required',
    kinds: ATTEMPTS,
    actors: ['79.124.62.34'],
    peers: ['147.32.83.234'],
    labels: { path: `${STRATO}/010-zeek-mixed/data/conn.log.labeled`, rank: 'sources' },
  },
  {
    path: `${SLIPS}/port-scans/vertical`,
    truth: '192.168.1.9 scans the ports of 45.33.32.156',
    need: 'required',
    kinds: ['scan.vertical'],
    actors: ['192.168.1.9'],
    peers: ['45.33.32.156'],
  },
  {
    path: `${SLIPS}/port-scans/horizontal`,
    // Of 25 hosts that it calls on port 80 within 32 s, ten stay silent and fifteen answer, and it asked for three names: a list of addresses, some of them dead.
    truth: '10.0.2.112 tries port 80 on several hosts, some in vain',
    need: 'required',
    kinds: ['scan.horizontal'],
    actors: ['10.0.2.112'],
    port: 80,
  },
  {
    path: `${SLIPS}/test2-malicious.binetflow`,
    truth: 'long connections of 10.8.0.69',
    need: 'required',
    kinds: ['long-connection.'],
    actors: ['10.8.0.69'],
  },
  {
    path: `${SLIPS}/test3-mixed.binetflow`,
    truth: '46.166.151.160 scans port 3389 on many hosts',
    need: 'required',
    kinds: ['scan.horizontal'],
    actors: ['46.166.151.160'],
    port: 3389,
  },
  {
    path: `${SLIPS}/test4-malicious.binetflow`,
    truth: '192.168.2.12 scans port 81 on many hosts (and 23)',
    need: 'required',
    kinds: ['scan.horizontal'],
    actors: ['192.168.2.12'],
    port: 81,
  },
  {
    path: `${SLIPS}/test5-mixed.binetflow`,
    // Argus tells no names and no content: what is left is 195 answered questions in four bursts, nearly all of one size, and 58 exchanges of the same size with one web server.
    truth: 'infected 10.0.2.15: 80 TCP and 197 DNS flows of malware ("long connection" is its NetBIOS broadcast)',
    need: 'required',
    kinds: ['dns', 'dga', 'beacon.', 'long-connection.', 'c2.'],
    actors: ['10.0.2.15'],
  },
  {
    path: `${SLIPS}/test6-malicious.suricata.json`,
    truth: '193.46.255.92 scans the ports of 192.168.1.129, as others do',
    need: 'required',
    kinds: ['scan.vertical'],
    actors: ['193.46.255.92'],
    peers: ['192.168.1.129'],
  },
];

/** The inputs of a log case, for a path of its folder or file. */
export function logInputs(one: LogCase, path: string): readonly string[] {
  return one.files?.map((file) => join(path, file)) ?? [path];
}

// ----------------------------------------------------------------------------------------------------------- flows that were written

/** Rows of a CSV file by column name; a cell that is empty is ''. */
export function readCsv(file: string): Record<string, string>[] {
  const [head = '', ...lines] = readFileSync(file, 'utf8').split('\n');
  const names = cells(head.trimEnd());
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const values = cells(line.replace(/\r$/, ''));
      return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
    });
}

/** RFC 4180, one record to a line: flows.csv escapes line ends. */
function cells(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

/** Rows of a Zeek log in its own format by field name; unset fields are left out. */
export function readZeek(file: string): Record<string, string>[] {
  let fields: string[] = [];
  const rows: Record<string, string>[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('#fields\t')) fields = line.split('\t').slice(1);
    if (line === '' || line.startsWith('#')) continue;
    const values = line.split('\t');
    rows.push(Object.fromEntries(fields.flatMap((field, i) => (values[i] === '-' ? [] : [[field, values[i] ?? '']]))));
  }
  return rows;
}

// ------------------------------------------------------------------------------------------------------------------ ranking

/** One line of the table of rankings. */
export interface Ranking {
  readonly path: string;
  readonly what: string;
  readonly value: string;
}

/** Area under the ROC curve, ties counted as half (Mann-Whitney). */
export function auroc(scores: readonly number[], positive: readonly boolean[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  const positives = positive.filter(Boolean).length;
  let ranks = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && scores[order[end] ?? 0] === scores[order[i] ?? 0]) end++;
    for (let k = i; k < end; k++) if (positive[order[k] ?? 0] === true) ranks += (i + 1 + end) / 2;
    i = end;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (positive.length - positives));
}

/** Average precision, a tie being one step: the sum of precision times gain of recall, as scikit-learn defines it. */
export function averagePrecision(scores: readonly number[], positive: readonly boolean[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const positives = positive.filter(Boolean).length;
  let hits = 0;
  let sum = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    let gained = 0;
    for (; end < order.length && scores[order[end] ?? 0] === scores[order[i] ?? 0]; end++)
      if (positive[order[end] ?? 0] === true) gained++;
    hits += gained;
    sum += (gained / positives) * (hits / end);
    i = end;
  }
  return sum;
}

const keyOf = (initiator: string, responder: string, microseconds: number): string =>
  `${initiator} ${responder} ${Math.round(microseconds)}`;

/** Flow scores against the labels of the same flows, joined by both addresses and the microsecond of the start. */
export function rankFlows(one: LogCase, results: string): Ranking[] {
  const { path = '' } = one.labels ?? {};
  const labels = new Map<string, string>();
  for (const row of readZeek(join(DATA, path)))
    labels.set(keyOf(row['id.orig_h'] ?? '', row['id.resp_h'] ?? '', Number(row.ts) * 1e6), row.label ?? '');
  const scores: number[] = [];
  const positive: boolean[] = [];
  let unlabelled = 0;
  for (const row of readCsv(join(results, 'flows.csv'))) {
    const label = labels.get(keyOf(row.initiator ?? '', row.responder ?? '', Number(row.startMs) * 1000));
    if (label === undefined || row.score === '') {
      unlabelled++;
      continue;
    }
    scores.push(Number(row.score));
    positive.push(label === 'Malicious');
  }
  const hostile = positive.filter(Boolean).length;
  return [
    ['flows with score and label', `${scores.length}, of these malicious ${hostile}; without ${unlabelled}`],
    ['AUROC of the flow scores', auroc(scores, positive).toFixed(3)],
    [
      'average precision of the flow scores',
      `${averagePrecision(scores, positive).toFixed(3)} (by chance ${(hostile / scores.length).toFixed(3)})`,
    ],
  ].map(([what = '', value = '']) => ({ path: one.path, what, value }));
}

const MANY_PORTS = 6;
const MOST_ACTIVE = 10;

/** Who attacks, by label, against who is named in the incidents about attempts. */
export function rankSources(one: LogCase, outcome: Outcome): Ranking[] {
  const { path = '' } = one.labels ?? {};
  const flows = new Map<string, number>();
  const ports = new Map<string, Set<string>>();
  let all = 0;
  const benign = new Set<string>();
  for (const row of readZeek(join(DATA, path))) {
    const source = row['id.orig_h'] ?? '';
    if (row.label !== 'Malicious') {
      benign.add(source);
      continue;
    }
    all++;
    flows.set(source, (flows.get(source) ?? 0) + 1);
    const seen = ports.get(source) ?? new Set();
    ports.set(source, seen.add(row['id.resp_p'] ?? ''));
  }
  const about = outcome.incidents.filter(({ kind }) => ATTEMPTS.some((prefix) => kind.startsWith(prefix)));
  const named = new Set<string>();
  for (const incident of about)
    for (const { actor, kind } of incident.detections)
      if (ATTEMPTS.some((prefix) => kind.startsWith(prefix))) named.add(actor);
  const scanners = [...flows.keys()].filter((source) => (ports.get(source)?.size ?? 0) >= MANY_PORTS);
  const active = [...flows].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, MOST_ACTIVE);
  const isNamed = (source: string): boolean => named.has(source);
  const share = [...named].reduce((sum, source) => sum + (flows.get(source) ?? 0), 0);
  const wrong = [...named].filter((source) => !flows.has(source));
  return [
    ['sources of attacks, and of other flows', `${flows.size}, ${benign.size}`],
    ['rank of the first incident about attempts', about[0] === undefined ? 'none' : String(about[0].rank)],
    ['named in it and its like', `${named.size}, of these no attackers by label: ${wrong.length}`],
    [
      `sources that tried ${MANY_PORTS} ports or more, named`,
      `${scanners.filter(isNamed).length} of ${scanners.length}`,
    ],
    [
      `the ${MOST_ACTIVE} sources with most attack flows, named`,
      `${active.filter(([source]) => isNamed(source)).length} of ${active.length}`,
    ],
    ['attack flows of named sources', `${share} of ${all}`],
  ].map(([what = '', value = '']) => ({ path: one.path, what, value }));
}
