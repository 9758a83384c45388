import { UserError } from '../../core/index.ts';
import { compareScores, type Model, type ScoreDiff } from '../../model/index.ts';
import type { InputSummary } from '../../report/index.ts';
import { timeReader } from '../table/measure.ts';
import { nextTurn, TURN_MS } from '../turn.ts';
import { reasonsOf, type ScoreReason } from './reason.ts';
import { needFeatures, openRows, type RowKind, type RowSet, type RowSetOptions } from './row-set.ts';
import { endsReader, type RowEnds } from './score.ts';
import { assertGoing } from './train.ts';

/** A model, and how the inputs are read for it. */
export interface ComparedModel {
  readonly model: Model;
  readonly rows: Omit<RowSetOptions, 'encoding'>;
}

export interface CompareOptions {
  readonly a: ComparedModel;
  readonly b: ComparedModel;
  /** False-positive budget, as a share of ordinary records. Default 0.01. */
  readonly rate?: number | undefined;
  /** Rows that are told of each list, default 10. */
  readonly most?: number | undefined;
  /** Reasons of a row from each model, default 3. */
  readonly reasons?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told what is done now, for a progress line. */
  readonly onStep?: ((step: string) => void) | undefined;
}

/** One row as both models see it. */
export interface ComparedRow {
  /** Number of the row in the input, from 1; of a flow its id. */
  readonly row: number;
  readonly timeMs: number | undefined;
  readonly who: RowEnds;
  readonly a: JudgedRow;
  readonly b: JudgedRow;
}

export interface JudgedRow {
  readonly score: number;
  readonly raw: number;
  /** Largest first. */
  readonly reasons: readonly ScoreReason[];
}

export interface Comparison {
  readonly rowKind: RowKind;
  /** Rows that both models scored; what the filters of one alone left out is counted beside. */
  readonly scores: ScoreDiff;
  readonly onlyA: number;
  readonly onlyB: number;
  /** Rows on different sides of the two thresholds, the largest difference of scores first. */
  readonly changed: readonly ComparedRow[];
  /** Rows whose scores differ most. */
  readonly movers: readonly ComparedRow[];
  readonly inputs: readonly InputSummary[];
  readonly notes: readonly string[];
}

/** Rows whose scores are held at once: 100 MB. Rows beyond are left out, and it is told. */
const MAX_ROWS = 3_000_000;

/**
 * Scores the same inputs with two models, each measured as its model was, and compares what they say. Rejects with UserError for inputs that can't be read or do not fit a model; with
 * `StoppedError` when the signal comes.
 */
export async function compareOnInputs(options: CompareOptions): Promise<Comparison> {
  const { a, b, rate = 0.01, most = 10, reasons = 3, signal, onStep } = options;
  const setA = await openRows({ ...a.rows, encoding: a.model.encoding });
  try {
    assertGoing(signal, setA);
    needFeatures(a.model, setA);
    const setB = await openRows({ ...b.rows, encoding: b.model.encoding });
    try {
      assertGoing(signal, setB);
      needFeatures(b.model, setB);
      onStep?.('scoring with both models');
      const [ofA, ofB] = [await scoresOf(a.model, setA, signal), await scoresOf(b.model, setB, signal)];
      const shared = join(ofA, ofB);
      if (shared.rows.length === 0)
        throw new UserError(
          `there is no ${setA.kind === 'flows' ? 'flow' : 'row'} that both models can score`,
          setA.read > 0
            ? 'the filters that they were fitted with leave no row in common'
            : 'give an input with at least one record',
        );
      const scores = compareScores(a.model, b.model, { a: shared.a, b: shared.b }, { rate, most });
      const wanted = new Set([...(scores.sides?.changed ?? []), ...scores.movers].map((at) => shared.rows[at] ?? 0));
      onStep?.('explaining what differs');
      const seenA = judged(a.model, setA, wanted, reasons);
      const seenB = judged(b.model, setB, wanted, reasons);
      const told = (places: readonly number[]): ComparedRow[] =>
        places.flatMap((at) => {
          const row = shared.rows[at] ?? 0;
          const [one, other] = [seenA.get(row), seenB.get(row)];
          if (one === undefined || other === undefined) return [];
          return [{ row, timeMs: one.timeMs, who: one.who, a: one.judged, b: other.judged }];
        });
      const leftOut = Math.max(setA.count, setB.count) - MAX_ROWS;
      return {
        rowKind: setA.kind,
        scores,
        onlyA: ofA.rows.length - shared.rows.length,
        onlyB: ofB.rows.length - shared.rows.length,
        changed: told(scores.sides?.changed ?? []),
        movers: told(scores.movers),
        inputs: setA.inputs,
        notes: [
          ...new Set([...setA.notes, ...setB.notes]),
          ...(leftOut > 0 ? [`compared on the first ${MAX_ROWS} rows; ${leftOut} more were left out`] : []),
        ],
      };
    } finally {
      setB.close();
    }
  } finally {
    setA.close();
  }
}

interface RowScores {
  readonly rows: Float64Array;
  readonly scores: Float64Array;
}

async function scoresOf(model: Model, set: RowSet, signal: AbortSignal | undefined): Promise<RowScores> {
  const count = Math.min(set.count, MAX_ROWS);
  const numbers = new Float64Array(count);
  const scores = new Float64Array(count);
  let done = 0;
  let turn = performance.now();
  for (const { features, rows } of set.batches()) {
    const own = model.score(features);
    for (let i = 0; i < rows.length && done < count; i++, done++) {
      numbers[done] = rows[i] ?? 0;
      scores[done] = own[i] ?? 0;
    }
    if (done === count) break;
    if (performance.now() - turn > TURN_MS) {
      await nextTurn();
      assertGoing(signal);
      turn = performance.now();
    }
  }
  return { rows: numbers.subarray(0, done), scores: scores.subarray(0, done) };
}

/** The rows that both have, in the order of the first. */
function join(a: RowScores, b: RowScores): { rows: Float64Array; a: Float64Array; b: Float64Array } {
  if (a.rows.length === b.rows.length && a.rows.every((row, i) => row === b.rows[i]))
    return { rows: a.rows, a: a.scores, b: b.scores };
  const places = new Map<number, number>();
  b.rows.forEach((row, i) => {
    places.set(row, i);
  });
  const shared: number[] = [];
  a.rows.forEach((row, i) => {
    if (places.has(row)) shared.push(i);
  });
  return {
    rows: Float64Array.from(shared, (i) => a.rows[i] ?? 0),
    a: Float64Array.from(shared, (i) => a.scores[i] ?? 0),
    b: Float64Array.from(shared, (i) => b.scores[places.get(a.rows[i] ?? 0) ?? 0] ?? 0),
  };
}

interface Seen {
  readonly timeMs: number | undefined;
  readonly who: RowEnds;
  readonly judged: JudgedRow;
}

function judged(model: Model, set: RowSet, wanted: ReadonlySet<number>, most: number): Map<number, Seen> {
  const seen = new Map<number, Seen>();
  for (const { table, features, rows } of set.batches()) {
    if (seen.size === wanted.size) break;
    let readers: { at: (row: number) => number | undefined; who: (row: number) => RowEnds } | undefined;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] ?? 0;
      if (!wanted.has(row)) continue;
      readers ??= { at: timeReader(table, set.time), who: endsReader(table, set) };
      const explanation = model.explain(features, i);
      const { score, raw } = explanation;
      seen.set(row, {
        timeMs: readers.at(i),
        who: readers.who(i),
        judged: { score, raw, reasons: reasonsOf(explanation, set.features, most) },
      });
    }
  }
  return seen;
}
