import { ODDITY, type OddityCounter } from '../wire/index.ts';

/** A name longer than this many characters (UTF-16 units) is cut. Host names end at 253, and of a longer request target the front says what it is. */
export const NAME_CHARACTERS = 1024;
/** What V8 takes for a string beside its characters, header and rounding, and for the property that holds it. */
const STRING_OVERHEAD = 32;

export interface NameBudgetOptions {
  /** Bytes that the names of all live flows may take together. */
  readonly maxBytes: number;
}

/**
 * Holds the names that live flows keep (server names, hosts, requests, queries) to a number of bytes, whatever the traffic sends: without it 65,536 flows
 * with long request targets take hundreds of megabytes. At the budget further names are refused and counted as `flow.names-refused`; the flows go on without
 * them, and there is room again as flows end.
 */
export class NameBudget {
  /** Bytes that are kept now, and the most there ever were. */
  bytes = 0;
  peakBytes = 0;
  /** Names refused so far. */
  refused = 0;
  readonly maxBytes: number;
  /** Record numbers are below it. */
  readonly maxFlows: number;

  #oddities: OddityCounter;
  /** Bytes kept for each record. */
  #kept: Uint32Array;
  #codes = new Uint16Array(NAME_CHARACTERS + 1);

  /** @param maxFlows record numbers are below it. */
  constructor(maxFlows: number, oddities: OddityCounter, options: Partial<NameBudgetOptions> = {}) {
    const { maxBytes = 32 * 1024 * 1024 } = options;
    this.maxBytes = maxBytes;
    this.maxFlows = maxFlows;
    this.#oddities = oddities;
    this.#kept = new Uint32Array(maxFlows);
  }

  /**
   * The text as the flow may keep it: a copy of its own, cut to NAME_CHARACTERS and '…' when longer; undefined when the budget is used up. A copy, because
   * what was cut out of a longer text keeps the whole of that alive.
   */
  keep(ref: number, text: string): string | undefined {
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
    // V8 keeps text of Latin-1 with one byte a character and all other with two.
    const cost = STRING_OVERHEAD + length * (all > 255 ? 2 : 1);
    if (!this.#account(ref, cost)) return undefined;
    return Reflect.apply(String.fromCharCode, null, codes.subarray(0, length));
  }

  /** Charges the record for a text of so many characters of Latin-1, at most NAME_CHARACTERS, that the caller keeps. @returns false when the budget is used up. */
  charge(ref: number, characters: number): boolean {
    return this.#account(ref, STRING_OVERHEAD + characters);
  }

  #account(ref: number, cost: number): boolean {
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
}
