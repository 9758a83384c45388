import { expect, it } from 'vitest';
import { type LabelledRecord, mixRecords, plainRecord } from './record.ts';
import { parseScenario, type RecordMix } from './scenario.ts';
import { SHIPPED_SCENARIOS } from './shipped.ts';

const MIX = parseScenario(SHIPPED_SCENARIOS.find(({ name }) => name === 'record-mix')?.yaml ?? '', 'x')
  .records as RecordMix;

function take(n: number, seed: number, mix = MIX): LabelledRecord[] {
  const source = mixRecords(mix, seed);
  return Array.from({ length: n }, () => source.next().value);
}

it('four records in five are ordinary, the others of four kinds, equally often', () => {
  const records = take(40_000, 3);
  const share = (label: string): number => records.filter((entry) => entry.label === label).length / records.length;
  expect(share('benign')).toBeCloseTo(0.8, 1);
  for (const kind of ['port', 'packet', 'duration', 'protocol'])
    expect(Math.abs(share(kind) - 0.05)).toBeLessThan(0.005);
});

it('every record keeps to the ranges of its class', () => {
  const within = (value: number, low: number, high: number): boolean =>
    Number.isInteger(value) && value >= low && value <= high;
  for (const { record, label } of take(20_000, 4)) {
    const { src_port, dst_port, packet_size, duration_ms, protocol } = record;
    expect(Object.keys(record)).toEqual(['src_port', 'dst_port', 'packet_size', 'duration_ms', 'protocol']);
    const usualSource = [80, 443, 22, 8080].includes(src_port);
    const usual =
      within(dst_port, 1024, 65_535) &&
      (label === 'packet' || within(packet_size, 100, 1500)) &&
      (label === 'duration' || within(duration_ms, 50, 500));
    const own =
      label === 'benign'
        ? usualSource && protocol !== 'UNKNOWN'
        : label === 'port'
          ? [1337, 9999, 6666].includes(src_port) && within(dst_port, 60_000, 65_535) && protocol === 'TCP'
          : label === 'packet'
            ? src_port === 443 && within(packet_size, 2000, 10_000)
            : label === 'duration'
              ? src_port === 80 && within(duration_ms, 2000, 5000)
              : src_port === 443 && protocol === 'UNKNOWN';
    expect([label, record, usual && own]).toEqual([label, record, true]);
  }
});

it('the same seed gives the same records, and a share changes only which of them are strange', () => {
  expect(take(500, 9)).toEqual(take(500, 9));
  expect(take(500, 10)).not.toEqual(take(500, 9));
  const more = take(500, 9, { ...MIX, anomalyShare: 0.5 });
  take(500, 9).forEach((entry, i) => {
    if (more[i]?.label === 'benign') expect(more[i]).toEqual(entry);
  });
});

it('a flow becomes a record with the mean size of its packets; one without ports becomes none', () => {
  const flow = {
    protocol: 'tcp',
    initiatorPort: 50_000,
    responderPort: 443,
    initiatorBytes: 700,
    responderBytes: 1300,
    initiatorPackets: 2,
    responderPackets: 3,
    durationMs: 12.6,
  };
  expect(plainRecord(flow)).toEqual({
    src_port: 50_000,
    dst_port: 443,
    packet_size: 400,
    duration_ms: 13,
    protocol: 'TCP',
  });
  expect(plainRecord({ protocol: 'arp' })).toBeUndefined();
});
