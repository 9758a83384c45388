import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StringColumn } from '../../core/index.ts';
import { hash32 } from '../bounded/bounded.ts';
import {
  answerAddressHashes,
  DnsNames,
  dnsNameOf,
  FurtherQuestions,
  furtherQuestions,
  IS_DYNAMIC,
  NO_DOMAIN,
  poolOf,
  Resolvers,
  TELLS_ADDRESS,
  toldNames,
} from './name.ts';

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

describe('answerAddressHashes', () => {
  function hashesOf(answers: string, most = 4): number[] {
    const hashes = new Int32Array(most);
    return [...hashes.subarray(0, answerAddressHashes(answers, hashes))];
  }

  it.each([
    ['A 192.0.2.1, AAAA 2001:db8::1', ['192.0.2.1', '2001:db8::1']],
    ['CNAME x.example, A 192.0.2.1', ['192.0.2.1']],
    ['192.0.2.1,host.example,2001:DB8::1', ['192.0.2.1', '2001:DB8::1']],
    ['A 1.1.1.1, A 2.2.2.2, A 3.3.3.3, A 4.4.4.4, A 5.5.5.5', ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4']],
    ['TXT a:b', []],
    ['dead.beef', []],
    ['', []],
  ])('tells the addresses of %j', (answers, addresses) => {
    expect(hashesOf(answers)).toEqual(addresses.map((address) => hash32(address) | 0));
  });

  it('takes for an address what the patterns of one match', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'A ',
        'AAAA ',
        'CNAME ',
        ',',
        ', ',
        ',  ',
        '.',
        ':',
        '::',
        'f',
        'G',
        '1',
        '23',
        '456',
        '7890',
        'Š',
      ),
      fc.ipV4(),
      fc.ipV6(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const answers = pieces.join('');
        const addresses = answers
          .split(/, ?/)
          .map((part) => part.replace(/^(?:A|AAAA) /, ''))
          .filter(
            (text) =>
              /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) || (text.includes(':') && /^[0-9a-f:.]{2,45}$/i.test(text)),
          );
        expect(hashesOf(answers)).toEqual(addresses.slice(0, 4).map((address) => hash32(address) | 0));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('Resolvers', () => {
  it('knows hosts that are asked, and those that ask more than eight servers', () => {
    const resolvers = new Resolvers(100);
    resolvers.saw('10.0.0.9', '10.0.0.1');
    for (let i = 0; i < 8; i++) resolvers.saw('fe80::1', `192.0.2.${i}`);
    resolvers.saw('fe80::1', '192.0.2.3');
    expect(
      ['10.0.0.1', '10.0.0.9', '192.0.2.7', 'fe80::1', '8.8.8.8'].map((host) => resolvers.isResolver(host)),
    ).toEqual([true, false, true, false, false]);
    resolvers.saw('fe80::1', 'fe80::2');
    expect(['fe80::1', 'fe80::2', 'fe80::3'].map((host) => resolvers.isResolver(host))).toEqual([true, true, false]);
  });

  it('tells as many hosts apart as it may', () => {
    const resolvers = new Resolvers(2);
    for (let host = 1; host <= 3; host++) for (let i = 0; i < 9; i++) resolvers.saw(`10.0.0.${host}`, `192.0.2.${i}`);
    expect([1, 2, 3].map((host) => resolvers.isResolver(`10.0.0.${host}`))).toEqual([true, true, false]);
    expect([0, 1, 2].map((i) => resolvers.isResolver(`192.0.2.${i}`))).toEqual([true, true, false]);
  });
});
