import { ExpressionError } from './error.ts';
import type { Span } from './tree.ts';

/** Words, values and signs: what the text of an expression is made of. */

type TokenKind = 'word' | 'name' | 'number' | 'text' | 'address' | 'mac' | 'time' | 'sign' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The text as it stands, without quotes and escapes for a 'text'. */
  readonly text: string;
  readonly parts: readonly { readonly value: number; readonly unit: string }[];
  readonly span: Span;
}

const BLANK = /\s+/y;
const COMMUNITY_ID = /1:[A-Za-z0-9+/]{27}=/y;
const TIME = /\d{4}-\d{2}-\d{2}(?:[Tt]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?(?![\w:-])/y;
const MAC = /[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})(?![\w:-])/y;
const IPV4 = /\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:\/\d{1,3})?(?!\w|\.\w)/y;
/** Anything of hex digits with two colons or more; dots for an IPv4 tail, but not the two of a range. */
const IPV6 = /(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)(?:[0-9A-Fa-f:]|\.(?!\.))+(?:%[\w.-]+)?(?:\/\d{1,3})?(?!\w)/y;
const HEX_NUMBER = /0[xX][0-9A-Fa-f]+(?!\w)/y;
const NUMBER_PART = /(\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+(?![A-Za-z]))?)([A-Za-zµμ]*)/y;
const WORD = /\.?[\p{L}_](?:[\p{L}\p{N}_]|[.-](?=[\p{L}\p{N}_]))*/uy;
const FORMULA_WORD = /[@.]?[\p{L}_](?:[\p{L}\p{N}_]|[.-](?=[\p{L}\p{N}_]))*/uy;
const SIGN = /&&|\|\||==|!=|<>|<=|>=|\.\.|[=<>!(){}[\],+\-*/%~]/y;
const FORMULA_SIGN = /&&|\|\||==|!=|<>|<=|>=|\.\.|[=<>!(){}[\],+\-*/%~^]/y;

/** A place in the text that can be gone back to. */
interface LexerMark {
  readonly at: number;
  readonly token: Token;
}

/** The words, values and signs of a text, one after another. `token` is the one that is looked at. */
export class Lexer {
  token: Token = { kind: 'end', text: '', parts: [], span: { from: 0, to: 0 } };
  #source: string;
  #what: string;
  #formula: boolean;
  #at = 0;

  /** @param what how messages call the text. @param formula in the language of features, filters and flags. */
  constructor(source: string, what: string, formula: boolean) {
    this.#source = source;
    this.#what = what;
    this.#formula = formula;
  }

