import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitModel, loadModel, type Model } from '../model/index.ts';
import { DriftMeter, measureDrift } from './drift.ts';

const NAMES = ['bytes', 'packets', 'ports', 'class', 'rate', 'gap'];
const FEATURES = NAMES.map((name) => ({ name, unit: '', meaning: '' }));

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

/** Rows of one kind: heavy tails, counts that are mostly 0, classes, values that are often missing. */
function rowsOf(seed: number, n: number, change: (row: number[], i: number) => void = () => undefined): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array(n * NAMES.length);
  for (let i = 0; i < n; i++) {
    const size = normal(random);
    const row = [
      Math.exp(2 * size),
      size + 0.3 * normal(random),
      random.float() < 0.8 ? 0 : 1 + random.below(9),
      random.below(4),
      random.float() < 0.3 ? Number.NaN : random.float(),
      normal(random),
    ];
    change(row, i);
    values.set(row, i * NAMES.length);
  }
  return { features: FEATURES, rowCount: n, values };
}

function pieces(matrix: FeatureMatrix, size: number): FeatureMatrix[] {
  const d = matrix.features.length;
  return Array.from({ length: Math.ceil(matrix.rowCount / size) }, (_, k) => {
    const values = matrix.values.slice(k * size * d, (k + 1) * size * d);
    return { features: matrix.features, rowCount: values.length / d, values };
  });
}

const model = fitModel('isolation-forest', rowsOf(1, 6000), { seed: 4 });

