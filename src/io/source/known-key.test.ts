import { expect, test } from 'vitest';
import { KnownKeys } from './known-key.ts';

function ask(keys: KnownKeys, key: string, file: number, timeMs = 1_700_000_000_123.4): boolean {
  const bytes = Buffer.from(`<${key}>`);
  return keys.isOfAnother(bytes, 1, bytes.length - 1, timeMs, file);
}

test('a key of another file is known, one of the same file is not held against it', () => {
  const keys = new KnownKeys();
  expect(ask(keys, 'C1', 1)).toBe(false);
  expect(ask(keys, 'C1', 1)).toBe(false);
  expect(ask(keys, 'C2', 2)).toBe(false);
  expect(ask(keys, 'C1', 2)).toBe(true);
  expect(ask(keys, 'C1', 3)).toBe(true);
});

test('a key of another second is another one, and fractions of a second are not looked at', () => {
  const keys = new KnownKeys();
  expect(ask(keys, 'C1', 1, 1_700_000_000_123.4)).toBe(false);
  expect(ask(keys, 'C1', 2, 1_700_000_000_123)).toBe(true);
  expect(ask(keys, 'C1', 2, 1_700_000_001_123)).toBe(false);
});

test('a hundred thousand keys are told apart, and all of them are known again', () => {
  const keys = new KnownKeys();
  const count = 100_000;
  let early = 0;
  for (let i = 0; i < count; i++) if (ask(keys, `C${(i * 7919).toString(36)}x${i}`, 1)) early++;
  let known = 0;
  for (let i = 0; i < count; i++) if (ask(keys, `C${(i * 7919).toString(36)}x${i}`, 2)) known++;
  expect([early, known, keys.forgotten]).toEqual([0, count, 0]);
});

test('a flood of keys is let go by the oldest, counted, and the last ones stay known', () => {
  const keys = new KnownKeys(1000);
  for (let i = 0; i < 50_000; i++) ask(keys, `k${i}`, 1);
  expect(keys.forgotten).toBe(48_000);
  expect(ask(keys, 'k49999', 2)).toBe(true);
  expect(ask(keys, 'k49000', 2)).toBe(true);
  expect(ask(keys, 'k0', 2)).toBe(false);
});
