import { safeText } from '../../core/index.ts';
import type { OddityCounter, OddityName } from '../../wire/index.ts';
import { ODDITY } from '../../wire/index.ts';
import { NAME_CHARACTERS, type NameBudget } from '../names.ts';

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

type TextFact = { [K in keyof FlowFacts]-?: string extends FlowFacts[K] ? K : never }[keyof FlowFacts];
type NumberFact = { [K in keyof FlowFacts]-?: number extends FlowFacts[K] ? K : never }[keyof FlowFacts];

const MAX_OPERATIONS = 16;
/** Longest operation that is not cut, in characters. */
export const MAX_OPERATION = 80;

/** Stands among the operations where the password of a login itself could be read on the wire. */
export const PASSWORD_IN_CLEAR = 'password in clear';

/** Whether there is a control character, C0 or C1. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}

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

  #facts: (FlowFacts | undefined)[] = [];
  /** In the order in which they were made. */
  #states = new Map<number, object>();
  #operations: (number | undefined)[] = [];
  #names: NameBudget;
  #oddities: OddityCounter;

  constructor(names: NameBudget, oddities: OddityCounter) {
    this.#names = names;
    this.#oddities = oddities;
  }

  /** The responder's port. */
  get port(): number {
    return this.fromInitiator ? this.dstPort : this.srcPort;
  }

  /** Facts of a flow, undefined when there are none. */
  factsOf(ref: number): FlowFacts | undefined {
    return this.#facts[ref];
  }

  /** Whether the flow at hand has a fact already. */
  has(name: keyof FlowFacts): boolean {
    return this.#facts[this.ref]?.[name] !== undefined;
  }

  /** Notes a text from the network; the first that is told stays, and empty ones are none. Control characters are escaped, and it is cut at 1,024 characters. */
  note(name: TextFact, text: string | undefined): void {
    if (text === undefined || text === '' || this.has(name)) return;
    // Some protocols have bytes where names are (ALPN): no control character goes on from here.
    const kept = this.#names.keep(this.ref, hasControl(text) ? safeText(text, NAME_CHARACTERS) : text);
    if (kept !== undefined) this.#own()[name] = kept;
  }

  /** As `note` for flat ASCII text of its own (not cut from another, not joined), which need not be copied: for what nearly every flow tells. */
  noteOwn(name: TextFact, text: string): void {
    if (text.length > NAME_CHARACTERS) {
      this.note(name, text);
      return;
    }
    if (text === '' || this.has(name)) return;
    const kept = this.#names.keepOwn(this.ref, text);
    if (kept !== undefined) this.#own()[name] = kept;
  }

  /** Notes one of few words of our own, which takes no memory; a later one replaces an earlier. */
  word(name: TextFact, word: string): void {
    this.#own()[name] = word;
  }

  /** Notes a finite number; the first stays. */
  number(name: NumberFact, value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value) || this.has(name)) return;
    this.#own()[name] = value;
  }

  /** Whether the flow at hand has as many operations as it may have. */
  get isFull(): boolean {
    return (this.#operations[this.ref] ?? 0) >= MAX_OPERATIONS;
  }

  /**
   * Adds what was done, as in 'svcctl:CreateServiceW' or 'USER': each once, at most 16, at most 80 characters each, joined by ', '.
   * @returns false when it was known already, or there was no room.
   */
  operation(text: string): boolean {
    const facts = this.#own();
    const { operations } = facts;
    // A name from the network must not look like another operation.
    const comma = text.includes(', ') ? text.replace(/, +/g, ',') : text;
    const plain = hasControl(comma) ? safeText(comma, MAX_OPERATION) : comma;
    const one = plain.length > MAX_OPERATION ? `${plain.slice(0, MAX_OPERATION - 1)}…` : plain;
    if (operations === undefined) {
      this.note('operations', one);
      if (facts.operations === undefined) return false;
      this.#operations[this.ref] = 1;
      return true;
    }
    const count = this.#operations[this.ref] ?? 1;
    if (count >= MAX_OPERATIONS || `, ${operations},`.includes(`, ${one},`)) return false;
    const kept = this.#names.keep(this.ref, `, ${one}`);
    if (kept === undefined) return false;
    facts.operations = operations + kept;
    this.#operations[this.ref] = count + 1;
    return true;
  }

  /**
   * The decoder's own state for this flow, made when it is first asked for, and gone when both sides of a TCP connection are done. State must be bounded. When
   * 4,096 flows have one, the oldest gives way: its decoder goes on without what it knew.
   */
  state<T extends object>(type: new () => T): T {
    const known = this.#states.get(this.ref);
    if (known instanceof type) return known;
    if (known === undefined && this.#states.size >= MAX_STATES)
      for (const oldest of this.#states.keys()) {
        this.#states.delete(oldest);
        break;
      }
    const made = new type();
    this.#states.set(this.ref, made);
    return made;
  }

  /** The decoder's state for this flow if it has one. */
  knownState<T extends object>(type: new () => T): T | undefined {
    const known = this.#states.get(this.ref);
    return known instanceof type ? known : undefined;
  }

  /** The flow's decoder will not be asked again. */
  dropState(ref: number): void {
    this.#states.delete(ref);
  }

  oddity(name: OddityName): void {
    this.#oddities.count(ODDITY[name]);
  }

  /** The record is free or another flow's. */
  release(ref: number): void {
    this.#facts[ref] = undefined;
    this.#states.delete(ref);
    this.#operations[ref] = undefined;
    this.#names.release(ref);
  }

  #own(): FlowFacts {
    let facts = this.#facts[this.ref];
    if (facts === undefined) {
      facts = {};
      this.#facts[this.ref] = facts;
    }
    return facts;
  }
}
