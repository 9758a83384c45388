import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.ts';
import { UserError } from '../core/index.ts';
import { NO_FEEDBACK } from '../incident/index.ts';
import { renderJson } from '../report/index.ts';
import { type Analysis, analyze } from './analyze.ts';
import { ARCHIVE_FILE, type Archive, archiveOf, readArchive, requireWhole, writeArchive } from './archive.ts';
import { replayIncident } from './replay.ts';

const demo = fileURLToPath(new URL('../../test/fixture/demo/office.pcap', import.meta.url));
let analysis: Analysis;
let archive: Archive;
let folder: string;

beforeAll(async () => {
  analysis = await analyze({ inputs: [demo], scratchFolder: temporaryFolder() });
  archive = archiveOf(analysis.parts, {
    kind: 'flows',
    feedback: NO_FEEDBACK,
    feedbackFile: 'suppressions.yaml',
    config: { seed: 42 },
  });
  folder = temporaryFolder();
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
