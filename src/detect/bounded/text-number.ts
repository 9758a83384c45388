import { ownText, type StringColumn } from '../../core/index.ts';
import { formatIpv4 } from '../../wire/index.ts';
import { codeCount, textOf } from '../told.ts';

/** The text is no IPv4 address, or one that no host has. */
export const NO_BITS = -1;
/** `find`: the text has no number. */
export const NO_NUMBER = -1;

/** Numbers from here to -1 would be addresses of 240.0.0.0/4, which no host has (RFC 1112 section 4): they stand for other texts. */
const FIRST_TEXT = 0xf0000000 | 0;
/** 255.255.255.254: no result of `ipv4Bits`. */
const NOT_ASKED = -2;
const DOT = 46;
const ZERO = 48;

/** The 32 bits of an IPv4 address written as `formatIpv4` writes it, as a signed number, so that the text can be made of them again; `NO_BITS` for any other text and for 240.0.0.0/4. */
export function ipv4Bits(text: string): number {
  const n = text.length;
  if (n < 7 || n > 15) return NO_BITS;
  let bits = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < n; i++) {
    const unit = text.charCodeAt(i);
    if (unit === DOT) {
      if (digits === 0 || dots === 3) return NO_BITS;
      bits = (bits << 8) | octet;
      octet = 0;
      digits = 0;
      dots++;
      continue;
    }
    const digit = unit - ZERO;
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return NO_BITS;
    octet = 10 * octet + digit;
    if (octet > 255) return NO_BITS;
    digits++;
  }
  if (dots !== 3 || digits === 0) return NO_BITS;
  bits = (bits << 8) | octet;
  return bits >= FIRST_TEXT && bits < 0 ? NO_BITS : bits;
}

/** `ipv4Bits` of the texts of a column, each looked at when it is first asked for; what several detectors ask of one batch is looked at once. */
export class AddressBits {
  readonly #column: StringColumn;
  readonly #bits: Int32Array;

  private constructor(column: StringColumn) {
    this.#column = column;
    this.#bits = new Int32Array(codeCount(column)).fill(NOT_ASKED);
  }

  /** The same ones for all who ask. */
  static of(column: StringColumn): AddressBits {
    const known = BITS_OF.get(column);
    if (known !== undefined) return known;
    const made = new AddressBits(column);
    BITS_OF.set(column, made);
    return made;
  }

  /** Of the text of a row, which must have one. */
  at(row: number): number {
    return this.of(this.#column.codes[row] as number);
  }

  of(code: number): number {
    const bits = this.#bits[code] as number;
    if (bits !== NOT_ASKED) return bits;
    const found = ipv4Bits(textOf(this.#column, code));
    this.#bits[code] = found;
    return found;
  }
}

const BITS_OF = new WeakMap<StringColumn, AddressBits>();

/**
 * Texts as 32-bit numbers, most of them addresses: an IPv4 address is its own number and takes nothing, any other text is held once for all who took it, until all have dropped it.
 * Every method takes what `ipv4Bits` says of the text beside it, as callers know it by the row; `NO_BITS` for a text that is no address.
 */
export class TextNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];
  /** How often each was taken and not dropped; below 0 that of one that is held for itself. */
  readonly #uses: number[] = [];
  readonly #free: number[] = [];

  /** Texts held: those that are no addresses. */
  get size(): number {
    return this.#texts.length - this.#free.length;
  }

  /** The number of a text, `NO_NUMBER` where it has none: nobody took it. */
  find(text: string, bits = NO_BITS): number {
    return bits === NO_BITS ? (this.#numbers.get(text) ?? NO_NUMBER) : bits;
  }

  /** Whether a number that was taken is that of the text. */
  is(number: number, text: string): boolean {
    if (number < FIRST_TEXT || number >= NO_NUMBER) return ipv4Bits(text) === number;
    return this.#texts[number - FIRST_TEXT] === text;
  }

  /** The number of a text, which stays the same one until it was dropped as often as it was taken. */
  take(text: string, bits = NO_BITS): number {
    if (bits !== NO_BITS) return bits;
    const known = this.#numbers.get(text);
    if (known !== undefined) return this.takeAgain(known);
    const own = ownText(text);
    const number = this.#add(own, 1);
    this.#numbers.set(own, number);
    return number;
  }

  /** A number for a text that is not looked up, but read or compared with another (`is`) alone: quicker than `take`, as nothing is looked for. It is held beside others that are equal. */
  takeAlone(text: string, bits = NO_BITS): number {
    return bits === NO_BITS ? this.#add(text, -1) : bits;
  }

  #add(text: string, uses: number): number {
    const place = this.#free.pop() ?? this.#texts.length;
    this.#texts[place] = text;
    this.#uses[place] = uses;
    return FIRST_TEXT + place;
  }

  /** Takes the text that has this number once more. */
  takeAgain(number: number): number {
    if (number >= FIRST_TEXT && number < NO_NUMBER) {
      const place = number - FIRST_TEXT;
      const uses = this.#uses[place] as number;
      this.#uses[place] = uses < 0 ? uses - 1 : uses + 1;
    }
    return number;
  }

  /** Nothing happens where the number stands for no text that is held. */
  drop(number: number): void {
    if (number < FIRST_TEXT || number >= NO_NUMBER) return;
    const place = number - FIRST_TEXT;
    const uses = this.#uses[place] as number;
    const left = uses < 0 ? uses + 1 : uses - 1;
    this.#uses[place] = left;
    if (left !== 0) return;
    if (uses > 0) this.#numbers.delete(this.#texts[place] as string);
    this.#texts[place] = '';
    this.#free.push(place);
  }

  text(number: number): string {
    if (number >= FIRST_TEXT && number < 0) return this.#texts[number - FIRST_TEXT] as string;
    return formatIpv4(number);
  }
}
