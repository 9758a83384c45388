import { nearest, UserError } from './error.ts';
import { safeText } from './text.ts';

/**
 * The syntax of conditions and formulas over a table: what a flow filter is written in. This file knows no fields and no types, only how
 * words, values and operators stand together; whoever gives them a meaning (see flow/filter.ts) walks the tree.
 *
 * Loosest first:
 *
 *     a or b      a || b
 *     a and b     a && b
 *     not a       !a
 *     a == b  =  eq   !=  <>  ne   <  lt   <=  le   >  gt   >=  ge        a b  (a name and a value side by side: the same as ==)
 *     a contains b    startswith    endswith    matches (a pattern with * and ?)
 *     a in (x, y..z)  a not in (x)  a in x     {x y} and [x, y] as well
 *     a is missing    a is present  a is not missing
 *     a + b   a - b
 *     a * b   a / b   a % b
 *     -a   (a)   name   name(a, b)   value
 *
 * A word may hold dots and hyphens (`dst.port`, `dns-tls`, `.com`), so a minus needs a blank on each side. Comparisons don't chain.
 *
 * With `formula: true` it is the language of features, filters and flags (see feature/expression), which has more and leaves `a b` away:
 *
 *     a ^ b                          a power, tighter than the sign: -a ^ 2 is -(a ^ 2); the same as pow(a, b)
 *     `any name`   @timestamp        names that are no words stand in backticks, an at sign may begin one
 *     5 MB                           a blank between a number and its unit
 *     if(a > 1 and b, c, d)          conditions as arguments
 *     count(a) over 10m by b, f(c)   a window and a key behind a call; by (b, c) where a comma would go on otherwise
 */

/** Where a piece of an expression stands: UTF-16 units [from, to) of its text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export type CompareOperator =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'contains'
  | 'startswith'
  | 'endswith'
  | 'matches';

/** A number as it was written: parts of value and unit, one part except for durations such as 1h30m; the unit is '' where none stands. */
export interface NumberLiteral {
  readonly kind: 'number';
  readonly parts: readonly { readonly value: number; readonly unit: string }[];
  readonly span: Span;
}

/** 'text' was quoted, or is a Community ID; 'address' is an IP address or a network, 'mac' an Ethernet address, 'time' a date in ISO 8601: none of them checked yet. */
export interface TextLiteral {
  readonly kind: 'text' | 'address' | 'mac' | 'time';
  readonly text: string;
  readonly span: Span;
}

export interface NameExpression {
  readonly kind: 'name';
  readonly name: string;
  /** It stood in backticks, so it is a name whatever the word means. */
  readonly quoted?: boolean;
  readonly span: Span;
}

export interface CallExpression {
  readonly kind: 'call';
  readonly name: string;
  readonly values: readonly Expression[];
  /** The window behind it, as in `over 10m`; only in formulas. */
  readonly over?: NumberLiteral;
  /** The keys behind it, as in `by src, port`; only in formulas. */
  readonly by?: readonly Expression[];
  readonly span: Span;
}

export interface ListItem {
  readonly from: Expression;
  /** Last of a range, undefined for a single value. */
  readonly to: Expression | undefined;
}

export type Expression =
  | NumberLiteral
  | TextLiteral
  | NameExpression
  | { readonly kind: 'not' | 'negate'; readonly operand: Expression; readonly span: Span }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression; readonly span: Span }
  | {
      readonly kind: 'arithmetic';
      readonly operator: '+' | '-' | '*' | '/' | '%';
      readonly left: Expression;
      readonly right: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: 'compare';
      readonly operator: CompareOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly span: Span;
    }
  | { readonly kind: 'in'; readonly operand: Expression; readonly items: readonly ListItem[]; readonly span: Span }
  | { readonly kind: 'missing'; readonly operand: Expression; readonly span: Span }
  | CallExpression;

