/**
 * Curves, not points: how much of an attack is found as it gets quieter, beside rules of other tools (bench/curve-rule.ts), with the false alarms of the same runs.
 *
 *     node bench/curve.ts [--seeds 3] [--jobs 2] [--only beacon-jitter] [--json]
 *
 * SIMULATED: two hours of the office from 9 o'clock on with one attack in it, for each point and seed. Found is an attack when a detection names its host and one of its peers. A false
 * alarm is an incident of medium severity or above that the attack has no part in (ours), or a flagged pair or host that is not the attack's (theirs). Writes docs/detection-curves.md and its pictures; with --only, the sections that were
 * measured in place of the former ones.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import type { Table } from '../src/core/index.ts';
import { DETECTORS, type Detection } from '../src/detect/index.ts';
import { groupDetections, severityRank } from '../src/incident/index.ts';
import { homeTest } from '../src/pipeline/index.ts';
import {
  type FlowLabel,
  parseAttackArgument,
  parseScenario,
  SHIPPED_SCENARIOS,
  Simulation,
} from '../src/simulate/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../src/wire/index.ts';
import { eachOf, ROOT, textTable } from './child.ts';
import { curveSvg, type Series } from './curve-picture.ts';
import { elasticBeacons, type Rule, ritaBeacons, ritaDns, slipsScans, slipsTxt, slipsUploads } from './curve-rule.ts';

const DOCUMENT = join(ROOT, 'docs', 'detection-curves.md');
const HOURS = 2;
const FIRST_SEED = 11;
const home = NetworkSet.parse([...DEFAULT_HOME_NETWORKS]);
if (home === undefined) throw new Error('the product is not whole');
const isHome = homeTest(home);

interface Curve {
  readonly id: string;
  readonly title: string;
  readonly axis: string;
  readonly log: boolean;
  readonly values: readonly number[];
  /** The attack at a value. */
  readonly attack: (value: number) => string;
  /** Kinds of ours that name it rightly. */
  readonly kinds: readonly string[];
  readonly rules: Readonly<Record<string, Rule>>;
}

const BEACON_RULES = { 'RITA 5': ritaBeacons(isHome), 'Elastic transform': elasticBeacons(isHome) };

const CURVES: readonly Curve[] = [
  {
    id: 'beacon-jitter',
    title: 'Beacon of one minute, by jitter',
    axis: 'jitter, % of the period either way',
    log: false,
    values: [0, 20, 40, 60, 80, 90],
    attack: (value) => `beacon:period=1m,start=1m,jitter=${value / 100}`,
    kinds: ['beacon.'],
    rules: BEACON_RULES,
  },
  {
    id: 'beacon-period',
    title: 'Beacon with 20 % jitter, by period',
    axis: 'period, s',
    log: true,
    values: [10, 60, 180, 300, 600, 900, 1200],
    attack: (value) => `beacon:period=${value}s,start=1m,jitter=0.2`,
    kinds: ['beacon.'],
    rules: BEACON_RULES,
  },
  {
    id: 'scan-rate',
    title: 'Scan of the network for one port, by rate',
    axis: 'probes per second',
    log: true,
    values: [0.001, 0.002, 0.005, 0.01, 0.1, 1],
    attack: (value) => `scan:ports=445,start=1m,rate=${value},to=192.168.10.0/24`,
    kinds: ['scan.'],
    rules: { Slips: slipsScans },
  },
  {
    id: 'exfiltration-rate',
    title: 'Data sent to one host outside in small uploads, by amount',
    axis: 'MB per hour',
    log: true,
    values: [1, 3, 10, 100, 600],
    attack: (value) =>
      `exfiltration:mode=slow,start=1m,bytes=${2 * value}MB,chunk=${Math.round((value * 1e6) / 30)}B,period=2m`,
    kinds: ['exfiltration.'],
    rules: { Slips: slipsUploads },
  },
  {
    id: 'dns-tunnel-rate',
    title: 'DNS tunnel, by throughput',
    axis: 'bytes per second upwards',
    log: true,
    values: [0.1, 0.3, 1, 3, 10, 100],
    attack: (value) => `dns-tunnel:start=1m,bytesPerSecond=${value}`,
    kinds: ['dns-tunnel.'],
    rules: { 'RITA 5 (100 names)': ritaDns, 'Slips (TXT entropy)': slipsTxt },
  },
];

