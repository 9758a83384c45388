/**
 * How fast flows become incidents: from the flow table on, with every detector on and one thread.
 *
 *     node bench/detect-rate.ts [--hours 4] [--rounds 5] [--json] [--check]
 *
 * The flows are those of a SIMULATED office (`office-day`, with its attacks and one of every other kind), made before the clock starts, in the batches in which the flow table hands
 * them over. Timed, as CPU time (user and system): the features that detectors and model look at, every detector's `observe` and `finish`, the model's scores (fitted before) with the
 * detector of strange flows, and the grouping into judged incidents. Rounds are interleaved over the stages; medians. --check ends with 1 below 100,000 flows a second.
 *
 * The detectors that need a baseline do not run without one, as in `analyze`; a threat list of 100,000 made-up entries is given, so that its look-ups are in the sum.
 */
import { cpus } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { createRuleAnalyst } from '../src/analyst/index.ts';
import type { Table } from '../src/core/index.ts';
import {
  createStrangeFlowDetector,
  DETECTORS,
  type Detection,
  type Detector,
  type NetworkContext,
  ThreatLists,
} from '../src/detect/index.ts';
import { FEATURE_PACKS, type FeatureMatrix } from '../src/feature/index.ts';
import { groupDetections } from '../src/incident/index.ts';
import { fitModel } from '../src/model/index.ts';
import { homeTest } from '../src/pipeline/index.ts';
import { parseAttackArgument, parseScenario, SHIPPED_SCENARIOS, Simulation } from '../src/simulate/index.ts';
import { DEFAULT_HOME_NETWORKS, NetworkSet } from '../src/wire/index.ts';
import { median, textTable } from './child.ts';

const TARGET_RATE = 100_000;
const ATTACKS = [
  'scan',
  'arp-scan',
  'brute-force',
  'beacon',
  'dns-tunnel:duration=10m',
  'dga',
  'exfiltration',
  'flood',
  'icmp-tunnel',
  'mining',
  'lateral-movement',
  'cleartext-login',
];

const { values: flags } = parseArgs({
  options: {
    hours: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});

function simulatedFlows(hours: number): Table[] {
  const yaml = SHIPPED_SCENARIOS.find(({ name }) => name === 'office-day')?.yaml ?? '';
  const read = parseScenario(yaml, 'office-day', ATTACKS.map(parseAttackArgument));
  const tables: Table[] = [];
  const simulation = new Simulation({ ...read, start: '2026-03-02T09:00:00', duration: hours * 3_600_000 }, 7, {
    onFlows: (table) => tables.push(table),
  });
  while (simulation.run()) {
    // Everything comes through the callback.
  }
  return tables;
}

function threatLists(): ThreatLists {
  const lines: string[] = [];
  for (let i = 0; i < 100_000; i++)
    lines.push(i % 2 === 0 ? `203.${i % 250}.${(i >> 8) & 255}.${i & 255}` : `bad-${i}.example.net`);
  const threats = new ThreatLists();
  threats.add(lines.join('\n'), 'made-up');
  return threats;
}

/** Milliseconds of CPU of this process. */
function timed<T>(run: () => T): { readonly answer: T; readonly ms: number } {
  const before = process.cpuUsage();
  const answer = run();
  const { user, system } = process.cpuUsage(before);
  return { answer, ms: (user + system) / 1000 };
}

async function main(): Promise<number> {
  const home = NetworkSet.parse([...DEFAULT_HOME_NETWORKS]);
  const pack = FEATURE_PACKS[0];
  if (home === undefined || pack === undefined) throw new Error('the product is not whole');
  const isHome = homeTest(home);
  const context: NetworkContext = { isHome, threats: threatLists() };
  const tables = simulatedFlows(Number(flags.hours));
  const flows = tables.reduce((n, table) => n + table.rowCount, 0);
  const measurer = pack.create({ isHome });
  const first = tables.map((table) => measurer.measure(table));
  const rows = first.reduce((n, { rowCount }) => n + rowCount, 0);
  const values = new Float32Array(rows * pack.features.length);
  let at = 0;
  for (const features of first) {
    const part = features.values.subarray(0, features.rowCount * pack.features.length);
    values.set(part, at);
    at += part.length;
  }
  const model = fitModel('isolation-forest', { features: pack.features, rowCount: rows, values });

  const times = new Map<string, number[]>();
  const add = (stage: string, ms: number): void => {
    const list = times.get(stage) ?? [];
    list.push(ms);
    times.set(stage, list);
  };
  let incidents = 0;
  for (let round = 0; round < Number(flags.rounds); round++) {
    const measure = pack.create({ isHome });
    const matrices: FeatureMatrix[] = [];
    add('features', timed(() => matrices.push(...tables.map((table) => measure.measure(table)))).ms);
    const found: Detection[] = [];
    const observe = (detector: Detector): void => {
      tables.forEach((table, i) => {
        const features = matrices[i];
        if (features !== undefined) detector.observe(table, features);
      });
      found.push(...detector.finish());
    };
    for (const { info, create } of DETECTORS) {
      if (create === undefined || info.needsBaseline === true) continue;
      add(info.id, timed(() => observe(create(context))).ms);
    }
    add(
      'strange-flow and model',
      timed(() => {
        const strange = createStrangeFlowDetector(context, model);
        tables.forEach((table, i) => {
          const features = matrices[i];
          if (features !== undefined) strange.observe(table, features, model.score(features));
        });
        found.push(...strange.finish());
      }).ms,
    );
    const before = process.cpuUsage();
    const analyst = createRuleAnalyst();
    const grouped = groupDetections(found, { context });
    for (const incident of grouped) await analyst.judge(incident);
    const { user, system } = process.cpuUsage(before);
    add('grouping and verdicts', (user + system) / 1000);
    incidents = grouped.length;
  }
  const medians = [...times].map(([stage, list]) => ({ stage, ms: median(list) }));
  const totalMs = medians.reduce((sum, { ms }) => sum + ms, 0);
  const rate = Math.round((1000 * flows) / totalMs);
  if (flags.json) console.log(JSON.stringify({ flows, incidents, rate, stages: medians }));
  else {
    console.log(`Machine: ${cpus()[0]?.model ?? 'unknown processor'}; Node ${process.version}; one thread`);
    console.log(
      `SIMULATED office of ${flags.hours} h: ${flows} flows, ${incidents} incidents; medians of ${flags.rounds}\n`,
    );
    console.log(
      textTable(
        ['stage', 'ms', 'us per flow'],
        medians.map(({ stage, ms }) => [stage, ms.toFixed(0), ((1000 * ms) / flows).toFixed(2)]),
      ),
    );
    console.log(
      `\nflows to incidents: ${rate.toLocaleString('en-US')} flows/s (at least ${TARGET_RATE.toLocaleString('en-US')})`,
    );
  }
  return flags.check && rate < TARGET_RATE ? 1 : 0;
}

process.exitCode = await main();
