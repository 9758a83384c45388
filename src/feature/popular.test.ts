import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../core/index.ts';
import { PopularList, popularRank, shippedPopularList } from './popular.ts';

const ranks = (list: PopularList, ...names: string[]): (number | undefined)[] => names.map((name) => list.rank(name));

test('the list that ships ranks a domain by any of its names, and what is not on it has no rank', () => {
  expect(popularRank('www.google.com')).toBe(1);
  expect(popularRank('en.wikipedia.org')).toBeLessThan(100);
  expect(popularRank('GOOGLE.COM.')).toBe(1);
  expect(popularRank('qxvzkjwpt.com')).toBeUndefined();
  expect(popularRank('192.0.2.1')).toBeUndefined();
  expect(shippedPopularList().size).toBeGreaterThan(5000);
});

test.each([
  ['Tranco and Umbrella', '1,google.com\r\n2,www.example.org\r\n3,mail.example.org\r\n'],
  ['Majestic', 'GlobalRank,TldRank,Domain,TLD,RefSubNets\n1,1,google.com,com,9\n2,2,example.org,org,8\n'],
  ['CrUX', 'origin,rank\nhttps://www.google.com,1\nhttps://example.org,2\n'],
  ['one name per line', '\uFEFF# by us\ngoogle.com\n\nexample.org'],
  ['quoted cells', '"rank","domain"\n"1","google.com"\n"2","example.org"\n'],
])('the layout of %s is read', (_, text) => {
  expect(ranks(PopularList.parse(text, 'top.csv'), 'google.com', 'a.example.org', 'example.net')).toEqual([
    1,
    2,
    undefined,
  ]);
});

test('what is no registrable domain is skipped and counted, as are names beyond the bound', () => {
  const list = PopularList.parse('1,com\n2,google.com\n3,localhost\n4,example.org\n5,example.net\n', 'top.csv', {
    maxNames: 2,
  });
  expect([list.size, list.skipped]).toEqual([2, 3]);
});

test('a line that is of no layout is the mistake of the file, with its line', () => {
  const read = (text: string): unknown => {
    try {
      return PopularList.parse(text, 'top.csv');
    } catch (error) {
      return error instanceof UserError ? [error.message, error.hint] : error;
    }
  };
  expect(read('1,google.com\nx\u001b[31m,example.org\n')).toEqual([
    "top.csv:2: 'x\\u{1b}[31m' is not a rank.",
    "Each line of this list should be like '1,example.com'.",
  ]);
  expect(read('GlobalRank,Domain\n0,google.com\n')).toEqual([
    "top.csv:2: '0' is not a rank.",
    "Each line of this list should be like '1,example.com'.",
  ]);
  expect(read('# nothing\n')).toEqual([
    'top.csv: there is no domain in this list.',
    "It should have lines like '1,example.com' (Tranco, Umbrella), Majestic's or CrUX's CSV, or one domain per line.",
  ]);
});

test('every domain of a list is found with its rank, and none that is not on it', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.domain(), { maxLength: 40 }), fc.domain(), (domains, other) => {
      const names = domains.map((domain) => domain.toLowerCase());
      const list = PopularList.of(names);
      const unique = [...new Set(names)];
      expect(unique.map((name) => list.rankOfDomain(name))).toEqual(unique.map((_, i) => i + 1));
      if (!names.includes(other)) expect(list.rankOfDomain(other)).toBeUndefined();
    }),
  );
});

test('a name that is not of ASCII is skipped, and its Punycode is taken', () => {
  const list = PopularList.parse('1,b\u00fccher.de\n2,xn--bcher-kva.de\n', 'top.csv');
  expect([list.skipped, list.rank('xn--bcher-kva.de'), list.rank('b\u00fccher.de')]).toEqual([1, 2, undefined]);
});
