import type { Random } from '../core/index.ts';

/** At most `most` of 0 .. n-1, evenly drawn, in ascending order. */
export function drawRows(n: number, most: number, random: Random): Int32Array {
  const rows = new Int32Array(Math.min(n, most));
  if (n <= most) return rows.map((_, i) => i);
  if (most === 0) return rows;
  // A bit for each row, those in the minority drawn until they are enough: a look at each of a million rows would cost more than growing a forest.
  const marks = new Int32Array(Math.ceil(n / 32));
  const isKept = most <= n / 2;
  for (let left = isKept ? most : n - most; left > 0; ) {
    const row = random.below(n);
    const bit = 1 << (row & 31);
    if ((marks[row >>> 5] & bit) !== 0) continue;
    marks[row >>> 5] |= bit;
    left--;
  }
  let k = 0;
  for (let word = 0; word < marks.length; word++) {
    let bits = isKept ? marks[word] : ~marks[word];
    for (; bits !== 0 && k < most; bits &= bits - 1) rows[k++] = 32 * word + 31 - Math.clz32(bits & -bits);
  }
  return rows;
}

/** Draws `count` of n rows evenly, count <= n / 2; both parts in ascending order. */
export function holdBack(n: number, count: number, random: Random): { kept: Int32Array; held: Int32Array } {
  const held = drawRows(n, count, random);
  const kept = new Int32Array(n - count);
  // Run by run: kept are the rows between those that are held back.
  for (let h = 0, row = 0; h <= count; h++) {
    const end = h < count ? held[h] : n;
    countUp(kept, row - h, row, end);
    row = end + 1;
  }
  return { kept, held };
}

/** Writes from .. to - 1. */
function countUp(into: Int32Array, at: number, from: number, to: number): void {
  for (let row = from, k = at; row < to; row++, k++) into[k] = row;
}

/** 0 .. n-1 in random order (Fisher and Yates). */
export function shuffled(n: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const row = order[i];
    order[i] = order[j];
    order[j] = row;
  }
  return order;
}

/** At most `count` of the rows, evenly drawn and in ascending order; the rows themselves where there are no more. */
export function sampleRows(rows: Int32Array, count: number, random: Random): Int32Array {
  if (rows.length <= count) return rows;
  const pool = rows.slice();
  for (let i = 0; i < count; i++) {
    const j = i + random.below(pool.length - i);
    const row = pool[i];
    pool[i] = pool[j];
    pool[j] = row;
  }
  return pool.slice(0, count).sort();
}
