import { describe, expect, it } from 'vitest';
import type { StringColumn } from '../core/index.ts';
import {
  DnsNames,
  dnsNameOf,
  FurtherQuestions,
  furtherQuestions,
  IS_DYNAMIC,
  NO_DOMAIN,
  poolOf,
  TELLS_ADDRESS,
  toldNames,
} from './dns-name.ts';

function column(...texts: (string | undefined)[]): StringColumn {
  const dictionary = texts.filter((text) => text !== undefined);
  let next = 0;
  return { kind: 'string', codes: Int32Array.from(texts, (text) => (text === undefined ? -1 : next++)), dictionary };
}

describe('dnsNameOf', () => {
  it.each([
    ['www.example.co.uk', 'example.co.uk', 'example.co.uk', 'www'],
    ['a.d1.cloudfront.net', 'cloudfront.net', 'd1.cloudfront.net', 'a'],
    ['github.io', 'github.io', 'github.io', ''],
    ['localhost', '', '', ''],
    ['1.0.0.10.in-addr.arpa', '', '', ''],
    ['_ldap._tcp.corp.example', '', '', ''],
    ['co.uk', '', '', ''],
  ])('takes %s apart', (text, domain, owner, subdomain) => {
    const name = dnsNameOf(text);
    expect([name.domain, name.owner, name.subdomain, name.length]).toEqual([
      domain,
      owner,
      subdomain,
      subdomain.length,
    ]);
    expect(name.domainHash === NO_DOMAIN).toBe(domain === '');
  });

  it('gives the same object again, and the right one after as many others as there are places', () => {
    const first = dnsNameOf('first.example.com');
    expect(dnsNameOf('first.example.com')).toBe(first);
    for (let i = 0; i < 200_000; i++) dnsNameOf(`${i}.example.org`);
    expect(dnsNameOf('first.example.com')).toEqual(first);
  });
});

describe('DnsNames', () => {
  it('tells marks, hash and length by row as the name has them, one for all who ask', () => {
    const texts = column('x.duckdns.org', undefined, 'api.ipify.org', 'pool.minexmr.com', 'x.duckdns.org');
    const names = DnsNames.of(texts);
    expect(DnsNames.of(texts)).toBe(names);
    for (const row of [0, 2, 3, 4]) {
      const name = dnsNameOf(texts.dictionary[texts.codes[row] ?? 0] ?? '');
      expect([names.lengthAt(row), names.domainHashAt(row), names.marksAt(row)]).toEqual([
        name.length,
        name.domainHash,
        name.marks,
      ]);
      expect(names.at(row)).toBe(name);
    }
    expect([0, 2, 3].map((row) => (names.marksAt(row) & IS_DYNAMIC) !== 0)).toEqual([true, false, false]);
    expect([0, 2, 3].map((row) => (names.marksAt(row) & TELLS_ADDRESS) !== 0)).toEqual([false, true, false]);
    expect([0, 2, 3].map((row) => poolOf(names.marksAt(row)))).toEqual([0, 0, 2]);
  });
});

describe('furtherQuestions', () => {
  it('tells types and names, and leaves out what is no question', () => {
    const { types, names, numbers, characters } = furtherQuestions(
      'TXT a.example.com, update corp.example, A b.example.org, A two words, B',
    );
    expect(types).toEqual(['TXT', 'A']);
    expect(names.map(({ text }) => text)).toEqual(['a.example.com', 'b.example.org']);
    expect(numbers).toEqual(names.flatMap(({ domainHash, length }) => [domainHash, length]));
    expect(characters).toBe(26);
  });

  it('has a name that was cut with the cut, and its parts without', () => {
    const questions = furtherQuestions('A a.example.com, AAAA long…er.example.org');
    expect(toldNames(questions)).toEqual(['a.example.com', 'long…er.example.org']);
    expect(questions.names.map(({ text }) => text)).toEqual(['a.example.com', 'longer.example.org']);
    expect(toldNames(furtherQuestions('A a.example.com'))).toEqual(['a.example.com']);
  });

  it('is asked once for each text of a batch', () => {
    const texts = column('A a.example.com', undefined);
    expect(FurtherQuestions.of(texts).at(0)).toBe(furtherQuestions('A a.example.com'));
    expect(FurtherQuestions.of(texts)).toBe(FurtherQuestions.of(texts));
  });
});
