import fc from 'fast-check';
import { expect, test } from 'vitest';
import { capitalised, humanCount, ownText } from './text.ts';

test('a count has a comma at every thousand, as the international library writes it', () => {
  expect([0, 999, 1000, 1_234_567, -1234.6, 0.4].map(humanCount)).toEqual([
    '0',
    '999',
    '1,000',
    '1,234,567',
    '-1,235',
    '0',
  ]);
  fc.assert(
    fc.property(fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger()), (n) => {
      expect(humanCount(n)).toBe(Math.round(n).toLocaleString('en-US'));
    }),
  );
});

test('a sentence begins with a capital, an address as it is written', () => {
  expect(['two hosts', 'é', '', '10.0.0.1 did', 'dead: odd'].map(capitalised)).toEqual([
    'Two hosts',
    'É',
    '',
    '10.0.0.1 did',
    'Dead: odd',
  ]);
  for (const address of ['fe80::1 sent', '::1 sent', 'b8:27:eb:00:00:01 is'])
    expect(capitalised(address)).toBe(address);
});

test.each(['', 'a', 'short text', 'é Ω \u{1f600}', 'x'.repeat(300), 'y'.repeat(20_000)])(
  'a text of its own has the characters asked for',
  (text) => {
    const longer = `before ${text} behind`;
    expect(ownText(longer, 7, 7 + text.length)).toBe(text);
    expect(ownText(text)).toBe(text);
  },
);
