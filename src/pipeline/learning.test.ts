import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random, type Schema, UserError } from '../core/index.ts';
import { loadModel, models } from '../model/index.ts';
import { renderHtml, renderJson } from '../report/index.ts';
import { analyze } from './analyze.ts';
import { classifyInputs } from './classify.ts';
import { LearningModel, parseRetrainEvery } from './learning.ts';
import { type AnalyzeTableOptions, analyzeTable, autoPlan, type TableAnalysis } from './table/index.ts';

let folder = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'learning-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const DEMO = fileURLToPath(new URL('../../test/fixture/demo/office.pcap', import.meta.url));

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

/** Rows ten seconds apart, of twenty hosts; `odd` says in which of them h7 does something else. */
function tableFile(name: string, first: number, n: number, odd: (i: number) => boolean = () => false): string {
  const random = new Random(first + 1);
  let text = 'time,host,bytes,packets\n';
  for (let i = first; i < first + n; i++) {
    const size = normal(random);
    const strange = odd(i);
    text += `${1_700_000_000 + 10 * i},h${strange ? 7 : random.below(20)},${Math.round(1e4 * Math.exp(0.4 * size)) * (strange ? 50 : 1)},${Math.round(100 + 30 * size + 5 * normal(random))}\n`;
  }
  const at = path.join(folder, name);
  fs.writeFileSync(at, text);
  return at;
}

interface Scored extends TableAnalysis {
  readonly scores: number[];
}

async function run(name: string, options: Partial<AnalyzeTableOptions> = {}): Promise<Scored> {
  const scores: number[] = [];
  const analysis = await analyzeTable({
    inputs: await classifyInputs([name], {}),
    scratchFolder: folder,
    plan: planOf,
    onRows: (_table, _features, given) => scores.push(...(given ?? [])),
    ...options,
  });
  return { ...analysis, scores };
}

/** The automatic plan as a plain object: its features are known only once all rows were learned. */
function planOf(schema: Schema, encoding: Parameters<typeof autoPlan>[1]): ReturnType<typeof autoPlan> {
  const plan = autoPlan(schema, encoding);
  return Object.create(plan, { entity: { value: 'host' } });
}

describe.each(['half-space-trees', 'robust-random-cut-forest'])('an analysis with the streaming model %s', (kind) => {
  it('scores each row before it learns it, and finds who became another', async () => {
    const name = tableFile(`${kind}.csv`, 0, 3000, (i) => i >= 2500 && i % 25 === 0);
    const learning = new LearningModel({ kind });
    const { result, scores, model } = await run(name, { learning });
    expect(scores).toHaveLength(3000);
    // A tenth of the rows to warm up on, and fifty more.
    expect(scores.findIndex((score) => !Number.isNaN(score))).toBe(350);
    expect(scores.slice(350).some((score) => Number.isNaN(score))).toBe(false);
    const odd = scores.filter((_, i) => i >= 2500 && i % 25 === 0);
    // The trees of the one kind cut blindly, and see single features less well.
    expect(odd.filter((score) => score >= (kind === 'half-space-trees' ? 0.93 : 0.99)).length).toBeGreaterThan(12);
    expect(scores.slice(350, 2500).filter((score) => score >= 0.99).length).toBeLessThan(60);
    if (kind === 'robust-random-cut-forest')
      expect(result.incidents.map(({ kind: found, actors }) => [found, actors[0]?.address])).toContainEqual([
        'strange-record.outlier',
        'h7',
      ]);
    expect(result.run.model?.kind).toBe(kind);
    expect(result.run.model?.learning?.rows).toBe(3000);
    expect(result.run.blindSpots).toContain(
      'The model learned as it scored: 350 rows at the beginning served to make it and have no score.',
    );
    expect(result.table?.strangest[0]?.contributions[0]?.feature).toBe('bytes');
    expect(loadModel(model?.save() ?? new Uint8Array(0)).kind).toBe(kind);
    expect(renderHtml(result)).toContain('<dt>Learning</dt><dd>went on over 3,000 rows;');
    expect(JSON.parse(renderJson(result)).run.model.learning.rows).toBe(3000);
  });

  it('goes on from one window to the next as if there were none', async () => {
    const [first, second] = [tableFile(`${kind}-1.csv`, 0, 1500), tableFile(`${kind}-2.csv`, 1500, 700)];
    const learning = new LearningModel({ kind, endless: true });
    const one = await run(first, { learning });
    const two = await run(second, { learning });
    expect(one.scores.findIndex((score) => !Number.isNaN(score))).toBe(550);
    expect(two.scores.some((score) => Number.isNaN(score))).toBe(false);
    expect(two.result.run.model?.learning?.rows).toBe(2200);
    expect(two.result.run.blindSpots.some((text) => text.includes('at the beginning'))).toBe(false);
    // Measured by what the first window knew, so that the numbers mean the same.
    expect(two.model?.encoding).toEqual(one.model?.encoding);
  });

  it('gives the same bytes for the same input', async () => {
    const name = tableFile(`${kind}-same.csv`, 0, 900);
    const texts = await Promise.all(
      [1, 2].map(async () => renderJson((await run(name, { learning: new LearningModel({ kind }) })).result)),
    );
    expect(texts[1]).toBe(texts[0]);
  });

  it('does so with flows, and leaves out of what it learns what it finds strange', async () => {
    const learning = new LearningModel({ kind });
    const scored: number[] = [];
    const { result, model } = await analyze({
      inputs: [DEMO],
      scratchFolder: folder,
      learning,
      onFlows: (_table, scores) => scored.push(...(scores ?? [])),
    });
    expect(result.run.model?.kind).toBe(kind);
    expect(scored.filter((score) => Number.isNaN(score))).toHaveLength(161);
    expect(scored.filter((score) => score >= 0.999)).toHaveLength(learning.leftOut);
    expect(model?.training.rows).toBe(result.run.flows);
    for (const { evidence } of result.incidents)
      for (const item of evidence)
        if (item.type === 'measure') expect(Number.isFinite(item.contribution ?? 0)).toBe(true);
  });
});

