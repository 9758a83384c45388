import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { readThreatLists } from './threat-list.ts';

const folder = mkdtempSync(join(tmpdir(), 'threat-list-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

it('reads files plain and packed, each under its own name', () => {
  const threats = readThreatLists([
    file('a.txt', '203.0.113.9\n'),
    file('b.txt.gz', gzipSync('203.0.113.0/24\nevil.example\n')),
  ]);
  expect(threats.lists.map(({ name, entries }) => `${name} ${entries}`)).toEqual(['a.txt 1', 'b.txt.gz 2']);
});

it('says what is wrong with a file', () => {
  const cut = file('cut.gz', gzipSync('203.0.113.9\n').subarray(0, 15));
  expect(() => readThreatLists([cut])).toThrow(`${cut}: the gzip data is damaged`);
  expect(() => readThreatLists([join(folder, 'none.txt')])).toThrow(/none\.txt/);
  expect(() => readThreatLists([file('empty.txt', '')])).toThrow(
    'empty.txt: there is no entry in this list that flows could match',
  );
});