interface Run {
  readonly tables: readonly Table[];
  /** 'initiator responder' of the attack's flows, and its hosts. */
  readonly pairs: ReadonlySet<string>;
  readonly hosts: ReadonlySet<string>;
}

function simulated(attack: string, seed: number): Run {
  const yaml = SHIPPED_SCENARIOS.find(({ name }) => name === 'office-day')?.yaml ?? '';
  const read = parseScenario(yaml, 'office-day', [parseAttackArgument(attack)]);
  const tables: Table[] = [];
  const pairs = new Set<string>();
  const hosts = new Set<string>();
  const see = ({ label, initiator, responder }: FlowLabel): void => {
    if (label === 'benign') return;
    pairs.add(`${initiator} ${responder}`);
    hosts.add(initiator);
  };
  const scenario = { ...read, start: '2026-03-02T09:00:00', duration: HOURS * 3_600_000 };
  const simulation = new Simulation(scenario, seed, {
    onFlows: (table, labels) => {
      tables.push(table);
      labels.forEach(see);
    },
  });
  while (simulation.run()) {
    // Everything comes through the callback.
  }
  return { tables, pairs, hosts };
}

const isOfAttack = ({ pairs, hosts }: Run, actor: string, peers: readonly string[]): boolean =>
  hosts.has(actor) && (peers.length === 0 || peers.some((peer) => pairs.has(`${actor} ${peer}`)));

function ours(run: Run, kinds: readonly string[]): { readonly isFound: boolean; readonly falseAlarms: number } {
  const detections: Detection[] = [];
  for (const { info, create } of DETECTORS) {
    if (create === undefined || info.needsBaseline === true || info.needsLists === true) continue;
    const detector = create({ isHome });
    for (const table of run.tables) detector.observe(table, { features: [], rowCount: 0, values: new Float32Array() });
    detections.push(...detector.finish());
  }
  const isFound = detections.some(
    ({ kind, actor, peers }) => kinds.some((prefix) => kind.startsWith(prefix)) && isOfAttack(run, actor, peers),
  );
  const grave = groupDetections(detections, { context: { isHome } }).filter(
    (incident) => severityRank(incident.severity) >= severityRank('medium'),
  );
  const isForeign = ({ actors, peers }: (typeof grave)[number]): boolean =>
    !actors.some(({ address }) =>
      isOfAttack(
        run,
        address,
        peers.map((peer) => peer.address),
      ),
    );
  return { isFound, falseAlarms: grave.filter(isForeign).length };
}

function theirs(run: Run, rule: Rule): { readonly isFound: boolean; readonly falseAlarms: number } {
  const flagged = [...rule(run.tables)].map((pair) => {
    const [actor = '', peer = ''] = pair.split(' ');
    return isOfAttack(run, actor, peer === '' ? [] : [peer]);
  });
  return { isFound: flagged.includes(true), falseAlarms: flagged.filter((isIts) => !isIts).length };
}

/** Recall and false alarms per run at each value, ours first. */
function measure(curve: Curve, seeds: number): Series[] {
  const names = ['Anomalyst', ...Object.keys(curve.rules)];
  const series = names.map((name) => ({ name, recall: [] as number[], falseAlarms: [] as number[] }));
  for (const value of curve.values) {
    const sums = names.map(() => ({ found: 0, falseAlarms: 0 }));
    for (let s = 0; s < seeds; s++) {
      const run = simulated(curve.attack(value), FIRST_SEED + s);
      const results = [ours(run, curve.kinds), ...Object.values(curve.rules).map((rule) => theirs(run, rule))];
      results.forEach(({ isFound, falseAlarms }, i) => {
        const sum = sums[i];
        if (sum === undefined) return;
        sum.found += Number(isFound);
        sum.falseAlarms += falseAlarms;
      });
    }
    sums.forEach(({ found, falseAlarms }, i) => {
      series[i]?.recall.push(found / seeds);
      series[i]?.falseAlarms.push(falseAlarms / seeds);
    });
  }
  return series;
}

