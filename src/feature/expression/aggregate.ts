import { Random } from '../../core/index.ts';
import { hashText, KeyIndex } from './key.ts';
import { TRUE, UNKNOWN, type Value, type Vector } from './vector.ts';

/**
 * Aggregates over the rows of a key: in a window that trails behind each row in event time (`over 10m by src`), or over the whole table.
 *
 * A window of length w at a row of time t holds the rows of its key with times in (t - w, t], the row itself included; of rows with the same time, those
 * that came before it. Rows of a batch are taken in the order of their times. A row that is older than the newest of its key (it came in a later batch)
 * counts as if it had that newest time, and is counted as late; where it is older by more than the window, it gets no value and leaves none. So time
 * belongs to each key alone, and a log with its rows in reverse gives missing values that are counted rather than wrong ones.
 *
 * Bounded: keys and entries (values inside of windows, distinct values, values for a median) have caps. At a cap idle keys, those whose newest entry has
 * left its window, are let go first; what then still finds no room is refused and counted, and its row gets no value.
 */

export const AGGREGATE_KINDS = [
  'count',
  'count_distinct',
  'sum',
  'mean',
  'min',
  'max',
  'sd',
  'median',
  'first',
  'last',
  'rate',
  'share',
] as const;
export type AggregateKind = (typeof AGGREGATE_KINDS)[number];

export interface AggregateLimits {
  /** Keys of one aggregate at most. */
  readonly maxKeys: number;
  /** Entries of one aggregate at most, all keys together; 16 bytes each, more for distinct values. */
  readonly maxEntries: number;
  /** Values of one key that a median is taken of; above it in a window new ones are refused, over a whole table they are sampled. */
  readonly maxMedianValues: number;
}

export const DEFAULT_AGGREGATE_LIMITS: AggregateLimits = {
  maxKeys: 65_536,
  maxEntries: 2_097_152,
  maxMedianValues: 4_096,
};

/** What the caps and the clock of an aggregate cost. */
export interface AggregateCounts {
  readonly refusedKeys: number;
  readonly refusedEntries: number;
  /** Rows older than the newest of their key. */
  readonly late: number;
  /** Of these, the ones older by more than the window: they got no value. */
  readonly tooLate: number;
}

/** Values of the argument of an aggregate, as numbers: what an accumulator counts with. NaN is left out. */
class Argument {
  readonly texts: TextPool | undefined;
  #kind: AggregateKind;
  #vector: Vector | undefined;
  #hashes = new Float64Array(0);

  constructor(kind: AggregateKind, keepsText: boolean) {
    this.#kind = kind;
    this.texts = keepsText ? new TextPool() : undefined;
  }

