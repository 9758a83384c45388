import { expect, test } from 'vitest';
import type { Table } from '../../core/index.ts';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import { HOST_SCHEMA, HostFeatureMeasurer, HostWindows } from './host.ts';
import { SourceFeatureMeasurer } from './source.ts';

const T0 = Date.UTC(2024, 0, 1);
const flow = (seconds: number, responder: string, more: FlowRecord = {}): FlowRecord => ({
  startMs: T0 + seconds * 1000,
  endMs: T0 + seconds * 1000,
  protocol: 'tcp',
  initiator: '10.0.0.1',
  responder,
  responderPort: 443,
  ...more,
});
const rows = (table: Table): Record<string, unknown>[] =>
  Array.from({ length: table.rowCount }, (_, row) =>
    Object.fromEntries(
      HOST_SCHEMA.columns
        .map(({ name }, i): [string, unknown] => [name, table.value(i, row)])
        .filter(([, v]) => v !== undefined),
    ),
  );
const minute = (table: Table): Record<string, unknown>[] => rows(table).filter((row) => row.windowMs === 60_000);

test('a minute of a host is measured as worked by hand', () => {
  const windows = new HostWindows({ windowsMs: [60_000] });
  windows.add(
    flowTable([
      flow(1, 'a', { initiatorBytes: 300, responderBytes: 100, outcome: 'answered', service: 'tls' }),
      flow(2, 'a', { outcome: 'refused', service: 'http', responderPort: 80 }),
      flow(59, 'b', { outcome: 'unknown', protocol: 'udp' }),
      flow(61, 'a'),
    ]),
  );
  const table = windows.finish();
  expect(rows(table)).toEqual([
    {
      host: '10.0.0.1',
      startMs: T0,
      windowMs: 60_000,
      flows: 3,
      destinations: 2,
      ports: 3,
      services: 2,
      failedRatio: 0.5,
      bytesOut: 300,
      bytesIn: 100,
      bytesRatio: -0.5,
      flowsPerSecond: 0.05,
      destinationEntropy: (2 / 3) * Math.log2(1.5) + (1 / 3) * Math.log2(3),
      newDestinations: 2,
    },
    {
      host: '10.0.0.1',
      startMs: T0 + 60_000,
      windowMs: 60_000,
      flows: 1,
      destinations: 1,
      ports: 1,
      services: 0,
      flowsPerSecond: 1 / 60,
      destinationEntropy: 0,
      newDestinations: 0,
    },
  ]);
  const { values, features } = new HostFeatureMeasurer().measure(table);
  const second = Object.fromEntries(features.map((f, j) => [f.name, values[features.length + j]]));
  expect(second['host.failed-ratio']).toBeNaN();
  expect(second['host.bytes-out']).toBeNaN();
  expect(second['host.new-destination-ratio']).toBe(0);
  expect(second['host.destinations']).toBe(Math.fround(Math.log(2)));
});

test('a window is written once its host has been seen long enough after it, and a flow that comes later still is counted as late', () => {
  const windows = new HostWindows({ windowsMs: [60_000], latenessMs: 120_000 });
  expect(windows.add(flowTable([flow(10, 'a'), flow(100, 'a'), flow(20, 'b')])).rowCount).toBe(0);
  expect(minute(windows.add(flowTable([flow(185, 'a')]))).map((r) => r.flows)).toEqual([2]);
  expect(windows.add(flowTable([flow(30, 'c')])).rowCount).toBe(0);
  expect(windows.lateFlows).toBe(1);
  expect(rows(windows.finish()).map((r) => [r.startMs, r.flows])).toEqual([
    [T0 + 60_000, 1],
    [T0 + 180_000, 1],
  ]);
});

test('a second capture with an older clock starts its hosts anew', () => {
  const windows = new HostWindows({ windowsMs: [60_000] });
  windows.add(flowTable([flow(100_000_000, 'a')]));
  const written = windows.add(flowTable([flow(0, 'a')]));
  expect(written.rowCount).toBe(1);
  expect(windows.finish().rowCount).toBe(1);
  expect(windows.lateFlows).toBe(0);
});

test('silent hosts are written on demand', () => {
  const windows = new HostWindows();
  windows.add(flowTable([flow(0, 'a')]));
  expect(rows(windows.closeBefore(T0 + 60_000)).map((r) => r.windowMs)).toEqual([60_000]);
  expect(rows(windows.finish()).map((r) => r.windowMs)).toEqual([600_000]);
});