const meanOf = (values: readonly number[]): string =>
  (values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)).toFixed(1);

/** A curve measured in a process of its own. */
async function measureApart({ id }: Curve, seeds: number): Promise<Series[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), '--only', id, '--json', '--seeds', String(seeds)],
    { maxBuffer: 1 << 24 },
  );
  const series: Series[] = JSON.parse(stdout);
  return series;
}

function rowsOf(curve: Curve, series: readonly Series[]): { readonly head: string[]; readonly rows: string[][] } {
  return {
    head: [curve.axis, ...curve.values.map(String), 'false alarms a run'],
    rows: series.map(({ name, recall, falseAlarms }) => [
      name,
      ...recall.map((value) => value.toFixed(2)),
      meanOf(falseAlarms),
    ]),
  };
}

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});
const seeds = Number(flags.seeds);
const asked = CURVES.filter(({ id }) => id.includes(flags.only));
const [first] = asked;
if (flags.json && first !== undefined) console.log(JSON.stringify(measure(first, seeds)));
else {
  const sections = await eachOf(asked, Number(flags.jobs), async (curve) => {
    const series = await measureApart(curve, seeds);
    const { head, rows } = rowsOf(curve, series);
    console.log(`${curve.title}\n${textTable(head, rows)}\n`);
    const picture = `curve-${curve.id}.svg`;
    writeFileSync(join(ROOT, 'docs', picture), curveSvg(curve, series));
    const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
    return `## ${curve.title}\n\n![${curve.title}](${picture})\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}`;
  });
  if (flags.only === '') writeDocument(sections);
  else replaceSections(sections);
}

/** Puts sections in the place of those of the same title; one that is new comes last. */
function replaceSections(sections: readonly string[]): void {
  const titleOf = (section: string): string => section.slice(0, section.indexOf('\n'));
  const [head = '', ...old] = readFileSync(DOCUMENT, 'utf8')
    .trimEnd()
    .split(/\n\n(?=## )/);
  const kept = old.map((section) => sections.find((one) => titleOf(one) === titleOf(section)) ?? section);
  const added = sections.filter((one) => !old.some((section) => titleOf(section) === titleOf(one)));
  writeFileSync(DOCUMENT, `${[head, ...kept, ...added].join('\n\n')}\n`);
}

function writeDocument(sections: readonly string[]): void {
  writeFileSync(
    DOCUMENT,
    `<!-- Written by \`node bench/curve.ts\`; do not edit. -->

# What is found of an attack as it gets quieter

    node bench/curve.ts

**Simulated.** Two hours of a simulated office from 9 o'clock on with one attack in it, ${seeds} seeds at each point. The lines say in what share of the runs the attack was found: a detection that
names its host and one of its peers. False alarms, in the last column, are the mean over all runs of incidents of medium severity or above that the attack has no part in (ours), or of flagged pairs or hosts that are
not the attack's (theirs). It says what the rules make of the simulator's idea of an attack and of an office, and nothing about a real network.

The other rules are written anew from their descriptions (\`bench/curve-rule.ts\` says which and how), with their own thresholds: RITA 5's beacon score from 0.75 on and its count of names of a domain; Elastic's beaconing transform,
with a destination where it has a process; Slips' scans, uploads and entropy of TXT answers (the tunnel here answers in base32, which can't have 5 bits a character). The tools around them, with their allow-lists and their other evidence, are not judged here.

${sections.join('\n\n')}
`,
  );
}
