import * as fs from 'node:fs';
import * as path from 'node:path';
import type { JudgedIncident } from '../../analyst/index.ts';
import { OutputFile } from '../../io/index.ts';
import type { AnalysisResult } from '../../report/index.ts';
import { parseScenario, Simulation } from '../../simulate/index.ts';
import { CapturePcapWriter } from '../../wire/index.ts';
import { analyze } from '../analyze.ts';

/** An incident of which it is known what it is, because the traffic was made up. */
export interface AnalystFixture {
  readonly incident: JudgedIncident;
  /** The run that it is of. */
  readonly result: AnalysisResult;
  readonly truth: FixtureTruth;
}

export interface FixtureTruth {
  /** Kind of the simulated attack, or 'benign'. */
  readonly label: string;
  /** Hypotheses that name it rightly, none where it is benign. */
  readonly hypotheses: readonly string[];
}

const SCENARIO = `name: analyst-fixtures
description: A small office with seven attacks in an hour.
start: 2026-03-02T10:00:00
timeZone: Europe/Berlin
duration: 1h
network:
  domain: office.example
  subnets:
    - { name: lan, cidr: 192.168.10.0/24 }
  hosts:
    - { name: ws, role: workstation, count: 3 }
    - { name: srv-app, role: server, os: linux }
    - { name: srv-files, role: server, os: windows }
    - { name: printer, role: printer }
attacks:
  - { kind: brute-force, id: guess, from: 203.0.113.66, to: srv-app, service: ssh, attempts: 200, rate: 1, start: '10:05' }
  - { kind: beacon, id: implant, from: srv-app, to: status.update-relay.example, period: 60s, jitter: 0.1, start: '10:08' }
  - { kind: scan, id: look-around, from: ws-01, to: 192.168.10.0/24, ports: [22, 445, 3389], rate: 20, start: '10:15' }
  - { kind: dns-tunnel, id: tunnel, from: srv-files, bytesPerSecond: 400, start: '10:20', duration: 10m }
  - { kind: arp-spoof, id: between, from: ws-02, start: '10:25' }
  - { kind: mining, id: coins, from: ws-03, start: '10:10' }
  - { kind: cleartext-login, id: plain, from: ws-02, start: '10:30' }
`;

/** What each kind of attack may rightly be called. */
const RIGHT: Readonly<Record<string, readonly string[]>> = {
  'brute-force': ['password guessing', 'password spraying'],
  beacon: ['command and control'],
  scan: ['port scan', 'search for hosts'],
  'dns-tunnel': ['hidden tunnel', 'theft of data'],
  'arp-spoof': ['interception on the local network'],
  mining: ['cryptocurrency mining'],
  'cleartext-login': ['exposed password'],
};

/**
 * Incidents with known truth: a simulated hour, through the same analysis as any capture. The same seed gives the same ones. @param folder for the capture, which is removed again
 */
export async function analystFixtures(folder: string, seed = 1): Promise<AnalystFixture[]> {
  const file = path.join(folder, 'analyst-fixtures.pcap');
  const labels = new Map<number, string>();
  const out = new OutputFile(folder, 'analyst-fixtures.pcap');
  try {
    const writer = new CapturePcapWriter({ linkType: 1 });
    const simulation = new Simulation(parseScenario(SCENARIO, 'analyst-fixtures'), seed, {
      onFrames: (batch, base) => {
        for (let i = 0; i < batch.count; i++) writer.add(batch, i, base);
        out.write(writer.take());
      },
      onFlows: (_table, rows) => {
        for (const { firstFrame, label } of rows) labels.set(firstFrame, label);
      },
    });
    while (simulation.run()) {
      // Until the hour is over.
    }
    out.finish();
    const { result } = await analyze({ inputs: [file], scratchFolder: folder });
    return result.incidents.map((incident) => ({ incident, result, truth: truthOf(incident, labels) }));
  } finally {
    out.discard();
    fs.rmSync(file, { force: true });
  }
}

/** The label of most of its flows; of equally many the attack. */
function truthOf(incident: JudgedIncident, labels: ReadonlyMap<number, string>): FixtureTruth {
  const counts = new Map<string, number>();
  for (const item of incident.evidence) {
    if (item.type !== 'flow' || item.flow.firstFrame === undefined) continue;
    const label = labels.get(item.flow.firstFrame) ?? 'benign';
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([a, n], [b, m]) => m - n || Number(a === 'benign') - Number(b === 'benign'));
  const label = most?.[0] ?? 'benign';
  return { label, hypotheses: RIGHT[label] ?? [] };
}
