import { describe, expect, it } from 'vitest';
import { Cap } from './bounded/bounded.ts';
import { NO_ROW } from './bounded/hash-rows.ts';
import { NO_PLACE } from './bounded/number-index.ts';
import { ipv4Bits, NO_BITS, TextNumbers } from './bounded/text-number.ts';
import { Callers, Hosts, hourOf, Pairs } from './exfiltration-store.ts';

const HOUR = 3_600_000;

function ends(host: string, place: string): [string, number, string, number] {
  return [host, ipv4Bits(host), place, ipv4Bits(place)];
}

function flow(address: string, service: string | undefined): Parameters<Pairs['setMost']>[2] {
  return { address, bits: ipv4Bits(address), port: 443, protocol: 'tcp', service };
}

describe('Pairs', () => {
  it('tells what was counted of a pair, and the flow that sent most', () => {
    const pairs = new Pairs(new Cap('pairs', 100), new TextNumbers(), () => undefined);
    for (const host of ['10.0.0.1', 'fe80::1']) {
      const pair = pairs.add(...ends(host, 'example.org'), { isName: true, evidence: 5 });
      expect(pairs.find(...ends(host, 'example.org'))).toBe(pair);
      expect(pairs.find(...ends(host, 'example.com'))).toBe(NO_ROW);
      pairs.exchanged(pair, 100, 7, 3);
      pairs.exchanged(pair, 50, 0, 4);
      pairs.exchanged(pair, 1, 0, 3);
      pairs.exchanged(pair, 1, 0, undefined);
      for (const ms of [20, undefined, 10.5, Number.NaN]) pairs.sawTime(pair, ms);
      expect(pairs.isMost(pair, 0, 'fe80::9', NO_BITS)).toBe(true);
      pairs.setMost(pair, 100, flow('fe80::9', 'https'));
      expect(pairs.isMost(pair, 99, '1.1.1.1', ipv4Bits('1.1.1.1'))).toBe(false);
      expect(pairs.isMost(pair, 100, 'fe80::9', NO_BITS)).toBe(false);
      expect(pairs.isMost(pair, 100, 'fe81::1', NO_BITS)).toBe(false);
      expect(pairs.isMost(pair, 100, '9.9.9.9', ipv4Bits('9.9.9.9'))).toBe(true);
      pairs.setMost(pair, 100, flow('9.9.9.9', undefined));
      expect(pairs.isCalled(pair)).toBe(false);
      pairs.setCalled(pair);
      expect(pairs.isCalled(pair)).toBe(true);
      expect(pairs.at(pair)).toEqual({
        host,
        place: 'example.org',
        isName: true,
        sent: 152,
        received: 7,
        flows: 4,
        hours: new Map([
          [3, 101],
          [4, 50],
        ]),
        firstMs: 10.5,
        lastMs: 20,
        address: '9.9.9.9',
        port: 443,
        protocol: 'tcp',
        service: undefined,
        evidence: 5,
      });
    }
  });

  it('drops the lighter half at the cap, of equally light ones the first, with all their texts', () => {
    const released: number[] = [];
    const cap = new Cap('pairs', 6);
    const texts = new TextNumbers();
    const pairs = new Pairs(cap, texts, (evidence) => released.push(evidence));
    for (let i = 0; i < 6; i++) {
      const pair = pairs.add(...ends(`fe80::${i}`, `p${i}.example`), { isName: true, evidence: i });
      pairs.exchanged(pair, i % 2 === 0 ? 10 + i : 1, 0, i);
      pairs.setMost(pair, 1, flow(`fe80::a${i}`, i === 4 ? 'ssh' : `s${i}`));
    }
    const added = pairs.add(...ends('10.0.0.9', '192.0.2.9'), { isName: false, evidence: 9 });
    expect([pairs.size, added, cap.refused, released]).toEqual([4, 3, 3, [1, 3, 5]]);
    for (const i of [0, 2, 4]) {
      const pair = pairs.find(...ends(`fe80::${i}`, `p${i}.example`));
      expect(pairs.at(pair)).toMatchObject({ sent: 10 + i, hours: new Map([[i, 10 + i]]), address: `fe80::a${i}` });
    }
    expect(pairs.find(...ends('fe80::1', 'p1.example'))).toBe(NO_ROW);
    expect(pairs.at(added)).toMatchObject({ sent: 0, hours: new Map(), address: '', protocol: undefined });
    // Host, place, address and service of each of three, and the protocol of all.
    expect(texts.size).toBe(3 * 4 + 1);
  });

  it('knows bytes of 1,024 hours of a pair', () => {
    const pairs = new Pairs(new Cap('pairs', 10), new TextNumbers(), () => undefined);
    const pair = pairs.add(...ends('10.0.0.1', '192.0.2.1'), { isName: false, evidence: 0 });
    for (let hour = 0; hour < 1100; hour++) pairs.exchanged(pair, 1, 0, hour);
    pairs.exchanged(pair, 1, 0, 5);
    const { hours, sent } = pairs.at(pair);
    expect([hours.size, hours.get(5), sent]).toEqual([1024, 2, 1101]);
  });
});

describe('Hosts', () => {
  it('are known up to their cap, those beyond counted', () => {
    const cap = new Cap('hosts', 200);
    const hosts = new Hosts(cap, new TextNumbers());
    for (let i = 0; i < 200; i++) {
      const address = i % 2 === 0 ? `10.0.0.${i}` : `fe80::${i}`;
      expect(hosts.obtain(address, ipv4Bits(address))).toBe(i);
      expect(hosts.obtain(address, ipv4Bits(address))).toBe(i);
      hosts.exchanged(i, i, 2 * i, 7);
    }
    expect([hosts.obtain('10.1.1.1', ipv4Bits('10.1.1.1')), cap.refused]).toEqual([NO_PLACE, 1]);
    expect(hosts.at(150)).toEqual({
      sent: 150,
      received: 300,
      hours: new Map([[7, 150]]),
      receivedHours: new Map([[7, 300]]),
    });
    hosts.exchanged(0, 5, 0, undefined);
    expect(hosts.at(0)).toEqual({ sent: 5, received: 0, hours: new Map([[7, 0]]), receivedHours: new Map() });
    for (let i = 0; i < 20; i++) hosts.noteAsked(3, i);
    expect([hosts.askedMs(3).length, hosts.askedMs(4), hosts.askedMs(NO_PLACE)]).toEqual([16, [], []]);
  });
});

describe('Callers', () => {
  it('counts up to eight hosts of a place, each once, and as many places as it may', () => {
    const cap = new Cap('places', 2);
    const callers = new Callers(cap, new TextNumbers());
    const note = (place: string, host: string): boolean => callers.note(place, ipv4Bits(place), host, ipv4Bits(host));
    for (let i = 0; i < 12; i++) expect(note('example.org', `fe80::${i >> 1}`)).toBe(true);
    for (let i = 0; i < 12; i++) expect(note('192.0.2.1', `10.0.0.${i}`)).toBe(true);
    expect([note('example.com', '10.0.0.1'), cap.refused]).toEqual([false, 1]);
    expect(['example.org', '192.0.2.1', 'example.com'].map((place) => callers.count(place, ipv4Bits(place)))).toEqual([
      6, 8, 0,
    ]);
  });
});

describe('hourOf', () => {
  it('counts hours from 1970 on, and has none for times that are none', () => {
    expect([HOUR - 1, HOUR, -1, undefined, Number.NaN, Number.POSITIVE_INFINITY, 1e300].map(hourOf)).toEqual([
      0,
      1,
      -1,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