describe('drift of rows from what a model was fitted on', () => {
  it('is not found in other rows of the same kind, however few or many they are', () => {
    let alarms = 0;
    for (let seed = 0; seed < 60; seed++)
      if (measureDrift(model, rowsOf(100 + seed, 200 + 40 * seed)).advice !== 'keep') alarms++;
    expect(alarms).toBe(0);
    const many = measureDrift(model, rowsOf(9, 100_000));
    expect(many.advice).toBe('keep');
    expect(many.reasons).toEqual(['Scores and features are as they were when the model was fitted.']);
    expect(many.scores?.gap).toBeLessThan(0.05);
    expect(many.changeCount).toBe(0);
  });

  it('is not found against a model of few rows either', () => {
    let alarms = 0;
    for (let seed = 0; seed < 30; seed++) {
      const small = fitModel('ecod', rowsOf(500 + seed, 300), { seed });
      if (measureDrift(small, rowsOf(900 + seed, 250)).advice !== 'keep') alarms++;
    }
    expect(alarms).toBeLessThanOrEqual(1);
  });

  it.each([
    [
      'bytes',
      'higher',
      (row: number[]) => {
        row[0] = (row[0] ?? 0) * 30;
      },
    ],
    [
      'packets',
      'lower',
      (row: number[]) => {
        row[1] = (row[1] ?? 0) - 1.5;
      },
    ],
    [
      'ports',
      'higher',
      (row: number[]) => {
        if (row[2] === 0 && (row[5] ?? 0) > 0) row[2] = 3;
      },
    ],
    [
      'class',
      'lower',
      (row: number[]) => {
        row[3] = 0;
      },
    ],
    [
      'rate',
      'more often missing',
      (row: number[]) => {
        row[4] = Number.NaN;
      },
    ],
    [
      'gap',
      'otherwise spread',
      (row: number[]) => {
        row[5] = 3 * (row[5] ?? 0);
      },
    ],
  ])('names the feature that changed: %s is %s', (name, direction, change) => {
    const drift = measureDrift(model, rowsOf(31, 1000, change));
    expect(drift.worst[0]?.name).toBe(name);
    expect(drift.features).toEqual({ compared: 6, moved: 1, movedFar: 1 });
    expect(['watch', 'retrain']).toContain(drift.advice);
    expect(drift.reasons.find((reason) => reason.startsWith('1 feature of 6 moved, and far: '))).toContain(
      `${name} (${Number(drift.worst[0]?.index.toPrecision(2))}, ${direction})`,
    );
  });

  it('asks for a new model where the scores moved far, and says what that does to alarms', () => {
    const drift = measureDrift(
      model,
      rowsOf(32, 5000, (row) => {
        row[5] = (row[5] ?? 0) + 4;
        row[1] = (row[1] ?? 0) + 2;
      }),
    );
    expect(drift.advice).toBe('retrain');
    expect(drift.scores?.gap).toBeGreaterThan(0.2);
    expect(drift.reasons[1]).toMatch(/^Of 100 ordinary rows 1 should score 0\.99 or more; here [\d.]+ of 100 do\.$/);
    expect(drift.reasons.at(-1)).toBe(
      'Fit the model anew on recent rows once you have looked at the incidents: an attack moves features and scores too, and must not become ordinary. A model fitted from this one (anomalyst train --from) leaves out what this one finds strange.',
    );
  });

  it('says when the scores changed, in rows and in time', () => {
    const matrix = rowsOf(33, 6000, (row, i) => {
      if (i >= 4000) row[5] = (row[5] ?? 0) + 6;
    });
    const meter = new DriftMeter(model);
    let first = 0;
    for (const piece of pieces(matrix, 700)) {
      const from = first;
      meter.observe(piece, { time: (row) => 1e12 + 1000 * (from + row) });
      first += piece.rowCount;
    }
    const { changes, changeCount, advice } = meter.finish();
    expect(changeCount).toBe(1);
    expect(Math.abs((changes[0]?.row ?? 0) - 4000)).toBeLessThan(150);
    expect(Math.abs((changes[0]?.ms ?? 0) - 1e12 - 4_000_000)).toBeLessThan(200_000);
    expect((changes[0]?.after ?? 0) - (changes[0]?.before ?? 0)).toBeGreaterThan(0.2);
    expect(advice).toBe('retrain');
  });

  it('is the same in one batch and in many', () => {
    const matrix = rowsOf(34, 3000, (row) => {
      row[3] = 1;
    });
    expect(measureDrift(model, pieces(matrix, 77))).toEqual(measureDrift(model, matrix));
  });

  it('can not be told from few rows, and says so', () => {
    expect(
      measureDrift(
        model,
        rowsOf(35, 199, (row) => {
          row[5] = 99;
        }),
      ),
    ).toEqual({
      rows: 199,
      advice: 'too-few',
      reasons: [
        '199 scored rows are too few to tell whether they have moved from what the model was fitted on; it takes 200.',
      ],
      features: { compared: 0, moved: 0, movedFar: 0 },
      worst: [],
      changes: [],
      changeCount: 0,
    });
  });

  it('is measured by a model that was saved, and by scores alone where its file is of the first version', () => {
    const matrix = rowsOf(36, 1000, (row) => {
      row[5] = (row[5] ?? 0) + 5;
    });
    expect(measureDrift(loadModel(model.save()), matrix)).toEqual(measureDrift(model, matrix));
    const { reference: _left, ...training } = model.training;
    const old: Model = {
      kind: model.kind,
      featureNames: model.featureNames,
      schemaVersion: model.schemaVersion,
      seed: model.seed,
      calibration: model.calibration,
      checksum: model.checksum,
      encoding: undefined,
      training,
      score: (rows) => model.score(rows),
      rawScore: (rows) => model.rawScore(rows),
      explain: (rows, row) => model.explain(rows, row),
      save: () => model.save(),
    };
    const drift = measureDrift(old, matrix);
    expect(drift.features.compared).toBe(0);
    expect(drift.advice).toBe('retrain');
    expect(drift.reasons).toContain(
      'The model file is of an older version, which kept nothing of its features to compare with, so the scores alone were compared.',
    );
  });

  it('is told from what is missing, constant and extreme without fault', () => {
    const odd = fitModel(
      'ecod',
      rowsOf(40, 300, (row) => {
        row[0] = Number.NaN;
        row[1] = 7;
      }),
    );
    const same = measureDrift(
      odd,
      rowsOf(41, 300, (row) => {
        row[0] = Number.NaN;
        row[1] = 7;
      }),
    );
    expect(same.advice).toBe('keep');
    const moved = measureDrift(
      odd,
      rowsOf(42, 300, (row) => {
        row[0] = 1e38;
        row[1] = -1e38;
      }),
    );
    expect(
      moved.worst
        .slice(0, 2)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['bytes', 'packets']);
    expect(moved.worst.every(({ index, limit }) => Number.isFinite(index) && Number.isFinite(limit))).toBe(true);
    expect(moved.worst.find(({ name }) => name === 'bytes')?.place).toBeUndefined();
  });
});
