/**
 * Which incidents come of simulated attacks: each added alone to an office, analysed, and the flows that incidents cite joined with the labels.
 *
 *     node bench/simulated.ts [--seed 7] [--minutes 60] [--only beacon] [--json]
 *
 * SIMULATED: these numbers say what the detectors see of the simulator's idea of an attack. They are no measure of detection on real networks and
 * are never mixed with those of `npm run evaluate`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { analyze } from '../src/pipeline/index.ts';
import {
  type FlowLabel,
  parseAttackArgument,
  parseScenario,
  SHIPPED_SCENARIOS,
  Simulation,
} from '../src/simulate/index.ts';
import { CapturePcapngWriter } from '../src/wire/index.ts';

const ATTACKS: readonly string[] = [
  '',
  'scan',
  'scan:rate=0.05,start=1m',
  'scan:technique=connect,to=srv-app,portCount=500',
  'arp-scan',
  'icmp-sweep',
  'brute-force',
  'brute-force:service=rdp,to=srv-files',
  'brute-force:service=smb,to=srv-files',
  'brute-force:service=ftp,to=nas',
  'brute-force:service=http',
  'beacon:jitter=0',
  'beacon:jitter=0.3',
  'beacon:jitter=0.9',
  'beacon:protocol=http,period=2m',
  'beacon:protocol=dns',
  'beacon:protocol=tcp,to=ws-03,from=ws-05',
  'dns-tunnel:duration=10m',
  'dga',
  'exfiltration',
  'exfiltration:mode=slow,bytes=20MB',
  'flood',
  'flood:technique=udp',
  'amplification',
  'icmp-tunnel',
  'mining',
  'remote-control',
  'shell',
  'new-device',
  'arp-spoof',
  'rogue-dhcp',
  'lateral-movement',
  'lateral-movement:via=wmi',
  'lateral-movement:via=winrm',
  'lateral-movement:via=rdp',
  'cleartext-login',
];

interface Row {
  readonly attack: string;
  readonly flows: number;
  /** Incidents that cite flows of the attack, most of what they cite: 'rank severity kind'. */
  readonly found: readonly string[];
  /** Incidents of benign flows, by severity. */
  readonly other: Readonly<Record<string, number>>;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '7' },
    minutes: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});

async function measure(attack: string, folder: string): Promise<Row> {
  const yaml = SHIPPED_SCENARIOS.find(({ name }) => name === 'office-day')?.yaml ?? '';
  const read = parseScenario(
    `${yaml}behavior: { callsPerDay: 0 }\n`,
    'office-day',
    attack === '' ? [] : [parseAttackArgument(attack)],
  );
  const scenario = { ...read, start: '2026-03-02T09:00:00', duration: Number(values.minutes) * 60_000 };
  const writer = new CapturePcapngWriter();
  const parts: Uint8Array[] = [];
  const labels = new Map<number, FlowLabel>();
  const simulation = new Simulation(scenario, Number(values.seed), {
    onFrames: (batch, base) => {
      for (let i = 0; i < batch.count; i++) writer.add(batch, i, base);
      parts.push(writer.take().slice());
    },
    onFlows: (_table, rows) => {
      for (const label of rows) labels.set(label.firstFrame, label);
    },
  });
  while (simulation.run()) {
    // Everything comes through the callbacks.
  }
  const file = join(folder, 'simulated.pcapng');
  writeFileSync(file, Buffer.concat(parts));
  const { result } = await analyze({ inputs: [file], scratchFolder: folder });
  const found: string[] = [];
  const other: Record<string, number> = {};
  result.incidents.forEach((incident, i) => {
    const cited = incident.evidence.flatMap((entry) =>
      entry.type === 'flow' ? [labels.get(entry.flow.firstFrame ?? 0)] : [],
    );
    const hostile = cited.filter((label) => label !== undefined && label.label !== 'benign').length;
    if (hostile * 2 > cited.length) found.push(`${i + 1} ${incident.severity} ${incident.kind}`);
    else other[incident.severity] = (other[incident.severity] ?? 0) + 1;
  });
  const flows = [...labels.values()].filter(({ label }) => label !== 'benign').length;
  return { attack: attack === '' ? '(none)' : attack, flows, found, other };
}

const folder = mkdtempSync(join(tmpdir(), 'simulated-'));
try {
  if (!values.json) process.stdout.write(`SIMULATED office, ${values.minutes} min from 09:00, seed ${values.seed}\n`);
  for (const attack of ATTACKS) {
    if (!attack.includes(values.only)) continue;
    const row = await measure(attack, folder);
    if (values.json) process.stdout.write(`${JSON.stringify({ ...row, simulated: true })}\n`);
    else {
      const rest = Object.entries(row.other)
        .map(([severity, n]) => `${n} ${severity}`)
        .join(', ');
      process.stdout.write(
        `${row.attack.padEnd(48)} ${String(row.flows).padStart(6)} flows  found: ${row.found.slice(0, 4).join('; ') || 'nothing'}  | others: ${rest}\n`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
