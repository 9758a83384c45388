import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { analyze, expandInputs, renderTerminal } from '../../src/index.ts';
import { temporaryFolder } from '../support/cli.ts';

/**
 * What the product says of bundled real captures, whole. `npm run golden` rewrites the expected texts; read the diff before you commit it.
 */

const fixture = (name: string): string => fileURLToPath(new URL(`../fixture/${name}`, import.meta.url));
const golden = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

function expectGolden(name: string, actual: string): void {
  const file = golden(name);
  if (process.env['UPDATE_GOLDEN'] === '1') fs.writeFileSync(file, actual);
  expect(actual).toBe(fs.readFileSync(file, 'utf8'));
}

test('the demo ends with the same words', async () => {
  // By a path from here: one that depends on where the project lies would be shortened where it is long.
  const demo = path.relative(process.cwd(), fixture('demo'));
  const { result } = await analyze({ inputs: expandInputs([demo]), scratchFolder: temporaryFolder() });
  const text = renderTerminal(result, {
    color: false,
    width: 80,
    top: 10,
    outDir: 'anomalyst-out',
    files: ['report.html'],
  });
  expectGolden('demo.txt', text.replaceAll(`${demo}${path.sep}`, ''));
});

test('one table holds what every bundled capture gives: packets, flows, oddities, incidents by severity and kind', async () => {
  const lines = ['capture | packets | flows | oddities | incidents'];
  for (const folder of ['demo', 'arkime', 'capture']) {
    for (const file of expandInputs([fixture(folder)])) {
      const { result } = await analyze({ inputs: [file], scratchFolder: temporaryFolder() });
      const oddities = result.oddities.map((oddity) => `${oddity.name} ${oddity.count}`).join(', ');
      const incidents = result.incidents
        .map(
          (incident) =>
            `${incident.severity} ${incident.kind} ${incident.actors.map((actor) => actor.address).join(' ')}`,
        )
        .join(', ');
      lines.push(
        `${folder}/${path.basename(file)} | ${result.run.packets} | ${result.run.flows} | ${oddities || '-'} | ${incidents || '-'}`,
      );
    }
  }
  expectGolden('captures.txt', `${lines.join('\n')}\n`);
});
