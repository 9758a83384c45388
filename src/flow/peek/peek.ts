import { asciiText, safeText } from '../../core/index.ts';
import type { OddityCounter, OddityName } from '../../wire/index.ts';
import { ODDITY } from '../../wire/index.ts';
import { hasControl, NAME_CHARACTERS, type NameBudget } from '../names.ts';

/**
 * A peek reads what an application protocol says of a flow: names, users, software, operations. It is handed the first bytes of a side in order (TCP) or single
 * payloads (all else), and writes into the flow's facts. One file for each family of protocols; `index.ts` lists them by service.
 *
 * Everything a peek keeps is text or numbers through its context, which holds them to a budget; the bytes are gone when it returns.
 */
export type Peek = StreamPeek | SessionPeek;

/** Reads message after message, as they come. */
export interface StreamPeek {
  readonly kind: 'stream';
  /** Payloads (not TCP) or bytes (TCP) of a side that are looked at, at most. Default 4 payloads or 16 KiB. */
  readonly most?: number;
  /** Payloads of a side that are looked at where the transport is not TCP, when `most` counts bytes. */
  readonly mostPayloads?: number;
  /** TCP bytes that may be kept to make one message whole, up to 16 KiB. Default 4 KiB. */
  readonly keep?: number;
  /**
   * Looks at `context.bytes[context.at, context.end)`, the next unread bytes of a side.
   * @returns how many bytes were read (it is called again for what follows), or one of the PEEK_ constants.
   */
  look(context: PeekContext): number;
}

/** Wants the first 4 KiB of both sides of a TCP connection together, once: line protocols, whose answers tell what commands meant. */
export interface SessionPeek {
  readonly kind: 'session';
  /**
   * Called when the flow is written, or when both sides are full. A side of which nothing was seen is empty. The bytes hold during the call.
   * @returns false when the bytes are no such protocol; then nothing may have been noted.
   */
  finish(context: PeekContext, client: Uint8Array, server: Uint8Array): boolean;
}

/** The side has said what we want to know. */
export const PEEK_DONE = -1;
/** The message goes on behind `end`. */
export const PEEK_MORE = 0;
/** These bytes are no such protocol. */
export const PEEK_FOREIGN = -2;

/** What peeks found out about a flow; every member becomes a column of the flow table (see schema.ts for what each means). */
export interface FlowFacts {
  serverName?: string;
  alpn?: string;
  tlsVersion?: string;
  ja3?: string;
  ja3s?: string;
  ja4?: string;
  certificateSubject?: string;
  certificateIssuer?: string;
  certificateFromMs?: number;
  certificateToMs?: number;
  httpHost?: string;
  httpRequest?: string;
  httpStatus?: number;
  dnsQuery?: string;
  dnsType?: string;
  dnsRcode?: string;
  dnsAnswers?: string;
  dnsTtl?: number;
  client?: string;
  server?: string;
  hostname?: string;
  user?: string;
  login?: string;
  operations?: string;
}

/** A fact by its number: the texts from 0 on, then the numbers. */
export const FACT = {
  serverName: 0,
  alpn: 1,
  tlsVersion: 2,
  ja3: 3,
  ja3s: 4,
  ja4: 5,
  certificateSubject: 6,
  certificateIssuer: 7,
  httpHost: 8,
  httpRequest: 9,
  dnsQuery: 10,
  dnsType: 11,
  dnsRcode: 12,
  dnsAnswers: 13,
  client: 14,
  server: 15,
  hostname: 16,
  user: 17,
  login: 18,
  operations: 19,
  certificateFromMs: 20,
  certificateToMs: 21,
  httpStatus: 22,
  dnsTtl: 23,
} as const satisfies Record<keyof FlowFacts, number>;
/** Their names by number. */
export const FACT_NAMES = Object.keys(FACT) as readonly (keyof FlowFacts)[];
/** How many of them are texts. */
export const TEXT_FACTS = 20;
const NUMBER_FACTS = FACT_NAMES.length - TEXT_FACTS;

type Numbers<T> = { [K in keyof FlowFacts]-?: T extends FlowFacts[K] ? (typeof FACT)[K] : never }[keyof FlowFacts];
/** Numbers of the facts that are text, and of those that are numbers. */
export type TextFact = Numbers<string>;
export type NumberFact = Numbers<number>;

