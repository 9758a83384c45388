import { asciiText, type PackedTexts, safeText } from '../../core/index.ts';
import type { OddityCounter, OddityName } from '../../wire/index.ts';
import { latin1, ODDITY } from '../../wire/index.ts';
import { FreeNumbers } from '../free-numbers.ts';
import { NAME_CHARACTERS, type NameBudget } from '../names.ts';
import { TextCells } from './text-cells.ts';
import { Words } from './words.ts';

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
  /** Called before the flow is written, once: what only the end of a conversation tells. `context` is at the flow and has no bytes. */
  finish?(context: PeekContext): void;
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

/** Stands among the operations where the password of a login itself could be read on the wire. */
export const PASSWORD_IN_CLEAR = 'password in clear';

/** Facts that are one of few words of our own. */
export type WordFact = typeof FACT.tlsVersion | typeof FACT.dnsType | typeof FACT.dnsRcode | typeof FACT.login;
const WORDS = (1 << FACT.tlsVersion) | (1 << FACT.dnsType) | (1 << FACT.dnsRcode) | (1 << FACT.login);
const WORD_FACTS = 4;

export function isWordFact(fact: number): fact is WordFact {
  return (WORDS & (1 << fact)) !== 0;
}

/** What is known of each flow in eight words: a line of the processor's caches holds two. */
const RECORD_BITS = 3;
/** Which facts it has, as bits by their numbers; and those that are in `#wide`. */
const PRESENT = 0;
const WIDE = 1;
/** Its texts, one behind the other in a chain of cells: the first cell, the last, and how many bytes there are. */
const FIRST = 2;
const LAST = 3;
const LENGTH = 4;
/** How many operations it has, and HAS_COMMA where one of them has a comma. */
const OPERATIONS = 5;
/** Where its words and numbers lie, plus one; 0 when it has none. */
const PLACE = 6;
/** 1 where a decoder keeps something of it. */
const HAS_STATE = 7;

const HAS_COMMA = 0x80;
const COUNT = 0x1f;

/** Flows whose words and numbers lie in one piece of memory: it grows with the flows that have some. */
const PIECE_BITS = 8;
const PIECE = 2 ** PIECE_BITS;

