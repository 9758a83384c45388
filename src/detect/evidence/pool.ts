import { type NumberColumn, numberAt, type StringColumn, type Table, textAt, widened } from '../../core/index.ts';
import { FLOW_COLUMN, flowRecord } from '../../flow/index.ts';
import { Cap } from '../bounded/bounded.ts';
import { moreRows } from '../bounded/number-column.ts';
import { AddressBits, ipv4Bits, NO_BITS, NO_NUMBER, TextNumbers } from '../bounded/text-number.ts';
import { type EvidenceFlow, MAX_EVIDENCE_FLOWS } from '../detection.ts';

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
/** Beside the protocol of a flow: which of its ports are known, and whether its row is kept whole. */
const HAS_INITIATOR_PORT = 1;
const HAS_RESPONDER_PORT = 2;
const IS_WHOLE = 4;
const MAX_PORT = 65_535;
/** Protocols told apart; there are a handful. */
const MAX_PROTOCOLS = 255;

/**
 * The flows that all collectors of one detector hold, and the budget they share; at the cap a collector can still exchange a flow it holds for a better
 * one, but holds no more of them. A whole row takes about 1 kB, and nearly all that is kept is given up again: so of a row that has an id only what
 * says which flow it is stays, and the whole row is put in its place at the end, by `EvidenceRows`.
 *
 * A collector keeps the best flows of all that were offered to it, the same ones in whatever order they came: smallest rank first, then the earliest
 * start, then the smallest id, then the endpoints. With a `key`, only the best flow of each key is kept (one per target, say).
 *
 * Flows and collectors are numbers into columns, 30 to 42 bytes a flow and 6 a collector: there are tens of thousands of each, most of which are given up again. The flows of a collector are a list from
 * the worst to the best, so that one look refuses most of what is offered.
 */
export class EvidencePool {
  readonly cap: Cap;
  /** Flows held by collectors. */
  held = 0;
  /** Addresses and keys. */
  readonly #texts: TextNumbers;
  // Columns of flows.
  #flows = 0;
  #freeFlow = NONE;
  /** Without rows while all ranks are 0. */
  #rank = new Float64Array(0);
  #startMs = new Float64Array(0);
  #id = new Int32Array(0);
  /** The next better flow of the collector; the next free one of those given up. */
  #better = new Int32Array(0);
  #initiatorPort = new Uint16Array(0);
  #responderPort = new Uint16Array(0);
  /** Place in `#protocols` + 1; 0 where it is not known. */
  #protocol = new Uint8Array(0);
  #marks = new Uint8Array(0);
  #initiator = new Int32Array(0);
  #responder = new Int32Array(0);
  /** Without rows where no detector asks for keys. */
  #key = new Int32Array(0);
  readonly #protocols: string[] = [];
  /** The rows that have no id to find them by again, or hold what has no room in the columns. */
  #whole = new Map<number, EvidenceFlow>();
  // Columns of collectors.
  #collectors = 0;
  #freeCollector = NONE;
  #worst = new Int32Array(0);
  #size = new Uint8Array(0);
  #limit = new Uint8Array(0);