const MAX_OPERATIONS = 16;
/** Longest operation that is not cut, in characters. */
export const MAX_OPERATION = 80;

/** Stands among the operations where the password of a login itself could be read on the wire. */
export const PASSWORD_IN_CLEAR = 'password in clear';

/** Flows whose facts lie in one piece of memory: it grows with the flows that have some. */
const PIECE_BITS = 7;
const PIECE = 2 ** PIECE_BITS;
/** Beside the number of a flow's operations: one of them has a comma. */
const HAS_COMMA = 0x80;

/** Flows that may have a decoder's state at a time. A hostile sender makes that of QUIC 33 KiB with one packet of each side: 135 MB in all. */
const MAX_STATES = 4096;

/** What the live flows' facts are, and what a peek sees of the flow at hand. One object for the flow table's life, moved from flow to flow. */
export class PeekContext {
  bytes: Uint8Array = new Uint8Array();
  /** What is to be looked at: `bytes[at, end)`. Nothing outside may be read. */
  at = 0;
  end = 0;
  /** The capture cut the packet: what stands behind `end` will never be seen, and PEEK_MORE ends the side. */
  isLast = false;
  /** IP protocol number. */
  protocol = 0;
  /** Whether the bytes come from the initiator. */
  fromInitiator = true;
  /** Ports of the side that sent the bytes and of the other. */
  srcPort = 0;
  dstPort = 0;
  /** ns since the TimeBase. No whole number at first, as it will not be one: an object whose member changes from one kind to the other is looked at more slowly from then on. */
  timeNs = Number.NaN;
  /** Record number of the flow. */
  ref = 0;

  /** Which facts a flow has, as bits by their numbers. */
  #present: Int32Array;
  /** Where a flow's facts lie, plus one; 0 when it has none. */
  #place: Int32Array;
  #places = 0;
  /** Places that are free again. */
  #free: number[] = [];
  /** Texts and numbers of all places, piece after piece. */
  #texts: (string | undefined)[][] = [];
  #numbers: Float64Array[] = [];
  /** How many operations a flow has, and HAS_COMMA. Where there is more than one, they stand in the list at its place, and not among its texts. */
  #operations: Uint8Array;
  #lists: (string[] | undefined)[] = [];
  /** A hash of each operation of all places, piece after piece. */
  #hashes: Int32Array[] = [];
  /** In the order in which they were made. */
  #states = new Map<number, object>();
  #hasState: Uint8Array;
  #names: NameBudget;
  #oddities: OddityCounter;

  constructor(names: NameBudget, oddities: OddityCounter) {
    this.#names = names;
    this.#oddities = oddities;
    this.#present = new Int32Array(names.maxFlows);
    this.#place = new Int32Array(names.maxFlows);
    this.#operations = new Uint8Array(names.maxFlows);
    this.#hasState = new Uint8Array(names.maxFlows);
  }

  /** The responder's port. */
  get port(): number {
    return this.fromInitiator ? this.dstPort : this.srcPort;
  }

  /** Which facts a flow has: bit n for the fact with number n. */
  presentOf(ref: number): number {
    return this.#present[ref];
  }

  /** A fact of a flow that has it. */
  textOf(ref: number, fact: TextFact): string {
    const place = this.#place[ref] - 1;
    const count = this.#operations[ref] & ~HAS_COMMA;
    if (fact === FACT.operations && count > 1) {
      const list = this.#lists[place] ?? [];
      return (count < list.length ? list.slice(0, count) : list).join(', ');
    }
    return this.#texts[place >> PIECE_BITS][slotOf(place, fact)] ?? '';
  }

  /** A fact of a flow that has it. */
  numberOf(ref: number, fact: NumberFact): number {
    const place = this.#place[ref] - 1;
    return this.#numbers[place >> PIECE_BITS][(place & (PIECE - 1)) * NUMBER_FACTS + fact - TEXT_FACTS];
  }

  /** A text of the flow at hand; undefined when it has none such. */
  text(fact: TextFact): string | undefined {
    return this.has(fact) ? this.textOf(this.ref, fact) : undefined;
  }

