/** How far data moved from what a model was fitted on, as a report shows it. */
export interface DriftSummary {
  /** Rows that were compared. */
  readonly rows: number;
  /** What to do about the model; `too-few` rows tell nothing. */
  readonly advice: DriftAdvice;
  /** Why, each one sentence, the weightiest first. Names of features in them come from the model file. */
  readonly reasons: readonly string[];
  /** How many features were compared, and how many moved. */
  readonly features: { readonly compared: number; readonly moved: number; readonly movedFar: number };
  /** Those that moved most, at most ten, by falling index; empty where the model has nothing to compare with. */
  readonly worst: readonly FeatureDrift[];
  /** Absent where there were too few rows, or none was scored. */
  readonly scores?: ScoreDrift;
  /** When the mean score changed, in the order of time, at most ten; and how often it did in truth. */
  readonly changes: readonly ScoreChange[];
  readonly changeCount: number;
}

export const DRIFT_ADVICE = ['too-few', 'keep', 'watch', 'retrain'] as const;
export type DriftAdvice = (typeof DRIFT_ADVICE)[number];

export interface FeatureDrift {
  readonly name: string;
  /** Population stability index, natural logarithm: 0.1 is a shift to look at, 0.25 a large one. */
  readonly index: number;
  /** What the index must exceed before it can be told from chance, for so many rows and features. */
  readonly limit: number;
  /** Where a value lies on average among those of the training: 0 below all, 0.5 as there, 1 above all; absent where all are missing. */
  readonly place?: number;
  /** Shares of rows without a value. */
  readonly missingBefore: number;
  readonly missingNow: number;
}

export interface ScoreDrift {
  /** The largest gap between the shares of calibration scores and of scores now up to any one score, 0..1 (Kolmogorov-Smirnov). */
  readonly gap: number;
  /** What the gap must exceed: 0.1, or what chance gives so few rows. */
  readonly limit: number;
  readonly calibrationRows: number;
  /** Rows that score as only a share of `promised` ordinary ones should, and the share that did. */
  readonly rates: readonly { readonly promised: number; readonly achieved: number }[];
  /** Shares of calibration scores and of scores now in 20 equal parts of 0..1. */
  readonly before: readonly number[];
  readonly now: readonly number[];
}

export interface ScoreChange {
  /** Rows that came before it. */
  readonly row: number;
  /** Epoch ms; absent where rows have no time. */
  readonly ms?: number;
  /** Mean scores before it and after it. */
  readonly before: number;
  readonly after: number;
}

/** 'higher', 'lower', 'more often missing' ...: how a feature moved, in words. */
export function driftDirection({ place, missingBefore, missingNow }: FeatureDrift): string {
  if (missingNow - missingBefore >= 0.1) return 'more often missing';
  if (missingBefore - missingNow >= 0.1) return 'less often missing';
  if (place === undefined) return 'otherwise spread';
  return place >= 0.55 ? 'higher' : place <= 0.45 ? 'lower' : 'otherwise spread';
}