  /** @param texts those of the detector, where it holds the same ones itself. */
  constructor(cap = 20_000, texts = new TextNumbers()) {
    this.cap = new Cap('evidence flows', cap);
    this.#texts = texts;
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
    if (key !== undefined) {
      const known = this.#find(collector, this.#texts.find(key, ipv4Bits(key)));
      if (known !== NONE && this.#ranking(rank, startMs, id, known) > 0) return;
    }
    this.take(collector, this.setAside(table, row, rank, key));
  }

  /** Keeps what says which flow a row is, outside every collector and every budget, until it is taken or discarded: a number. */
  setAside(table: Table, row: number, rank = 0, key?: string): number {
    const flow = this.#vacantFlow();
    this.#startMs[flow] = cell(table, START_MS, row) ?? Number.POSITIVE_INFINITY;
    const id = cell(table, ID, row) ?? Number.NaN;
    this.#id[flow] = id;
    this.#initiator[flow] = this.#addressAt(table.columns[INITIATOR] as StringColumn, row);
    this.#responder[flow] = this.#addressAt(table.columns[RESPONDER] as StringColumn, row);
    const protocol = this.#protocolOf(textAt(table.columns[PROTOCOL] as StringColumn, row));
    const initiatorPort = cell(table, INITIATOR_PORT, row) ?? NONE;
    const responderPort = cell(table, RESPONDER_PORT, row) ?? NONE;
    this.#protocol[flow] = protocol;
    this.#initiatorPort[flow] = initiatorPort;
    this.#responderPort[flow] = responderPort;
    let marks = (initiatorPort === NONE ? 0 : HAS_INITIATOR_PORT) | (responderPort === NONE ? 0 : HAS_RESPONDER_PORT);
    if (id !== (id | 0) || protocol > MAX_PROTOCOLS || !hasRoom(initiatorPort) || !hasRoom(responderPort)) {
      marks |= IS_WHOLE;
      this.#whole.set(flow, flowRecord(table, row));
    }
    this.#marks[flow] = marks;
    this.#setRank(flow, rank);
    this.#setKey(flow, key === undefined ? NO_NUMBER : this.#texts.take(key, ipv4Bits(key)));
    return flow;
  }

  /** A second number for what was set aside. */
  copy(flow: number): number {
    const copy = this.#vacantFlow();
    this.#startMs[copy] = at(this.#startMs, flow);
    this.#id[copy] = at(this.#id, flow);
    this.#initiatorPort[copy] = at(this.#initiatorPort, flow);
    this.#responderPort[copy] = at(this.#responderPort, flow);
    this.#protocol[copy] = at(this.#protocol, flow);
    this.#marks[copy] = at(this.#marks, flow);
    this.#initiator[copy] = this.#texts.takeAgain(at(this.#initiator, flow));
    this.#responder[copy] = this.#texts.takeAgain(at(this.#responder, flow));
    this.#setRank(copy, this.#rankOf(flow));
    this.#setKey(copy, this.#texts.takeAgain(this.#keyOf(flow)));
    const whole = this.#whole.get(flow);
    if (whole !== undefined) this.#whole.set(copy, whole);
    return copy;
  }

  /** Gives up what was set aside. */
  discard(flow: number): void {
    this.#texts.drop(at(this.#initiator, flow));
    this.#texts.drop(at(this.#responder, flow));
    this.#texts.drop(this.#keyOf(flow));
    if ((at(this.#marks, flow) & IS_WHOLE) !== 0) this.#whole.delete(flow);
    this.#better[flow] = this.#freeFlow;
    this.#freeFlow = flow;
  }

  /** Offers a flow that was set aside, which then belongs to the collector or is no more. */
  take(collector: number, flow: number): void {
    const same = this.#find(collector, this.#keyOf(flow));
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

  /** The flow of a key, told by its number. */
  #find(collector: number, key: number): number {
    if (key === NO_NUMBER) return NONE;
    for (let flow = at(this.#worst, collector); flow !== NONE; flow = at(this.#better, flow))
      if (this.#keyOf(flow) === key) return flow;
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
      difference(rank, this.#rankOf(other)) ||
      difference(startMs, at(this.#startMs, other)) ||
      difference(id, this.#idOf(other))
    );
  }

  #compare(a: number, b: number): number {
    return this.#ranking(this.#rankOf(a), at(this.#startMs, a), this.#idOf(a), b) || this.#compareEndpoints(a, b);
  }

  #compareByTime(a: number, b: number): number {
    return (
      difference(at(this.#startMs, a), at(this.#startMs, b)) ||
      difference(this.#idOf(a), this.#idOf(b)) ||
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
    const { protocol, initiator, initiatorPort, responder, responderPort } = this.#record(flow);
    return [protocol, initiator, initiatorPort, responder, responderPort].join(' ');
  }

  /** The columns that say which flow it is, those that are missing left out. */
  #record(flow: number): EvidenceFlow {
    const marks = at(this.#marks, flow);
    const whole = (marks & IS_WHOLE) === 0 ? undefined : this.#whole.get(flow);
    if (whole !== undefined) return whole;
    const startMs = at(this.#startMs, flow);
    const protocol = this.#protocols[at(this.#protocol, flow) - 1];
    const initiator = this.#textOf(at(this.#initiator, flow));
    const responder = this.#textOf(at(this.#responder, flow));
    return {
      id: at(this.#id, flow),
      ...(Number.isFinite(startMs) ? { startMs } : {}),
      ...(protocol === undefined ? {} : { protocol }),
      ...(initiator === undefined ? {} : { initiator }),
      ...((marks & HAS_INITIATOR_PORT) === 0 ? {} : { initiatorPort: at(this.#initiatorPort, flow) }),
      ...(responder === undefined ? {} : { responder }),
      ...((marks & HAS_RESPONDER_PORT) === 0 ? {} : { responderPort: at(this.#responderPort, flow) }),
    };
  }

  /** Infinite where it is missing: such a flow goes last. */
  #idOf(flow: number): number {
    if ((at(this.#marks, flow) & IS_WHOLE) === 0) return at(this.#id, flow);
    return this.#whole.get(flow)?.id ?? Number.POSITIVE_INFINITY;
  }

  #rankOf(flow: number): number {
    return this.#rank.length === 0 ? 0 : at(this.#rank, flow);
  }

  #setRank(flow: number, rank: number): void {
    if (this.#rank.length === 0) {
      if (rank === 0) return;
      this.#rank = new Float64Array(this.#better.length);
    }
    this.#rank[flow] = rank;
  }

  #keyOf(flow: number): number {
    return this.#key.length === 0 ? NO_NUMBER : at(this.#key, flow);
  }

  #setKey(flow: number, key: number): void {
    if (this.#key.length === 0) {
      if (key === NO_NUMBER) return;
      this.#key = new Int32Array(this.#better.length).fill(NO_NUMBER);
    }
    this.#key[flow] = key;
  }

  #addressAt(column: StringColumn, row: number): number {
    if ((column.codes[row] as number) < 0) return NO_NUMBER;
    const bits = AddressBits.of(column).at(row);
    return bits === NO_BITS ? this.#texts.takeAlone(textAt(column, row) ?? '') : bits;
  }

  #textOf(number: number): string | undefined {
    return number === NO_NUMBER ? undefined : this.#texts.text(number);
  }

  /** More than `MAX_PROTOCOLS` where there is no room for another one. */
  #protocolOf(protocol: string | undefined): number {
    if (protocol === undefined) return 0;
    const place = this.#protocols.indexOf(protocol);
    if (place >= 0) return place + 1;
    return this.#protocols.length < MAX_PROTOCOLS ? this.#protocols.push(protocol) : MAX_PROTOCOLS + 1;
  }

  #vacantFlow(): number {
    let flow = this.#freeFlow;
    if (flow !== NONE) this.#freeFlow = at(this.#better, flow);
    else {
      flow = this.#flows++;
      if (flow >= this.#better.length) this.#growFlows();
    }
    this.#better[flow] = NONE;
    return flow;
  }

  #growFlows(): void {
    // One more than are held: that which is offered.
    const n = moreRows(this.#better.length, this.cap.cap + 1);
    if (this.#rank.length > 0) this.#rank = widened(this.#rank, n);
    this.#startMs = widened(this.#startMs, n);
    this.#id = widened(this.#id, n);
    this.#better = widened(this.#better, n);
    this.#initiatorPort = widened(this.#initiatorPort, n);
    this.#responderPort = widened(this.#responderPort, n);
    this.#protocol = widened(this.#protocol, n);
    this.#marks = widened(this.#marks, n);
    this.#initiator = widened(this.#initiator, n);
    this.#responder = widened(this.#responder, n);
    if (this.#key.length > 0) this.#key = widened(this.#key, n);
  }

  #growCollectors(): void {
    const n = moreRows(this.#worst.length);
    this.#worst = widened(this.#worst, n);
    this.#size = widened(this.#size, n);
    this.#limit = widened(this.#limit, n);
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

/** Whether the columns can hold a port, or that it is missing. */
function hasRoom(port: number): boolean {
  return port >= NONE && port <= MAX_PORT;
}

/** An element that is known to be there. */
function at(values: Int32Array | Uint16Array | Uint8Array | Float64Array, i: number): number {
  return values[i] as number;
}