  /** Whether the flow at hand has a fact already. */
  has(fact: TextFact | NumberFact): boolean {
    return (this.#present[this.ref] & (1 << fact)) !== 0;
  }

  /** Notes a text from the network; the first that is told stays, and empty ones are none. Control characters are escaped, and it is cut at 1,024 characters. */
  note(fact: TextFact, text: string | undefined): void {
    if (text === undefined || text === '' || this.has(fact)) return;
    const names = this.#names;
    let own = names.own(text);
    // Some protocols have bytes where names are (ALPN): no control character goes on from here.
    if (names.hadControl) own = names.own(safeText(text, NAME_CHARACTERS));
    if (names.charge(this.ref, own)) this.#set(fact, own);
  }

  /** As `note` for printable ASCII, `bytes[from, to)`: a text that was there before is not made again. */
  noteBytes(fact: TextFact, bytes: Uint8Array, from: number, to: number): void {
    if (from >= to || this.has(fact)) return;
    if (to - from > NAME_CHARACTERS) {
      this.note(fact, asciiText(bytes, from, to));
      return;
    }
    const own = this.#names.ownBytes(bytes, from, to);
    if (this.#names.charge(this.ref, own)) this.#set(fact, own);
  }

  /** Notes one of few words of our own, which takes no memory; a later one replaces an earlier. */
  word(fact: TextFact, word: string): void {
    this.#set(fact, word);
  }

  /** Notes a finite number; the first stays. */
  number(fact: NumberFact, value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value) || this.has(fact)) return;
    const place = this.#own();
    this.#numbers[place >> PIECE_BITS][(place & (PIECE - 1)) * NUMBER_FACTS + fact - TEXT_FACTS] = value;
    this.#present[this.ref] |= 1 << fact;
  }

  /** Whether the flow at hand has as many operations as it may have. */
  get isFull(): boolean {
    return (this.#operations[this.ref] & ~HAS_COMMA) >= MAX_OPERATIONS;
  }

  /**
   * Adds what was done, as in 'svcctl:CreateServiceW' or 'USER': each once, at most 16, at most 80 characters each, joined by ', '.
   * @returns false when it was known already, or there was no room.
   */
  operation(text: string): boolean {
    if (text === '' || this.isFull) return false;
    const names = this.#names;
    let own = names.own(text);
    // A name from the network must not look like another operation.
    if (names.hadControl || own.length > MAX_OPERATION || own.includes(', ')) own = names.own(plainOperation(text));
    return this.#add(own);
  }

  /** As `operation` for printable ASCII of at most 80 characters without blanks behind commas: `bytes[from, to)`. */
  operationBytes(bytes: Uint8Array, from: number, to: number): boolean {
    return from < to && !this.isFull && this.#add(this.#names.ownBytes(bytes, from, to));
  }

  /** Adds one operation, which the budget of names has just owned, unless it is there already. */
  #add(one: string): boolean {
    const { ref } = this;
    const names = this.#names;
    const { hash } = names;
    const state = this.#operations[ref];
    const count = state & ~HAS_COMMA;
    if (count > 0 && this.#isTold(state, one, hash)) return false;
    if (!names.charge(ref, one, count === 0 ? 0 : 2)) return false;
    const place = this.#own();
    this.#hashes[place >> PIECE_BITS][(place & (PIECE - 1)) * MAX_OPERATIONS + count] = hash;
    if (count === 0) this.#set(FACT.operations, one);
    else {
      let list = this.#lists[place];
      if (list === undefined) {
        list = new Array<string>(MAX_OPERATIONS).fill('');
        this.#lists[place] = list;
      }
      if (count === 1) list[0] = this.#texts[place >> PIECE_BITS][slotOf(place, FACT.operations)] ?? '';
      list[count] = one;
    }
    this.#operations[ref] = (state + 1) | (one.includes(',') ? HAS_COMMA : 0);
    return true;
  }

  /** Whether one of the flow's operations tells as much: it is the same, or a list of numbers or names whose beginning is the other one. */
  #isTold(state: number, one: string, hash: number): boolean {
    const place = this.#own();
    const hashes = this.#hashes[place >> PIECE_BITS];
    const from = (place & (PIECE - 1)) * MAX_OPERATIONS;
    const count = state & ~HAS_COMMA;
    const isPlain = (state & HAS_COMMA) === 0;
    const list = this.#lists[place];
    for (let i = 0; i < count; i++) {
      if (isPlain && hashes[from + i] !== hash) continue;
      const known = count === 1 ? this.#texts[place >> PIECE_BITS][slotOf(place, FACT.operations)] : list?.[i];
      if (known === one) return true;
      if (known !== undefined && known.charCodeAt(one.length) === 0x2c && known.startsWith(one)) return true;
    }
    return false;
  }

