import { TextMemo } from '../core/index.ts';
import { ODDITY, type OddityCounter } from '../wire/index.ts';

/** A name longer than this many characters (UTF-16 units) is cut. Host names end at 253, and of a longer request target the front says what it is. */
export const NAME_CHARACTERS = 1024;
/** What V8 takes for a string beside its characters, header and rounding, and for the property that holds it. */
const STRING_OVERHEAD = 32;
/** Names that are kept to be used again, of all live flows and those before. */
const MEMO_PLACES = 2048;

export interface NameBudgetOptions {
  /** Bytes that the names of all live flows may take together. */
  readonly maxBytes: number;
}

/**
 * Holds the names that live flows keep (server names, hosts, requests, queries) to a number of bytes, whatever the traffic sends: without it 65,536 flows
 * with long request targets take hundreds of megabytes. At the budget further names are refused and counted as `flow.names-refused`; the flows go on without
 * them, and there is room again as flows end. A name that several flows keep is charged to each, though they may share one text.
 */
export class NameBudget {
  /** Bytes that are kept now, and the most there ever were. */
  bytes = 0;
  peakBytes = 0;
  /** Names refused so far. */
  refused = 0;
  /** Whether what `own` was last asked for has a control character, C0 or C1. */
  hadControl = false;
  /** A hash of the text that was owned last; 0 for long ones and those beyond Latin-1. */
  hash = 0;
  readonly maxBytes: number;
  /** Record numbers are below it. */
  readonly maxFlows: number;

  #oddities: OddityCounter;
  /** Bytes kept for each record. */
  #kept: Uint32Array;
  #codes = new Uint16Array(NAME_CHARACTERS + 1);
  #bytes = new Uint8Array(NAME_CHARACTERS);
  #memo = new TextMemo(MEMO_PLACES);
  /** Whether the text that was owned last has characters beyond Latin-1. */
  #isWide = false;

  /** @param maxFlows record numbers are below it. */
  constructor(maxFlows: number, oddities: OddityCounter, options: Partial<NameBudgetOptions> = {}) {
    const { maxBytes = 32 * 1024 * 1024 } = options;
    this.maxBytes = maxBytes;
    this.maxFlows = maxFlows;
    this.#oddities = oddities;
    this.#kept = new Uint32Array(maxFlows);
  }

  /**
   * The text as the flow may keep it: flat and of its own, cut to NAME_CHARACTERS and '…' when longer; undefined when the budget is used up. Never the text itself, because what was
   * cut out of a longer text keeps the whole of that alive.
   */
  keep(ref: number, text: string): string | undefined {
    const own = this.own(text);
    return this.charge(ref, own) ? own : undefined;
  }

  /** The text as `keep` gives it, which is not charged for yet. */
  own(text: string): string {
    const { length } = text;
    if (length > NAME_CHARACTERS) return this.#wide(text);
    const bytes = this.#bytes;
    let all = 0;
    let controls = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      bytes[i] = code;
      all |= code;
      if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) controls = 1;
    }
    if (all > 255) return this.#wide(text);
    this.hadControl = controls !== 0;
    return this.#known(bytes, 0, length);
  }

  /** As `own` for printable ASCII: `bytes[from, to)`, at most NAME_CHARACTERS. */
  ownBytes(bytes: Uint8Array, from: number, to: number): string {
    this.hadControl = false;
    return this.#known(bytes, from, to);
  }

  /** Charges the record for the text that `own` or `ownBytes` gave last, with `extra` characters beside it. @returns false when the budget is used up. */
  charge(ref: number, own: string, extra = 0): boolean {
    // V8 keeps text of Latin-1 with one byte a character and all other with two.
    const cost = STRING_OVERHEAD + (own.length + extra) * (this.#isWide ? 2 : 1);
    if (this.bytes + cost > this.maxBytes) {
      this.refused++;
      this.#oddities.count(ODDITY['flow.names-refused']);
      return false;
    }
    this.bytes += cost;
    if (this.bytes > this.peakBytes) this.peakBytes = this.bytes;
    this.#kept[ref] += cost;
    return true;
  }

  /** The record's names are gone: their bytes are free again. */
  release(ref: number): void {
    this.bytes -= this.#kept[ref];
    this.#kept[ref] = 0;
  }

  #known(bytes: Uint8Array, from: number, to: number): string {
    const text = this.#memo.of(bytes, from, to);
    this.#isWide = false;
    this.hash = this.#memo.hash;
    return text;
  }

  #wide(text: string): string {
    const codes = this.#codes;
    let length = text.length;
    if (length > NAME_CHARACTERS) {
      length = NAME_CHARACTERS;
      // Not through the middle of a surrogate pair.
      if ((text.charCodeAt(length - 1) & 0xfc00) === 0xd800) length--;
    }
    let all = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      codes[i] = code;
      all |= code;
    }
    if (length < text.length) {
      codes[length++] = 0x2026;
      all |= 0x2026;
    }
    this.#isWide = all > 255;
    this.hash = 0;
    this.hadControl = hasControl(text);
    return Reflect.apply(String.fromCharCode, null, codes.subarray(0, length));
  }
}

/** Whether there is a control character, C0 or C1. */
export function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}