/** Before each text in its chain: which fact it is, and its length in two bytes. */
const HEADER_BYTES = 3;
const MOST_TEXT_BYTES = TEXT_FACTS * (HEADER_BYTES + NAME_CHARACTERS) + MAX_OPERATIONS * (HEADER_BYTES + MAX_OPERATION);

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
  /** Most bytes that the message at `at` takes of what may be looked at of a side; a peek that read less of it says so. */
  looked = 0;
  /** Whether the bytes come from the initiator. */
  fromInitiator = true;
  /** Ports of the side that sent the bytes and of the other. */
  srcPort = 0;
  dstPort = 0;
  /** ns since the TimeBase. No whole number at first, as it will not be one: an object whose member changes from one kind to the other is looked at more slowly from then on. */
  timeNs = Number.NaN;
  /** Record number of the flow. */
  ref = 0;

  #records: Int32Array;
  #cells = new TextCells();
  #places = new FreeNumbers();
  /** Words by number, numbers, and eight bits of the hash of each operation, of all places, piece after piece. */
  #words: Uint16Array[] = [];
  #numbers: Float64Array[] = [];
  #hashes: Uint8Array[] = [];
  /** The words of each fact that is one. */
  #vocabulary = Array.from({ length: WORD_FACTS }, () => new Words());
  /** Texts with characters beyond Latin-1, by flow and fact. */
  #wide = new Map<number, string>();
  /** In the order in which they were made. */
  #states = new Map<number, object>();
  #names: NameBudget;
  #oddities: OddityCounter;

  /** A text under way, one byte a character; what it has: a control character, C0 or C1; a comma; one with a blank behind. */
  #text = new Uint8Array(NAME_CHARACTERS);
  #hasControl = false;
  #hasComma = false;
  #hasCommaBlank = false;
  #header = new Uint8Array(HEADER_BYTES);
  /** The flow whose texts were read back last, if none was written since; -1 for none. */
  #loaded = -1;
  #read = new Uint8Array(MOST_TEXT_BYTES);
  /** Where each fact is in that, and how long. */
  #from = new Int32Array(TEXT_FACTS);
  #size = new Int32Array(TEXT_FACTS);
  /** The operations in it, joined, and where each begins. */
  #joined = new Uint8Array(MAX_OPERATIONS * (MAX_OPERATION + 2));
  #joinedLength = 0;
  #starts = new Int32Array(MAX_OPERATIONS);

  constructor(names: NameBudget, oddities: OddityCounter) {
    this.#names = names;
    this.#oddities = oddities;
    this.#records = new Int32Array(names.maxFlows << RECORD_BITS);
  }

  /** The responder's port. */
  get port(): number {
    return this.fromInitiator ? this.dstPort : this.srcPort;
  }

  /** Which facts a flow has: bit n for the fact with number n. */
  presentOf(ref: number): number {
    return this.#records[(ref << RECORD_BITS) + PRESENT];
  }

  /** A fact of a flow that has it. */
  textOf(ref: number, fact: TextFact): string {
    const r = ref << RECORD_BITS;
    if (isWordFact(fact)) return this.wordText(fact, this.wordOf(ref, fact));
    if ((this.#records[r + WIDE] & (1 << fact)) !== 0) return this.#wide.get(ref * TEXT_FACTS + fact) ?? '';
    if (this.#loaded !== ref) this.#load(ref);
    if (fact === FACT.operations) return latin1(this.#joined, 0, this.#joinedLength);
    return latin1(this.#read, this.#from[fact], this.#from[fact] + this.#size[fact]);
  }

  /** Adds a fact of a flow that has it, and that is no word, to the texts of a column. @returns its code. */
  pack(ref: number, fact: Exclude<TextFact, WordFact>, texts: PackedTexts): number {
    if ((this.#records[(ref << RECORD_BITS) + WIDE] & (1 << fact)) !== 0)
      return texts.ofText(this.#wide.get(ref * TEXT_FACTS + fact) ?? '');
    if (this.#loaded !== ref) this.#load(ref);
    if (fact === FACT.operations) return texts.of(this.#joined, 0, this.#joinedLength);
    return texts.of(this.#read, this.#from[fact], this.#from[fact] + this.#size[fact]);
  }

  /** The number of the word that is a fact of a flow that has it. */
  wordOf(ref: number, fact: WordFact): number {
    const place = this.#records[(ref << RECORD_BITS) + PLACE] - 1;
    return this.#words[place >> PIECE_BITS][wordAt(place, wordOf(fact))];
  }

  /** The word that has a number among those of this fact. */
  wordText(fact: WordFact, number: number): string {
    return this.#vocabulary[wordOf(fact)].text(number);
  }

  /** A fact of a flow that has it. */
  numberOf(ref: number, fact: NumberFact): number {
    const place = this.#records[(ref << RECORD_BITS) + PLACE] - 1;
    return this.#numbers[place >> PIECE_BITS][numberAt(place, fact)];
  }

  /** A text of the flow at hand; undefined when it has none such. */
  text(fact: TextFact): string | undefined {
    return this.has(fact) ? this.textOf(this.ref, fact) : undefined;
  }

  /** Whether the flow at hand has a fact already. */
  has(fact: TextFact | NumberFact): boolean {
    return (this.#records[(this.ref << RECORD_BITS) + PRESENT] & (1 << fact)) !== 0;
  }

  /** Writes a text of the flow at hand, one byte a character, to the front of `into`. @returns its length; 0 when it has none such, or none of Latin-1. */
  read(fact: TextFact, into: Uint8Array): number {
    const { ref } = this;
    const r = ref << RECORD_BITS;
    if ((this.#records[r + PRESENT] & ~this.#records[r + WIDE] & (1 << fact)) === 0) return 0;
    const first = this.#records[r + FIRST];
    const header = this.#header;
    this.#cells.read(first, 0, HEADER_BYTES, header);
    if (header[0] === fact) {
      const length = header[1] | (header[2] << 8);
      this.#cells.read(first, HEADER_BYTES, length, into);
      return length;
    }
    if (this.#loaded !== ref) this.#load(ref);
    for (let i = 0; i < this.#size[fact]; i++) into[i] = this.#read[this.#from[fact] + i];
    return this.#size[fact];
  }

  /** Reads back the texts of a flow. */
  #load(ref: number): void {
    const r = ref << RECORD_BITS;
    const length = this.#records[r + LENGTH];
    const bytes = this.#read;
    const joined = this.#joined;
    let count = 0;
    let to = 0;
    this.#cells.read(this.#records[r + FIRST], 0, length, bytes);
    for (let at = 0; at < length; ) {
      const fact = bytes[at];
      const size = bytes[at + 1] | (bytes[at + 2] << 8);
      at += HEADER_BYTES;
      if (fact === FACT.operations) {
        if (count > 0) {
          joined[to++] = COMMA;
          joined[to++] = 0x20;
        }
        this.#starts[count++] = to;
        for (let i = 0; i < size; i++) joined[to++] = bytes[at + i];
      } else {
        this.#from[fact] = at;
        this.#size[fact] = size;
      }
      at += size;
    }
    this.#joinedLength = to;
    this.#loaded = ref;
  }

  /** Notes a text from the network; the first that is told stays, and empty ones are none. Control characters are escaped, and it is cut at 1,024 characters. */
  note(fact: Exclude<TextFact, WordFact>, text: string | undefined): void {
    if (text === undefined || text === '' || this.has(fact)) return;
    const length = this.#take(text);
    // Some protocols have bytes where names are (ALPN): no control character goes on from here.
    if (this.#hasControl) this.#noteText(fact, safeText(text, NAME_CHARACTERS));
    else if (length < 0) this.#noteText(fact, text);
    else this.noteBytes(fact, this.#text, 0, length);
  }

  /** As `note` for text without control characters. */
  #noteText(fact: TextFact, text: string): void {
    const kept = this.#names.keep(this.ref, text);
    if (kept !== undefined) this.#setWide(fact, kept);
  }

  /** As `note` for characters of Latin-1 without control characters: `bytes[from, to)`. */
  noteBytes(fact: Exclude<TextFact, WordFact>, bytes: Uint8Array, from: number, to: number): void {
    if (from >= to || this.has(fact)) return;
    if (to - from > NAME_CHARACTERS) this.#noteText(fact, asciiText(bytes, from, to));
    else if (this.#names.charge(this.ref, to - from)) this.#add(fact, bytes, from, to);
  }

  /** Puts a text's characters into `#text` and says how many; -1 when it is too long or has some beyond Latin-1. */
  #take(text: string): number {
    const { length } = text;
    if (length > NAME_CHARACTERS) {
      this.#hasControl = hasControl(text);
      return -1;
    }
    const bytes = this.#text;
    let all = 0;
    let controls = 0;
    let commas = 0;
    let before = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      bytes[i] = code;
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

  /** Adds a text that is paid for to those of the flow at hand. */
  #add(fact: TextFact, bytes: Uint8Array, from: number, to: number): void {
    const r = this.ref << RECORD_BITS;
    const records = this.#records;
    const cells = this.#cells;
    const header = this.#header;
    header[0] = fact;
    header[1] = to - from;
    header[2] = (to - from) >> 8;
    const length = records[r + LENGTH];
    let last: number;
    if (length === 0) {
      last = cells.add(header, 0, HEADER_BYTES);
      records[r + FIRST] = last;
    } else last = cells.append(records[r + LAST], length, header, 0, HEADER_BYTES);
    records[r + LAST] = cells.append(last, length + HEADER_BYTES, bytes, from, to);
    records[r + LENGTH] = length + HEADER_BYTES + to - from;
    records[r + PRESENT] |= 1 << fact;
    this.#loaded = -1;
  }

  #setWide(fact: TextFact, text: string): void {
    const r = this.ref << RECORD_BITS;
    this.#wide.set(this.ref * TEXT_FACTS + fact, text);
    this.#records[r + WIDE] |= 1 << fact;
    this.#records[r + PRESENT] |= 1 << fact;
  }

  /** Notes one of few words of our own, which takes no memory; a later one replaces an earlier. */
  word(fact: WordFact, word: string): void {
    const place = this.#own();
    const kind = wordOf(fact);
    this.#words[place >> PIECE_BITS][wordAt(place, kind)] = this.#vocabulary[kind].number(word);
    this.#records[(this.ref << RECORD_BITS) + PRESENT] |= 1 << fact;
  }

  /** Notes a finite number; the first stays. */
  number(fact: NumberFact, value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value) || this.has(fact)) return;
    const place = this.#own();
    this.#numbers[place >> PIECE_BITS][numberAt(place, fact)] = value;
    this.#records[(this.ref << RECORD_BITS) + PRESENT] |= 1 << fact;
  }

  /** Whether the flow at hand has as many operations as it may have. */
  get isFull(): boolean {
    return (this.#records[(this.ref << RECORD_BITS) + OPERATIONS] & COUNT) >= MAX_OPERATIONS;
  }

  /**
   * Adds what was done, as in 'svcctl:CreateServiceW' or 'USER': each once, at most 16, at most 80 characters each, joined by ', '.
   * @returns false when it was known already, or there was no room.
   */
  operation(text: string): boolean {
    if (text === '' || this.isFull) return false;
    let one = text;
    let length = this.#take(one);
    // A name from the network must not look like another operation.
    if (this.#hasControl || one.length > MAX_OPERATION || this.#hasCommaBlank) {
      one = plainOperation(text);
      length = this.#take(one);
    }
    if (length < 0 || this.#isWide()) return this.#addWide(one);
    return this.#addOperation(this.#text, length, this.#hasComma);
  }

  /** As `operation` for printable ASCII of at most 80 characters without blanks behind commas: the first `length` bytes. */
  operationBytes(bytes: Uint8Array, length: number): boolean {
    if (length === 0 || this.isFull) return false;
    if (this.#isWide()) return this.#addWide(asciiText(bytes, 0, length));
    let hasComma = false;
    for (let i = 0; i < length; i++) if (bytes[i] === COMMA) hasComma = true;
    return this.#addOperation(bytes, length, hasComma);
  }

  /** Whether one of the flow's operations has characters beyond Latin-1, so that all are one string. */
  #isWide(): boolean {
    return (this.#records[(this.ref << RECORD_BITS) + WIDE] & (1 << FACT.operations)) !== 0;
  }

  /** Adds one operation to those of a flow that are all of Latin-1, unless it is there already. */
  #addOperation(bytes: Uint8Array, length: number, hasComma: boolean): boolean {
    let hash = length;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    const r = this.ref << RECORD_BITS;
    const state = this.#records[r + OPERATIONS];
    const count = state & COUNT;
    if (count > 0 && this.#isTold(state, bytes, length, hash)) return false;
    if (!this.#names.charge(this.ref, count === 0 ? length : length + 2)) return false;
    this.#add(FACT.operations, bytes, 0, length);
    const place = this.#own();
    this.#hashes[place >> PIECE_BITS][(place & (PIECE - 1)) * MAX_OPERATIONS + count] = hash >>> 24;
    this.#records[r + OPERATIONS] = (state + 1) | (hasComma ? HAS_COMMA : 0);
    return true;
  }

  /** Whether one of the flow's operations tells as much: it is the same, or a list of numbers or names whose beginning is the other one. */
  #isTold(state: number, bytes: Uint8Array, length: number, hash: number): boolean {
    const count = state & COUNT;
    let isLikely = (state & HAS_COMMA) !== 0;
    if (!isLikely) {
      const place = this.#own();
      const hashes = this.#hashes[place >> PIECE_BITS];
      const from = (place & (PIECE - 1)) * MAX_OPERATIONS;
      const sought = hash >>> 24;
      for (let i = from; i < from + count && !isLikely; i++) isLikely = hashes[i] === sought;
      if (!isLikely) return false;
    }
    if (this.#loaded !== this.ref) this.#load(this.ref);
    const known = this.#joined;
    const end = this.#joinedLength;
    for (let i = 0; i < count; i++) {
      const at = this.#starts[i];
      let same = 0;
      while (same < length && at + same < end && known[at + same] === bytes[same]) same++;
      // Behind the last one nothing stands, behind any other a comma.
      if (same === length && (at + same === end || known[at + same] === COMMA)) return true;
    }
    return false;
  }

  /** Adds one operation to those of a flow, of which one or more have characters beyond Latin-1. */
  #addWide(one: string): boolean {
    const { ref } = this;
    const r = ref << RECORD_BITS;
    const state = this.#records[r + OPERATIONS];
    const known = (state & COUNT) === 0 ? undefined : this.textOf(ref, FACT.operations);
    if (known !== undefined && `, ${known},`.includes(`, ${one},`)) return false;
    const kept = this.#names.keep(ref, known === undefined ? one : `, ${one}`);
    if (kept === undefined) return false;
    this.#setWide(FACT.operations, known === undefined ? kept : known + kept);
    this.#records[r + OPERATIONS] = state + 1;
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
    this.#records[(this.ref << RECORD_BITS) + HAS_STATE] = 1;
    this.#states.set(this.ref, made);
    return made;
  }

  /** The decoder's state for this flow if it has one. */
  knownState<T extends object>(type: new () => T): T | undefined {
    if (this.#records[(this.ref << RECORD_BITS) + HAS_STATE] === 0) return undefined;
    const known = this.#states.get(this.ref);
    return known !== undefined && known.constructor === type ? (known as T) : undefined;
  }

  /** The flow's decoder will not be asked again. */
  dropState(ref: number): void {
    if (this.#records[(ref << RECORD_BITS) + HAS_STATE] === 0) return;
    this.#records[(ref << RECORD_BITS) + HAS_STATE] = 0;
    this.#states.delete(ref);
  }

  oddity(name: OddityName): void {
    this.#oddities.count(ODDITY[name]);
  }

  /** The record is free or another flow's. */
  release(ref: number): void {
    this.dropState(ref);
    if (this.#records[(ref << RECORD_BITS) + PRESENT] !== 0) this.#empty(ref);
  }

  #empty(ref: number): void {
    const r = ref << RECORD_BITS;
    const records = this.#records;
    if (records[r + LENGTH] !== 0) this.#cells.remove(records[r + FIRST], records[r + LAST]);
    if (records[r + PLACE] !== 0) this.#places.give(records[r + PLACE] - 1);
    for (let left = records[r + WIDE]; left !== 0; left &= left - 1)
      this.#wide.delete(ref * TEXT_FACTS + 31 - Math.clz32(left & -left));
    records[r + PRESENT] = 0;
    records[r + WIDE] = 0;
    records[r + LENGTH] = 0;
    records[r + OPERATIONS] = 0;
    records[r + PLACE] = 0;
    if (this.#loaded === ref) this.#loaded = -1;
    this.#names.release(ref);
  }

  /** The place of the flow at hand. */
  #own(): number {
    const known = this.#records[(this.ref << RECORD_BITS) + PLACE];
    return known === 0 ? this.#takePlace() : known - 1;
  }

  #takePlace(): number {
    const place = this.#places.take();
    if (place >> PIECE_BITS === this.#words.length) {
      this.#words.push(new Uint16Array(PIECE * WORD_FACTS));
      this.#numbers.push(new Float64Array(PIECE * NUMBER_FACTS));
      this.#hashes.push(new Uint8Array(PIECE * MAX_OPERATIONS));
    }
    this.#records[(this.ref << RECORD_BITS) + PLACE] = place + 1;
    return place;
  }
}

/** Which of the facts that are words it is. */
function wordOf(fact: WordFact): number {
  return fact === FACT.dnsType ? 0 : fact === FACT.dnsRcode ? 1 : fact === FACT.tlsVersion ? 2 : 3;
}

/** Where a word of a place is in its piece. */
function wordAt(place: number, word: number): number {
  return (place & (PIECE - 1)) * WORD_FACTS + word;
}

/** Where a number of a place is in its piece. */
function numberAt(place: number, fact: NumberFact): number {
  return (place & (PIECE - 1)) * NUMBER_FACTS + fact - TEXT_FACTS;
}

/** Without control characters and blanks behind commas, and not too long. */
function plainOperation(text: string): string {
  const comma = text.replace(/, +/g, ',');
  const plain = hasControl(comma) ? safeText(comma, MAX_OPERATION) : comma;
  return plain.length > MAX_OPERATION ? `${plain.slice(0, MAX_OPERATION - 1)}…` : plain;
}

/** Whether there is a control character, C0 or C1. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}
