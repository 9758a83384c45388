/**
 * Whether every incident of real captures and logs comes out of the stored records again, byte for byte: each input is analysed as on the command line, then features, model, detectors and incidents
 * run again on what was stored.
 *
 *     node bench/replay.ts [--only <text in the path>] [--quick] [-- options of analyze] [input...]
 *
 * --quick leaves out inputs of more than 20 MB. Ends with 1 when an incident or a detection differs, or records were not kept. Printed are inputs with incidents: flows, bytes of the records beside those
 * of flows.csv, detections and incidents.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { storedPlan } from '../src/cli/definitions.ts';
import { main } from '../src/cli/index.ts';
import { humanCount } from '../src/core/index.ts';
import { expandInputs } from '../src/io/index.ts';
import { detectAgain, openRecords, readArchive, replayIncident, StoredRecords } from '../src/pipeline/index.ts';
import type { IncidentsDocument } from '../src/report/index.ts';
import { DATA, textTable } from './child.ts';
import { BENIGN, CAPTURES } from './evaluate-capture.ts';
import { LOGS, logInputs } from './evaluate-log.ts';

const QUICK_BYTES = 20e6;
const end = process.argv.indexOf('--');
const options = end < 0 ? [] : process.argv.slice(end + 1);
const { values, positionals } = parseArgs({
  args: process.argv.slice(2, end < 0 ? undefined : end),
  options: { only: { type: 'string', default: '' }, quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
if (positionals.length === 0 && !existsSync(DATA)) {
  console.log(`skipped: the captures and logs are not there (${DATA})`);
  process.exit(0);
}
const work = mkdtempSync(join(tmpdir(), 'anomalyst-replay-'));
const rows: string[][] = [];
const faults: string[] = [];
let inputs = 0;
let incidents = 0;
let detections = 0;

async function run(name: string, given: readonly string[]): Promise<void> {
  if (values.quick && given.reduce((sum, path) => sum + statSync(path).size, 0) > QUICK_BYTES) return;
  const out = join(work, 'out');
  rmSync(out, { recursive: true, force: true });
  const code = await main(['analyze', ...given, '--out', out, '--quiet', ...options]);
  if (code !== 0 || !existsSync(join(out, 'incidents.json'))) {
    faults.push(`${name}: analyze ended with ${code}`);
    return;
  }
  inputs++;
  const archive = readArchive(out);
  const opened = openRecords(archive, (kept) => new StoredRecords(out, kept));
  if ('why' in opened) {
    faults.push(`${name}: ${opened.why}`);
    return;
  }
  const again = await detectAgain(archive, opened.stored, {
    scratchFolder: work,
    plan: (file) => storedPlan(file, archive),
  });
  const text = readFileSync(join(out, 'incidents.json'), 'utf8');
  const document = JSON.parse(text) as IncidentsDocument;
  for (const { id } of document.incidents) {
    const { isSame, differences, remarks } = await replayIncident(archive, text, id, again);
    if (!isSame || remarks.length > 0) faults.push(`${name} ${id}: ${[...differences, ...remarks].join('; ')}`);
  }
  if (document.incidents.length === 0 && again.detections.length !== archive.detectionCount)
    faults.push(`${name}: stored ${archive.detectionCount} detections, now ${again.detections.length}`);
  incidents += document.incidents.length;
  detections += again.detections.length;
  const csv = ['flows.csv', 'rows.csv'].map((file) => join(out, file)).find((file) => existsSync(file));
  if (document.incidents.length > 0)
    rows.push([
      name.slice(-60),
      humanCount(opened.stored.rows),
      humanCount(statSync(join(out, 'records.zst')).size),
      csv === undefined ? '' : humanCount(statSync(csv).size),
      humanCount(again.detections.length),
      humanCount(document.incidents.length),
    ]);
}

/** The folder with what a zip file holds; any other path as it is. */
function unpacked(path: string): string {
  if (!path.endsWith('.zip')) return path;
  const folder = mkdtempSync(join(work, 'zip-'));
  spawnSync('python3', ['-m', 'zipfile', '-e', path, folder]);
  return folder;
}

try {
  for (const file of positionals) await run(file, [file]);
  if (positionals.length === 0) {
    for (const one of [...CAPTURES, ...LOGS]) {
      const place = join(DATA, one.path);
      if (!existsSync(place) || !one.path.includes(values.only)) continue;
      const log = LOGS.find((each) => each === one);
      const given = log === undefined ? [unpacked(place)] : logInputs(log, place);
      if (typeof given !== 'string') await run(one.path, expandInputs([...given], { rows: true }));
    }
    for (const [folder] of BENIGN) {
      const place = join(DATA, folder);
      if (!existsSync(place) || !folder.includes(values.only)) continue;
      for (const name of readdirSync(place, { recursive: true, encoding: 'utf8' }).sort())
        if (/\.(pcap|pcapng|cap)(\.gz)?$/.test(name)) await run(join(folder, name), [join(place, name)]);
    }
  }
  console.log(
    textTable(['input', 'flows or rows', 'bytes of records', 'of flows.csv', 'detections', 'incidents'], rows, [0]),
  );
  console.log(
    `\n${humanCount(inputs)} inputs, ${humanCount(detections)} detections, ${humanCount(incidents)} incidents; ${faults.length === 0 ? 'all came out of the records byte for byte' : `${faults.length} faults`}`,
  );
  for (const fault of faults) console.log(`  ${fault.slice(0, 600)}`);
  if (faults.length > 0) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