  /**
   * The decoder's own state for this flow, made when it is first asked for, and gone when both sides of a TCP connection are done. State must be bounded. When
   * 4,096 flows have one, the oldest gives way: its decoder goes on without what it knew.
   */
  state<T extends object>(type: new () => T): T {
    const known = this.knownState(type);
    if (known !== undefined) return known;
    if (!this.#states.has(this.ref) && this.#states.size >= MAX_STATES)
      for (const oldest of this.#states.keys()) {
        this.dropState(oldest);
        break;
      }
    const made = new type();
    this.#hasState[this.ref] = 1;
    this.#states.set(this.ref, made);
    return made;
  }

  /** The decoder's state for this flow if it has one. */
  knownState<T extends object>(type: new () => T): T | undefined {
    if (this.#hasState[this.ref] === 0) return undefined;
    const known = this.#states.get(this.ref);
    return known !== undefined && known.constructor === type ? (known as T) : undefined;
  }

  /** The flow's decoder will not be asked again. */
  dropState(ref: number): void {
    if (this.#hasState[ref] === 0) return;
    this.#hasState[ref] = 0;
    this.#states.delete(ref);
  }

  oddity(name: OddityName): void {
    this.#oddities.count(ODDITY[name]);
  }

  /** The record is free or another flow's. */
  release(ref: number): void {
    const place = this.#place[ref] - 1;
    if (place >= 0) this.#empty(ref, place);
    this.dropState(ref);
  }

  #empty(ref: number, place: number): void {
    const texts = this.#texts[place >> PIECE_BITS];
    for (let left = this.#present[ref] & ((1 << TEXT_FACTS) - 1); left !== 0; left &= left - 1)
      texts[(place & (PIECE - 1)) * TEXT_FACTS + 31 - Math.clz32(left & -left)] = undefined;
    const list = this.#lists[place];
    const count = this.#operations[ref] & ~HAS_COMMA;
    if (list !== undefined) for (let i = 0; i < count; i++) list[i] = '';
    this.#operations[ref] = 0;
    this.#present[ref] = 0;
    this.#place[ref] = 0;
    this.#free.push(place);
    this.#names.release(ref);
  }

  #set(fact: TextFact, text: string): void {
    const place = this.#own();
    this.#texts[place >> PIECE_BITS][slotOf(place, fact)] = text;
    this.#present[this.ref] |= 1 << fact;
  }

  /** The place of the facts of the flow at hand. */
  #own(): number {
    const known = this.#place[this.ref];
    return known === 0 ? this.#takePlace() : known - 1;
  }

  #takePlace(): number {
    let place = this.#free.pop();
    if (place === undefined) {
      place = this.#places++;
      if ((place & (PIECE - 1)) === 0) {
        this.#texts.push(new Array<string | undefined>(PIECE * TEXT_FACTS).fill(undefined));
        this.#numbers.push(new Float64Array(PIECE * NUMBER_FACTS));
        this.#hashes.push(new Int32Array(PIECE * MAX_OPERATIONS));
      }
      this.#lists.push(undefined);
    }
    this.#place[this.ref] = place + 1;
    return place;
  }
}

/** Without control characters and blanks behind commas, and not too long. */
function plainOperation(text: string): string {
  const comma = text.replace(/, +/g, ',');
  const plain = hasControl(comma) ? safeText(comma, MAX_OPERATION) : comma;
  return plain.length > MAX_OPERATION ? `${plain.slice(0, MAX_OPERATION - 1)}…` : plain;
}

/** Where a text of a place is in its piece. */
function slotOf(place: number, fact: TextFact): number {
  return (place & (PIECE - 1)) * TEXT_FACTS + fact;
}
