import { type NumberColumn, numberAt, type StringColumn, type Table, textAt } from '../core/index.ts';
import { FLOW_COLUMN, flowRecord } from '../flow/index.ts';
import { Cap } from './bounded.ts';
import { type EvidenceFlow, MAX_EVIDENCE_FLOWS } from './detection.ts';

const {
  startMs: START_MS,
  id: ID,
  protocol: PROTOCOL,
  initiator: INITIATOR,
  initiatorPort: INITIATOR_PORT,
  responder: RESPONDER,
  responderPort: RESPONDER_PORT,
} = FLOW_COLUMN;

/** No flow, no collector: the end of a list. */
const NONE = -1;
/** `port` where it is not known. */
const NO_PORT = -1;

/**
 * The flows that all collectors of one detector hold, and the budget they share; at the cap a collector can still exchange a flow it holds for a better
 * one, but holds no more of them. A whole row takes about 1 kB, and nearly all that is kept is given up again: so of a row that has an id only what
 * says which flow it is stays, and the whole row is put in its place at the end, by `EvidenceRows`.
 *
 * A collector keeps the best flows of all that were offered to it, the same ones in whatever order they came: smallest rank first, then the earliest
 * start, then the smallest id, then the endpoints. With a `key`, only the best flow of each key is kept (one per target, say).
 *
 * Flows and collectors are numbers into columns, 64 bytes a flow and 6 a collector: there are tens of thousands of each, most of which are given up again, and as objects
 * they took four times as much. The flows of a collector are a list from the worst to the best, so that one look refuses most of what is offered.
 */
export class EvidencePool {
  readonly cap: Cap;
  /** Flows held by collectors. */
  held = 0;
  // Columns of flows.
  #flows = 0;
  #freeFlow = NONE;
  #rank = new Float64Array(0);
  #startMs = new Float64Array(0);
  #id = new Float64Array(0);
  /** The next better flow of the collector; the next free one of those given up. */
  #better = new Int32Array(0);
  #initiatorPort = new Int32Array(0);
  #responderPort = new Int32Array(0);
  #protocol: (string | undefined)[] = [];
  #initiator: (string | undefined)[] = [];
  #responder: (string | undefined)[] = [];
  /** Empty where no detector asks for keys. */
  #key: (string | undefined)[] = [];
  /** The rows that have no id to find them by again. */
  #whole = new Map<number, EvidenceFlow>();
  // Columns of collectors.
  #collectors = 0;
  #freeCollector = NONE;
  #worst = new Int32Array(0);
  #size = new Uint8Array(0);
  #limit = new Uint8Array(0);

  constructor(cap = 20_000) {
    this.cap = new Cap('evidence flows', cap);
  }

