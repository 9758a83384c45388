import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli, temporaryFolder } from '../../../test/support/cli.ts';
import { ALERTS_FILE, RECORDS_FILE } from '../../pipeline/index.ts';
import type { IncidentsDocument } from '../../report/index.ts';

const demo = fileURLToPath(new URL('../../../test/fixture/demo/office.pcap', import.meta.url));
const out = temporaryFolder();

/** What a replay says, its versions, sizes and sums left out. */
async function replay(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(['replay', ...args, '--report', out]);
  const told = `${stdout}${stderr}exit ${code}`;
  return told
    .replaceAll(out, 'OUT')
    .replace(/anomalyst \d+\.\d+\.\d+/, 'anomalyst V')
    .replace(/written by \d+\.\d+\.\d+/, 'written by V')
    .replaceAll(/\([\d.]+ kB\)|[\d,]+ (?=flows|detections|stored)/g, (text) => (text.startsWith('(') ? '(N kB)' : 'N '))
    .replaceAll(/forest [0-9a-f]{12}/g, 'forest SUM')
    .replaceAll(/inc-[0-9a-f]{12}/g, 'ID');
}

function report(): IncidentsDocument {
  return JSON.parse(fs.readFileSync(path.join(out, 'incidents.json'), 'utf8')) as IncidentsDocument;
}

beforeAll(async () => {
  const list = path.join(temporaryFolder(), 'list.txt');
  fs.writeFileSync(list, '198.51.100.77\n');
  await runCli(['analyze', demo, '--out', out, '--quiet', '--threat-list', list, '--rules', 'classic']);
  // What was given is kept with the records.
  fs.rmSync(list);
}, 60_000);

describe('replay', () => {
  it('runs model and detectors again, with lists and rules that are gone since', async () => {
    expect(
      report().incidents.some(({ detections }) => detections.some(({ kind }) => kind.startsWith('threat-list.'))),
    ).toBe(true);
    expect(await replay('2')).toBe(
      `made again by anomalyst V from N flows in ${RECORDS_FILE} (N kB), written by V: features, model, detectors, incidents; seed 42, model isolation-forest SUM fitted again
all N detections of the run are the stored ones
ID: identical, byte for byte
exit 0`,
    );
  }, 60_000);

  it('says where it begins when records are not there, and what differs', async () => {
    const kept = path.join(out, RECORDS_FILE);
    fs.renameSync(kept, `${kept}.away`);
    expect(await replay('1')).toBe(
      `cannot read OUT/${RECORDS_FILE}: no such file or folder (ENOENT); so this begins at the stored detections
made again by anomalyst V from N stored detections in archive.ndjson.gz (N kB): incidents, severity, suppressions, budget and verdict; the detectors did not run
ID: identical, byte for byte
exit 0`,
    );
    fs.renameSync(`${kept}.away`, kept);
    const file = path.join(out, 'incidents.json');
    const text = fs.readFileSync(file, 'utf8');
    const urgency = report().incidents[0]?.urgency ?? 0;
    fs.writeFileSync(file, text.replace(`"urgency": ${urgency}`, '"urgency": 7'));
    expect(await replay('1', '--quiet')).toBe(`ID: it differs\n  urgency: stored 7, now ${urgency}\nexit 1`);
    fs.writeFileSync(file, text);
  }, 60_000);
});

describe('an alert budget across runs', () => {
  it('counts the alerts of earlier runs, and gives the same for the same traffic', async () => {
    const [a, b] = [temporaryFolder(), temporaryFolder()];
    const history = path.join(a, 'history.json');
    const longer = path.join(b, 'copy.pcap');
    fs.copyFileSync(demo, longer);
    const analyze = async (input: string, folder: string, ...more: string[]): Promise<string> => {
      const run = await runCli(['analyze', input, '--out', folder, '--alert-budget', '1/week', ...more]);
      return /^Alerts {7}(.*(?:\n {13}.*)*)/m.exec(run.stdout)?.[1]?.replaceAll(/\n +/g, ' ') ?? run.stderr;
    };
    const said =
      '1 alert within the budget of 1/week (urgency 97 and more); 1 incident of medium severity or more held back (urgency 56 and less): listed, with their severity, and no alerts.';
    expect(await analyze(demo, a, '--alert-history', history)).toBe(said);
    expect(await analyze(demo, a, '--alert-history', history)).toBe(said);
    // The same incidents under another name are what they were: an alert takes no room twice.
    expect(await analyze(longer, b, '--alert-history', history)).toBe(
      said.replace('1/week (', '1/week, beside 1 of earlier runs ('),
    );
    expect((JSON.parse(fs.readFileSync(history, 'utf8')) as { alerts: unknown[] }).alerts).toHaveLength(1);
    fs.writeFileSync(history, '{');
    expect(await analyze(demo, a, '--alert-history', history)).toBe(
      `error: ${history} is damaged, or no list of alerts that were shown\n  take it away: the budget then begins anew\n`,
    );
    expect(fs.existsSync(path.join(a, ALERTS_FILE))).toBe(false);
  }, 60_000);
});
