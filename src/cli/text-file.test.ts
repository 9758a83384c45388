import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { UserError } from '../core/index.ts';
import { readTextFile } from './text-file.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'anomalyst-text-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

function written(bytes: Uint8Array): string {
  const file = path.join(folder, 'some.yaml');
  fs.writeFileSync(file, bytes);
  return file;
}

const TEXT = 'owner: Büro\n';

test('UTF-8 and UTF-16 with a byte order mark are read as the same text', () => {
  for (const bytes of [
    Buffer.from(TEXT, 'utf8'),
    Buffer.from(`\ufeff${TEXT}`, 'utf8'),
    Buffer.from(`\ufeff${TEXT}`, 'utf16le'),
    Buffer.from(`\ufeff${TEXT}`, 'utf16le').swap16(),
  ])
    expect(readTextFile(written(bytes))).toBe(TEXT);
});

test('other encodings are refused with the line, because the file would be written back with other letters', () => {
  const file = written(Buffer.from(`version: 1\n${TEXT}`, 'latin1'));
  const read = (): string => readTextFile(file);
  expect(read).toThrow(UserError);
  expect(read).toThrow(`${file}:2: not UTF-8 text`);
  expect(readTextFile(file, { latin: true })).toBe(`version: 1\n${TEXT}`);
});

test('a file that is not there is named', () => {
  expect(() => readTextFile(path.join(folder, 'none.yaml'))).toThrow('none.yaml: no such file or folder');
});
