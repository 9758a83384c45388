import { type StringColumn, type Table, textAt, widened } from '../core/index.ts';
import { BoundedMap, Cap, PeerCounter, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import type { Detection, Detector, EvidenceFlow, NetworkContext, Saturation } from './detection.ts';
import { EvidencePool } from './evidence/pool.ts';
import { codeCount } from './told.ts';

/** Peers of a case that are told apart. */
const PEERS = 64;

/**
 * What every case of a book has, in columns by its number: most cases have one peer and few flows, so that objects and numbers of their own would be most of what they take.
 * A number is that of a collector in the pool of the book.
 */
class CaseColumns {
  firstMs = new Float64Array(0);
  lastMs = new Float64Array(0);
  flowCount = new Int32Array(0);
  /** The only peer, or the counter of several. */
  readonly peers: (string | PeerCounter)[] = [];

  add(number: number): void {
    if (number >= this.flowCount.length) {
      const n = Math.max(16, 2 * this.flowCount.length);
      this.firstMs = widened(this.firstMs, n);
      this.lastMs = widened(this.lastMs, n);
      this.flowCount = widened(this.flowCount, n);
    }
    this.firstMs[number] = Number.POSITIVE_INFINITY;
    this.lastMs[number] = Number.NEGATIVE_INFINITY;
  }

  saw(number: number, peer: string, startMs: number | undefined, endMs: number | undefined): void {
    for (const ms of [startMs, endMs ?? startMs]) {
      if (ms === undefined || !Number.isFinite(ms)) continue;
      if (ms < (this.firstMs[number] as number)) this.firstMs[number] = ms;
      if (ms > (this.lastMs[number] as number)) this.lastMs[number] = ms;
    }
    const known = this.peers[number];
    if (known === undefined) this.peers[number] = peer;
    else if (known !== peer) {
      const several = typeof known === 'string' ? this.peersOf(number) : known;
      several.add(peer);
      this.peers[number] = several;
    }
    this.flowCount[number] = (this.flowCount[number] as number) + 1;
  }

  peersOf(number: number): PeerCounter {
    const known = this.peers[number];
    if (typeof known === 'object') return known;
    const counter = new PeerCounter(PEERS);
    const times = this.flowCount[number] as number;
    if (known !== undefined) counter.add(known, times, times);
    return counter;
  }
}

/** What is gathered of one case of one detector, beside the detector's own measures. */
export class Case {
  readonly #columns: CaseColumns;
  /** Of its collector in the pool of the book. */
  readonly number: number;

  constructor(columns: CaseColumns, number: number) {
    this.#columns = columns;
    this.number = number;
  }

  /** Made anew for who asks. */
  get span(): TimeSpan {
    const span = new TimeSpan();
    span.add(this.#columns.firstMs[this.number], this.#columns.lastMs[this.number]);
    return span;
  }

  get peers(): PeerCounter {
    return this.#columns.peersOf(this.number);
  }

  get flowCount(): number {
    return this.#columns.flowCount[this.number] as number;
  }
}

/**
 * Cases by key for detectors that look at few flows, all of them telling ones: at its cap new keys are refused and counted, those that are in stay exact, and
 * the result does not depend on the order of the flows. About 1 kB a case with all of its evidence, 200 bytes of it its own.
 */
export class CaseBook<T extends Case> {
  readonly #cases: BoundedMap<string, T>;
  readonly #columns = new CaseColumns();
  readonly #pool: EvidencePool;
  readonly #make: new (
    columns: CaseColumns,
    number: number,
  ) => T;

  /** @param what the cases as a plural noun for the report; @param make their class; @param maxEvidence evidence flows that all of them keep. */
  constructor(what: string, cap: number, make: new (columns: CaseColumns, number: number) => T, maxEvidence = 10_000) {
    this.#cases = new BoundedMap(new Cap(what, cap));
    this.#pool = new EvidencePool(maxEvidence);
    this.#make = make;
  }

  /** The case of a key in parts, none of which holds a blank, new where it is not known; undefined where there is no room for another one. */
  obtain(...parts: readonly (string | number)[]): T | undefined {
    // Joined, the text is one piece: of a template its pieces would be kept as well.
    const key = parts.join(' ');
    return this.#cases.get(key) ?? this.#cases.obtain(key, () => this.#made());
  }

  /** The case of a key, where it is known. */
  find(...parts: readonly (string | number)[]): T | undefined {
    return this.#cases.get(parts.join(' '));
  }

  #made(): T {
    const number = this.#pool.collector();
    this.#columns.add(number);
    return new this.#make(this.#columns, number);
  }

  /** Counts a flow for a case and offers it as evidence; of a smaller rank is better. */
  saw(
    one: T,
    table: Table,
    row: number,
    flow: { readonly peer: string; readonly startMs: number | undefined; readonly endMs: number | undefined },
    rank = 0,
  ): void {
    this.#columns.saw(one.number, flow.peer, flow.startMs, flow.endMs);
    this.#pool.offer(one.number, table, row, rank);
  }

  /** In ascending order of the key. */
  entries(): [string, T][] {
    return this.#cases.sortedEntries();
  }

  flows(one: T): EvidenceFlow[] {
    return this.#pool.flows(one.number);
  }

  saturations(detector: string, further: readonly Cap[] = []): Saturation[] {
    return saturationsOf(detector, [this.#cases.cap, this.#pool.cap, ...further]);
  }
}

/** What detectors with one book of cases and nothing else to hold have in common. */
export abstract class CaseDetector<T extends Case, O> implements Detector {
  abstract readonly id: string;
  protected readonly context: NetworkContext;
  protected readonly options: O;
  protected readonly book: CaseBook<T>;

  constructor(context: NetworkContext, options: O, book: CaseBook<T>) {
    this.context = context;
    this.options = options;
    this.book = book;
  }

  abstract observe(flows: Table): void;

  abstract finish(): Detection[];

  saturations(): Saturation[] {
    return this.book.saturations(this.id);
  }
}

/** Tells something of the texts of a column; each text is judged once per batch, when it is asked for. `absent` where a row has none. */
export class Judged<T> {
  readonly #column: StringColumn;
  readonly #tell: (text: string) => T;
  readonly #absent: T;
  readonly #known: (T | undefined)[];

  constructor(column: StringColumn, tell: (text: string) => T, absent: T) {
    this.#column = column;
    this.#tell = tell;
    this.#absent = absent;
    this.#known = new Array<T | undefined>(codeCount(column)).fill(undefined);
  }

  at(row: number): T {
    const code = this.#column.codes[row] ?? -1;
    if (code < 0) return this.#absent;
    let known = this.#known[code];
    if (known === undefined) {
      known = this.#tell(textAt(this.#column, row) ?? '');
      this.#known[code] = known;
    }
    return known;
  }
}

/** The single operations of the column `operations`: no text from the network can hold the ', ' that stands between them. */
export function operationsOf(text: string): string[] {
  return text === '' ? [] : text.split(', ');
}

/** Strongest first, then by actor, first peer and port: an order that does not depend on arrival. */
export function byScore(a: Detection, b: Detection): number {
  return (
    b.score - a.score ||
    compareText(a.kind, b.kind) ||
    compareText(a.actor, b.actor) ||
    compareText(a.peers[0] ?? '', b.peers[0] ?? '') ||
    (a.port ?? -1) - (b.port ?? -1)
  );
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
