/**
 * What is found of simulated attacks: each kind with its defaults, alone, added to one hour of a simulated office, and two hours of that office without any. SIMULATED: it says what the
 * detectors see of the simulator's idea of an attack. None of it enters a figure taken on real data.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';
import { ATTACK_KINDS } from '../src/simulate/index.ts';
import { ANOMALYST } from './child.ts';
import { type Counts, type Incident, kindsOf, NOTHING, type Outcome, readOutcome } from './evaluate-case.ts';
import { readCsv } from './evaluate-log.ts';

const SEED = 7;
const START = '2026-03-02T09:00:00';
const LIMIT_MS = 180_000;

/**
 * Beginnings of the kinds that name an attack rightly; whether it must be found, at rank 1; and whether it takes a baseline, which is then learned from the same hour without the attack and approved as it is.
 * The new device does not look around here: that is the case `scan`.
 */
const EXPECTED: Readonly<
  Record<string, { readonly kinds: readonly string[]; readonly required?: true; readonly baseline?: true }>
> = {
  scan: { kinds: ['scan.'], required: true },
  'arp-scan': { kinds: ['scan.arp'], required: true },
  'icmp-sweep': { kinds: ['scan.icmp'], required: true },
  'brute-force': { kinds: ['brute-force.'], required: true },
  beacon: { kinds: ['beacon.'], required: true },
  flood: { kinds: ['flood.'], required: true },
  amplification: { kinds: ['flood.'], required: true },
  'dns-tunnel': { kinds: ['dns-tunnel.'], required: true },
  dga: { kinds: ['dga.'], required: true },
  exfiltration: { kinds: ['exfiltration.'], required: true },
  'icmp-tunnel': { kinds: ['icmp-tunnel.'], required: true },
  mining: { kinds: ['mining.stratum'], required: true },
  'remote-control': { kinds: ['suspicious-tls.'], required: true },
  shell: { kinds: ['protocol-mismatch.shell'], required: true },
  'new-device': { kinds: ['new-device.'], baseline: true, required: true },
  'arp-spoof': { kinds: ['arp-spoof.poisoning'], required: true },
  'rogue-dhcp': { kinds: ['rogue-dhcp.'], required: true },
  'lateral-movement': { kinds: ['lateral-movement.'], required: true },
  'cleartext-login': { kinds: ['cleartext-login.password'], required: true },
};

export interface SimulatedResult {
  /** Kind of the attack; '' for the office alone. */
  readonly attack: string;
  readonly hours: number;
  /** Flows of the attack, by label. */
  readonly flows: number;
  readonly verdict: 'found first' | 'found' | 'under another name' | 'not found' | 'benign' | 'failed';
  /** The first incident that cites mostly flows of the attack, of the right kind where there is one. */
  readonly match: Incident | undefined;
  /** Incidents of ordinary traffic, and how many of each kind and severity. */
  readonly others: Counts;
  readonly otherKinds: ReadonlyMap<string, number>;
  readonly note: string;
}

/** The office alone, then every kind of attack. */
export const SIMULATED: readonly string[] = ['', ...ATTACK_KINDS];

export async function evaluateSimulated(attack: string, work: string): Promise<SimulatedResult> {
  const hours = attack === '' ? 2 : 1;
  const folder = mkdtempSync(join(work, 'simulated-'));
  try {
    const ran = await run(attack, hours, folder);
    if (typeof ran === 'string')
      return {
        attack,
        hours,
        flows: 0,
        verdict: 'failed',
        match: undefined,
        others: NOTHING.counts,
        otherKinds: new Map(),
        note: ran,
      };
    return judge(attack, hours, ran.outcome, ran.labels);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `anomalyst simulate --out - | anomalyst analyze -`; why not, where it did not work. */
async function run(
  attack: string,
  hours: number,
  folder: string,
): Promise<{ readonly outcome: Outcome; readonly labels: ReadonlyMap<number, string> } | string> {
  const labels = join(folder, 'labels.csv');
  const results = join(folder, 'out');
  const what = ['simulate', '--seed', String(SEED), '--start', START, '--duration', `${hours}h`, '--quiet'];
  const added = attack === '' ? [] : ['--attack', attack === 'new-device' ? 'new-device:scans=false' : attack];
  const baseline = EXPECTED[attack]?.baseline === true ? await learn(what, folder) : [];
  const made = spawn(process.execPath, [ANOMALYST, ...what, ...added, '--out', '-', '--labels', labels], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const judged = spawn(
    process.execPath,
    [ANOMALYST, 'analyze', '-', ...baseline, '--out', results, '--quiet', '--no-progress'],
    {
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  );
  let complaint = '';
  judged.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, 4096);
  });
  const timer = setTimeout(() => {
    made.kill('SIGKILL');
    judged.kill('SIGKILL');
  }, LIMIT_MS);
  const codes = await Promise.all([
    ended(made),
    ended(judged),
    // Where one of the two ends early the codes say so.
    pipeline(made.stdout, judged.stdin).catch(() => undefined),
  ]);
  clearTimeout(timer);
  const [madeCode, judgedCode] = codes;
  if (madeCode !== 0) return `simulate ended with ${madeCode}`;
  if (judgedCode !== 0) return `analyze ended with ${judgedCode}: ${complaint.trim().split('\n')[0] ?? ''}`;
  const byFrame = new Map(readCsv(labels).map((row) => [Number(row.firstFrame), row.label ?? '']));
  return { outcome: readOutcome(results), labels: byFrame };
}

/** The office without attack as a baseline; the options by which `analyze` takes it. */
async function learn(what: readonly string[], folder: string): Promise<string[]> {
  const usual = join(folder, 'usual.pcapng');
  const file = join(folder, 'baseline.yaml');
  for (const args of [
    [...what, '--out', usual, '--no-labels'],
    ['baseline', 'learn', usual, '--out', file, '--quiet'],
    ['baseline', 'approve', file, '--all', '--quiet'],
  ]) {
    const code = await ended(spawn(process.execPath, [ANOMALYST, ...args], { stdio: ['ignore', 'ignore', 'inherit'] }));
    if (code !== 0) throw new Error(`${args[0] ?? ''} ended with ${code}`);
  }
  rmSync(usual);
  return ['--baseline', file];
}

function ended(child: ReturnType<typeof spawn>): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'nothing'));
  });
}