/** Longest text and deepest nesting that are read: an expression is typed by a person. */
const MAX_LENGTH = 10_000;
const MAX_DEPTH = 100;
/** Columns of the text that an excerpt shows at most. */
const EXCERPT_WIDTH = 76;

/** A mistake in an expression. `message` says what and in which column, `excerpt` are the text and a line with carets below the place. */
export class ExpressionError extends UserError {
  readonly span: Span;
  /** From 1, in characters. */
  readonly column: number;
  readonly excerpt: readonly [string, string];
  /** The message without the place. */
  readonly reason: string;

  /** @param source the whole text. @param what how the message calls it, as in 'filter'. */
  constructor(source: string, span: Span, message: string, hint: string | undefined, what: string) {
    const column = [...source.slice(0, span.from)].length + 1;
    super(`${what}, column ${column}: ${message}`, hint);
    this.name = 'ExpressionError';
    this.reason = message;
    this.span = span;
    this.column = column;
    this.excerpt = excerptOf(source, span);
  }
}

/** The text around the place, one line, with what a terminal must not see made visible, and carets below it. */
function excerptOf(source: string, span: Span): [string, string] {
  let from = 0;
  let to = source.length;
  if (to > EXCERPT_WIDTH) {
    from = Math.max(0, Math.min(span.from - EXCERPT_WIDTH / 2, to - EXCERPT_WIDTH));
    to = Math.min(to, from + EXCERPT_WIDTH);
  }
  const flat = (text: string): string => safeText(text.replace(/\s/g, ' '), MAX_LENGTH);
  const start = Math.min(span.from, source.length);
  const before = `${from > 0 ? '…' : ''}${flat(source.slice(from, start))}`;
  const marked = flat(source.slice(start, Math.max(start, Math.min(span.to, to))));
  const after = flat(source.slice(Math.max(start, Math.min(span.to, to)), to));
  const line = `${before}${marked}${after}${to < source.length ? '…' : ''}`;
  return [line, `${' '.repeat([...before].length)}${'^'.repeat(Math.max(1, [...marked].length))}`];
}

// ---- words, values and signs ----

type TokenKind = 'word' | 'name' | 'number' | 'text' | 'address' | 'mac' | 'time' | 'sign' | 'end';

interface Token {
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

/** Signs and words that mean the same. */
const SYNONYM: Readonly<Record<string, string>> = {
  '&&': 'and',
  '||': 'or',
  '!': 'not',
  '=': '==',
  eq: '==',
  ne: '!=',
  '<>': '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  '~': 'matches',
};

const COMPARE: readonly string[] = [
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'contains',
  'startswith',
  'endswith',
  'matches',
] satisfies CompareOperator[];
/** Words with a place of their own in the syntax; as a value they must be quoted. */
const KEYWORDS: ReadonlySet<string> = new Set([
  'and',
  'or',
  'not',
  'in',
  'is',
  'contains',
  'startswith',
  'endswith',
  'matches',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
]);

export interface ParseOptions {
  /** How messages call the text. Default 'filter'. */
  readonly what?: string;
  /** One name for two words side by side, as 'src port' is for 'src.port'; undefined where they are none. */
  readonly join?: (first: string, second: string) => string | undefined;
  /** The language of features, filters and flags rather than that of display filters. Default false. */
  readonly formula?: boolean;
}

/** Reads an expression. Throws ExpressionError with the place of the first mistake. */
export function parseExpression(source: string, options: ParseOptions = {}): Expression {
  const { what = 'filter', join = () => undefined, formula = false } = options;
  if (source.length > MAX_LENGTH) {
    const span = { from: MAX_LENGTH, to: source.length };
    throw new ExpressionError(
      source,
      span,
      `it is longer than ${MAX_LENGTH} characters`,
      'a list of values fits better into a file',
      what,
    );
  }
  return new Parser(source, what, join, formula).parse();
}

class Parser {
  #source: string;
  #what: string;
  #join: (first: string, second: string) => string | undefined;
  #formula: boolean;
  #at = 0;
  #token: Token;
  #depth = 0;

