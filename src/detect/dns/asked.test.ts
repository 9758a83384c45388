import { describe, expect, it } from 'vitest';
import { Cap, hash32 } from '../bounded/bounded.ts';
import { pairHash } from '../bounded/pair.ts';
import { ipv4Bits } from '../bounded/text-number.ts';
import { AskedGroups, dayOf, NO_GROUP } from './asked.ts';

function filled(cap: number): { readonly groups: AskedGroups; readonly released: number[]; readonly cap: Cap } {
  const released: number[] = [];
  const its = new Cap('groups', cap);
  return { groups: new AskedGroups(its, (evidence) => released.push(evidence)), released, cap: its };
}

function keyOf(client: string, domain: string, day = 0): [number, string, number, string, number] {
  return [pairHash(hash32(client), hash32(domain), day), client, ipv4Bits(client), domain, day];
}

function name(groups: AskedGroups, group: number, text: string): void {
  groups.asked(group, 'A', 1);
  groups.addName(group, hash32(text) | 0, text, text.length);
}

describe('AskedGroups', () => {
  it('tells what was counted of a group, whether its client is an address of four bytes or not', () => {
    const { groups } = filled(100);
    for (const client of ['10.0.0.1', 'fe80::1']) {
      const group = groups.add(...keyOf(client, 'example.org', 20_000), 7);
      expect(groups.find(...keyOf(client, 'example.org', 20_000))).toBe(group);
      expect(groups.find(...keyOf(client, 'example.org', 20_001))).toBe(NO_GROUP);
      groups.asked(group, 'TXT', 1.5);
      name(groups, group, 'first');
      groups.asked(group, 'TXT', 1);
      groups.addUntold(group, 2.5, 30);
      groups.sawFlow(group, 'fe80::53', ipv4Bits('fe80::53'));
      groups.sawFlow(group, '10.0.0.53', ipv4Bits('10.0.0.53'));
      groups.sawFlow(group, 'fe80::53', ipv4Bits('fe80::53'));
      groups.sawTime(group, 20.5);
      groups.sawTime(group, 10.25);
      groups.sawTime(group, Number.NaN);
      groups.sawTransport(group, undefined, 'udp');
      groups.sawTransport(group, 53, 'tcp');
      groups.sawFailure(group);
      groups.sawLoopback(group);
      groups.sawAnswer(group);
      groups.addAnswer(group, -5);
      groups.addAddress(group, 9);
      expect(groups.at(group)).toEqual({
        client,
        domain: 'example.org',
        names: ['first'],
        characters: 5,
        told: 1,
        isEstimate: false,
        distinct: 3.5,
        questions: 3.5,
        untold: 2.5,
        untoldCharacters: 30,
        types: [
          ['TXT', 2.5],
          ['A', 1],
        ],
        answerBytes: 0,
        answered: 3,
        failed: 1,
        loopback: 1,
        answers: 1,
        addresses: Int32Array.of(9),
        servers: ['fe80::53', '10.0.0.53'],
        serverCount: 2,
        firstMs: 10.25,
        lastMs: 20.5,
        flows: 3,
        port: 53,
        protocol: 'udp',
        evidence: 7,
      });
    }
  });

  it('counts names beyond those kept, these among them', () => {
    const { groups } = filled(10);
    const group = groups.add(...keyOf('10.0.0.1', 'example.org'), 0);
    for (const text of ['a', 'b']) name(groups, group, text);
    expect(groups.isCounting(group)).toBe(false);
    for (const text of ['b', 'c', 'c']) {
      groups.asked(group, 'A', 1);
      groups.countName(group, text);
    }
    expect(groups.isCounting(group)).toBe(true);
    expect(groups.at(group)).toMatchObject({ told: 3, distinct: 3, isEstimate: true, names: ['b', 'a'] });
  });

  it('drops the lighter half at the cap, of equally light ones the first, and keeps the others whole', () => {
    const { groups, released, cap } = filled(8);
    for (let i = 0; i < 8; i++) {
      const client = i % 2 === 0 ? `10.0.0.${i}` : `fe80::${i}`;
      const group = groups.add(...keyOf(client, `d${i}.example`), i);
      if (i % 4 < 2) name(groups, group, `name-${i}`);
      groups.sawFlow(group, `10.1.0.${i}`, ipv4Bits(`10.1.0.${i}`));
      groups.addAnswer(group, i);
      if (i === 5) groups.addUntold(group, 3, 1);
    }
    const added = groups.add(...keyOf('10.0.0.99', 'new.example'), 99);
    expect([groups.size, added, cap.refused, released]).toEqual([5, 4, 4, [2, 3, 6, 7]]);
    expect(groups.names).toBe(4);
    for (const i of [0, 1, 4, 5]) {
      const client = i % 2 === 0 ? `10.0.0.${i}` : `fe80::${i}`;
      const group = groups.find(...keyOf(client, `d${i}.example`));
      expect(groups.at(group)).toMatchObject({
        client,
        domain: `d${i}.example`,
        names: [`name-${i}`],
        answers: 1,
        servers: [`10.1.0.${i}`],
        untold: i === 5 ? 3 : 0,
        evidence: i,
      });
      expect(groups.hasName(group, hash32(`name-${i}`) | 0, `name-${i}`, 6)).toBe(true);
    }
    for (const i of [2, 3, 6, 7])
      expect(groups.find(...keyOf(i % 2 === 0 ? `10.0.0.${i}` : `fe80::${i}`, `d${i}.example`))).toBe(NO_GROUP);
    expect(groups.at(added)).toMatchObject({ names: [], answers: 0, questions: 0, types: [], servers: [''] });
  });

  it('refuses groups that were made to collide instead of searching for ever', () => {
    const { groups, cap } = filled(1000);
    let refused = 0;
    for (let i = 0; i < 300; i++) if (groups.add(42, 'a', ipv4Bits('a'), `d${i}`, 0, i) === NO_GROUP) refused++;
    expect([groups.size, refused, cap.refused]).toEqual([256, 44, 44]);
  });
});

describe('dayOf', () => {
  it('counts days from 1970 on, and has one for all times that are none', () => {
    expect([dayOf(86_399_999), dayOf(86_400_000), dayOf(-1), dayOf(undefined)]).toEqual([0, 1, -1, 0]);
    expect(new Set([dayOf(Number.NaN), dayOf(Number.POSITIVE_INFINITY), dayOf(1e300)]).size).toBe(1);
  });
});
