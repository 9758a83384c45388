import { expect, test } from 'vitest';
import { formatProgress } from './progress.ts';

test('progress counts packets of captures, and rows of logs and tables', () => {
  const half = {
    stage: 'reading',
    input: 'week/office.pcap',
    bytes: 5e6,
    totalBytes: 1e7,
    packets: 0,
    flows: 400,
  } as const;
  expect(formatProgress({ ...half, packets: 8000 }, 2000)).toBe(
    'reading office.pcap  50 %  5 MB of 10 MB  4,000 packets/s  2 s left',
  );
  expect(formatProgress({ ...half, input: 'rows.csv' }, 2000)).toBe(
    'reading rows.csv  50 %  5 MB of 10 MB  200 rows/s  2 s left',
  );
  expect(formatProgress({ ...half, stage: 'scoring', bytes: 100, totalBytes: 400, flows: 100 }, 2000)).toBe(
    'scoring  25 %  100 of 400',
  );
});
