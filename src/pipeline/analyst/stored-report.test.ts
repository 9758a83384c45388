import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { hostileResult } from '../../../test/support/hostile.ts';
import { renderJson } from '../../report/index.ts';
import { findReports, INCIDENTS_FILE, readReport } from './stored-report.ts';

const folder = temporaryFolder();

function put(name: string, text: string, seconds: number): void {
  const at = path.join(folder, name);
  fs.mkdirSync(at, { recursive: true });
  fs.writeFileSync(path.join(at, INCIDENTS_FILE), text);
  fs.utimesSync(path.join(at, INCIDENTS_FILE), seconds, seconds);
}

test('reports are found in the folder and in those inside of it, the oldest first', () => {
  put('out/w2', '{}', 2000);
  put('out/w1', '{}', 1000);
  put('out', '{}', 3000);
  put('out/a/b/c/d', '{}', 500);
  expect(findReports(path.join(folder, 'out')).map((report) => path.relative(folder, report.folder))).toEqual([
    'out/w1',
    'out/w2',
    'out',
  ]);
});

test('a folder without a report, and one that is not there, are mistakes with a hint', () => {
  const empty = path.join(folder, 'empty');
  fs.mkdirSync(empty);
  expect(() => findReports(empty)).toThrow(`${empty} has no incidents.json`);
  expect(() => findReports(path.join(folder, 'nowhere'))).toThrow(/no such file or folder/);
});

test('a report is read back; what is cut or something else is a mistake', () => {
  const text = renderJson(hostileResult('plain'));
  put('one', text, 1);
  const file = path.join(folder, 'one', INCIDENTS_FILE);
  expect(renderJson(readReport(file))).toBe(text);
  fs.writeFileSync(file, text.slice(0, 100));
  expect(() => readReport(file)).toThrow(`${file} is not JSON: `);
  fs.writeFileSync(file, '{"incidents":[]}');
  expect(() => readReport(file)).toThrow(`${file} is no incidents.json of this version: `);
});
