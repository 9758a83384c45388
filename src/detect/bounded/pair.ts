import { type NumberColumn, numberAt, Salt, type StringColumn, TextHashes, textAt, widened } from '../../core/index.ts';
import type { FlowBatch } from '../../flow/index.ts';
import { moreRows } from './number-column.ts';
import { AddressBits, ipv4Bits, NO_BITS, NO_NUMBER, TextNumbers } from './text-number.ts';

export { TextHashes };

/** No pair: not found, or no room. */
export const NONE = -1;
/** `port` where a protocol has none. */
export const NO_PORT = -1;
/** The longest way through the hash table. Chance does not come near it at half load; where addresses were made to collide, another salt is taken. */
const MAX_PROBES = 256;

/** What a pair is found by. */
export interface PairKey {
  /** As `pairHash` makes it. */
  readonly hash: number;
  readonly initiator: string;
  readonly responder: string;
  /** What `ipv4Bits` says of both. */
  readonly initiatorBits: number;
  readonly responderBits: number;
  /** NO_PORT where there is none. */
  readonly port: number;
  readonly kind: string;
}

/** The key of a pair that is no row's. */
export function pairKey(hash: number, initiator: string, responder: string, port: number, kind: string): PairKey {
  const [initiatorBits, responderBits] = [ipv4Bits(initiator), ipv4Bits(responder)];
  return { hash, initiator, responder, initiatorBits, responderBits, port, kind };
}

/** The pairs of the rows of a batch, one at a time: what is told of an address is told once for all its rows, and of an IPv4 address no text is asked for. */
export class RowPairs implements PairKey {
  hash = 0;
  initiatorBits = NO_BITS;
  responderBits = NO_BITS;
  port = NO_PORT;
  kind = '';
  readonly #initiators: StringColumn;
  readonly #responders: StringColumn;
  readonly #ports: NumberColumn;
  readonly #initiatorHashes: TextHashes;
  readonly #responderHashes: TextHashes;
  readonly #initiatorBits: AddressBits;
  readonly #responderBits: AddressBits;
  #row = 0;

  constructor({ initiator, responder, responderPort }: FlowBatch) {
    this.#initiators = initiator;
    this.#responders = responder;
    this.#ports = responderPort;
    this.#initiatorHashes = new TextHashes(initiator);
    this.#responderHashes = new TextHashes(responder);
    this.#initiatorBits = AddressBits.of(initiator);
    this.#responderBits = AddressBits.of(responder);
  }

