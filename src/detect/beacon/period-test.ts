import { median } from '../../core/index.ts';

/** Jitters that are tried, as shares of the period, each as likely as the others. */
const JITTERS = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1] as const;
/** Shares of the intervals that are one, two and three periods long (calls that were missed or not seen); the rest is by chance. */
const BEATS = [0.85, 0.07, 0.03] as const;
const BY_CHANCE = 0.05;
const LOG_BY_CHANCE = Math.log(BY_CHANCE);

/**
 * How likely chance makes intervals that a period explains so well: an upper bound of the p-value, as its logarithm to base 10, at most 0.
 *
 * Chance is a Poisson process with a dead time: intervals are `deadMs` and an exponential rest of the same mean as seen, which favours chance. The period is their median, with
 * an even jitter of unknown width (the mean over `JITTERS`), calls missed now and then, and 5 % of the intervals by chance. The likelihood ratio of the two has the mean 1 where
 * chance is true, so it reaches 1 / p with a probability of at most p (Markov's inequality). The median is taken from the same data, which makes the bound a little too small.
 *
 * @param gapsMs the intervals, in any order, each at least `deadMs`; fewer than three say nothing: 0.
 * @param period their median, where it is known already.
 */
export function periodTest(gapsMs: readonly number[], deadMs: number, period = median(gapsMs)): number {
  const n = gapsMs.length;
  if (n < 3) return 0;
  const mean = gapsMs.reduce((sum, gap) => sum + Math.max(0, gap - deadMs), 0) / n;
  // Below a microsecond nothing is measured.
  if (!(mean >= 1e-3) || !(period >= 1e-3)) return 0;
  const logMean = Math.log(mean);
  const logChances = Float64Array.from(gapsMs, (gap) => -Math.max(0, gap - deadMs) / mean - logMean);
  const logs = JITTERS.map((jitter) => {
    const width = jitter * period;
    let log = 0;
    for (let g = 0; g < n; g++) {
      const gap = gapsMs[g] as number;
      let beats = 0;
      for (let i = 0; i < BEATS.length; i++)
        if (Math.abs(gap - (i + 1) * period) <= width) beats += (BEATS[i] as number) / (2 * width);
      if (beats === 0) {
        log += LOG_BY_CHANCE;
        continue;
      }
      const ratio = Math.log(beats) - (logChances[g] as number);
      log += ratio > 30 ? ratio : Math.log(Math.exp(ratio) + BY_CHANCE);
    }
    return log;
  });
  const most = Math.max(...logs);
  const sum = logs.reduce((total, log) => total + Math.exp(log - most), 0);
  return Math.min(0, -(most + Math.log(sum / logs.length)) / Math.LN10) + 0;
}
