import { nearest } from '../error.ts';
import { safeText } from '../text.ts';
import { ExpressionError, MAX_LENGTH } from './error.ts';
import { Lexer, type Token } from './token.ts';
import type { CallExpression, CompareOperator, Expression, ListItem, NumberLiteral, Span } from './tree.ts';

/**
 * The syntax of conditions and formulas over a table: what a flow filter is written in. This folder knows no fields and no types, only how
 * words, values and operators stand together; whoever gives them a meaning (see flow/filter and feature/expression) walks the tree.
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

/** Deepest nesting that is read. */
const MAX_DEPTH = 100;

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
  #lexer: Lexer;
  #join: (first: string, second: string) => string | undefined;
  #formula: boolean;
  #depth = 0;

  constructor(
    source: string,
    what: string,
    join: (first: string, second: string) => string | undefined,
    formula: boolean,
  ) {
    this.#formula = formula;
    this.#join = join;
    this.#lexer = new Lexer(source, what, formula);
  }

  get #token(): Token {
    return this.#lexer.token;
  }

  #advance(): void {
    this.#lexer.advance();
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
      const comma = this.#lexer.mark();
      this.#advance();
      const { kind, text } = this.#token;
      if (kind !== 'name' && (kind !== 'word' || KEYWORDS.has(text.toLowerCase()))) {
        // The comma belongs to the call around: max(count() by src, 5).
        this.#lexer.back(comma);
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
    return this.#lexer.fail(span, message, hint);
  }
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '{': '}', '[': ']' };

function isValue(kind: Token['kind']): boolean {
  return kind === 'number' || kind === 'text' || kind === 'address' || kind === 'mac' || kind === 'time';
}

function over(left: Expression, right: Expression): Span {
  return { from: left.span.from, to: right.span.to };
}

function shown(token: Token): string {
  return token.kind === 'end' ? 'the end' : `'${safeText(token.text, 40)}'`;
}
