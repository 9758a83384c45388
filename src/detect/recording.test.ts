import { describe, expect, it } from 'vitest';
import { Recordings, SILENCE_MS } from './recording.ts';

const T0 = 1_700_000_000_000;

function listOf(starts: readonly number[]): (readonly [number, number])[] {
  const recordings = new Recordings();
  for (const start of starts) recordings.saw(start);
  return recordings.list().map(({ beginMs, endMs }) => [beginMs, endMs]);
}

describe('recordings of an input', () => {
  it('are parted by silence, to the millisecond', () => {
    expect(listOf([])).toEqual([]);
    expect(listOf([T0])).toEqual([[T0, T0]]);
    expect(listOf([T0, T0 + 5, T0 + 5 + SILENCE_MS - 1])).toEqual([[T0, T0 + 5 + SILENCE_MS - 1]]);
    expect(listOf([T0, T0 + 5, T0 + 5 + SILENCE_MS])).toEqual([
      [T0, T0 + 5],
      [T0 + 5 + SILENCE_MS, T0 + 5 + SILENCE_MS],
    ]);
  });

  it('do not depend on the order of the flows', () => {
    const starts = [T0, T0 + 10 * SILENCE_MS, T0 + 1_000_000, T0 - 3, T0 + 10 * SILENCE_MS + 7, T0 + 1_000_001, T0 + 2];
    const sorted = listOf(starts.toSorted((a, b) => a - b));
    expect(listOf(starts)).toEqual(sorted);
    expect(listOf(starts.toReversed())).toEqual(sorted);
    expect(sorted).toEqual([
      [T0 - 3, T0 + 1_000_001],
      [T0 + 10 * SILENCE_MS, T0 + 10 * SILENCE_MS + 7],
    ]);
  });

  it('are told no longer where clocks point everywhere', () => {
    const recordings = new Recordings();
    for (let i = 0; i <= 100_000; i++) recordings.saw(T0 + i * 900_000);
    expect(recordings.list()).toEqual([]);
  });
});
