import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/index.ts';
import { classifyInputs } from '../classify.ts';
import { evaluateModels } from './evaluate.ts';
import { openRows } from './row-set.ts';
import { explainRow, scoreInputs } from './score.ts';
import { sampleOf, spanOf, trainModel } from './train.ts';
import { tuneModel } from './tune.ts';

let folder = '';
let file = '';

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'train-'));
  file = path.join(folder, 'rows.csv');
  const random = new Random(3);
  const lines = Array.from(
    { length: 700 },
    (_, i) => `${i},name${i % 9},${random.float()},${i % 50 === 0 ? 'odd' : 'normal'}`,
  );
  fs.writeFileSync(file, `n,name,value,class\n${lines.join('\n')}\n`);
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const reading = async (): Promise<{ inputs: Awaited<ReturnType<typeof classifyInputs>>; scratchFolder: string }> => ({
  inputs: await classifyInputs([file], {}),
  scratchFolder: folder,
});

describe('rows for models', () => {
  it('are drawn evenly where there are more than are wanted, in their order, the same for the same seed', async () => {
    const set = await openRows({ ...(await reading()), label: 'class' });
    try {
      const sample = sampleOf(set, { seed: 4, maxRows: 50, keepTable: true });
      expect(sample.seen).toBe(700);
      expect(sample.rows).toHaveLength(50);
      expect([...sample.rows]).toEqual([...sample.rows].sort((a, b) => a - b));
      expect(sample.table?.rowCount).toBe(50);
      // The column n counts from 0, row numbers from 1.
      expect([...sample.rows].map((row) => row - 1)).toEqual([...(sample.table?.numbers('n').values ?? [])]);
      expect(sampleOf(set, { seed: 4, maxRows: 50 }).rows).toEqual(sample.rows);
      expect(sampleOf(set, { seed: 5, maxRows: 50 }).rows).not.toEqual(sample.rows);
      expect(sampleOf(set, { seed: 5 }).rows).toHaveLength(700);
    } finally {
      set.close();
    }
  });

  it('learn how rare a text is on ordinary rows alone where labels say which those are', async () => {
    const odd = path.join(folder, 'odd.csv');
    const lines = Array.from({ length: 400 }, (_, i) =>
      i % 4 === 0 ? `bad${i % 8},${i},attack` : `good${i % 3},${i},normal`,
    );
    fs.writeFileSync(odd, `name,value,class\n${lines.join('\n')}\n`);
    const options = { inputs: await classifyInputs([odd], {}), scratchFolder: folder, label: 'class' };
    const rows = async (ordinary: { column: string } | undefined): Promise<unknown> => {
      const set = await openRows({ ...options, ordinary });
      try {
        return set.encoding();
      } finally {
        set.close();
      }
    };
    expect(await rows({ column: 'class' })).toMatchObject({
      rows: 300,
      texts: {
        name: [
          ['good0', 100],
          ['good1', 100],
          ['good2', 100],
        ],
      },
    });
    expect(await rows(undefined)).toMatchObject({ rows: 400 });
  });

  it('are measured by what other rows teach, so that a text of the judged rows is not known beforehand', async () => {
    const set = await openRows({ ...(await reading()), label: 'class' });
    try {
      const { table } = sampleOf(set, { seed: 1, keepTable: true });
      if (table === undefined || set.learnOn === undefined) throw new Error('tables can be learned on');
      const measure = set.learnOn(table);
      const known = measure(table);
      expect(known.features.map(({ name }) => name)).not.toContain('class.rarity');
      const column = known.features.findIndex(({ name }) => name.startsWith('name'));
      expect(column).toBeGreaterThanOrEqual(0);
    } finally {
      set.close();
    }
  });
});

describe('work that is stopped', () => {
  it('ends with a word to the operator and makes nothing', async () => {
    const abort = new AbortController();
    abort.abort();
    const options = { ...(await reading()), signal: abort.signal };
    const { model } = await trainModel({ ...(await reading()), algorithm: 'ecod', labels: { column: 'class' } });
    const labels = { column: 'class' };
    const stopped = 'stopped: nothing was written';
    await expect(trainModel(options)).rejects.toThrow(stopped);
    await expect(scoreInputs({ ...options, model, ask: { by: 'score', score: 0.9 } })).rejects.toThrow(stopped);
    await expect(explainRow({ ...options, model, row: 1 }, () => 0)).rejects.toThrow(stopped);
    await expect(
      evaluateModels({ ...options, labels, contenders: [{ name: 'ecod', algorithm: 'ecod' }] }),
    ).rejects.toThrow(stopped);
    await expect(tuneModel({ ...options, labels, algorithm: 'hbos' })).rejects.toThrow(stopped);
  });

  it('ends between two rounds, too', async () => {
    const abort = new AbortController();
    const seen: string[] = [];
    const work = tuneModel({
      ...(await reading()),
      labels: { column: 'class' },
      algorithm: 'hbos',
      trials: 1000,
      signal: abort.signal,
      onStep: (step) => {
        seen.push(step);
        if (seen.length === 3) abort.abort();
      },
    });
    await expect(work).rejects.toThrow('stopped: nothing was written');
    expect(seen[0]).toBe('the defaults');
    expect(seen[1]).toMatch(/^trial 1 of 1000, best so far [01]\.\d{4}$/);
    expect(seen).toHaveLength(3);
  });
});

describe('the time that records took', () => {
  const MINUTE = 60_000;
  const span = (...inputs: readonly (readonly [from: number, to: number] | undefined)[]): number | undefined => {
    const known = inputs.flatMap((one) => (one === undefined ? [] : one)).map((minutes) => minutes * MINUTE);
    const ms = spanOf({
      span: { firstMs: Math.min(...known), lastMs: Math.max(...known) },
      inputs: inputs.map((one) => ({
        name: 'a.pcap',
        format: 'pcap',
        compression: '',
        bytes: 1,
        packets: 1,
        status: 'complete',
        ...(one === undefined ? {} : { firstMs: one[0] * MINUTE, lastMs: one[1] * MINUTE }),
      })),
    });
    return ms === undefined ? undefined : ms / MINUTE;
  };

  it('counts no pause between recordings that lie apart', () => {
    expect(span([0, 30], [1440, 1460])).toBe(50);
    expect(span([1440, 1460], [0, 30])).toBe(50);
    expect(span([0, 30], [500, 510], [1440, 1460])).toBe(60);
  });

  it('counts the whole where recordings follow each other, overlap, or one has no times', () => {
    expect(span([0, 30])).toBe(30);
    expect(span([0, 30], [31, 60], [65, 66])).toBe(66);
    expect(span([0, 100], [10, 20], [150, 160])).toBe(160);
    expect(span([0, 30], undefined, [1440, 1460])).toBe(1460);
  });
});