  constructor(
    source: string,
    what: string,
    join: (first: string, second: string) => string | undefined,
    formula: boolean,
  ) {
    this.#formula = formula;
    this.#source = source;
    this.#what = what;
    this.#join = join;
    this.#token = { kind: 'end', text: '', parts: [], span: { from: 0, to: 0 } };
  }

  parse(): Expression {
    this.#advance();
    if (this.#token.kind === 'end')
      this.#fail(
        this.#token.span,
        'it is empty',
        this.#formula
          ? "for example 'bytes / packets' or 'length(name) > 40'"
          : "for example 'tcp and dst.port in (22, 3389)'",
      );
    const expression = this.#or();
    this.#expectEnd(expression);
    return expression;
  }

  #expectEnd(before: Expression): void {
    const token = this.#token;
    if (token.kind === 'end') return;
    if (token.text === ')' || token.text === '}' || token.text === ']')
      this.#fail(token.span, `there is no bracket that this ${token.text} closes`, 'take it away');
    if (token.text === '..') this.#fail(token.span, 'a range stands in a list', "for example 'port in (1..1024)'");
    if (before.kind === 'compare' && COMPARE.includes(this.#operator()))
      this.#fail(token.span, 'comparisons do not chain', "join two of them with 'and'");
    const near = nearest(token.text, ['and', 'or', 'contains', 'startswith', 'endswith', 'matches', 'in']);
    this.#fail(
      token.span,
      `expected 'and', 'or' or an operator before ${shown(token)}`,
      token.kind === 'word' && near !== undefined
        ? `did you mean '${near}'?`
        : 'operators: == != < <= > >= in contains startswith endswith matches',
    );
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#operator() === 'or') {
      this.#advance();
      const right = this.#and();
      left = { kind: 'or', left, right, span: over(left, right) };
    }
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#operator() === 'and') {
      this.#advance();
      const right = this.#not();
      left = { kind: 'and', left, right, span: over(left, right) };
    }
    return left;
  }

  #not(): Expression {
    if (this.#operator() !== 'not') return this.#condition();
    const { from } = this.#token.span;
    this.#advance();
    const operand = this.#deeper(() => this.#not());
    return { kind: 'not', operand, span: { from, to: operand.span.to } };
  }

  #condition(): Expression {
    const left = this.#sum();
    const operator = this.#operator();
    if (COMPARE.includes(operator)) {
      this.#advance();
      const right = this.#sum();
      return { kind: 'compare', operator: operator as CompareOperator, left, right, span: over(left, right) };
    }
    if (operator === 'in') {
      this.#advance();
      return this.#in(left);
    }
    if (operator === 'not') {
      const { span } = this.#token;
      this.#advance();
      if (this.#operator() !== 'in')
        this.#fail(span, "expected 'and' or 'or' before 'not'", "or 'not in' with a list behind it");
      this.#advance();
      const operand = this.#in(left);
      return { kind: 'not', operand, span: operand.span };
    }
    if (operator === 'is') return this.#is(left);
    // A name and a value side by side, as in `port 443`.
    if (!this.#formula && left.kind === 'name' && isValue(this.#token.kind)) {
      const right = this.#primary();
      return { kind: 'compare', operator: '==', left, right, span: over(left, right) };
    }
    return left;
  }

  #is(operand: Expression): Expression {
    const { from } = operand.span;
    this.#advance();
    const negated = this.#operator() === 'not';
    if (negated) this.#advance();
    const token = this.#token;
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    const missing = word === 'missing' || word === 'absent';
    if (!missing && word !== 'present')
      this.#fail(token.span, `expected 'missing' or 'present' behind 'is', found ${shown(token)}`, undefined);
    this.#advance();
    const span = { from, to: token.span.to };
    const test: Expression = { kind: 'missing', operand, span };
    return missing === negated ? { kind: 'not', operand: test, span } : test;
  }

  #in(operand: Expression): Expression {
    const open = this.#token;
    const close = CLOSING[open.text];
    if (open.kind !== 'sign' || close === undefined) {
      const item = this.#item();
      return { kind: 'in', operand, items: [item], span: { from: operand.span.from, to: this.#endOf(item) } };
    }
    this.#advance();
    const items: ListItem[] = [];
    for (;;) {
      const token = this.#token;
      if (token.kind === 'sign' && token.text === close) {
        if (items.length === 0) this.#fail({ from: open.span.from, to: token.span.to }, 'the list is empty', undefined);
        this.#advance();
        return { kind: 'in', operand, items, span: { from: operand.span.from, to: token.span.to } };
      }
      if (token.kind === 'end') this.#fail(open.span, `the list is not closed`, `put a ${close} behind its last value`);
      items.push(this.#item());
      // Between braces blanks part the values too, as in Wireshark.
      if (this.#sign() === ',') this.#advance();
    }
  }

  #item(): ListItem {
    const from = this.#sum();
    if (this.#token.kind !== 'sign' || this.#token.text !== '..') return { from, to: undefined };
    this.#advance();
    return { from, to: this.#sum() };
  }

  #endOf(item: ListItem): number {
    return (item.to ?? item.from).span.to;
  }

  #sum(): Expression {
    let left = this.#product();
    for (;;) {
      const operator = this.#sign();
      if (operator !== '+' && operator !== '-') return left;
      this.#advance();
      const right = this.#product();
      left = { kind: 'arithmetic', operator, left, right, span: over(left, right) };
    }
  }

  #product(): Expression {
    let left = this.#unary();
    for (;;) {
      const operator = this.#sign();
      if (operator !== '*' && operator !== '/' && operator !== '%') return left;
      this.#advance();
      const right = this.#unary();
      left = { kind: 'arithmetic', operator, left, right, span: over(left, right) };
    }
  }

  #unary(): Expression {
    if (this.#sign() !== '-') return this.#power();
    const { from } = this.#token.span;
    this.#advance();
    const operand = this.#deeper(() => this.#unary());
    return { kind: 'negate', operand, span: { from, to: operand.span.to } };
  }

  #power(): Expression {
    const base = this.#primary();
    if (this.#sign() !== '^') return base;
    this.#advance();
    const exponent = this.#deeper(() => this.#unary());
    return { kind: 'call', name: 'pow', values: [base, exponent], span: over(base, exponent) };
  }

  #primary(): Expression {
    const token = this.#token;
    if (token.kind === 'number') {
      this.#advance();
      return this.#unitBehind({ kind: 'number', parts: token.parts, span: token.span });
    }
    if (token.kind === 'text' || token.kind === 'address' || token.kind === 'mac' || token.kind === 'time') {
      this.#advance();
      return { kind: token.kind, text: token.text, span: token.span };
    }
    if (token.kind === 'sign' && token.text === '(') {
      this.#advance();
      const inner = this.#deeper(() => this.#or());
      if (this.#token.text !== ')' || this.#token.kind !== 'sign') {
        if (this.#token.kind === 'end') this.#fail(token.span, 'the bracket is not closed', 'put a ) behind it');
        this.#expectEnd(inner);
      }
      this.#advance();
      return inner;
    }
    if (token.kind === 'name') {
      this.#advance();
      return { kind: 'name', name: token.text, quoted: true, span: token.span };
    }
    if (token.kind === 'word' && !KEYWORDS.has(token.text.toLowerCase())) return this.#word(token);
    if (token.kind === 'end')
      this.#fail(
        token.span,
        'it ends where a field or a value should stand',
        'write one there, or take the operator away',
      );
    return this.#fail(
      token.span,
      `expected a field or a value, found ${shown(token)}`,
      token.kind === 'word' ? `quote it ("${token.text}") where it is a value` : undefined,
    );
  }

  /** `5 MB` in a formula, where a number and a word side by side mean nothing else. */
  #unitBehind(number: NumberLiteral): NumberLiteral {
    const { kind, text, span } = this.#token;
    const [part] = number.parts;
    if (!this.#formula || kind !== 'word' || part === undefined || part.unit !== '' || number.parts.length > 1)
      return number;
    if (KEYWORDS.has(text.toLowerCase())) return number;
    this.#advance();
    return { ...number, parts: [{ value: part.value, unit: text }], span: { from: number.span.from, to: span.to } };
  }

  #word(token: Token): Expression {
    this.#advance();
    if (this.#token.kind === 'sign' && this.#token.text === '(' && this.#token.span.from === token.span.to)
      return this.#call(token);
    if (this.#token.kind === 'word') {
      const joined = this.#join(token.text, this.#token.text);
      if (joined !== undefined) {
        const span = { from: token.span.from, to: this.#token.span.to };
        this.#advance();
        return { kind: 'name', name: joined, span };
      }
    }
    return { kind: 'name', name: token.text, span: token.span };
  }

  #call(name: Token): Expression {
    const open = this.#token;
    this.#advance();
    const values: Expression[] = [];
    while (this.#sign() !== ')') {
      if (this.#token.kind === 'end') this.#fail(open.span, 'the bracket is not closed', 'put a ) behind it');
      values.push(this.#deeper(() => (this.#formula ? this.#or() : this.#sum())));
      const next = this.#sign();
      if (next === ',') this.#advance();
      else if (next !== ')') this.#fail(this.#token.span, `expected , or ) before ${shown(this.#token)}`, undefined);
    }
    const { to } = this.#token.span;
    this.#advance();
    const call: CallExpression = { kind: 'call', name: name.text, values, span: { from: name.span.from, to } };
    return this.#formula ? this.#window(call) : call;
  }

  /** What may stand behind a call in a formula: `over` and a duration, `by` and keys. */
  #window(call: CallExpression): CallExpression {
    let found = call;
    for (;;) {
      const { kind, text, span } = this.#token;
      const word = kind === 'word' ? text.toLowerCase() : '';
      if (word !== 'over' && word !== 'by') return found;
      if ((word === 'over' ? found.over : found.by) !== undefined)
        this.#fail(span, `there are two '${word}' behind ${call.name}()`, 'take one away');
      this.#advance();
      if (word === 'over') {
        const length = this.#token.kind === 'number' ? this.#primary() : undefined;
        if (length?.kind !== 'number')
          this.#fail(
            this.#token.span,
            `expected a duration behind 'over', found ${shown(this.#token)}`,
            'as in over 10m',
          );
        found = { ...found, over: length, span: { from: call.span.from, to: length.span.to } };
      } else {
        const by = this.#keys();
        found = { ...found, by, span: { from: call.span.from, to: by.at(-1)?.span.to ?? span.to } };
      }
    }
  }

  #keys(): Expression[] {
    if (this.#sign() === '(') {
      const list = this.#in({ kind: 'name', name: '', span: this.#token.span });
      return list.kind === 'in' ? list.items.map((item) => item.from) : [];
    }
    const keys = [this.#deeper(() => this.#primary())];
    while (this.#sign() === ',') {
      const at = this.#at;
      const comma = this.#token;
      this.#advance();
      const { kind, text } = this.#token;
      if (kind !== 'name' && (kind !== 'word' || KEYWORDS.has(text.toLowerCase()))) {
        // The comma belongs to the call around: max(count() by src, 5).
        this.#at = at;
        this.#token = comma;
        break;
      }
      keys.push(this.#deeper(() => this.#primary()));
    }
    return keys;
  }

  #deeper(step: () => Expression): Expression {
    if (++this.#depth > MAX_DEPTH)
      this.#fail(this.#token.span, `it is nested deeper than ${MAX_DEPTH} levels`, undefined);
    const expression = step();
    this.#depth--;
    return expression;
  }

  /** The operator that the token is, whichever way it was written; '' for anything else. */
  #operator(): string {
    const { kind, text } = this.#token;
    if (kind === 'sign') return SYNONYM[text] ?? text;
    if (kind !== 'word') return '';
    const word = text.toLowerCase();
    return KEYWORDS.has(word) ? (SYNONYM[word] ?? word) : '';
  }

  #sign(): string {
    return this.#token.kind === 'sign' ? this.#token.text : '';
  }

  #fail(span: Span, message: string, hint: string | undefined): never {
    throw new ExpressionError(this.#source, span, message, hint, this.#what);
  }

  // ---- the next token ----

  #advance(): void {
    this.#match(BLANK);
    const from = this.#at;
    const first = this.#source[from];
    if (first === undefined) {
      this.#token = { kind: 'end', text: '', parts: [], span: { from, to: from } };
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
    this.#fail(
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
    this.#token = { kind, text, parts: [], span: { from, to: this.#at } };
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
      this.#fail(
        { from, to: this.#at + 1 },
        `${JSON.stringify(this.#source.slice(from, this.#at + 1))} is no number, address or time`,
        'an address is written as 10.0.0.1, 10.0.0.0/8 or fe80::1; a time as 2024-05-14T07:30; text is put in quotes',
      );
    }
    if (!parts.every((part) => Number.isFinite(part.value))) this.#fail(span, 'the number is too large', undefined);
    this.#token = { kind: 'number', text: this.#source.slice(from, this.#at), parts, span };
  }

  #backticked(): void {
    const from = this.#at;
    const end = this.#source.indexOf('`', from + 1);
    if (end < 0) this.#fail({ from, to: from + 1 }, 'the backtick is not closed', 'put a ` behind the name');
    if (end === from + 1) this.#fail({ from, to: end + 1 }, 'the name in backticks is empty', undefined);
    this.#at = end + 1;
    this.#set('name', this.#source.slice(from + 1, end), from);
  }

  #quoted(quote: string): void {
    const from = this.#at++;
    let text = '';
    for (;;) {
      const ch = this.#source[this.#at];
      if (ch === undefined)
        this.#fail({ from, to: from + 1 }, 'the quote is not closed', `put a ${quote} behind the text`);
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
    return this.#fail(
      { from, to: Math.min(this.#at, this.#source.length) },
      'this escape is not known',
      'known ones: \\\\ \\" \\\' \\n \\t \\r \\xNN, and \\* \\? in patterns',
    );
  }
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '{': '}', '[': ']' };

