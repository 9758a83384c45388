import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  digitRatio,
  levenshtein,
  longestConsonantRun,
  looksBase32,
  looksBase64,
  looksHex,
  shannonEntropy,
  vowelRatio,
} from './text-shape.ts';

test('entropy is 0 for one repeated character, log2 n for n different ones, and unknown for nothing', () => {
  expect(shannonEntropy('aaaa')).toBe(0);
  expect(shannonEntropy('abcd')).toBe(2);
  expect(shannonEntropy('aab')).toBeCloseTo(0.9182958340544896, 12);
  expect(shannonEntropy('äößü')).toBe(2);
  expect(shannonEntropy('')).toBeNaN();
});

test('entropy agrees with a plain count for any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const counts = new Map<string, number>();
      for (let i = 0; i < text.length; i++) counts.set(text[i], (counts.get(text[i]) ?? 0) + 1);
      let bits = 0;
      for (const n of counts.values()) bits -= (n / text.length) * Math.log2(n / text.length);
      if (text === '') expect(shannonEntropy(text)).toBeNaN();
      else expect(shannonEntropy(text)).toBeCloseTo(bits, 9);
    }),
  );
});

test('entropy of a text longer than 65,535 characters is right as well', () => {
  expect(shannonEntropy('ab'.repeat(50_000))).toBeCloseTo(1, 12);
});

test('digits, vowels and consonants are counted as worked by hand', () => {
  expect(digitRatio('a1b2')).toBe(0.5);
  expect(digitRatio('')).toBeNaN();
  expect(vowelRatio('aeBC-12')).toBe(0.5);
  expect(vowelRatio('123')).toBeNaN();
  expect(longestConsonantRun('angstschweiss')).toBe(8);
  expect(longestConsonantRun('aei')).toBe(0);
});

test.each([
  ['d41d8cd98f00b204e9800998ecf8427e', true],
  ['D41D8CD98F00B204E9800998ECF8427E', true],
  ['d41d8cd98f00b204e9800998ecf8427', true],
  ['D41d8cd98f00b204e9800998ecf8427e', false],
  ['d41d8cd98f00b20', false],
  ['1234567890123456', false],
  ['deadbeefdeadbeef', false],
  ['d41d8cd98f00b204g9800998', false],
])('%s is hexadecimal: %s', (text, expected) => {
  expect(looksHex(text)).toBe(expected);
});

test.each([
  ['gezdgnbvgy3tqojqgezdgnbvgy3tqojq', true],
  ['GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', true],
  ['64PJ2QO3DKL5GV7CM1N0RSTU', true],
  ['JBSWY3DPEHPK3PXPJBSWY3A=', true],
  ['internationalisierung', false],
  ['thequickbrownfoxjumps', false],
  ['d41d8cd98f00b204e9800998ecf8427e', false],
  ['aaaaaaaa22222222', false],
  ['GEZDGNBVGY3TQOJQG', false],
])('%s is Base32: %s', (text, expected) => {
  expect(looksBase32(text)).toBe(expected);
});

test.each([
  ['aGVsbG8gd29ybGQgdGhpcyBpcyBhIHRlc3Q=', true],
  ['aGVsbG8gd29ybGQgdGhpcyBpcyBhIHRlc3Q', true],
  ['x_-9Fk2mQ0vTzAe7Rb1LpW', true],
  ['getElementsByTagName1', false],
  ['thequickbrownfoxjumps', false],
  ['aGVsbG8gd29ybGQgd', false],
  ['aGVs', false],
])('%s is Base64: %s', (text, expected) => {
  expect(looksBase64(text)).toBe(expected);
});

test('the length gate of the shapes can be set', () => {
  expect(looksHex('d4d8')).toBe(false);
  expect(looksHex('d4d8', 4)).toBe(true);
});

test('random bytes in Base32 and Base64 are nearly always known for what they are', () => {
  const bytes = fc.uint8Array({ minLength: 30, maxLength: 60 });
  let hits = 0;
  let runs = 0;
  fc.assert(
    fc.property(bytes, (data) => {
      // fast-check likes bytes that are all alike, which no tunnel sends.
      if (new Set(data).size < 25) return;
      runs++;
      if (looksBase64(Buffer.from(data).toString('base64'))) hits++;
    }),
    { numRuns: 300, seed: 1 },
  );
  expect(runs).toBeGreaterThan(50);
  expect(hits / runs).toBeGreaterThan(0.97);
});

/** The textbook's full matrix. */
function plainDistance(a: string, b: string): number {
  const d = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++)
      d[i][j] = Math.min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
  return d[a.length][b.length];
}

test('the edit distance is that of the full matrix, up to its bound', () => {
  expect(levenshtein('kitten', 'sitting')).toBe(3);
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 });
  fc.assert(
    fc.property(text, text, fc.integer({ min: 0, max: 14 }), (a, b, atMost) => {
      expect(levenshtein(a, b, atMost)).toBe(Math.min(plainDistance(a, b), atMost + 1));
    }),
    { numRuns: 500 },
  );
});

test('the shapes take any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      for (const shape of [looksHex, looksBase32, looksBase64]) expect(typeof shape(text)).toBe('boolean');
    }),
  );
});
