import { expect, test } from 'vitest';
import { parseBytes, parseDuration } from './unit.ts';

test.each([
  ['500', 500],
  ['100MB', 100e6],
  ['100mb', 100e6],
  ['1.5 GB', 1.5e9],
  ['64MiB', 67_108_864],
  ['2k', 2000],
  ['3T', 3e12],
])('the size %s is %d bytes', (text, bytes) => {
  expect(parseBytes('--quota', text)).toBe(bytes);
});

test.each([
  ['90', 90_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['30d', 2_592_000_000],
  ['500ms', 500],
  ['1.5h', 5_400_000],
  ['2w', 1_209_600_000],
])('the time %s is %d ms', (text, ms) => {
  expect(parseDuration('--duration', text)).toBe(ms);
});

test.each(['', '0', '-5MB', '1e9', 'MB', '5 parsecs', '10XB', 'NaN', '9'.repeat(16)])('%j is no size', (text) => {
  expect(() => parseBytes('--quota', text)).toThrow(`--quota ${text}: expected a size above 0`);
});

test.each(['', '0s', '-1h', '5y', 'soon', '1h30m'])('%j is no time', (text) => {
  expect(() => parseDuration('--duration', text)).toThrow(`--duration ${text}: expected a time above 0`);
});