function isValue(kind: TokenKind): boolean {
  return kind === 'number' || kind === 'text' || kind === 'address' || kind === 'mac' || kind === 'time';
}

function over(left: Expression, right: Expression): Span {
  return { from: left.span.from, to: right.span.to };
}

function shown(token: Token): string {
  return token.kind === 'end' ? 'the end' : `'${safeText(token.text, 40)}'`;
}

/**
 * A text pattern in which `*` stands for any run of characters, `?` for one, and `\*` and `\?` for themselves; the whole text must fit. Upper and lower case are
 * alike. Time is at most the length of the pattern times that of the text: there is nothing that backtracks further than to its last `*`.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const codes: number[] = [];
  const folded = pattern.toLowerCase();
  for (let i = 0; i < folded.length; i++) {
    const ch = folded[i];
    if (ch === '\\' && (folded[i + 1] === '*' || folded[i + 1] === '?')) codes.push(folded.charCodeAt(++i));
    else if (ch === '*') {
      if (codes.at(-1) !== ANY_RUN) codes.push(ANY_RUN);
    } else codes.push(ch === '?' ? ANY_ONE : folded.charCodeAt(i));
  }
  return (text) => globMatches(codes, text.toLowerCase());
}

const ANY_RUN = -1;
const ANY_ONE = -2;

function globMatches(pattern: readonly number[], text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    const wanted = pattern[p];
    if (p < pattern.length && wanted === ANY_RUN) {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (wanted === ANY_ONE || wanted === text.charCodeAt(t))) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (p < pattern.length && pattern[p] === ANY_RUN) p++;
  return p === pattern.length;
}
