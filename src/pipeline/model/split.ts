import { Random } from '../../core/index.ts';

/** One round: rows to learn from, and rows to judge. Positions, ascending. */
export interface Fold {
  readonly train: Int32Array;
  readonly test: Int32Array;
}

export interface Folds {
  readonly folds: readonly Fold[];
  /** Whether each round judges only rows that came after all that it learned from. */
  readonly byTime: boolean;
}

/** Where fewer rows than this share have a time, time can't order them. */
const TIMED_SHARE = 0.9;

/**
 * Rounds of learning and judging.
 *
 * Rows with times are cut into `count` + 1 stretches of equal size; each stretch but the first is judged by what was learned from all before it. Drawing rows of a time series at random would let
 * neighbours of the same minute and the same attack stand on both sides, and give numbers that no deployment reaches. Rows without times are dealt into `count` parts at random, each label evenly; each part
 * is judged by what was learned from the others.
 *
 * @param times epoch ms, NaN where there is none. @param groups kind of each row, so that each is dealt evenly.
 */
export function foldsOf(times: Float64Array, groups: ArrayLike<number>, count: number, seed: number): Folds {
  const n = times.length;
  let timed = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const time of times) {
    if (Number.isNaN(time)) continue;
    timed++;
    least = Math.min(least, time);
    most = Math.max(most, time);
  }
  if (n > 0 && timed >= TIMED_SHARE * n && least < most && n > count) {
    // A row without a time is taken to be as late as the row before it.
    const at = new Float64Array(n);
    let last = least;
    times.forEach((time, row) => {
      last = Number.isNaN(time) ? last : time;
      at[row] = last;
    });
    const order = Int32Array.from(at, (_, row) => row).sort((a, b) => (at[a] ?? 0) - (at[b] ?? 0) || a - b);
    const cut = (k: number): number => Math.round((k * n) / (count + 1));
    return {
      byTime: true,
      folds: Array.from({ length: count }, (_, k) => ({
        train: order.slice(0, cut(k + 1)).sort(),
        test: order.slice(cut(k + 1), cut(k + 2)).sort(),
      })),
    };
  }
  const random = new Random(seed);
  const fold = new Int32Array(n);
  const byGroup = new Map<number, number[]>();
  for (let row = 0; row < n; row++) {
    const group = groups[row] ?? 0;
    const list = byGroup.get(group) ?? [];
    list.push(row);
    byGroup.set(group, list);
  }
  let next = 0;
  for (const [, rows] of [...byGroup].sort(([a], [b]) => a - b)) {
    for (let i = rows.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      const row = rows[i] ?? 0;
      rows[i] = rows[j] ?? 0;
      rows[j] = row;
    }
    for (const row of rows) fold[row] = next++ % count;
  }
  return {
    byTime: false,
    folds: Array.from({ length: count }, (_, k) => ({
      train: positions(fold, (value) => value !== k),
      test: positions(fold, (value) => value === k),
    })),
  };
}

/** The last third of the rows by time, or an even draw of a third where there are no times, kept aside from all choosing; and the rest. */
export function holdOut(
  times: Float64Array,
  groups: ArrayLike<number>,
  seed: number,
): { readonly rest: Int32Array; readonly held: Int32Array; readonly byTime: boolean } {
  // Two rounds by time are three stretches; three parts at random are thirds.
  const early = foldsOf(times, groups, 2, seed);
  const { folds, byTime } = early.byTime ? early : foldsOf(times, groups, 3, seed);
  const last = folds.at(-1);
  return { rest: last?.train ?? new Int32Array(0), held: last?.test ?? new Int32Array(0), byTime };
}

function positions(fold: Int32Array, wanted: (value: number) => boolean): Int32Array {
  const out: number[] = [];
  fold.forEach((value, row) => {
    if (wanted(value)) out.push(row);
  });
  return Int32Array.from(out);
}
