/** What an expression is once it is read: a tree whose pieces know where they stand in the text. */

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
