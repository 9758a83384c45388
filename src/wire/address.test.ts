import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareAddresses,
  DEFAULT_HOME_NETWORKS,
  formatIpv4,
  formatIpv6,
  formatMac,
  NetworkSet,
  parseAddress,
} from './index.ts';

const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
const sparse = fc.oneof(fc.constant(0), fc.constantFrom(1, 0x10000, 0xffff, -1), int32);

function canonical(text: string): string | undefined {
  const parsed = parseAddress(text);
  return parsed === undefined ? undefined : parsed.isV6 ? formatIpv6(...parsed.words) : formatIpv4(parsed.words[0]);
}

describe('addresses', () => {
  it('format, then parse, is identity', () => {
    fc.assert(
      fc.property(fc.tuple(sparse, sparse, sparse, sparse), (words) => {
        expect(parseAddress(formatIpv6(...words))).toEqual({ isV6: true, words });
        expect(parseAddress(formatIpv4(words[0]))).toEqual({ isV6: false, words: [words[0], 0, 0, 0] });
      }),
      { numRuns: 1000, seed: 4 },
    );
  });

  it.each([
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['255.255.255.255', '255.255.255.255'],
  ])('%s is written %s (RFC 5952)', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    ' 1.2.3.4',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    'g::',
    '::1.2.3',
    '1:2:3:4:5:6:7::8:9',
    'fe80::1%eth0',
  ])('%j is no address', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('MACs in lower case with colons', () => {
    expect(formatMac(Uint8Array.of(9, 0, 0x0a, 0xff, 1, 2, 3), 1)).toBe('00:0a:ff:01:02:03');
  });
});

describe('networks', () => {
  it('hold what they cover, to the bit', () => {
    const set = NetworkSet.parse(['10.0.0.0/9', '192.0.2.7', '2001:db8::/33', 'fe80::1'])!;
    const inside = ['10.0.0.0', '10.127.255.255', '192.0.2.7', '2001:db8::', '2001:db8:7fff::1', 'fe80::1'];
    const outside = [
      '10.128.0.0',
      '9.255.255.255',
      '192.0.2.8',
      '2001:db8:8000::',
      '2001:db9::',
      'fe80::2',
      'no address',
    ];
    expect(inside.map((a) => set.has(a))).toEqual(inside.map(() => true));
    expect(outside.map((a) => set.has(a))).toEqual(outside.map(() => false));
  });

  it('of length 0 hold everything of their kind', () => {
    expect(NetworkSet.parse(['0.0.0.0/0'])!.has('200.1.1.1')).toBe(true);
    expect(NetworkSet.parse(['0.0.0.0/0'])!.has('::1')).toBe(false);
    expect(NetworkSet.parse(['::/0'])!.has('ffff::')).toBe(true);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '10.0.0.0/-1', 'home'])('%j is no network', (text) => {
    expect(NetworkSet.parse([text])).toBeUndefined();
  });

  it('of home, when nobody says otherwise', () => {
    const home = NetworkSet.parse(DEFAULT_HOME_NETWORKS)!;
    expect(['172.31.0.1', '100.64.0.1', '::1', 'fd00::1', '172.32.0.1', '8.8.8.8'].map((a) => home.has(a))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('the order of addresses', () => {
  it('is by number, IPv4 before IPv6 before anything else', () => {
    const ordered = [
      '9.0.0.1',
      '10.0.0.2',
      '10.0.0.11',
      '10.0.0.100',
      '192.168.1.1',
      '224.0.0.1',
      '::1',
      '2001:db8::9',
      '2001:db8::10',
      'fe80::1',
      '02:00:00:00:00:01',
      'a host',
    ];
    expect(ordered.toReversed().sort(compareAddresses)).toEqual(ordered);
  });

  it('is a total order in which only equal texts are equal', () => {
    const text = fc.oneof(
      int32.map(formatIpv4),
      fc.tuple(sparse, sparse, sparse, sparse).map((words) => formatIpv6(...words)),
      fc.constantFrom('::', '0::', '0::0', '1.2.3.4', '01.2.3.4', '', 'x', '02:00:00:00:00:01'),
    );
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        expect(Math.sign(compareAddresses(a, b)) + Math.sign(compareAddresses(b, a))).toBe(0);
        expect(compareAddresses(a, b) === 0).toBe(a === b);
        if (compareAddresses(a, b) <= 0 && compareAddresses(b, c) <= 0)
          expect(compareAddresses(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 500, seed: 11 },
    );
  });
});