test('a scan of many thousand addresses is estimated within 10 %, and its entropy is near log2 of them', () => {
  const windows = new HostWindows({ windowsMs: [60_000] });
  windows.add(flowTable(Array.from({ length: 20_000 }, (_, i) => flow(i / 1000, `10.1.${i >> 8}.${i & 255}`))));
  const [row] = rows(windows.finish());
  expect(Math.abs((row.destinations as number) / 20_000 - 1)).toBeLessThan(0.1);
  expect(Math.abs((row.destinationEntropy as number) - Math.log2(20_000))).toBeLessThan(0.2);
  expect(row.newDestinations).toBe(20_000);
});

test('a flood of hosts stops at the caps: the oldest windows are written early, and no flow is lost', () => {
  const windows = new HostWindows({ windowsMs: [60_000], maxOpen: 100, maxDestinations: 50, maxKnown: 60 });
  let flows = 0;
  const count = (table: Table): void => {
    for (const row of rows(table)) flows += row.flows as number;
  };
  for (let i = 0; i < 3000; i++) {
    count(windows.add(flowTable([flow(i / 100, `d${i % 7}`, { initiator: `10.${i >> 8}.0.${i & 255}` })])));
    const held = windows.held();
    expect(held.windows).toBeLessThanOrEqual(100);
    expect(held.hosts).toBeLessThanOrEqual(100);
    expect(held.destinations).toBeLessThanOrEqual(50);
    expect(held.pairs).toBeLessThanOrEqual(60);
  }
  count(windows.finish());
  expect(flows).toBe(3000);
  expect(windows.saturations().map((s) => s.what)).toEqual([
    'open windows of hosts (some were written early, in parts)',
    'destinations in windows of hosts',
    'known pairs of host and destination',
  ]);
});

test('a window that was written early goes on in a second row, and no flow of it is lost', () => {
  const windows = new HostWindows({ windowsMs: [60_000], maxOpen: 10 });
  const tables: Table[] = [];
  for (let i = 0; i < 300; i++) {
    tables.push(windows.add(flowTable([flow(i / 10, 'a', { initiator: `10.1.${i >> 8}.${i & 255}` })])));
    if (i % 30 === 0) tables.push(windows.add(flowTable([flow(i / 10, 'a')])));
  }
  tables.push(windows.finish());
  const own = tables.flatMap(rows).filter((row) => row.host === '10.0.0.1');
  expect(own.length).toBeGreaterThan(1);
  expect(own.reduce((sum, row) => sum + (row.flows as number), 0)).toBe(10);
  expect(windows.lateFlows).toBe(0);
});

test('the source pack counts 10 minutes, first contacts for the whole run, and stops at its caps', () => {
  const m = new SourceFeatureMeasurer({ maxKnown: 3 });
  const { values, features } = m.measure(
    flowTable([
      flow(0, 'a', { outcome: 'refused', initiatorBytes: 100, responderBytes: 0, service: 'dns' }),
      flow(300, 'a', { outcome: 'answered', initiatorBytes: 100, responderBytes: 200, service: 'tls' }),
      flow(301, 'b'),
      flow(700, 'c'),
      flow(701, 'd'),
    ]),
  );
  const column = (name: string): number[] => {
    const j = features.findIndex((f) => f.name === name);
    return Array.from({ length: 5 }, (_, i) => values[i * features.length + j]);
  };
  const counts = (name: string): number[] => column(name).map((v) => Math.round(Math.expm1(v)));
  expect(column('source.new-destination')).toEqual([1, 0, 1, 1, Number.NaN]);
  expect(counts('source.flows-10-min')).toEqual([1, 2, 3, 3, 4]);
  expect(counts('source.new-destinations-10-min')).toEqual([1, 1, 2, 2, Number.NaN]);
  expect(counts('source.services-10-min')).toEqual([1, 2, 2, 1, 1]);
  expect(column('source.failed-ratio-10-min')).toEqual([1, 0.5, 0.5, 0, 0]);
  expect(column('source.bytes-ratio-10-min').map((v) => Math.round(v * 100) / 100)).toEqual([-1, 0, 0, 0.33, 0.33]);
  expect(m.saturations()).toEqual([{ what: 'known pairs of source and destination', cap: 3, refused: 1 }]);
});
