/**
 * The models on labelled tables, for `evaluate.ts`: ADBench beside what is published, NSL-KDD, labelled Zeek days. AUROC, average precision and TPR at 1 % FPR always stand together: a forest has an AUROC of
 * 0.9 on `smtp` with an average precision of 0.005.
 */
import type { RankingMeasures } from '../src/model/index.ts';
import { type AdbenchResult, bestPublished, meanOf, runAdbench } from './adbench.ts';
import { intrusionSets, measureIntrusion, threeNumbers } from './intrusion.ts';

const KINDS = ['ensemble', 'isolation-forest', 'knn'] as const;
type Kind = (typeof KINDS)[number];

interface AdbenchRun {
  readonly isSemi: boolean;
  readonly results: Readonly<Record<Kind, readonly AdbenchResult[]>>;
}

interface IntrusionRow {
  readonly set: string;
  readonly measures: Readonly<Record<Kind, RankingMeasures>>;
}

/** Everything that was measured, and on how many seeds. */
export interface ModelResults {
  readonly seeds: number;
  readonly adbench: readonly AdbenchRun[];
  readonly intrusion: readonly IntrusionRow[];
}

/** Ten seeds in full, one for the quick lane: the intrusion sets half as many. */
export function evaluateModels(isQuick: boolean): ModelResults {
  const seeds = isQuick ? 1 : 10;
  return {
    seeds,
    adbench: [false, true]
      .map((isSemi) => ({ isSemi, results: byKind((kind) => [...runAdbench({ kind, seeds, isSemi })]) }))
      .filter(({ results }) => results.ensemble.length > 0),
    intrusion: intrusionSets().map((set) => ({
      set: set.name,
      measures: byKind((kind) => measureIntrusion(set, kind, Math.ceil(seeds / 2))),
    })),
  };
}

function byKind<T>(of: (kind: Kind) => T): Record<Kind, T> {
  return { ensemble: of('ensemble'), 'isolation-forest': of('isolation-forest'), knn: of('knn') };
}

const percent = (value: number): string => (100 * value).toFixed(1);
const averageOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const cellOf = (measures: RankingMeasures): string =>
  [measures.auroc, measures.averagePrecision, measures.tprAtFpr].map(percent).join(' / ');

export const ADBENCH_HEAD = ['set', ...KINDS, 'published, forest', 'published, kNN'];
export const INTRUSION_HEAD = ['set', ...KINDS];

/** One row for each set, and their mean. */
export function adbenchRows({ results }: AdbenchRun): string[][] {
  const rows = results.ensemble.map(({ set }, i) => [
    set,
    ...KINDS.map((kind) => cellOf(meanOf(results[kind].slice(i, i + 1)))),
    results['isolation-forest'][i]?.published ?? '-',
    results.knn[i]?.published ?? '-',
  ]);
  const published = (kind: Kind): string => {
    const mean = publishedMean(results[kind]);
    return mean === undefined ? '-' : mean.toFixed(1);
  };
  return [
    ...rows,
    ['mean', ...KINDS.map((kind) => cellOf(meanOf(results[kind]))), published('isolation-forest'), published('knn')],
  ];
}

function publishedMean(results: readonly AdbenchResult[]): number | undefined {
  const mean = averageOf(results.map(({ published }) => Number.parseFloat(published ?? 'NaN')));
  return Number.isNaN(mean) ? undefined : mean;
}

export const intrusionRows = ({ intrusion }: ModelResults): string[][] =>
  intrusion.map(({ set, measures }) => [set, ...KINDS.map((kind) => threeNumbers(measures[kind]))]);

/** One sentence for each figure that is asked for. */
export function modelConclusions({ seeds, adbench, intrusion }: ModelResults): string[] {
  const sentences = adbench.map(({ isSemi, results }) => {
    const best = bestOf(isSemi, results);
    const how = isSemi ? 'on half of the normal rows' : 'on all rows';
    return `ADBench, seven sets, fitted ${how}, ${counted(seeds)}: the ensemble has a mean AUROC of ${percent(meanOf(results.ensemble).auroc)} %${best === undefined ? '' : `; the best single algorithm published, ${best.name}, ${best.auroc.toFixed(1)} %`}`;
  });
  const nsl = intrusion.find(({ set }) => set === 'nsl-kdd');
  if (nsl !== undefined)
    sentences.push(
      `NSL-KDD, fitted on normal rows, all of KDDTest+: the ensemble ${threeNumbers(nsl.measures.ensemble)} (AUROC / average precision / TPR at 1 % FPR)`,
    );
  for (const which of ['benign', 'contaminated'])
    if (intrusion.some(({ set }) => set.includes(which)))
      sentences.push(
        `intrusion sets, ${which}: the ensemble ${threeNumbers(meanIntrusion(intrusion, which))} on average`,
      );
  return sentences;
}

