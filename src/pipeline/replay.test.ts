import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.ts';
import { UserError } from '../core/index.ts';
import { NO_FEEDBACK } from '../incident/index.ts';
import { OutputFile } from '../io/index.ts';
import { renderJson } from '../report/index.ts';
import { type Analysis, analyze } from './analyze.ts';
import { ARCHIVE_FILE, type Archive, archiveOf, readArchive, requireWhole, writeArchive } from './archive.ts';
import { RECORDS_FILE, RecordKeeper, type RecordsKept, StoredRecords } from './record.ts';
import { detectAgain, openRecords, replayIncident } from './replay.ts';

const demo = fileURLToPath(new URL('../../test/fixture/demo/office.pcap', import.meta.url));
let analysis: Analysis;
let archive: Archive;
let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  const records = new RecordKeeper(() => new OutputFile(folder, RECORDS_FILE));
  analysis = await analyze({ inputs: [demo], scratchFolder: temporaryFolder(), records });
  archive = archiveOf(
    analysis.parts,
    { kind: 'flows', feedback: NO_FEEDBACK, feedbackFile: 'suppressions.yaml', config: { seed: 42 } },
    records.finish([]),
  );
  writeArchive(folder, archive);
});

function complaint(of: () => unknown): string {
  try {
    of();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.message.replace(folder, '.')} | ${error.hint ?? ''}`;
  }
  return 'none';
}

describe('a replay', () => {
  it('gives every incident byte for byte from what the archive holds', async () => {
    const stored = renderJson(analysis.result);
    const again = readArchive(folder);
    expect(analysis.result.incidents.length).toBeGreaterThan(0);
    for (const { id } of analysis.result.incidents) {
      const { isSame, differences } = await replayIncident(again, stored, id);
      expect([isSame, differences]).toEqual([true, []]);
    }
    const [first] = analysis.result.incidents;
    const replayed = await replayIncident(again, stored, first?.id ?? '');
    expect(renderJson(replayed.result)).toBe(stored);
  });

  it('says what differs, place by place', async () => {
    const [first] = analysis.result.incidents;
    const id = first?.id ?? '';
    const stored = renderJson(analysis.result).replace(`"urgency": ${first?.urgency}`, '"urgency": 12');
    const { isSame, differences } = await replayIncident(readArchive(folder), stored, id);
    expect(isSame).toBe(false);
    expect(differences).toEqual([`urgency: stored 12, now ${first?.urgency}`]);
    const other = { ...readArchive(folder), tool: '0.0.1' };
    expect((await replayIncident(other, stored, id)).differences[0]).toMatch(
      /^version: the report is of anomalyst 0\.0\.1, this is /,
    );
  });
});

function kept(): Extract<RecordsKept, { isKept: true }> {
  const { records } = archive;
  if (!records.isKept) throw new Error(records.why);
  return records;
}

describe('a replay from the records', () => {
  it('runs model and detectors again, with the same detections, model and report', async () => {
    const stored = new StoredRecords(folder, kept());
    const again = await detectAgain(archive, stored, { scratchFolder: temporaryFolder() });
    expect(again.detections).toEqual(analysis.parts.detections);
    expect(again.model).toBe(analysis.model?.checksum);
    const text = renderJson(analysis.result);
    for (const { id } of analysis.result.incidents) {
      const { isSame, differences, remarks } = await replayIncident(archive, text, id, again);
      expect([isSame, differences, remarks]).toEqual([true, [], []]);
    }
  });

  it('says what differs, in the incident and in the run, where detectors were told something else', async () => {
    const stored = new StoredRecords(folder, kept());
    const settings = { ...archive.settings, detect: { beacon: false, 'strange-flow': false } } as const;
    const again = await detectAgain({ ...archive, settings }, stored, { scratchFolder: temporaryFolder() });
    const beacon = analysis.result.incidents.find(({ kind }) => kind === 'beacon.interval');
    const { isSame, incident, differences, remarks } = await replayIncident(
      archive,
      renderJson(analysis.result),
      beacon?.id ?? '',
      again,
    );
    expect([isSame, incident, differences]).toEqual([
      false,
      undefined,
      ['the incident does not come out of the records'],
    ]);
    expect(remarks[0]).toMatch(/^stored \d+ detections, now \d+$/);
    expect(remarks).toContain('beacon.interval of 192.168.20.66 is not found any more');
    const other = { ...again, detections: analysis.parts.detections.map((one) => ({ ...one, score: 0.5 })) };
    const changed = await replayIncident(archive, renderJson(analysis.result), beacon?.id ?? '', other);
    expect(changed.remarks[0]).toMatch(/^[a-z-]+\.[a-z-]+ of [\d.]+\.score: stored [\d.]+, now 0\.5$/);
    expect(changed.differences[0]).toMatch(/^urgency: stored \d+, now \d+$/);
  });

  it('says why it can not, where records are missing, changed or were not kept', () => {
    const why = (folderOf: string, records: RecordsKept = kept()): string => {
      const opened = openRecords({ ...archive, records }, (one) => new StoredRecords(folderOf, one));
      return 'why' in opened ? opened.why.replace(folderOf, '.') : 'none';
    };
    expect(why(folder)).toBe('none');
    const other = temporaryFolder();
    expect(why(other)).toContain('no such file');
    const bytes = fs.readFileSync(path.join(folder, RECORDS_FILE));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    fs.writeFileSync(path.join(other, RECORDS_FILE), bytes);
    expect(why(other)).toBe(`./${RECORDS_FILE} is not the one that this report was made of`);
    fs.writeFileSync(path.join(other, RECORDS_FILE), bytes.subarray(0, 1000));
    expect(why(other)).toBe(`./${RECORDS_FILE} is not the one that this report was made of`);
    expect(why(folder, { isKept: false, why: 'they take more than 256 MB' })).toBe(
      'the records were not kept: they take more than 256 MB',
    );
  });
});

describe('the archive of a report', () => {
  it('is the same bytes for the same run, and much smaller than the report', () => {
    const again = temporaryFolder();
    const bytes = writeArchive(again, archive);
    expect(fs.readFileSync(path.join(again, ARCHIVE_FILE))).toEqual(fs.readFileSync(path.join(folder, ARCHIVE_FILE)));
    expect(bytes).toBe(fs.statSync(path.join(again, ARCHIVE_FILE)).size);
    expect(bytes).toBeLessThan(renderJson(analysis.result).length / 4);
  });

  it('is refused when it is missing, cut, changed, something else or of another version', () => {
    const damaged = `${path.join('.', ARCHIVE_FILE)} is damaged, or no archive of a report | run anomalyst analyze again`;
    const other = temporaryFolder();
    const read = (bytes: Uint8Array): string => {
      fs.writeFileSync(path.join(other, ARCHIVE_FILE), bytes);
      return complaint(() => readArchive(other))
        .replace(other, '.')
        .replace('./', '');
    };
    const whole = fs.readFileSync(path.join(folder, ARCHIVE_FILE));
    const text = gunzipSync(whole).toString();
    const plain = damaged.replace('./', '');
    for (let cut = 0; cut < whole.length; cut += 997) expect(read(whole.subarray(0, cut))).toBe(plain);
    expect(read(gzipSync(text.replace('scan', 'scam')))).toBe(plain);
    expect(read(gzipSync('{}\n{}\n'))).toBe(plain);
    expect(read(new Uint8Array(0))).toBe(plain);
    expect(complaint(() => readArchive(path.join(folder, 'nowhere')))).toContain('run anomalyst analyze first');
  });

  it('that does not hold all detections serves no replay', () => {
    const { parts, detectionCount } = archive;
    const cut = { ...archive, parts: { ...parts, detections: parts.detections.slice(1) } };
    expect(complaint(() => requireWhole(archive))).toBe('none');
    expect(complaint(() => requireWhole(cut))).toBe(
      `the archive holds ${detectionCount - 1} of ${detectionCount} detections, so the report can't be put together from it | run anomalyst analyze again on the inputs, with --suppressions`,
    );
  });
});
