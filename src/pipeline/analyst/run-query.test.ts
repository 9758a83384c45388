import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { EXAMPLES, incidentOf, START } from '../../../test/support/detection.ts';
import { judgeByRules } from '../../analyst/index.ts';
import { RUN_FLOWS_FILE, RunQueries, type StoredRun } from './run-query.ts';

const HOST = '192.168.10.23';
const PEER = '203.0.113.77';
const OTHER = '198.51.100.9';
const incident = incidentOf(EXAMPLES['beacon.interval']);
const seen = { firstMs: START, lastMs: START, claimed: false };
const result: StoredRun = {
  incidents: [{ ...incident, verdict: judgeByRules(incident) }],
  devices: [
    {
      addresses: [
        { address: HOST, ...seen },
        { address: 'fe80::23', ...seen },
      ],
      names: [],
      roles: [{ role: 'printer', reasons: [] }],
      software: [],
      offers: [],
      uses: [],
      frames: [],
      joined: [],
      firstMs: START,
      lastMs: START,
      flows: 5,
      bytes: 0,
    },
  ],
};

function folderWith(...rows: readonly (readonly (string | number)[])[]): string {
  const folder = temporaryFolder();
  const head = 'start,end,startMs,endMs,initiator,responder,initiatorBytes,responderBytes,service,score';
  const lines = rows.map((row) => ['x', 'x', ...row, 0.1].join(','));
  fs.writeFileSync(path.join(folder, RUN_FLOWS_FILE), `${[head, ...lines].join('\n')}\n`);
  return folder;
}

const FLOWS = [
  [START, START + 1000, HOST, PEER, 100, 900, 'tls'],
  [START + 3_600_000, START + 3_601_000, HOST, PEER, 50, 50, 'tls'],
  [START + 5000, START + 6000, OTHER, HOST, 7, 3000, 'ssh'],
  [START + 7000, START + 7000, HOST, HOST, 1, 2, ''],
  [START, START, OTHER, '192.0.2.1', 1, 1, 'dns'],
] as const;

describe('queries on a run', () => {
  const queries = new RunQueries(result, folderWith(...FLOWS));

  it.each([
    [
      'top-peers',
      [
        { address: OTHER, flows: 1, bytesOut: 3000, bytesIn: 7 },
        { address: PEER, flows: 2, bytesOut: 150, bytesIn: 950 },
        { address: HOST, flows: 1, bytesOut: 1, bytesIn: 2 },
      ],
    ],
    ['services', [{ service: 'tls', flows: 2 }]],
    ['first-seen', [{ firstMs: START, lastMs: START + 3_601_000, flows: 4 }]],
    ['other-incidents', [{ id: incident.id, label: 'command and control', firstMs: incident.firstMs }]],
    ['device', [{ label: 'printer', firstMs: START, flows: 5 }, { address: 'fe80::23' }]],
  ] as const)('%s', async (name, rows) => {
    expect(await queries.run({ name, host: HOST })).toEqual(rows);
  });

  it('between two hosts, and hour by hour', async () => {
    expect(await queries.run({ name: 'between', host: HOST, peer: PEER })).toEqual([
      { flows: 2, bytesOut: 150, bytesIn: 950 },
    ]);
    const hours = await queries.run({ name: 'bytes-by-hour', host: HOST });
    expect(hours.map(({ bytesOut }) => bytesOut)).toEqual([3101, 50]);
    expect((hours[1]?.firstMs ?? 0) - (hours[0]?.firstMs ?? 0)).toBe(3_600_000);
  });

  it('know hosts of incidents alone', async () => {
    expect(await queries.run({ name: 'top-peers', host: OTHER })).toEqual([]);
    expect(await queries.run({ name: 'device', host: OTHER })).toEqual([]);
  });

  it('keep no more than they may: the peers that incidents name are kept all the same', async () => {
    const many = Array.from({ length: 50 }, (_, i) => [START + i, START + i, HOST, `10.0.0.${i}`, 10, 10, 'dns']);
    const bounded = new RunQueries(result, folderWith(...many, ...FLOWS), { maxPeers: 3, maxHours: 1 });
    expect(await bounded.run({ name: 'top-peers', host: HOST })).toHaveLength(5);
    expect(await bounded.run({ name: 'between', host: HOST, peer: PEER })).toHaveLength(1);
    expect(await bounded.run({ name: 'bytes-by-hour', host: HOST })).toHaveLength(1);
  });

  it('fail with a sentence where the flows are gone, or are no flows', async () => {
    const gone = new RunQueries(result, path.join(temporaryFolder(), 'nowhere'));
    await expect(gone.run({ name: 'services', host: HOST })).rejects.toThrow(/flows\.csv/);
    expect(await gone.run({ name: 'device', host: HOST })).toHaveLength(2);
    const folder = temporaryFolder();
    fs.writeFileSync(path.join(folder, RUN_FLOWS_FILE), 'a,b\n1,2\n3,4\n');
    await expect(new RunQueries(result, folder).run({ name: 'services', host: HOST })).rejects.toThrow(
      /has no column 'startMs'/,
    );
  });

  it('end at the signal, and answer when asked again', async () => {
    const stopped = new RunQueries(result, folderWith(...FLOWS));
    await expect(stopped.run({ name: 'services', host: HOST }, AbortSignal.abort())).rejects.toThrow();
    expect(await stopped.run({ name: 'services', host: HOST })).toHaveLength(1);
  });
});