const counted = (seeds: number): string => (seeds === 1 ? 'one seed' : `${seeds} seeds`);

function bestOf(isSemi: boolean, results: AdbenchRun['results']): ReturnType<typeof bestPublished> {
  return bestPublished(
    isSemi,
    results.ensemble.map(({ set }) => set),
  );
}

function meanIntrusion(rows: readonly IntrusionRow[], which: string): RankingMeasures {
  const chosen = rows.filter(({ set }) => set.includes(which)).map(({ measures }) => measures.ensemble);
  const mean = (of: (one: RankingMeasures) => number): number => averageOf(chosen.map(of));
  return {
    auroc: mean((one) => one.auroc),
    averagePrecision: mean((one) => one.averagePrecision),
    tprAtFpr: mean((one) => one.tprAtFpr),
  };
}

/**
 * What is required, with room for noise: the ensemble's mean AUROC on ADBench is no worse than that of the best single algorithm published, the forest's and (on normal rows) kNN's no more than half a
 * point below what is published for them; on NSL-KDD and the mixed sets the ensemble stays near what it has. With one seed the room is half a point more.
 */
export function modelViolations({ seeds, adbench, intrusion }: ModelResults): string[] {
  const room = seeds === 1 ? 0.5 : 0;
  const found: string[] = [];
  const least = (what: string, value: number, bound: number): void => {
    if (!(value >= bound)) found.push(`${what}: ${value.toFixed(3)}, required ${bound.toFixed(3)}`);
  };
  for (const { isSemi, results } of adbench) {
    const how = isSemi ? 'semi-supervised' : 'unsupervised';
    const best = bestOf(isSemi, results);
    const auroc = (kind: Kind): number => 100 * meanOf(results[kind]).auroc;
    if (best !== undefined) least(`ADBench, ${how}: mean AUROC of the ensemble`, auroc('ensemble'), best.auroc - room);
    const forest = publishedMean(results['isolation-forest']);
    if (forest !== undefined)
      least(`ADBench, ${how}: mean AUROC of the isolation forest`, auroc('isolation-forest'), forest - 0.5 - room);
    const knn = publishedMean(results.knn);
    if (isSemi && knn !== undefined) least(`ADBench, ${how}: mean AUROC of kNN`, auroc('knn'), knn - 0.5 - room);
  }
  const nsl = intrusion.find(({ set }) => set === 'nsl-kdd')?.measures.ensemble;
  if (nsl !== undefined) {
    least('NSL-KDD: AUROC of the ensemble', nsl.auroc, 0.968);
    least('NSL-KDD: average precision of the ensemble', nsl.averagePrecision, 0.972);
    least('NSL-KDD: TPR at 1 % FPR of the ensemble', nsl.tprAtFpr, 0.6);
  }
  for (const [which, bounds] of [
    ['benign', [0.98, 0.82, 0.75]],
    ['contaminated', [0.975, 0.72, 0.55]],
  ] as const) {
    if (!intrusion.some(({ set }) => set.includes(which))) continue;
    const mean = meanIntrusion(intrusion, which);
    least(`intrusion sets, ${which}: mean AUROC of the ensemble`, mean.auroc, bounds[0]);
    least(`intrusion sets, ${which}: mean average precision of the ensemble`, mean.averagePrecision, bounds[1]);
    least(`intrusion sets, ${which}: mean TPR at 1 % FPR of the ensemble`, mean.tprAtFpr, bounds[2]);
  }
  return found;
}

/** As plain data. */
export function modelNode({ seeds, adbench, intrusion }: ModelResults): object {
  return {
    seeds,
    adbench: adbench.map(({ isSemi, results }) => ({
      fittedOn: isSemi ? 'first half of the normal rows' : 'all rows',
      sets: results.ensemble.map(({ set }, i) => ({
        set,
        ...byKind((kind) => ({ ...meanOf(results[kind].slice(i, i + 1)), published: results[kind][i]?.published })),
      })),
      mean: byKind((kind) => meanOf(results[kind])),
    })),
    intrusion: intrusion.map(({ set, measures }) => ({ set, ...measures })),
  };
}
