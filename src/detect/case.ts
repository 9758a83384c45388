import { type StringColumn, type Table, textAt } from '../core/index.ts';
import { BoundedMap, Cap, PeerCounter, saturationsOf, TimeSpan } from './bounded.ts';
import type { Detection, Detector, EvidenceFlow, NetworkContext, Saturation } from './detection.ts';
import { EvidencePool } from './evidence-pool.ts';
import { codeCount } from './told.ts';

/** What is gathered of one case of one detector, beside the detector's own measures. */
export class Case {
  readonly span = new TimeSpan();
  readonly peers = new PeerCounter(64);
  flowCount = 0;
  /** Number of its collector in the pool of the book. */
  readonly evidence: number;

  constructor(evidence: number) {
    this.evidence = evidence;
  }
}

/**
 * Cases by key for detectors that look at few flows, all of them telling ones: at its cap new keys are refused and counted, those that are in stay exact, and
 * the result does not depend on the order of the flows. About 1 kB a case.
 */
export class CaseBook<T extends Case> {
  readonly #cases: BoundedMap<string, T>;
  readonly #pool: EvidencePool;
  readonly #make: (evidence: number) => T;

  /** @param what the cases as a plural noun for the report; @param flowsPerCase evidence flows that a case keeps. */
  constructor(what: string, cap: number, make: (evidence: number) => T, maxEvidence = 10_000) {
    this.#cases = new BoundedMap(new Cap(what, cap));
    this.#pool = new EvidencePool(maxEvidence);
    this.#make = make;
  }

  /** The case of `key`, new where it is not known; undefined where there is no room for another one. */
  obtain(key: string): T | undefined {
    return this.#cases.get(key) ?? this.#cases.obtain(key, () => this.#make(this.#pool.collector()));
  }

  /** Counts a flow for a case and offers it as evidence; of a smaller rank is better. */
  saw(
    one: T,
    table: Table,
    row: number,
    flow: { readonly peer: string; readonly startMs: number | undefined; readonly endMs: number | undefined },
    rank = 0,
  ): void {
    one.span.add(flow.startMs, flow.endMs);
    one.peers.add(flow.peer);
    one.flowCount++;
    this.#pool.offer(one.evidence, table, row, rank);
  }

  /** In ascending order of the key. */
  entries(): [string, T][] {
    return this.#cases.sortedEntries();
  }

  flows(one: T): EvidenceFlow[] {
    return this.#pool.flows(one.evidence);
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