function judge(attack: string, hours: number, outcome: Outcome, labels: ReadonlyMap<number, string>): SimulatedResult {
  const others = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  const otherKinds = new Map<string, number>();
  const about: Incident[] = [];
  for (const incident of outcome.incidents) {
    const cited = incident.evidence.flatMap((item) =>
      item.type === 'flow' ? [labels.get(Number(item.flow.firstFrame))] : [],
    );
    const hostile = cited.filter((label) => label !== undefined && label !== 'benign').length;
    if (2 * hostile > cited.length) about.push(incident);
    else {
      others[incident.severity]++;
      const kind = `${incident.kind} (${incident.severity})`;
      otherKinds.set(kind, (otherKinds.get(kind) ?? 0) + 1);
    }
  }
  const flows = [...labels.values()].filter((label) => label !== 'benign').length;
  const kinds = EXPECTED[attack]?.kinds ?? [];
  const right = about.find((incident) => kinds.some((kind) => kindsOf(incident).some((is) => is.startsWith(kind))));
  const match = right ?? about[0];
  const verdict =
    attack === ''
      ? 'benign'
      : match === undefined
        ? 'not found'
        : right === undefined
          ? 'under another name'
          : right.rank === 1
            ? 'found first'
            : 'found';
  return { attack, hours, flows, verdict, match, others, otherKinds, note: match?.title ?? '' };
}

/** What --check fails for, each line marked as simulated. */
export function simulatedViolations(results: readonly SimulatedResult[]): string[] {
  return results.flatMap((one) => {
    const name = one.attack === '' ? 'office without attack' : one.attack;
    if (one.verdict === 'failed') return [`simulated: ${name}: ${one.note}`];
    if (EXPECTED[one.attack]?.required === true && one.verdict !== 'found first')
      return [`simulated: ${name}: ${one.verdict}${one.match === undefined ? '' : ` at rank ${one.match.rank}`}`];
    const loud = one.attack === '' ? one.others.high + one.others.critical : 0;
    return loud > 0 ? [`simulated: ${name}: ${loud} incidents of severity high or critical`] : [];
  });
}

export const SIMULATED_HEAD = [
  'simulated attack',
  'hours',
  'its flows',
  'result',
  'rank',
  'severity',
  'kind',
  'of ordinary traffic c/h/m/l/i',
];

export function simulatedRow(one: SimulatedResult, cell: (counts: Counts) => string): string[] {
  return [
    one.attack === '' ? '(none)' : one.attack,
    String(one.hours),
    String(one.flows),
    one.verdict,
    one.match === undefined ? '-' : String(one.match.rank),
    one.match?.severity ?? '-',
    one.match?.kind ?? '-',
    cell(one.others),
  ];
}

export function simulatedConclusions(results: readonly SimulatedResult[]): string[] {
  const attacks = results.filter(({ attack }) => attack !== '');
  const count = (verdict: SimulatedResult['verdict']): number =>
    attacks.filter((one) => one.verdict === verdict).length;
  const loud = results
    .filter(({ attack }) => attack === '')
    .reduce((sum, one) => sum + one.others.medium + one.others.high + one.others.critical, 0);
  const kinds = results
    .filter(({ attack }) => attack === '')
    .flatMap(({ otherKinds }) => [...otherKinds])
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return [
    `simulated: of ${attacks.length} kinds of attack ${count('found first')} ranked first, ${count('found')} found lower, ${count('under another name')} under another name, ${count('not found')} not found`,
    `simulated: medium or above on the office without attack: ${loud}; in all: ${kinds.map(([kind, n]) => `${n} ${kind}`).join(', ') || 'none'}`,
  ];
}

export function simulatedNode(one: SimulatedResult): object {
  const { attack, hours, flows, verdict, match, others, otherKinds, note } = one;
  return {
    simulated: true,
    attack,
    hours,
    flows,
    verdict,
    ...(match !== undefined && { rank: match.rank, severity: match.severity, kind: match.kind }),
    others,
    otherKinds: Object.fromEntries(otherKinds),
    note,
  };
}
