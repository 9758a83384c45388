import type { Contribution, Explanation } from './model.ts';

/** What a model knows about one record before its score is divided among the features. Arrays are in the model's feature order. */
export interface RawShares {
  readonly featureNames: readonly string[];
  /** undefined where the value was missing. */
  readonly values: readonly (number | undefined)[];
  readonly imputed: ArrayLike<number>;
  readonly raw: number;
  readonly rawBase: number;
  /** base + sum = raw. */
  readonly rawShares: Float64Array;
  /** Part of each raw share. */
  readonly guards: Float64Array;
  readonly calibrate: (raw: number) => number;
  readonly isExtrapolated: (score: number) => boolean;
}

/**
 * Carries shares of the raw score over to the calibrated score, which is a bent, monotone function of it.
 *
 * The raw shares are the exact ones; how to divide what lies behind a bend is a choice. Dividing the rise of the score in proportion to the raw
 * shares breaks where pushes up and down nearly cancel: a small rise divided by a smaller sum gives shares of plus and minus a thousand. So the
 * features that push up are one player and those that pull down another, each gets its Shapley value in that game of two (the mean of "up
 * first" and "down first"), and divides it within itself in proportion to the raw shares (a two-level value in the manner of Owen 1977). It
 * adds up exactly, every share has the sign of its raw share and lies within -1..1, and features with equal raw shares get equal ones.
 * What it is not: a Shapley value of single features on the calibrated axis. Where the score is nearly 1 already, shares say little about
 * how much stranger one record is than another; the raw ones do.
 */
export function divideScore(from: RawShares): Explanation {
  const { featureNames, values, imputed, raw, rawBase, rawShares, guards, calibrate, isExtrapolated } = from;
  const { value: score, base, shares } = divideBent(rawBase, rawShares, raw, calibrate);
  const contributions: Contribution[] = featureNames.map((feature, j) => {
    const value = values[j];
    return {
      feature,
      value,
      ...(value === undefined ? { imputed: imputed[j] } : {}),
      contribution: shares[j],
      rawContribution: rawShares[j],
      guard: guards[j],
    };
  });
  // Array.prototype.sort is stable, so the model's order breaks the last ties.
  contributions.sort(
    (a, b) =>
      Math.abs(b.contribution) - Math.abs(a.contribution) || Math.abs(b.rawContribution) - Math.abs(a.rawContribution),
  );
  const explanation = { score, raw, base, rawBase, extrapolated: isExtrapolated(score), contributions };
  assertExact(explanation);
  return explanation;
}

/** Divides `bend(raw)` as `divideScore` says: `base` plus all shares is `value`. `bend` never falls; raw is `rawBase` plus all raw shares. */
export function divideBent(
  rawBase: number,
  rawShares: Float64Array,
  raw: number,
  bend: (raw: number) => number,
): { readonly value: number; readonly base: number; readonly shares: Float64Array } {
  let up = 0;
  let down = 0;
  for (const share of rawShares) {
    if (share > 0) up += share;
    else down -= share;
  }
  const value = bend(raw);
  // Nothing pushed either way: raw and rawBase are one number but for rounding, which a steep bend would blow up.
  const base = up === 0 && down === 0 ? value : bend(rawBase);
  const onlyUp = bend(rawBase + up);
  const onlyDown = bend(rawBase - down);
  // `value` itself stands for bend(rawBase + up - down), for the same reason.
  let upShare = (onlyUp - base + (value - onlyDown)) / 2;
  let downShare = (onlyDown - base + (value - onlyUp)) / 2;
  if (up === 0) {
    upShare = 0;
    downShare = value - base;
  } else if (down === 0) {
    upShare = value - base;
    downShare = 0;
  }
  const shares = rawShares.map((share) =>
    share > 0 ? (upShare * share) / up : share < 0 ? (downShare * -share) / down : 0,
  );
  return { value, base, shares };
}

/** How far the two sums of an explanation may be off. */
export const EXACTNESS = 1e-9;

/** Throws when the shares of an explanation do not add up: our bug, and never to be shown to anyone. */
export function assertExact(explanation: Explanation): void {
  let score = explanation.base;
  let raw = explanation.rawBase;
  for (const { contribution, rawContribution } of explanation.contributions) {
    score += contribution;
    raw += rawContribution;
  }
  if (!(Math.abs(score - explanation.score) <= EXACTNESS)) {
    throw new Error(`the shares of an explanation add up to ${score}, but the score is ${explanation.score}`);
  }
  if (!(Math.abs(raw - explanation.raw) <= EXACTNESS)) {
    throw new Error(`the raw shares of an explanation add up to ${raw}, but the raw score is ${explanation.raw}`);
  }
}