describe('an analysis whose model is fitted anew on a schedule', () => {
  it('does so after so many rows or so much time, and leaves out what was strange', async () => {
    const name = tableFile('every.csv', 0, 4000, (i) => i >= 2000 && i % 20 === 0);
    for (const every of [{ rows: 1000 }, { ms: 10_000_000 }]) {
      const learning = new LearningModel({ kind: 'isolation-forest', every });
      const { result, scores, model } = await run(name, { learning });
      expect(scores.some((score) => Number.isNaN(score))).toBe(false);
      const { refits = 0, leftOut = 0, rows } = result.run.model?.learning ?? {};
      expect(rows).toBe(4000);
      expect(refits).toBeGreaterThanOrEqual(3);
      expect(refits).toBeLessThanOrEqual(4);
      // A hundred of h7, and about a row in a hundred by chance and model.
      expect(leftOut).toBeGreaterThan(60);
      expect(leftOut).toBeLessThan(200);
      expect(result.run.blindSpots).toContain(
        `The model was fitted anew ${refits} times along the way; ${leftOut} rows were left out of it as strange.`,
      );
      expect(model?.training.cautions[0]).toMatch(/^Fitted anew from the model [0-9a-f]{12}: /);
      expect(scores.filter((score, i) => i >= 3000 && i % 20 === 0 && score >= 0.99).length).toBeGreaterThan(40);
    }
  });

  it('goes on in the next window, and begins with a model that is given', async () => {
    const first = await run(tableFile('given.csv', 0, 1500));
    const bytes = first.model?.save() ?? new Uint8Array(0);
    const learning = new LearningModel({ every: { rows: 1000 } });
    const model = { name: 'given', bytes };
    const one = await run(tableFile('given-1.csv', 1500, 700), { learning, model });
    expect(one.result.run.model?.learning).toEqual({ rows: 700, leftOut: 0, refits: 0 });
    expect(one.model?.checksum).toBe(first.model?.checksum);
    const two = await run(tableFile('given-2.csv', 2200, 700), { learning, model });
    expect(two.result.run.model?.learning?.refits).toBe(1);
    expect(two.model?.checksum).not.toBe(first.model?.checksum);
    expect(two.model?.training.cautions[0]).toContain(first.model?.checksum.slice(0, 12));
    // Drift is told against the model that was given.
    expect(two.result.run.drift?.rows).toBe(700);
  });

  it('does so with flows', async () => {
    const learning = new LearningModel({ every: { rows: 500 } });
    const { result } = await analyze({ inputs: [DEMO], scratchFolder: folder, learning });
    expect(result.run.model?.learning?.refits).toBe(2);
    expect(result.incidents.length).toBeGreaterThanOrEqual(2);
  });

  it('keeps its model where a period is nothing but strange, and says so', async () => {
    const learning = new LearningModel({ kind: 'ecod', every: { rows: 1000 } });
    await run(tableFile('calm.csv', 0, 1000), { learning });
    const { result } = await run(
      tableFile('storm.csv', 1000, 1000, () => true),
      { learning },
    );
    expect(result.run.model?.learning?.refits).toBe(1);
    expect(result.run.blindSpots.at(-1)).toMatch(
      /^The model could not be fitted anew and stays as it was: Of 1,000 rows \d+ are left to fit anew on; it takes 100\.$/,
    );
  });
});

describe('an algorithm that is asked for', () => {
  it('is fitted on the input where it does not stream', async () => {
    const name = tableFile('kind.csv', 0, 400);
    for (const { kind, stream } of models) {
      if (stream !== undefined) continue;
      const { result, scores } = await run(name, { learning: new LearningModel({ kind }) });
      expect([result.run.model?.kind, result.run.model?.learning]).toEqual([kind, undefined]);
      expect(scores.every((score) => score >= 0 && score < 1)).toBe(true);
    }
  });

  it('is refused by name where there is none, and with a schedule where it needs none', () => {
    const refusal = (make: () => unknown): string => {
      try {
        make();
      } catch (error) {
        if (error instanceof UserError) return `${error.message} | ${error.hint?.slice(0, 62)}`;
      }
      return 'taken';
    };
    expect(refusal(() => new LearningModel({ kind: 'isolation-florest' }))).toMatch(
      /^There is no algorithm 'isolation-florest'\. \| Did you mean 'isolation-forest'\? Known ones: /,
    );
    expect(refusal(() => new LearningModel({ kind: 'half-space-trees', every: { rows: 1000 } }))).toBe(
      'The algorithm half-space-trees learns with every row and is not fitted anew on a schedule. | Leave the schedule out, or choose an algorithm that is fitted ',
    );
    const hours = (text: string): number => 3_600_000 * Number.parseInt(text, 10);
    expect(parseRetrainEvery('6h', hours)).toEqual({ ms: 21_600_000 });
    expect(parseRetrainEvery('10000', hours)).toEqual({ rows: 10_000 });
    expect(parseRetrainEvery('10,000 rows', hours)).toEqual({ rows: 10_000 });
    expect(refusal(() => parseRetrainEvery('30', hours))).toBe(
      '--retrain-every 30: 30 rows are too few to fit a model on | give 500 or more, as in --retrain-every 10000, or a time, as i',
    );
    expect(refusal(() => parseRetrainEvery('-5', hours))).toBe(
      '--retrain-every -5: neither a time nor a number of rows | for example --retrain-every 6h, or --retrain-every 10000',
    );
  });
});
