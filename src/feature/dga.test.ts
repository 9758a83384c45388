import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DGA_FAMILIES, generateLabels } from '../../scripts/dga-family.ts';
import { DGA_MODEL } from './data/dga-model.ts';
import { dgaLabel, dgaLabelScore, dgaScore } from './dga.ts';

test.each([
  ['www.example.co.uk', 'example'],
  ['d3f8a9b2c1e7.cloudfront.net', 'cloudfront'],
  ['kjhqweiruyzx.ddns.net', 'kjhqweiruyzx'],
  ['a.kjhqweiruyzx.duckdns.org', 'kjhqweiruyzx'],
  ['duckdns.org', undefined],
  ['xn--bcher-kva.de', undefined],
  ['printer.local', undefined],
  ['1.0.0.127.in-addr.arpa', undefined],
  ['abcdefghijklmnop.onion', undefined],
  ['rzd.ru', undefined],
  ['localhost', undefined],
  ['192.0.2.1', undefined],
])('of %s the label %s is judged', (name, label) => {
  expect(dgaLabel(name)).toBe(label);
});

test('honest names score low and random ones high', () => {
  for (const name of [
    'www.google.com',
    'microsoft.com',
    'wikipedia.org',
    'immobilienscout24.de',
    'd3f8a9b2c1.cloudfront.net',
  ])
    expect(dgaScore(name)).toBeLessThan(0.1);
  for (const name of ['qxvzkjwpt.com', 'f5a4d98fa0a9d98.info', 'kjhqweiruyzx.ddns.net', 'xjwqhzkrvbpmt.biz'])
    expect(dgaScore(name)).toBeGreaterThan(0.5);
  expect(dgaScore('10.0.0.1')).toBeNaN();
});

test('the model is the one that was trained: its checksum, its tables, and what it measured', () => {
  let h = 0x811c9dc5;
  const text = DGA_MODEL.honest + DGA_MODEL.generated + JSON.stringify(DGA_MODEL.network);
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  expect(((h ^ (h >>> 13)) >>> 0).toString(16)).toBe(DGA_MODEL.checksum);
  expect(DGA_MODEL.summary.honest.heldBack).toBeGreaterThan(20_000);
  expect(DGA_MODEL.summary.families.map((one) => one.family)).toEqual(DGA_FAMILIES.map((one) => one.name));
});

test('most names of arithmetic and hash families, freshly generated, are above 0.5', () => {
  for (const family of DGA_FAMILIES.filter(({ kind }) => kind === 'arithmetic' || kind === 'hash')) {
    const labels = generateLabels(family, 200, [], 77);
    const high = labels.filter((label) => dgaLabelScore(label) >= 0.5).length;
    expect([family.name, high / labels.length >= 0.5]).toEqual([family.name, true]);
  }
});

test('any text has a score from 0 to 1, or none', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.domain()), (text) => {
      const score = dgaScore(text);
      if (!Number.isNaN(score)) expect(score >= 0 && score <= 1).toBe(true);
      const label = dgaLabelScore(text);
      expect(label >= 0 && label <= 1).toBe(true);
    }),
  );
});

const SIMDA = '../shared/data/strato-testing/005-zeek-scenario-malicious/dns.log';
test.skipIf(!existsSync(SIMDA))(
  'of the failing names of a Simda infection most are above 0.5 (skipped without ../shared/data)',
  () => {
    const failing = new Set(
      readFileSync(SIMDA, 'utf8')
        .split('\n')
        .filter((line) => !line.startsWith('#') && line.includes('NXDOMAIN'))
        .map((line) => line.split('\t')[9].toLowerCase()),
    );
    const scores = [...failing].map(dgaScore).filter((score) => !Number.isNaN(score));
    expect(scores.length).toBeGreaterThan(50);
    expect(scores.filter((score) => score >= 0.5).length / scores.length).toBeGreaterThan(0.6);
  },
);