  /** Goes to a row; false where it has no pair. */
  read(row: number, kind: string | undefined): boolean {
    if (
      kind === undefined ||
      (this.#initiators.codes[row] as number) < 0 ||
      (this.#responders.codes[row] as number) < 0
    )
      return false;
    this.#row = row;
    this.kind = kind;
    this.port = numberAt(this.#ports, row) ?? NO_PORT;
    this.hash = pairHash(this.#initiatorHashes.at(row), this.#responderHashes.at(row), this.port);
    this.initiatorBits = this.#initiatorBits.at(row);
    this.responderBits = this.#responderBits.at(row);
    return true;
  }

  get initiator(): string {
    return textAt(this.#initiators, this.#row) ?? '';
  }

  get responder(): string {
    return textAt(this.#responders, this.#row) ?? '';
  }
}

/**
 * Initiator, responder, port and one more text (the protocol, the service) to a small number, for detectors that keep columns per pair: 26 to 36 bytes each, a map with a text of all four as its
 * key takes 150 more. Numbers of pairs that were removed are given out again.
 */
export class PairTable {
  size = 0;
  readonly #texts: TextNumbers;
  readonly #most: number;
  #used = 0;
  #free = NONE;
  #initiators = new Int32Array(0);
  #responders = new Int32Array(0);
  /** `NO_NUMBER` for a pair that was removed. */
  #kinds = new Int32Array(0);
  /** The next free pair for one that was removed. */
  #ports = new Int32Array(0);
  #hashes = new Int32Array(0);
  /** Pair + 1; 0 is empty. Its length is a power of two, at least one and a half times the number of pairs. Linear probing. */
  #table = new Int32Array(0);
  readonly #salt = new Salt();

  /** @param most how many pairs there are at a time at the most, as far as is known; @param texts those of the detector, where it holds the same ones itself. */
  constructor(most = Number.POSITIVE_INFINITY, texts = new TextNumbers()) {
    this.#most = most;
    this.#texts = texts;
  }

  /** The pair, or NONE. */
  find(key: PairKey): number {
    const { hash, port } = key;
    const mask = this.#table.length - 1;
    const home = this.#homeOf(hash);
    for (let probe = 0; probe < MAX_PROBES && mask > 0; probe++) {
      const pair = (this.#table[(home + probe) & mask] as number) - 1;
      if (pair < 0) return NONE;
      if (this.#hashes[pair] === hash && this.#ports[pair] === port && this.#isOf(pair, key)) return pair;
    }
    return NONE;
  }

  /** A pair that is new; NONE where its way through the table would be too long. */
  add(key: PairKey): number {
    if (this.#free === NONE && this.#used === this.#ports.length) this.#grow();
    let at = this.#vacant(key.hash);
    if (at === NONE && this.#salt.change()) {
      this.#rebuild();
      at = this.#vacant(key.hash);
    }
    if (at === NONE) return NONE;
    this.#salt.added();
    let pair = this.#free;
    if (pair === NONE) pair = this.#used++;
    else this.#free = this.#ports[pair] as number;
    this.#table[at] = pair + 1;
    this.#initiators[pair] = key.initiatorBits === NO_BITS ? this.#texts.takeAlone(key.initiator) : key.initiatorBits;
    this.#responders[pair] = key.responderBits === NO_BITS ? this.#texts.takeAlone(key.responder) : key.responderBits;
    this.#kinds[pair] = this.#texts.take(key.kind);
    this.#ports[pair] = key.port;
    this.#hashes[pair] = key.hash;
    this.size++;
    return pair;
  }

  #isOf(pair: number, key: PairKey): boolean {
    const texts = this.#texts;
    const initiator = this.#initiators[pair] as number;
    const responder = this.#responders[pair] as number;
    if (key.initiatorBits === NO_BITS ? !texts.is(initiator, key.initiator) : initiator !== key.initiatorBits)
      return false;
    if (key.responderBits === NO_BITS ? !texts.is(responder, key.responder) : responder !== key.responderBits)
      return false;
    return texts.is(this.#kinds[pair] as number, key.kind);
  }

  /** Whoever keeps columns of pairs needs so many rows. */
  get capacity(): number {
    return this.#ports.length;
  }

  remove(pair: number): void {
    this.#vacate(pair);
    for (const column of [this.#initiators, this.#responders, this.#kinds]) this.#texts.drop(column[pair] as number);
    this.#kinds[pair] = NO_NUMBER;
    this.#ports[pair] = this.#free;
    this.#free = pair;
    this.size--;
  }

  /** All pairs, by number. */
  *pairs(): Iterable<number> {
    for (let pair = 0; pair < this.#used; pair++) if (this.#kinds[pair] !== NO_NUMBER) yield pair;
  }

  initiator(pair: number): string {
    return this.#texts.text(this.#initiators[pair] as number);
  }

  responder(pair: number): string {
    return this.#texts.text(this.#responders[pair] as number);
  }

  kind(pair: number): string {
    return this.#texts.text(this.#kinds[pair] as number);
  }

  /** NO_PORT where there is none. */
  port(pair: number): number {
    return this.#ports[pair] as number;
  }

  /** All four as one text, for an order that does not depend on arrival. */
  name(pair: number): string {
    const port = this.port(pair);
    return `${this.initiator(pair)} ${this.responder(pair)} ${port === NO_PORT ? '-' : port} ${this.kind(pair)}`;
  }

  #vacant(hash: number): number {
    const mask = this.#table.length - 1;
    const home = this.#homeOf(hash);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (home + probe) & mask;
      if (this.#table[at] === 0) return at;
    }
    return NONE;
  }

  /** Takes a pair out of the hash table; those behind it move up, so that no way has a gap. */
  #vacate(pair: number): void {
    const mask = this.#table.length - 1;
    let hole = NONE;
    const from = this.#homeOf(this.#hashes[pair] as number);
    for (let probe = 0; probe < MAX_PROBES && hole === NONE; probe++) {
      const at = (from + probe) & mask;
      if (this.#table[at] === pair + 1) hole = at;
    }
    // One that found no place when the table was made anew: only collisions by design come to that.
    if (hole === NONE) return;
    for (let at = (hole + 1) & mask; this.#table[at] !== 0; at = (at + 1) & mask) {
      const home = this.#homeOf(this.#hashes[(this.#table[at] as number) - 1] as number) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#table[hole] = this.#table[at] as number;
      hole = at;
    }
    this.#table[hole] = 0;
  }

  #grow(): void {
    const n = moreRows(this.#ports.length, this.#most);
    this.#initiators = widened(this.#initiators, n);
    this.#responders = widened(this.#responders, n);
    this.#kinds = widened(this.#kinds, n);
    this.#ports = widened(this.#ports, n);
    this.#hashes = widened(this.#hashes, n);
    let slots = 128;
    while (slots < 1.5 * n) slots *= 2;
    if (slots === this.#table.length) return;
    this.#table = new Int32Array(slots);
    this.#rebuild();
  }

  /** A pair that finds no place with any salt is found no more: only collisions by design come to that. */
  #rebuild(): void {
    this.#table.fill(0);
    let isWhole = true;
    for (const pair of this.pairs()) {
      const at = this.#vacant(this.#hashes[pair] as number);
      if (at === NONE) isWhole = false;
      else this.#table[at] = pair + 1;
    }
    if (!isWhole && this.#salt.change()) this.#rebuild();
  }

  #homeOf(hash: number): number {
    return saltedHash(hash, this.#salt.value);
  }
}

/** Where a hash has its place by a salt; 0 is none. */
export function saltedHash(hash: number, salt: number): number {
  return salt === 0 ? hash : pairHash(hash, salt, 0);
}

/** Of the hashes of both addresses. The kind of a pair follows from the port nearly always, so it plays no part. */
export function pairHash(initiatorHash: number, responderHash: number, port: number): number {
  let h = Math.imul(initiatorHash, 0x9e3779b1) ^ responderHash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ port;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
