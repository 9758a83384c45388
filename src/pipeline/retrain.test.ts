import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { fitModel, type Model } from '../model/index.ts';
import { retrain } from './retrain.ts';

const D = 4;
const FEATURES = Array.from({ length: D }, (_, j) => ({ name: `f${j}`, unit: '', meaning: `Feature ${j}.` }));

/** Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

/** A day: ordinary rows around `middle`, and behind them the attacker's, who stands at `at` in the first two features. */
function day(seed: number, ordinary: number, attack = 0, at = 0, middle = 0): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array((ordinary + attack) * D);
  for (let i = 0; i < values.length; i++) {
    const attacker = i >= ordinary * D;
    values[i] = attacker ? (i % D < 2 ? at : 0) + 0.3 * normal(random) : middle + normal(random);
  }
  return { features: FEATURES, rowCount: ordinary + attack, values };
}

const DAYS = 50;
const FAR = 6;

/** Share of the attacker's rows of the last step that score 0.99 or more, by a model that was taught day after day. */
function taught(first: Model, next: (old: Model, matrix: FeatureMatrix) => Model): number {
  let model = first;
  for (let n = 1; n <= DAYS; n++) model = next(model, day(100 + n, 900, 50, (FAR * n) / DAYS));
  return found(model);
}

function found(model: Model): number {
  const scores = model.score(day(7, 0, 200, FAR));
  return scores.filter((score) => score >= 0.99).length / scores.length;
}

describe('a model that is fitted anew', () => {
  it('still finds an attacker who moved 2 % a day, where plain fitting has learned the attack, and trimming alone too', {
    timeout: 120_000,
  }, () => {
    const first = fitModel('isolation-forest', day(1, 2000), { seed: 3 });
    expect(found(first)).toBe(1);
    const plain = taught(first, (_, matrix) => fitModel('isolation-forest', matrix, { seed: 3 }));
    const trimmed = taught(first, (old, matrix) => retrain(old, matrix, { anchorShare: 0 }).model);
    const ours = taught(first, (old, matrix) => retrain(old, matrix).model);
    console.log({ plain, trimmed, ours });
    expect(plain).toBeLessThan(0.5);
    expect(ours).toBe(1);
  });
});
