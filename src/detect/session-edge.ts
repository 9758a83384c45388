import { widened } from '../core/index.ts';
import { NO_PORT, NONE, PairTable, pairKey } from './bounded/pair.ts';
import { compareText } from './case.ts';

/** No edge: not found, or no room. */
export const NO_EDGE = NONE;

/** What one host has of sessions of remote control with another, by one family of services. */
export interface Edge {
  readonly number: number;
  readonly source: string;
  readonly target: string;
  readonly family: string;
  /** The earliest start of a flow. */
  readonly firstStartMs: number;
  /** First and last moment of all. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly flowCount: number;
  /** Whether it was used more than once with a silence of more than the window between. */
  readonly hasRounds: boolean;
}

/** Flows of an edge by which rounds are told. */
const MOST_STARTS = 64;

/** Edges in columns, about 100 bytes each. They are numbered from 0 on and never given up. */
export class SessionEdges {
  readonly #windowMs: number;
  readonly #pairs = new PairTable();
  #firstStartMs = new Float64Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  #flowCount = new Int32Array(0);
  /** The first of its rounds. */
  #round = new Int32Array(0);
  // Columns of rounds: starts none of which is more than the window from the next.
  #rounds = 0;
  #fromMs = new Float64Array(0);
  #toMs = new Float64Array(0);
  /** The next round of the same edge. One that was joined with another is not used again: there are few. */
  #next = new Int32Array(0);

  /** @param windowMs a longer silence parts two rounds. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get size(): number {
    return this.#pairs.size;
  }

  /** @param hash `pairHash` of both without a port */
  find(hash: number, source: string, target: string, family: string): number {
    return this.#pairs.find(pairKey(hash, source, target, NO_PORT, family));
  }

  /** One that is new; `NO_EDGE` where its way through the table would be too long. */
  add(hash: number, source: string, target: string, family: string): number {
    const edge = this.#pairs.add(pairKey(hash, source, target, NO_PORT, family));
    if (edge === NONE) return NO_EDGE;
    const n = this.#pairs.capacity;
    if (n > this.#round.length) {
      this.#firstStartMs = widened(this.#firstStartMs, n);
      this.#firstMs = widened(this.#firstMs, n);
      this.#lastMs = widened(this.#lastMs, n);
      this.#flowCount = widened(this.#flowCount, n);
      this.#round = widened(this.#round, n);
    }
    this.#firstStartMs[edge] = Number.POSITIVE_INFINITY;
    this.#firstMs[edge] = Number.POSITIVE_INFINITY;
    this.#lastMs[edge] = Number.NEGATIVE_INFINITY;
    this.#round[edge] = NONE;
    return edge;
  }

  /** One flow of an edge. */
  saw(edge: number, startMs: number, endMs: number): void {
    if (startMs < (this.#firstStartMs[edge] as number)) this.#firstStartMs[edge] = startMs;
    for (const ms of [startMs, endMs]) {
      if (!Number.isFinite(ms)) continue;
      if (ms < (this.#firstMs[edge] as number)) this.#firstMs[edge] = ms;
      if (ms > (this.#lastMs[edge] as number)) this.#lastMs[edge] = ms;
    }
    const flowCount = (this.#flowCount[edge] as number) + 1;
    this.#flowCount[edge] = flowCount;
    if (flowCount <= MOST_STARTS) this.#begin(edge, startMs);
  }

  /** A start belongs to every round that is near enough, so that these are one; where none is, it begins another. */
  #begin(edge: number, startMs: number): void {
    const windowMs = this.#windowMs;
    let joined = NONE;
    let before = NONE;
    for (let round = this.#round[edge] as number; round !== NONE; round = this.#next[round] as number) {
      const fromMs = this.#fromMs[round] as number;
      const toMs = this.#toMs[round] as number;
      if (fromMs - startMs > windowMs || startMs - toMs > windowMs) {
        before = round;
      } else if (joined === NONE) {
        this.#extend(round, startMs, startMs);
        joined = round;
        before = round;
      } else {
        this.#extend(joined, fromMs, toMs);
        this.#next[before] = this.#next[round] as number;
      }
    }
    if (joined === NONE) this.#addRound(edge, startMs);
  }

  #extend(round: number, fromMs: number, toMs: number): void {
    if (fromMs < (this.#fromMs[round] as number)) this.#fromMs[round] = fromMs;
    if (toMs > (this.#toMs[round] as number)) this.#toMs[round] = toMs;
  }

  #addRound(edge: number, startMs: number): void {
    const round = this.#rounds++;
    if (round >= this.#next.length) {
      const n = Math.max(64, 2 * this.#next.length);
      this.#fromMs = widened(this.#fromMs, n);
      this.#toMs = widened(this.#toMs, n);
      this.#next = widened(this.#next, n);
    }
    this.#fromMs[round] = startMs;
    this.#toMs[round] = startMs;
    this.#next[round] = this.#round[edge] as number;
    this.#round[edge] = round;
  }

  /** All edges, by source, target and family. */
  sorted(): Edge[] {
    return [...this.#pairs.pairs()]
      .map((edge) => ({ edge, name: this.#name(edge) }))
      .sort((a, b) => compareText(a.name, b.name))
      .map(({ edge }) => this.#edge(edge));
  }

  #name(edge: number): string {
    return `${this.#pairs.initiator(edge)} ${this.#pairs.responder(edge)} ${this.#pairs.kind(edge)}`;
  }

  #edge(edge: number): Edge {
    return {
      number: edge,
      source: this.#pairs.initiator(edge),
      target: this.#pairs.responder(edge),
      family: this.#pairs.kind(edge),
      firstStartMs: this.#firstStartMs[edge] as number,
      firstMs: this.#firstMs[edge] as number,
      lastMs: this.#lastMs[edge] as number,
      flowCount: this.#flowCount[edge] as number,
      hasRounds: (this.#next[this.#round[edge] as number] as number) !== NONE,
    };
  }
}