  fail(span: Span, message: string, hint: string | undefined): never {
    throw new ExpressionError(this.#source, span, message, hint, this.#what);
  }

  /** Where it stands, for `back`. */
  mark(): LexerMark {
    return { at: this.#at, token: this.token };
  }

  back({ at, token }: LexerMark): void {
    this.#at = at;
    this.token = token;
  }

  advance(): void {
    this.#match(BLANK);
    const from = this.#at;
    const first = this.#source[from];
    if (first === undefined) {
      this.token = { kind: 'end', text: '', parts: [], span: { from, to: from } };
      return;
    }
    if (first === '"' || first === "'") {
      this.#quoted(first);
      return;
    }
    if (this.#formula && first === '`') {
      this.#backticked();
      return;
    }
    const text = this.#match(COMMUNITY_ID);
    if (text !== undefined) {
      this.#set('text', text, from);
      return;
    }
    const time = this.#match(TIME);
    if (time !== undefined) {
      this.#set('time', time, from);
      return;
    }
    const mac = this.#match(MAC);
    if (mac !== undefined) {
      this.#set('mac', mac, from);
      return;
    }
    const address = this.#match(IPV4) ?? this.#match(IPV6);
    if (address !== undefined) {
      this.#set('address', address, from);
      return;
    }
    if (first >= '0' && first <= '9') {
      this.#number();
      return;
    }
    const word = this.#match(this.#formula ? FORMULA_WORD : WORD);
    if (word !== undefined) {
      this.#set('word', word, from);
      return;
    }
    const sign = this.#match(this.#formula ? FORMULA_SIGN : SIGN);
    if (sign !== undefined) {
      this.#set('sign', sign, from);
      return;
    }
    this.fail(
      { from, to: from + String.fromCodePoint(this.#source.codePointAt(from) ?? 0).length },
      `the character ${JSON.stringify(String.fromCodePoint(this.#source.codePointAt(from) ?? 0))} means nothing here`,
      'text with such characters is put in quotes',
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #set(kind: TokenKind, text: string, from: number): void {
    this.token = { kind, text, parts: [], span: { from, to: this.#at } };
  }

  #number(): void {
    const from = this.#at;
    const parts: { value: number; unit: string }[] = [];
    const hex = this.#match(HEX_NUMBER);
    if (hex !== undefined) parts.push({ value: Number(hex), unit: '' });
    else {
      for (;;) {
        NUMBER_PART.lastIndex = this.#at;
        const found = NUMBER_PART.exec(this.#source);
        if (found === null) break;
        const [whole, digits, unit] = found;
        parts.push({ value: Number(digits.replaceAll('_', '')), unit });
        this.#at += whole.length;
        // 1h30m goes on, 5..9 and 5 MB don't.
        if (unit === '') break;
      }
    }
    const span = { from, to: this.#at };
    const next = this.#source[this.#at];
    if (next !== undefined && (next === '.' ? this.#source[this.#at + 1] !== '.' : /[\w:]/.test(next))) {
      this.fail(
        { from, to: this.#at + 1 },
        `${JSON.stringify(this.#source.slice(from, this.#at + 1))} is no number, address or time`,
        'an address is written as 10.0.0.1, 10.0.0.0/8 or fe80::1; a time as 2024-05-14T07:30; text is put in quotes',
      );
    }
    if (!parts.every((part) => Number.isFinite(part.value))) this.fail(span, 'the number is too large', undefined);
    this.token = { kind: 'number', text: this.#source.slice(from, this.#at), parts, span };
  }

  #backticked(): void {
    const from = this.#at;
    const end = this.#source.indexOf('`', from + 1);
    if (end < 0) this.fail({ from, to: from + 1 }, 'the backtick is not closed', 'put a ` behind the name');
    if (end === from + 1) this.fail({ from, to: end + 1 }, 'the name in backticks is empty', undefined);
    this.#at = end + 1;
    this.#set('name', this.#source.slice(from + 1, end), from);
  }

  #quoted(quote: string): void {
    const from = this.#at++;
    let text = '';
    for (;;) {
      const ch = this.#source[this.#at];
      if (ch === undefined)
        this.fail({ from, to: from + 1 }, 'the quote is not closed', `put a ${quote} behind the text`);
      this.#at++;
      if (ch === quote) break;
      text += ch === '\\' ? this.#escape() : ch;
    }
    this.#set('text', text, from);
  }

  #escape(): string {
    const from = this.#at - 1;
    const ch = this.#source[this.#at++];
    if (ch !== undefined && '\\"\'*?'.includes(ch)) return ch === '*' || ch === '?' ? `\\${ch}` : ch;
    if (ch === 'n') return '\n';
    if (ch === 't') return '\t';
    if (ch === 'r') return '\r';
    if (ch === 'x') {
      const digits = this.#source.slice(this.#at, this.#at + 2);
      if (/^[0-9A-Fa-f]{2}$/.test(digits)) {
        this.#at += 2;
        return String.fromCharCode(Number.parseInt(digits, 16));
      }
    }
    return this.fail(
      { from, to: Math.min(this.#at, this.#source.length) },
      'this escape is not known',
      'known ones: \\\\ \\" \\\' \\n \\t \\r \\xNN, and \\* \\? in patterns',
    );
  }
}