  /** An empty collector of at most `limit` flows, 1 to 255. */
  collector(limit = MAX_EVIDENCE_FLOWS): number {
    let collector = this.#freeCollector;
    if (collector !== NONE) this.#freeCollector = at(this.#worst, collector);
    else {
      collector = this.#collectors++;
      if (collector >= this.#worst.length) this.#growCollectors();
    }
    this.#worst[collector] = NONE;
    this.#size[collector] = 0;
    this.#limit[collector] = limit;
    return collector;
  }

  /** How many flows a collector holds. */
  size(collector: number): number {
    return at(this.#size, collector);
  }

  offer(collector: number, table: Table, row: number, rank = 0, key?: string): void {
    const startMs = cell(table, START_MS, row) ?? Number.POSITIVE_INFINITY;
    const id = cell(table, ID, row) ?? Number.POSITIVE_INFINITY;
    const worst = at(this.#worst, collector);
    const atLimit = at(this.#size, collector) >= at(this.#limit, collector);
    if (worst !== NONE && (atLimit || this.held >= this.cap.cap) && this.#ranking(rank, startMs, id, worst) > 0) {
      if (atLimit) return;
      if (key === undefined) {
        this.cap.refused++;
        return;
      }
    }
    const known = this.#find(collector, key);
    if (known !== NONE && this.#ranking(rank, startMs, id, known) > 0) return;
    this.take(collector, this.setAside(table, row, rank, key));
  }

  /** Keeps what says which flow a row is, outside every collector and every budget, until it is taken or discarded: a number. */
  setAside(table: Table, row: number, rank = 0, key?: string): number {
    let flow = this.#freeFlow;
    if (flow !== NONE) this.#freeFlow = at(this.#better, flow);
    else {
      flow = this.#flows++;
      if (flow >= this.#rank.length) this.#growFlows();
    }
    const id = cell(table, ID, row) ?? Number.POSITIVE_INFINITY;
    this.#rank[flow] = rank;
    this.#startMs[flow] = cell(table, START_MS, row) ?? Number.POSITIVE_INFINITY;
    this.#id[flow] = id;
    this.#better[flow] = NONE;
    this.#initiatorPort[flow] = cell(table, INITIATOR_PORT, row) ?? NO_PORT;
    this.#responderPort[flow] = cell(table, RESPONDER_PORT, row) ?? NO_PORT;
    this.#protocol[flow] = text(table, PROTOCOL, row);
    this.#initiator[flow] = text(table, INITIATOR, row);
    this.#responder[flow] = text(table, RESPONDER, row);
    if (key !== undefined) this.#key[flow] = key;
    if (!Number.isFinite(id)) this.#whole.set(flow, flowRecord(table, row));
    return flow;
  }

  /** A second number for what was set aside. */
  copy(flow: number): number {
    let copy = this.#freeFlow;
    if (copy !== NONE) this.#freeFlow = at(this.#better, copy);
    else {
      copy = this.#flows++;
      if (copy >= this.#rank.length) this.#growFlows();
    }
    this.#rank[copy] = at(this.#rank, flow);
    this.#startMs[copy] = at(this.#startMs, flow);
    this.#id[copy] = at(this.#id, flow);
    this.#better[copy] = NONE;
    this.#initiatorPort[copy] = at(this.#initiatorPort, flow);
    this.#responderPort[copy] = at(this.#responderPort, flow);
    this.#protocol[copy] = this.#protocol[flow];
    this.#initiator[copy] = this.#initiator[flow];
    this.#responder[copy] = this.#responder[flow];
    if (this.#key[flow] !== undefined) this.#key[copy] = this.#key[flow];
    const whole = this.#whole.get(flow);
    if (whole !== undefined) this.#whole.set(copy, whole);
    return copy;
  }

  /** Gives up what was set aside. */
  discard(flow: number): void {
    this.#protocol[flow] = undefined;
    this.#initiator[flow] = undefined;
    this.#responder[flow] = undefined;
    if (this.#key.length > flow) this.#key[flow] = undefined;
    if (this.#whole.size > 0) this.#whole.delete(flow);
    this.#better[flow] = this.#freeFlow;
    this.#freeFlow = flow;
  }

  /** Offers a flow that was set aside, which then belongs to the collector or is no more. */
  take(collector: number, flow: number): void {
    const same = this.#find(collector, this.#key[flow]);
    if (same !== NONE) {
      if (this.#compare(flow, same) >= 0) {
        this.discard(flow);
        return;
      }
      this.#unlink(collector, same);
    } else {
      const atLimit = at(this.#size, collector) >= at(this.#limit, collector);
      if (atLimit || this.held >= this.cap.cap) {
        if (!atLimit) this.cap.refused++;
        const worst = at(this.#worst, collector);
        if (worst === NONE || this.#compare(flow, worst) >= 0) {
          this.discard(flow);
          return;
        }
        this.#unlink(collector, worst);
      }
    }
    this.#link(collector, flow);
  }

  /** A collector of its own with the same flows, the best of them as far as the budget has room. */
  clone(collector: number): number {
    const copy = this.collector(at(this.#limit, collector));
    const room = Math.max(0, this.cap.cap - this.held);
    const flows = this.#bestFirst(collector).slice(0, room);
    this.cap.refused += at(this.#size, collector) - flows.length;
    for (const flow of flows) this.#link(copy, this.copy(flow));
    return copy;
  }

  /** Gives up the collector and its flows, and their room; its number must not be used any more. */
  release(collector: number): void {
    for (let flow = at(this.#worst, collector); flow !== NONE; ) {
      const next = at(this.#better, flow);
      this.discard(flow);
      flow = next;
    }
    this.held -= at(this.#size, collector);
    this.#worst[collector] = this.#freeCollector;
    this.#freeCollector = collector;
  }

  /** The kept flows in order of start time, then id, as a detection carries them. */
  flows(collector: number): EvidenceFlow[] {
    return this.#bestFirst(collector)
      .sort((a, b) => this.#compareByTime(a, b))
      .map((flow) => this.#record(flow));
  }

  #bestFirst(collector: number): number[] {
    const flows: number[] = [];
    for (let flow = at(this.#worst, collector); flow !== NONE; flow = at(this.#better, flow)) flows.push(flow);
    return flows.reverse();
  }

  #find(collector: number, key: string | undefined): number {
    if (key === undefined) return NONE;
    for (let flow = at(this.#worst, collector); flow !== NONE; flow = at(this.#better, flow))
      if (this.#key[flow] === key) return flow;
    return NONE;
  }

  /** Behind all that are as good or better. */
  #link(collector: number, flow: number): void {
    let previous = NONE;
    let next = at(this.#worst, collector);
    while (next !== NONE && this.#compare(next, flow) > 0) {
      previous = next;
      next = at(this.#better, next);
    }
    this.#better[flow] = next;
    if (previous === NONE) this.#worst[collector] = flow;
    else this.#better[previous] = flow;
    this.#size[collector] = at(this.#size, collector) + 1;
    this.held++;
  }

  #unlink(collector: number, flow: number): void {
    let previous = NONE;
    let next = at(this.#worst, collector);
    while (next !== flow) {
      previous = next;
      next = at(this.#better, next);
    }
    if (previous === NONE) this.#worst[collector] = at(this.#better, flow);
    else this.#better[previous] = at(this.#better, flow);
    this.#size[collector] = at(this.#size, collector) - 1;
    this.held--;
    this.discard(flow);
  }

  /** Below 0 where a flow of this rank, start and id goes before `other`, above 0 where after; 0 where the endpoints must decide. */
  #ranking(rank: number, startMs: number, id: number, other: number): number {
    return (
      difference(rank, at(this.#rank, other)) ||
      difference(startMs, at(this.#startMs, other)) ||
      difference(id, at(this.#id, other))
    );
  }

  #compare(a: number, b: number): number {
    return this.#ranking(at(this.#rank, a), at(this.#startMs, a), at(this.#id, a), b) || this.#compareEndpoints(a, b);
  }

  #compareByTime(a: number, b: number): number {
    return (
      difference(at(this.#startMs, a), at(this.#startMs, b)) ||
      difference(at(this.#id, a), at(this.#id, b)) ||
      this.#compareEndpoints(a, b)
    );
  }

  /** Decides only between rows without an id that began at the same time. */
  #compareEndpoints(a: number, b: number): number {
    const left = this.#endpoints(a);
    const right = this.#endpoints(b);
    return left < right ? -1 : left > right ? 1 : 0;
  }

  #endpoints(flow: number): string {
    const port = (value: number): string => (value === NO_PORT ? '' : String(value));
    return [
      this.#protocol[flow],
      this.#initiator[flow],
      port(at(this.#initiatorPort, flow)),
      this.#responder[flow],
      port(at(this.#responderPort, flow)),
    ].join(' ');
  }

  /** The columns that say which flow it is, those that are missing left out. */
  #record(flow: number): EvidenceFlow {
    const whole = this.#whole.get(flow);
    if (whole !== undefined) return whole;
    const startMs = at(this.#startMs, flow);
    const protocol = this.#protocol[flow];
    const initiator = this.#initiator[flow];
    const initiatorPort = at(this.#initiatorPort, flow);
    const responder = this.#responder[flow];
    const responderPort = at(this.#responderPort, flow);
    return {
      id: at(this.#id, flow),
      ...(Number.isFinite(startMs) ? { startMs } : {}),
      ...(protocol === undefined ? {} : { protocol }),
      ...(initiator === undefined ? {} : { initiator }),
      ...(initiatorPort === NO_PORT ? {} : { initiatorPort }),
      ...(responder === undefined ? {} : { responder }),
      ...(responderPort === NO_PORT ? {} : { responderPort }),
    };
  }

  #growFlows(): void {
    const n = Math.max(64, 2 * this.#rank.length);
    this.#rank = grown(this.#rank, new Float64Array(n));
    this.#startMs = grown(this.#startMs, new Float64Array(n));
    this.#id = grown(this.#id, new Float64Array(n));
    this.#better = grown(this.#better, new Int32Array(n));
    this.#initiatorPort = grown(this.#initiatorPort, new Int32Array(n));
    this.#responderPort = grown(this.#responderPort, new Int32Array(n));
  }

  #growCollectors(): void {
    const n = Math.max(64, 2 * this.#worst.length);
    this.#worst = grown(this.#worst, new Int32Array(n));
    this.#size = grown(this.#size, new Uint8Array(n));
    this.#limit = grown(this.#limit, new Uint8Array(n));
  }
}

/** Flows of several collectors as one detection's evidence: best ranks first while there is room, then in order of start time and id. */
export function mergeEvidence(
  collectors: readonly (readonly EvidenceFlow[])[],
  limit = MAX_EVIDENCE_FLOWS,
): EvidenceFlow[] {
  const share = Math.max(1, Math.floor(limit / Math.max(1, collectors.length)));
  const picked = new Set<EvidenceFlow>();
  for (const flows of collectors) for (const flow of flows.slice(0, share)) picked.add(flow);
  for (const flows of collectors) {
    for (const flow of flows) if (picked.size < limit) picked.add(flow);
  }
  return [...picked]
    .slice(0, limit)
    .sort(
      (a, b) =>
        difference(a.startMs ?? Infinity, b.startMs ?? Infinity) || difference(a.id ?? Infinity, b.id ?? Infinity),
    );
}

/** Like subtraction, but two infinities are equal. */
function difference(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function cell(table: Table, column: number, row: number): number | undefined {
  return numberAt(table.columns[column] as NumberColumn, row);
}

function text(table: Table, column: number, row: number): string | undefined {
  return textAt(table.columns[column] as StringColumn, row);
}

/** An element that is known to be there. */
function at(values: Int32Array | Uint8Array | Float64Array, i: number): number {
  return values[i] as number;
}

function grown<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
