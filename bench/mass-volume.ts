/**
 * How often the mass-volume curve, which needs no labels, agrees with AUROC, which does, on which of two kinds of model is better: over all pairs of kinds on the ADBench sets, each fitted on half of the
 * ordinary rows, the curve taken on the other half, AUROC on that half and the strange rows. Pairs whose AUROC differs by less than 0.02 are left out.
 *
 *     node bench/mass-volume.ts [folder of the sets]
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { mean, Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import { auroc, fitModel } from '../src/model/index.ts';
import { drawFeatures, massVolume, takeFeatures } from '../src/pipeline/model/criterion.ts';
import { takeMatrixRows } from '../src/pipeline/model/train.ts';
import { readNpz } from './npz.ts';

const KINDS = ['isolation-forest', 'ecod', 'hbos', 'knn', 'lof', 'pca', 'loda'];
const MAX_ROWS = 4000;
const DRAWS = 8;
const CLEAR = 0.02;

const folder = process.argv[2] ?? new URL('../../shared/data/adbench', import.meta.url).pathname;
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.npz'));
let agreed = 0;
let pairs = 0;
for (const file of files.sort()) {
  const arrays = readNpz(join(folder, file));
  const x = arrays.get('X');
  const y = arrays.get('y');
  if (x === undefined || y === undefined) continue;
  const width = x.shape[1] ?? 0;
  const random = new Random(1);
  const matrix: FeatureMatrix = {
    features: Array.from({ length: width }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' })),
    rowCount: x.shape[0] ?? 0,
    values: Float32Array.from(x.values),
  };
  const drawn = (wanted: number, most: number): number[] => {
    const rows = [...y.values.keys()].filter((row) => y.values[row] === wanted);
    for (let i = rows.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [rows[i], rows[j]] = [rows[j] ?? 0, rows[i] ?? 0];
    }
    return rows.slice(0, most);
  };
  const ordinary = drawn(0, MAX_ROWS);
  const strange = drawn(1, MAX_ROWS / 2);
  const fitOn = takeMatrixRows(matrix, ordinary.slice(0, ordinary.length >> 1));
  const held = ordinary.slice(ordinary.length >> 1);
  const rest = takeMatrixRows(matrix, held);
  const judged = takeMatrixRows(matrix, [...held, ...strange]);
  const labels = judged.rowCount === 0 ? [] : Array.from({ length: judged.rowCount }, (_, i) => i >= held.length);
  const draws = Array.from({ length: DRAWS }, () => drawFeatures(fitOn, random));
  const results = KINDS.map((kind) => ({
    kind,
    area: auroc(fitModel(kind, fitOn, { seed: 1 }).rawScore(judged), labels),
    curve: mean(
      draws.map(({ columns, points }) =>
        massVolume(fitModel(kind, takeFeatures(fitOn, columns), { seed: 1 }), takeFeatures(rest, columns), points),
      ),
    ),
  }));
  let here = 0;
  let of = 0;
  for (const [i, a] of results.entries())
    for (const b of results.slice(i + 1)) {
      if (Math.abs(a.area - b.area) < CLEAR) continue;
      of++;
      if (a.area > b.area === a.curve > b.curve) here++;
    }
  agreed += here;
  pairs += of;
  console.log(
    `${file.padEnd(28)} ${here} of ${of} pairs   ${results.map(({ kind, area, curve }) => `${kind} ${area.toFixed(3)}/${curve.toFixed(3)}`).join('  ')}`,
  );
}
console.log(
  `mass-volume and AUROC agree on ${agreed} of ${pairs} pairs of kinds (${((100 * agreed) / pairs).toFixed(0)} %)`,
);
