import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { runCli, temporaryFolder } from '../../test/support/cli.ts';
import { readSystemInput } from './definitions.ts';

const folder = temporaryFolder();
const file = (name: string, text: string): string => {
  const full = path.join(folder, name);
  fs.writeFileSync(full, text);
  return full;
};
const system = (data: string, driver: string): string =>
  `data: {${data}}\nfeatures: {path: features.yaml}\nsetup: {classification_engine: Gower, input_driver: ${driver}, output_driver: CSV}\n`;

test('a system file names the file of its data beside itself, which is never standard input or an interface', async () => {
  for (const name of ['log.csv', '-', 'live:eth0', '../log.csv'])
    expect(await readSystemInput(file('system.yaml', system(`in_path: '${name}'`, 'CSV')))).toEqual({
      input: path.resolve(folder, name),
      durationMs: undefined,
    });
});

test('a system file with the driver TCP names an address to listen on, and for how long', async () => {
  const tcp = file('tcp.yaml', system('host: 127.0.0.1, port: 4242, collection_time: 1.5', 'TCP'));
  expect(await readSystemInput(tcp)).toEqual({ input: 'listen://127.0.0.1:4242', durationMs: 1500 });
  const six = file('six.yaml', system("host: '::1', port: 4242", 'TCP'));
  expect(await readSystemInput(six)).toEqual({ input: 'listen://[::1]:4242', durationMs: 60_000 });
});

test('any other file of definitions names no data', async () => {
  const plain = file('plain.yaml', 'features:\n  - {name: bytes, column: bytes}\n');
  expect(await readSystemInput(plain)).toBeUndefined();
  const run = await runCli(['analyze', '--features', plain], { cwd: folder });
  expect([run.code, run.stderr]).toEqual([2, "error: missing required argument 'input'\n"]);
});

test('a system file alone is analysed as its data with its features would be, from any folder', async () => {
  file('log.csv', `id,bytes\n${Array.from({ length: 40 }, (_, i) => `${i},${i === 7 ? 9000 : i % 3}`).join('\n')}\n`);
  const features = file('features.yaml', 'features:\n  - {type: field, name: bytes, multiplier: 1}\n');
  const both = await runCli([
    ...['analyze', path.join(folder, 'log.csv'), '--features', features],
    ...['--out', path.join(folder, 'both')],
  ]);
  const alone = await runCli([
    ...['analyze', '--features', file('system.yaml', system('in_path: log.csv, out_path: results.csv', 'CSV'))],
    ...['--out', path.join(folder, 'alone')],
  ]);
  expect([alone.code, alone.stderr, both.code, both.stderr]).toEqual([0, '', 0, '']);
  expect(alone.stdout).toContain('2: 1/39');
  for (const name of ['rows.csv', 'incidents.csv'])
    expect(fs.readFileSync(path.join(folder, 'alone', name))).toEqual(fs.readFileSync(path.join(folder, 'both', name)));
  expect(fs.existsSync(path.join(folder, 'results.csv'))).toBe(false);
});
