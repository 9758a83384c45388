import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';
import { runCli, temporaryFolder } from '../../../test/support/cli.ts';

/** A table of 800 ordinary rows, the later half of them larger where asked for. */
function tableFile(folder: string, name: string, factor: number = 1): string {
  let text = 'host,bytes,packets\n';
  for (let i = 0; i < 800; i++)
    text += `h${i % 11},${(1000 + ((i * 37) % 401)) * (i >= 400 ? factor : 1)},${10 + ((i * 13) % 7)}\n`;
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

function runOf(out: string): {
  model?: { kind: string; learning?: { rows: number; refits: number } };
  drift?: { advice: string; worst: { name: string }[] };
} {
  return JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')).run;
}

test('--algorithm chooses the model, and one that learns as it scores leaves the first rows without a score', async () => {
  const folder = temporaryFolder();
  const out = path.join(folder, 'out');
  const run = await runCli([
    'analyze',
    tableFile(folder, 'a.csv'),
    '--algorithm',
    'half-space-trees',
    '--out',
    out,
    '-q',
  ]);
  expect([run.code, run.stderr]).toEqual([0, '']);
  expect(runOf(out).model).toMatchObject({ kind: 'half-space-trees', learning: { rows: 800 } });
  const rows = fs.readFileSync(path.join(out, 'rows.csv'), 'utf8').trimEnd().split('\n');
  expect(rows[1]).toMatch(/,$/);
  expect(rows.at(-1)).toMatch(/,(?:0(?:\.\d+)?|1)$/);
  expect(fs.existsSync(path.join(out, 'model.safetensors'))).toBe(true);
});

test('a saved model is told to fit or not, and --retrain-every fits it anew and saves what came of it', async () => {
  const folder = temporaryFolder();
  const first = path.join(folder, 'first');
  const second = path.join(folder, 'second');
  expect((await runCli(['analyze', tableFile(folder, 'a.csv'), '--out', first, '-q'])).code).toBe(0);
  const model = path.join(first, 'model.safetensors');
  const moved = tableFile(folder, 'b.csv', 3);
  const run = await runCli(['analyze', moved, '--model', model, '--retrain-every', '500', '--out', second]);
  expect(run.code).toBe(0);
  expect(run.stdout).toMatch(/^Model {8}fit it anew\. /m);
  const { drift, model: used } = runOf(second);
  expect([drift?.advice, drift?.worst[0]?.name]).toEqual(['retrain', 'bytes']);
  expect(used?.learning).toMatchObject({ rows: 800, refits: 1 });
  expect(fs.readFileSync(path.join(second, 'report.html'), 'utf8')).toContain('id="drift"');
  expect(fs.readFileSync(path.join(second, 'model.safetensors')).equals(fs.readFileSync(model))).toBe(false);
});

test('what can not be is refused with what would be right', async () => {
  const folder = temporaryFolder();
  const file = tableFile(folder, 'a.csv');
  const refused = async (...args: string[]): Promise<[number | null, string]> => {
    const { code, stderr } = await runCli(['analyze', file, '--out', path.join(folder, 'out'), ...args]);
    return [code, stderr];
  };
  expect(await refused('--algorithm', 'isolation-florest')).toEqual([
    2,
    expect.stringMatching(
      /^error: There is no algorithm 'isolation-florest'\.\n {2}Did you mean 'isolation-forest'\? Known ones: /,
    ),
  ]);
  expect(await refused('--algorithm', 'knn', '--model', 'm.safetensors')).toEqual([
    2,
    'error: --algorithm and --model exclude each other: a saved model is of the kind that it is\n  leave one of them out; --retrain-every goes with both\n',
  ]);
  expect(await refused('--retrain-every', 'often')).toEqual([
    2,
    'error: --retrain-every often: neither a time nor a number of rows\n  for example --retrain-every 6h, or --retrain-every 10000\n',
  ]);
});
