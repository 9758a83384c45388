import { expect, test } from 'vitest';
import { flowTable } from '../flow/index.ts';
import { orderByEnd } from './analyze.ts';

test('the order of ends is a permutation of the rows, whatever the span', () => {
  for (const spanMs of [0, 1, 3_600_000, 86_400_000, 31_557_600_000, 1e13]) {
    const rows = 4096;
    const table = flowTable(
      Array.from({ length: rows }, (_, i) => ({
        id: i + 1,
        endMs: 1.7e12 + ((i * 2654435761) % rows) * (spanMs / rows),
      })),
    );
    const order = orderByEnd(table);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, i) => i));
    const ends = table.numbers('endMs').values;
    for (let i = 1; i < rows; i++)
      expect((ends[order[i] ?? 0] ?? 0) - (ends[order[i - 1] ?? 0] ?? 0)).toBeGreaterThan(
        -Math.max(0.002, spanMs / 2 ** 31),
      );
  }
});