  begin(vector: Vector | undefined): void {
    this.#vector = vector;
    if (vector?.type === 'text') {
      const n = vector.dictionary.length;
      if (this.#hashes.length < n) this.#hashes = new Float64Array(n);
      this.#hashes.fill(Number.NaN, 0, n);
    }
  }

  /** The row's value; 1 for every row where there is no argument. */
  value(row: number): number {
    const vector = this.#vector;
    if (vector === undefined) return 1;
    if (vector.type === 'number')
      return this.#kind === 'count' ? (Number.isNaN(vector.values[row]) ? Number.NaN : 1) : vector.values[row];
    if (vector.type === 'boolean') {
      const value = vector.values[row];
      if (value === UNKNOWN) return Number.NaN;
      if (this.#kind === 'count') return value === TRUE ? 1 : Number.NaN;
      return value === TRUE ? 1 : 0;
    }
    const code = vector.codes[row];
    if (code < 0) return Number.NaN;
    if (this.#kind === 'count') return 1;
    const known = this.#hashes[code];
    if (!Number.isNaN(known)) return known;
    const text = vector.dictionary[code];
    const value = this.texts === undefined ? hashText(text) : this.texts.code(text);
    this.#hashes[code] = value;
    return value;
  }
}

/** Texts that `first` and `last` hold on to: at most 65,536, each cut to 256 characters. */
class TextPool {
  readonly dictionary: string[] = [];
  refused = 0;
  #codes = new Map<string, number>();

  /** NaN where there is no room. */
  code(text: string): number {
    const kept = text.length > 256 ? text.slice(0, 256) : text;
    let code = this.#codes.get(kept);
    if (code === undefined) {
      if (this.dictionary.length >= 65_536) {
        this.refused++;
        return Number.NaN;
      }
      code = this.dictionary.length;
      this.#codes.set(kept, code);
      this.dictionary.push(kept);
    }
    return code;
  }
}

/** The entries of one key inside of its window, oldest first, in a ring. */
class KeyWindow {
  times = new Float64Array(4);
  values = new Float64Array(4);
  head = 0;
  size = 0;
  newest = Number.NEGATIVE_INFINITY;
  readonly summary: Summary | undefined;

  constructor(summary: Summary | undefined) {
    this.summary = summary;
  }

  at(i: number): number {
    return this.values[(this.head + i) & (this.values.length - 1)];
  }

  push(time: number, value: number): void {
    if (this.size === this.times.length) this.#grow();
    const slot = (this.head + this.size) & (this.times.length - 1);
    this.times[slot] = time;
    this.values[slot] = value;
    this.size++;
    this.summary?.add(value, this);
  }

  /** Lets go what is at or before `limit`; says how many. */
  expire(limit: number): number {
    let gone = 0;
    while (this.size > 0 && this.times[this.head] <= limit) {
      const value = this.values[this.head];
      this.head = (this.head + 1) & (this.times.length - 1);
      this.size--;
      gone++;
      this.summary?.remove(value, this);
    }
    return gone;
  }

  #grow(): void {
    const n = this.times.length;
    const times = new Float64Array(2 * n);
    const values = new Float64Array(2 * n);
    for (let i = 0; i < this.size; i++) {
      const from = (this.head + i) & (n - 1);
      times[i] = this.times[from];
      values[i] = this.values[from];
    }
    this.times = times;
    this.values = values;
    this.head = 0;
  }
}

/** What is known of a window's values without looking at them all again. `remove` is told the oldest value, which has just left the ring. */
interface Summary {
  add(value: number, window: KeyWindow): void;
  remove(value: number, window: KeyWindow): void;
  /** NaN where nothing is in the window. */
  result(window: KeyWindow): number;
}

/**
 * Sum, mean and standard deviation about a value that was in the window (a pivot near the data keeps the squares small). Taking values out again
 * leaves rounding errors behind, so it starts over when as many have left as are inside.
 */
class Moments implements Summary {
  #kind: AggregateKind;
  #pivot = 0;
  #first = 0;
  #second = 0;
  #left = 0;

  constructor(kind: AggregateKind) {
    this.#kind = kind;
  }

  add(value: number, window: KeyWindow): void {
    if (window.size === 1) this.#restart(value);
    const distance = value - this.#pivot;
    this.#first += distance;
    this.#second += distance * distance;
  }

  remove(value: number, window: KeyWindow): void {
    const distance = value - this.#pivot;
    this.#first -= distance;
    this.#second -= distance * distance;
    if (++this.#left <= window.size + 64) return;
    if (window.size === 0) return;
    this.#restart(window.at(0));
    for (let i = 0; i < window.size; i++) {
      const again = window.at(i) - this.#pivot;
      this.#first += again;
      this.#second += again * again;
    }
  }

  #restart(pivot: number): void {
    this.#pivot = pivot;
    this.#first = 0;
    this.#second = 0;
    this.#left = 0;
  }

  result({ size }: KeyWindow): number {
    if (size === 0) return Number.NaN;
    if (this.#kind === 'sum') return this.#pivot * size + this.#first;
    const mean = this.#first / size;
    if (this.#kind === 'mean') return this.#pivot + mean;
    return Math.sqrt(Math.max(0, this.#second / size - mean * mean));
  }
}

/** The least or the greatest: a queue of the values that can still become it, best first. Each value enters and leaves once. */
class Extreme implements Summary {
  #sign: number;
  #queue: number[] = [];
  #head = 0;

  constructor(kind: AggregateKind) {
    this.#sign = kind === 'max' ? 1 : -1;
  }

  add(value: number): void {
    const key = value * this.#sign;
    while (this.#queue.length > this.#head && this.#queue[this.#queue.length - 1] < key) this.#queue.pop();
    this.#queue.push(key);
  }

  remove(value: number): void {
    if (this.#queue[this.#head] !== value * this.#sign) return;
    this.#head++;
    if (this.#head < 64 || this.#head * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  result({ size }: KeyWindow): number {
    return size === 0 ? Number.NaN : this.#queue[this.#head] * this.#sign;
  }
}

class Distinct implements Summary {
  #counts = new Map<number, number>();

  add(value: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }

  remove(value: number): void {
    const left = (this.#counts.get(value) ?? 1) - 1;
    if (left === 0) this.#counts.delete(value);
    else this.#counts.set(value, left);
  }

  result(): number {
    return this.#counts.size;
  }
}

/** The window's values in order of size. */
class Ordered implements Summary {
  #sorted = new Float64Array(8);
  #size = 0;

  add(value: number): void {
    if (this.#size === this.#sorted.length) {
      const grown = new Float64Array(2 * this.#size);
      grown.set(this.#sorted);
      this.#sorted = grown;
    }
    const at = this.#find(value);
    this.#sorted.copyWithin(at + 1, at, this.#size);
    this.#sorted[at] = value;
    this.#size++;
  }

  remove(value: number): void {
    const at = this.#find(value);
    this.#sorted.copyWithin(at, at + 1, this.#size);
    this.#size--;
  }

  result(): number {
    if (this.#size === 0) return Number.NaN;
    const middle = this.#size >> 1;
    return this.#size % 2 === 1 ? this.#sorted[middle] : (this.#sorted[middle - 1] + this.#sorted[middle]) / 2;
  }

  /** Position of the first value that is not below. */
  #find(value: number): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.#sorted[mid] < value) low = mid + 1;
      else high = mid;
    }
    return low;
  }
}

function summaryOf(kind: AggregateKind): Summary | undefined {
  switch (kind) {
    case 'count_distinct':
      return new Distinct();
    case 'sum':
    case 'mean':
    case 'sd':
    case 'share':
    case 'rate':
      return new Moments(kind === 'share' ? 'mean' : kind === 'rate' ? 'sum' : kind);
    case 'min':
    case 'max':
      return new Extreme(kind);
    case 'median':
      return new Ordered();
    default:
      return undefined;
  }
}

/** What an aggregate is made of; `text` where `first` or `last` is of a text. */
export interface AggregateSpec {
  readonly kind: AggregateKind;
  readonly text: boolean;
  readonly limits: AggregateLimits;
}

/** An aggregate in a trailing window. `step` takes the batches in the order of time and gives a value per row. */
export class WindowAggregate {
  readonly spec: AggregateSpec;
  readonly windowMs: number;
  readonly keys: KeyIndex;
  #argument: Argument;
  #windows: (KeyWindow | undefined)[] = [];
  #entries = 0;
  #refusedEntries = 0;
  #late = 0;
  #tooLate = 0;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #refusedAtSweep = 0;
  #now = 0;
  #makeRoom = (): boolean => this.#sweep(this.#now);

  constructor(spec: AggregateSpec, windowMs: number) {
    this.spec = spec;
    this.windowMs = windowMs;
    this.keys = new KeyIndex(spec.limits.maxKeys);
    this.#argument = new Argument(spec.kind, spec.text);
  }

  get counts(): AggregateCounts {
    return {
      refusedKeys: this.keys.refused,
      refusedEntries: this.#refusedEntries + (this.#argument.texts?.refused ?? 0),
      late: this.#late,
      tooLate: this.#tooLate,
    };
  }

  /** Texts that the codes of a text result stand for. */
  get dictionary(): readonly string[] {
    return this.#argument.texts?.dictionary ?? [];
  }

  /**
   * @param times epoch ms per row, NaN where missing. @param order rows in order of time.
   * @param out a number per row: NaN where missing; a code of `dictionary` for a text.
   */
  step(
    keyVectors: readonly Vector[],
    argument: Vector | undefined,
    times: Float64Array,
    order: Int32Array,
    out: Float64Array,
  ): void {
    this.keys.begin(keyVectors, out.length);
    this.#argument.begin(argument);
    for (let i = 0; i < order.length; i++) {
      const row = order[i];
      out[row] = this.#row(row, times[row]);
    }
  }

  #row(row: number, time: number): number {
    if (Number.isNaN(time)) return Number.NaN;
    this.#now = time;
    const group = this.keys.group(row, this.#makeRoom);
    if (group < 0) return Number.NaN;
    let window = this.#windows[group];
    if (window === undefined) {
      window = new KeyWindow(summaryOf(this.spec.kind));
      this.#windows[group] = window;
    }
    if (time > window.newest) window.newest = time;
    else if (time < window.newest) {
      this.#late++;
      if (time <= window.newest - this.windowMs) {
        this.#tooLate++;
        return Number.NaN;
      }
    }
    const limit = window.newest - this.windowMs;
    if (window.size > 0 && window.times[window.head] <= limit) this.#entries -= window.expire(limit);
    const value = this.#argument.value(row);
    if (!Number.isNaN(value)) {
      const { limits, kind } = this.spec;
      if (this.#entries >= limits.maxEntries) this.#sweep(time);
      if (this.#entries >= limits.maxEntries || (kind === 'median' && window.size >= limits.maxMedianValues)) {
        this.#refusedEntries++;
        return Number.NaN;
      }
      window.push(window.newest, value);
      this.#entries++;
    }
    return this.#result(window);
  }

  #result(window: KeyWindow): number {
    switch (this.spec.kind) {
      case 'count':
        return window.size;
      case 'rate':
        return window.size === 0 ? 0 : (1000 * (window.summary?.result(window) ?? 0)) / this.windowMs;
      case 'first':
        return window.size === 0 ? Number.NaN : window.at(0);
      case 'last':
        return window.size === 0 ? Number.NaN : window.at(window.size - 1);
      default:
        return window.summary?.result(window) ?? Number.NaN;
    }
  }

  /** Lets idle keys go. A sweep looks at every key, so one is made only when time has moved on by an eighth of the window or much was refused since. */
  #sweep(now: number): boolean {
    const refused = this.keys.refused + this.#refusedEntries;
    if (
      now < this.#sweptAt + this.windowMs / 8 &&
      now >= this.#sweptAt &&
      refused - this.#refusedAtSweep < this.spec.limits.maxKeys / 8
    )
      return false;
    this.#sweptAt = now;
    this.#refusedAtSweep = refused;
    return this.keys.release((group) => {
      const window = this.#windows[group];
      if (window === undefined) return true;
      if (window.newest > now - this.windowMs) return false;
      this.#entries -= window.size;
      this.#windows[group] = undefined;
      return true;
    });
  }
}

/** What is kept of one group of a whole table. */
class GroupState {
  count = 0;
  sum = 0;
  compensation = 0;
  mean = 0;
  squares = 0;
  value = Number.NaN;
  valueTime = Number.NaN;
  firstMs = Number.NaN;
  lastMs = Number.NaN;
  distinct: Set<number> | undefined;
  sample: number[] | undefined;
}

/** An aggregate over the whole table: every batch is observed, then each group has a result. */
export class WholeAggregate {
  readonly spec: AggregateSpec;
  readonly keys: KeyIndex;
  #argument: Argument;
  #groups: GroupState[] = [];
  #entries = 0;
  #refusedEntries = 0;
  #random = new Random(1);

  /** @param keys an index that several aggregates share; by default its own. */
  constructor(spec: AggregateSpec, keys?: KeyIndex) {
    this.spec = spec;
    this.keys = keys ?? new KeyIndex(spec.limits.maxKeys);
    this.#argument = new Argument(spec.kind, spec.text);
  }

  get counts(): AggregateCounts {
    return {
      refusedKeys: this.keys.refused,
      refusedEntries: this.#refusedEntries + (this.#argument.texts?.refused ?? 0),
      late: 0,
      tooLate: 0,
    };
  }

  get dictionary(): readonly string[] {
    return this.#argument.texts?.dictionary ?? [];
  }

  /** @param groups the group of each row, -1 for none. @param times epoch ms per row; undefined where the table has no time. */
  observe(groups: Int32Array, argument: Vector | undefined, times: Float64Array | undefined): void {
    this.#argument.begin(argument);
    for (let row = 0; row < groups.length; row++) {
      const group = groups[row];
      if (group < 0) continue;
      const value = this.#argument.value(row);
      if (Number.isNaN(value)) continue;
      let state = this.#groups[group];
      if (state === undefined) {
        state = new GroupState();
        this.#groups[group] = state;
      }
      this.#add(state, value, times === undefined ? Number.NaN : times[row]);
    }
  }

  #add(state: GroupState, value: number, time: number): void {
    state.count++;
    if (!Number.isNaN(time)) {
      if (!(time >= state.firstMs)) state.firstMs = time;
      if (!(time <= state.lastMs)) state.lastMs = time;
    }
    switch (this.spec.kind) {
      case 'count':
        return;
      case 'count_distinct':
        state.distinct ??= new Set();
        if (state.distinct.has(value)) return;
        if (this.#entries >= this.spec.limits.maxEntries) {
          this.#refusedEntries++;
          return;
        }
        this.#entries++;
        state.distinct.add(value);
        return;
      case 'min':
        if (!(state.value <= value)) state.value = value;
        return;
      case 'max':
        if (!(state.value >= value)) state.value = value;
        return;
      case 'first':
        // Rows without a time count in the order in which they come.
        if (state.count === 1 || time < state.valueTime) this.#keep(state, value, time);
        return;
      case 'last':
        if (state.count === 1 || !(time < state.valueTime)) this.#keep(state, value, time);
        return;
      case 'median':
        this.#sample(state, value);
        return;
      default: {
        // Neumaier's sum and Welford's variance: neither loses digits with the number of rows.
        const total = state.sum + value;
        state.compensation +=
          Math.abs(state.sum) >= Math.abs(value) ? state.sum - total + value : value - total + state.sum;
        state.sum = total;
        const distance = value - state.mean;
        state.mean += distance / state.count;
        state.squares += distance * (value - state.mean);
      }
    }
  }

  #keep(state: GroupState, value: number, time: number): void {
    state.value = value;
    state.valueTime = time;
  }

  #sample(state: GroupState, value: number): void {
    const { limits } = this.spec;
    state.sample ??= [];
    if (state.sample.length < limits.maxMedianValues && this.#entries < limits.maxEntries) {
      state.sample.push(value);
      this.#entries++;
      return;
    }
    // Vitter's algorithm R: what is kept stays a uniform sample of all.
    this.#refusedEntries++;
    const slot = this.#random.below(state.count);
    if (slot < state.sample.length) state.sample[slot] = value;
  }

  /** A number, or a code of `dictionary`; NaN where there is none. */
  result(group: number): number {
    const state = group < 0 ? undefined : this.#groups[group];
    const { kind } = this.spec;
    if (state === undefined) return group >= 0 && (kind === 'count' || kind === 'count_distinct') ? 0 : Number.NaN;
    switch (kind) {
      case 'count':
        return state.count;
      case 'count_distinct':
        return state.distinct?.size ?? 0;
      case 'sum':
        return state.sum + state.compensation;
      case 'mean':
      case 'share':
        return (state.sum + state.compensation) / state.count;
      case 'sd':
        return Math.sqrt(state.squares / state.count);
      case 'rate': {
        const seconds = (state.lastMs - state.firstMs) / 1000;
        return seconds > 0 ? (state.sum + state.compensation) / seconds : Number.NaN;
      }
      case 'median':
        return medianOf(state.sample ?? []);
      default:
        return state.value;
    }
  }
}

function medianOf(sample: readonly number[]): number {
  const sorted = Float64Array.from(sample).sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The rows of a batch in order of their times, rows without a time left out; rows of the same time keep their order. */
export function timeOrder(times: Float64Array): Int32Array {
  const n = times.length;
  let sorted = true;
  let missing = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const time = times[i];
    if (Number.isNaN(time)) missing++;
    else {
      if (time < last) sorted = false;
      last = time;
    }
  }
  const order = new Int32Array(n - missing);
  let at = 0;
  for (let i = 0; i < n; i++) if (!Number.isNaN(times[i])) order[at++] = i;
  if (!sorted) order.sort((a, b) => times[a] - times[b] || a - b);
  return order;
}

/** A key's values as a report shows them. */
export type KeyValues = readonly (Value | undefined)[];
