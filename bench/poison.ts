/**
 * Whether a model that is fitted anew each day can be taught slowly that an attack is ordinary.
 *
 *     node bench/poison.ts [--kind isolation-forest] [--days 50] [--rows 950] [--attack 0.05] [--seeds 3]
 *
 * Ordinary rows are normal in four features. The attacker makes a share of each day's rows and wants to stand six deviations out in two of them, where the first model finds each of the rows at a budget of
 * one in a hundred. **steady**: each day 2 % of the way, come what may. **patient**: knows the model, goes 2 % of the way further on a day on which at least half of the rows were not found, else waits.
 * **innocent**: nobody attacks, and the middle of two features wanders by one deviation in the same days.
 *
 * Ways to go on: `once` fits on the first day alone; `plain` fits on the rows of each day; `trim` leaves out what the former model finds; `retrain` is `retrain` with its defaults: trimming, anchor and mix.
 */
import { parseArgs } from 'node:util';
import { Random } from '../src/core/index.ts';
import type { FeatureMatrix } from '../src/feature/index.ts';
import { fitModel, type Model } from '../src/model/index.ts';
import { retrain } from '../src/pipeline/index.ts';

const D = 4;
const FEATURES = Array.from({ length: D }, (_, j) => ({ name: `f${j}`, unit: '', meaning: '' }));
const GOAL = 6;
const BUDGET = 0.01;

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

function rowsOf(seed: number, ordinary: number, attack: number, at: number, middle: number): FeatureMatrix {
  const random = new Random(seed);
  const values = new Float32Array((ordinary + attack) * D);
  for (let i = 0; i < values.length; i++) {
    const moved = i % D < 2;
    values[i] = i >= ordinary * D ? (moved ? at : 0) + 0.3 * normal(random) : (moved ? middle : 0) + normal(random);
  }
  return { features: FEATURES, rowCount: ordinary + attack, values };
}

function foundShare(model: Model, matrix: FeatureMatrix): number {
  return model.score(matrix).filter((score) => score >= 1 - BUDGET).length / matrix.rowCount;
}

type Way = (old: Model, matrix: FeatureMatrix, seed: number) => Model;

const { values: flags } = parseArgs({
  options: {
    kind: { type: 'string', default: 'isolation-forest' },
    days: { type: 'string', default: '50' },
    rows: { type: 'string', default: '950' },
    attack: { type: 'string', default: '0.05' },
    seeds: { type: 'string', default: '3' },
  },
});
const days = Number(flags.days);
const attackers = Math.round(Number(flags.rows) * Number(flags.attack));
const ordinary = Number(flags.rows);

const WAYS: Record<string, Way> = {
  once: (old) => old,
  plain: (_, matrix, seed) => fitModel(flags.kind, matrix, { seed }),
  trim: (old, matrix) => retrain(old, matrix, { anchorShare: 0 }).model,
  retrain: (old, matrix) => retrain(old, matrix).model,
};

interface Outcome {
  /** How far the attacker got, and how much of the goal is found in the end. */
  at: number;
  found: number;
  /** Share of ordinary rows of the last day that are found. */
  alarms: number;
}

function live(way: Way, seed: number, kind: 'steady' | 'patient' | 'innocent'): Outcome {
  let model = fitModel(flags.kind, rowsOf(seed, 2 * ordinary, 0, 0, 0), { seed });
  const step = GOAL / days;
  let at = 0;
  let middle = 0;
  for (let n = 1; n <= days; n++) {
    const attack = kind === 'innocent' ? 0 : attackers;
    if (kind === 'innocent') middle = n / days;
    else if (kind === 'steady') at += step;
    else if (foundShare(model, rowsOf(seed + 7000 + n, 0, 200, at + step, 0)) < 0.5) at += step;
    model = way(model, rowsOf(seed + 1000 * n, ordinary, attack, at, middle), seed);
  }
  return {
    at,
    found: foundShare(model, rowsOf(seed + 3, 0, 500, GOAL, 0)),
    alarms: foundShare(model, rowsOf(seed + 5, 5000, 0, 0, middle)),
  };
}

const seeds = Array.from({ length: Number(flags.seeds) }, (_, k) => 11 + 97 * k);
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
console.log(
  `${flags.kind}, ${days} days of ${ordinary} ordinary rows and ${attackers} of the attacker, ${seeds.length} seeds, budget ${BUDGET}; Node ${process.version}\n`,
);
console.log('way      attacker  got to (of 6)  goal found  ordinary rows found');
for (const kind of ['steady', 'patient', 'innocent'] as const)
  for (const [name, way] of Object.entries(WAYS)) {
    const outcomes = seeds.map((seed) => live(way, seed, kind));
    const cell = (value: number, width: number): string => value.toFixed(3).padStart(width);
    console.log(
      `${name.padEnd(8)} ${kind.padEnd(8)} ${cell(mean(outcomes.map((o) => o.at)), 14)} ${cell(mean(outcomes.map((o) => o.found)), 11)} ${cell(mean(outcomes.map((o) => o.alarms)), 20)}`,
    );
  }
