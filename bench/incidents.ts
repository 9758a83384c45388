/**
 * How many incidents each evaluation capture and log gives, how many detections they join, and how often each detector led one rightly: the table and the counts of docs/incidents.md.
 *
 *     node --experimental-strip-types bench/incidents.ts [--only <text in the path>] [benign capture...]
 *
 * Right: the incident matches the case that the capture is known for. Wrong: an incident of low severity or more in a benign capture. What else stands beside a known attack counts as
 * neither. Detections are counted after grouping, so that the ratio of detections to incidents is what the joining does.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { severityRank } from '../src/incident/index.ts';
import { expandInputs } from '../src/io/index.ts';
import { analyze } from '../src/pipeline/index.ts';
import type { IncidentsDocument } from '../src/report/index.ts';
import { DATA, textTable } from './child.ts';
import { BENIGN, CAPTURES } from './evaluate-capture.ts';
import { type Case, matches } from './evaluate-case.ts';
import { LOGS, logInputs } from './evaluate-log.ts';

const { values, positionals } = parseArgs({
  options: { only: { type: 'string', default: '' } },
  allowPositionals: true,
});
if (!existsSync(DATA)) {
  console.log(`skipped: the captures and logs are not there (${DATA})`);
  process.exit(0);
}
const work = mkdtempSync(join(tmpdir(), 'anomalyst-incidents-'));
const led = new Map<string, { right: number; wrong: number }>();
const rows: string[][] = [];

async function run(name: string, inputs: readonly string[], one: Case | undefined): Promise<void> {
  const { result, parts } = await analyze({ inputs, scratchFolder: work });
  for (const incident of result.incidents) {
    const detector = incident.detections[0]?.detector ?? '';
    const count = led.get(detector) ?? { right: 0, wrong: 0 };
    const plain = JSON.parse(JSON.stringify(incident)) as IncidentsDocument['incidents'][number];
    if (one !== undefined) count.right += one.need !== 'quiet' && matches(one, plain) ? 1 : 0;
    else if (severityRank(incident.severity) >= severityRank('low')) count.wrong++;
    led.set(detector, count);
  }
  if (result.incidents.length > 0)
    rows.push([name.slice(-60), String(parts.detections.length), String(result.incidents.length)]);
}

/** The folder with what a zip file holds; any other path as it is. */
function unpacked(path: string): string {
  if (!path.endsWith('.zip')) return path;
  const folder = mkdtempSync(join(work, 'zip-'));
  spawnSync('python3', ['-m', 'zipfile', '-e', path, folder]);
  return folder;
}

try {
  for (const file of positionals) await run(file, [file], undefined);
  for (const one of [...CAPTURES, ...LOGS]) {
    const path = join(DATA, one.path);
    if (!existsSync(path) || !one.path.includes(values.only)) continue;
    const log = LOGS.find((each) => each === one);
    const inputs = log === undefined ? [unpacked(path)] : logInputs(log, path);
    if (typeof inputs !== 'string') await run(one.path, expandInputs([...inputs], { rows: true }), one);
  }
  for (const [folder] of BENIGN) {
    const path = join(DATA, folder);
    if (!existsSync(path) || !folder.includes(values.only)) continue;
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }).sort())
      if (/\.(pcap|pcapng|cap)(\.gz)?$/.test(name)) await run(join(folder, name), [join(path, name)], undefined);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(textTable(['input', 'detections', 'incidents'], rows));
console.log('');
console.log(
  textTable(
    ['detector', 'right', 'wrong'],
    [...led].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, { right, wrong }]) => [id, String(right), String(wrong)]),
  ),
);
