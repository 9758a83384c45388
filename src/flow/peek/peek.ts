import { asciiText, safeText } from '../../core/index.ts';
import type { OddityCounter, OddityName } from '../../wire/index.ts';
import { latin1, ODDITY } from '../../wire/index.ts';
import { NAME_CHARACTERS, type NameBudget } from '../names.ts';
import { TextCells } from './text-cells.ts';

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

const COMMA = 0x2c;
const SEPARATOR = Uint8Array.of(COMMA, 0x20);

/** Stands among the operations where the password of a login itself could be read on the wire. */
export const PASSWORD_IN_CLEAR = 'password in clear';

/** Flows whose facts lie in one piece of memory: it grows with the flows that have some. */
const PIECE_BITS = 7;
const PIECE = 2 ** PIECE_BITS;
/** Beside the number of a flow's operations: one of them has a comma; and they are a string, as one of them has characters beyond Latin-1. */
const HAS_COMMA = 0x80;
const IS_STRING = 0x40;
const COUNT = 0x1f;
/** What all operations of a flow have at most, joined. */
const OPERATIONS_BYTES = MAX_OPERATIONS * (MAX_OPERATION + 2);

/** A text under way, one byte a character; and one that is read back. */
const TEXT = new Uint8Array(NAME_CHARACTERS);
const READ = new Uint8Array(Math.max(NAME_CHARACTERS, OPERATIONS_BYTES));

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
  /** Words and texts beyond Latin-1 of all places, and numbers, piece after piece. */
  #texts: (string | undefined)[][] = [];
  #numbers: Float64Array[] = [];
  /** All other texts: the first cell of each, plus one, and how many bytes it has; 0 for a text among `#texts`. */
  #cells = new TextCells();
  #first: Int32Array[] = [];
  #length: Uint16Array[] = [];
  /** What the text under way has: a control character, C0 or C1; a comma; one with a blank behind. */
  #hasControl = false;
  #hasComma = false;
  #hasCommaBlank = false;
  /** How many operations a flow has, and HAS_COMMA and IS_STRING. */
  #operations: Uint8Array;
  /** A hash of each operation of all places, and where it begins in their text. */
  #hashes: Int32Array[] = [];
  #starts: Uint16Array[] = [];
  /** The last cell of the operations of each place. */
  #last: Int32Array[] = [];
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
    const piece = place >> PIECE_BITS;
    const slot = slotOf(place, fact);
    const first = this.#first[piece][slot];
    if (first === 0) return this.#texts[piece][slot] ?? '';
    const length = this.#length[piece][slot];
    this.#cells.read(first - 1, length, READ);
    return latin1(READ, 0, length);
  }

  /** Writes a text of the flow at hand, one byte a character, to the front of `into`. @returns its length; 0 when it has none such, or none of Latin-1. */
  read(fact: TextFact, into: Uint8Array): number {
    const place = this.#place[this.ref] - 1;
    if (place < 0) return 0;
    const first = this.#first[place >> PIECE_BITS][slotOf(place, fact)];
    if (first === 0) return 0;
    const length = this.#length[place >> PIECE_BITS][slotOf(place, fact)];
    this.#cells.read(first - 1, length, into);
    return length;
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
    const length = this.#load(text);
    // Some protocols have bytes where names are (ALPN): no control character goes on from here.
    if (this.#hasControl) this.#noteText(fact, safeText(text, NAME_CHARACTERS));
    else if (length < 0) this.#noteText(fact, text);
    else this.noteBytes(fact, TEXT, 0, length);
  }

  /** As `note` for text without control characters. */
  #noteText(fact: TextFact, text: string): void {
    const kept = this.#names.keep(this.ref, text);
    if (kept !== undefined) this.word(fact, kept);
  }

  /** As `note` for characters of Latin-1 without control characters: `bytes[from, to)`. */
  noteBytes(fact: TextFact, bytes: Uint8Array, from: number, to: number): void {
    if (from >= to || this.has(fact)) return;
    if (to - from > NAME_CHARACTERS) this.#noteText(fact, asciiText(bytes, from, to));
    else if (this.#names.charge(this.ref, to - from)) this.#keep(fact, bytes, from, to);
  }

  /** Puts a text's characters into TEXT and says how many; -1 when it is too long or has some beyond Latin-1. */
  #load(text: string): number {
    const { length } = text;
    if (length > NAME_CHARACTERS) {
      this.#hasControl = hasControl(text);
      return -1;
    }
    let all = 0;
    let controls = 0;
    let commas = 0;
    let before = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      TEXT[i] = code;
      all |= code;
      if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) controls = 1;
      if (before === COMMA) commas |= code === 0x20 ? 3 : 1;
      before = code;
    }
    this.#hasControl = controls !== 0;
    this.#hasComma = commas !== 0 || before === COMMA;
    this.#hasCommaBlank = (commas & 2) !== 0;
    return all > 255 ? -1 : length;
  }

  /** Notes one of few words of our own, which takes no memory; a later one replaces an earlier. */
  word(fact: TextFact, word: string): void {
    const place = this.#own();
    if (this.has(fact)) this.#drop(place, fact);
    this.#texts[place >> PIECE_BITS][slotOf(place, fact)] = word;
    this.#present[this.ref] |= 1 << fact;
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
    return (this.#operations[this.ref] & COUNT) >= MAX_OPERATIONS;
  }

  /**
   * Adds what was done, as in 'svcctl:CreateServiceW' or 'USER': each once, at most 16, at most 80 characters each, joined by ', '.
   * @returns false when it was known already, or there was no room.
   */
  operation(text: string): boolean {
    if (text === '' || this.isFull) return false;
    let one = text;
    let length = this.#load(one);
    // A name from the network must not look like another operation.
    if (this.#hasControl || one.length > MAX_OPERATION || this.#hasCommaBlank) {
      one = plainOperation(text);
      length = this.#load(one);
    }
    if (length < 0 || (this.#operations[this.ref] & IS_STRING) !== 0) return this.#addText(one);
    return this.#add(TEXT, length, this.#hasComma);
  }

  /** As `operation` for printable ASCII of at most 80 characters without blanks behind commas: the first `length` bytes. */
  operationBytes(bytes: Uint8Array, length: number): boolean {
    if (length === 0 || this.isFull) return false;
    if ((this.#operations[this.ref] & IS_STRING) !== 0) return this.#addText(asciiText(bytes, 0, length));
    let hasComma = false;
    for (let i = 0; i < length; i++) if (bytes[i] === COMMA) hasComma = true;
    return this.#add(bytes, length, hasComma);
  }

  /** Adds one operation to those of a flow that are all of Latin-1, unless it is there already. */
  #add(bytes: Uint8Array, length: number, hasComma: boolean): boolean {
    const { ref } = this;
    let hash = length;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    const state = this.#operations[ref];
    const count = state & COUNT;
    if (count > 0 && this.#isTold(state, bytes, length, hash)) return false;
    if (!this.#names.charge(ref, count === 0 ? length : length + 2)) return false;
    const place = this.#own();
    const piece = place >> PIECE_BITS;
    const at = (place & (PIECE - 1)) * MAX_OPERATIONS + count;
    this.#hashes[piece][at] = hash;
    if (count === 0) {
      this.#starts[piece][at] = 0;
      this.#keep(FACT.operations, bytes, 0, length);
      this.#last[piece][place & (PIECE - 1)] = -1;
    } else {
      const slot = slotOf(place, FACT.operations);
      const before = this.#length[piece][slot];
      let last = this.#last[piece][place & (PIECE - 1)];
      if (last < 0) last = this.#cells.last(this.#first[piece][slot] - 1);
      last = this.#cells.append(last, before, SEPARATOR, 0, SEPARATOR.length);
      this.#last[piece][place & (PIECE - 1)] = this.#cells.append(last, before + SEPARATOR.length, bytes, 0, length);
      this.#starts[piece][at] = before + SEPARATOR.length;
      this.#length[piece][slot] = before + SEPARATOR.length + length;
    }
    this.#operations[ref] = (state + 1) | (hasComma ? HAS_COMMA : 0);
    return true;
  }

  /** Whether one of the flow's operations tells as much: it is the same, or a list of numbers or names whose beginning is the other one. */
  #isTold(state: number, bytes: Uint8Array, length: number, hash: number): boolean {
    const place = this.#own();
    const piece = place >> PIECE_BITS;
    const hashes = this.#hashes[piece];
    const from = (place & (PIECE - 1)) * MAX_OPERATIONS;
    const count = state & COUNT;
    let isLikely = (state & HAS_COMMA) !== 0;
    for (let i = 0; i < count && !isLikely; i++) isLikely = hashes[from + i] === hash;
    if (!isLikely) return false;
    const slot = slotOf(place, FACT.operations);
    const end = this.#length[piece][slot];
    this.#cells.read(this.#first[piece][slot] - 1, end, READ);
    const starts = this.#starts[piece];
    for (let i = 0; i < count; i++) {
      const at = starts[from + i];
      let same = 0;
      while (same < length && at + same < end && READ[at + same] === bytes[same]) same++;
      // Behind the last one nothing stands, behind any other a comma.
      if (same === length && (at + same === end || READ[at + same] === COMMA)) return true;
    }
    return false;
  }

  /** Adds one operation to those of a flow, of which one or more have characters beyond Latin-1. */
  #addText(one: string): boolean {
    const { ref } = this;
    const state = this.#operations[ref];
    const known = (state & COUNT) === 0 ? undefined : this.textOf(ref, FACT.operations);
    if (known !== undefined && `, ${known},`.includes(`, ${one},`)) return false;
    const kept = this.#names.keep(ref, known === undefined ? one : `, ${one}`);
    if (kept === undefined) return false;
    this.word(FACT.operations, known === undefined ? kept : known + kept);
    this.#operations[ref] = (state + 1) | IS_STRING;
    return true;
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
    for (let left = this.#present[ref] & ((1 << TEXT_FACTS) - 1); left !== 0; left &= left - 1)
      this.#drop(place, (31 - Math.clz32(left & -left)) as TextFact);
    this.#operations[ref] = 0;
    this.#present[ref] = 0;
    this.#place[ref] = 0;
    this.#free.push(place);
    this.#names.release(ref);
  }

  /** Frees a text. */
  #drop(place: number, fact: TextFact): void {
    const piece = place >> PIECE_BITS;
    const slot = slotOf(place, fact);
    const first = this.#first[piece][slot];
    if (first === 0) this.#texts[piece][slot] = undefined;
    else {
      this.#cells.remove(first - 1);
      this.#first[piece][slot] = 0;
    }
  }

  /** Keeps a text that is paid for. */
  #keep(fact: TextFact, bytes: Uint8Array, from: number, to: number): void {
    const place = this.#own();
    const piece = place >> PIECE_BITS;
    this.#first[piece][slotOf(place, fact)] = this.#cells.add(bytes, from, to) + 1;
    this.#length[piece][slotOf(place, fact)] = to - from;
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
        this.#first.push(new Int32Array(PIECE * TEXT_FACTS));
        this.#length.push(new Uint16Array(PIECE * TEXT_FACTS));
        this.#hashes.push(new Int32Array(PIECE * MAX_OPERATIONS));
        this.#starts.push(new Uint16Array(PIECE * MAX_OPERATIONS));
        this.#last.push(new Int32Array(PIECE));
      }
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

/** Whether there is a control character, C0 or C1. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}
