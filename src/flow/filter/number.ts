import { type CompareOperator, type Expression, type ListItem, type Span, Table } from '../../core/index.ts';
import { FLOW_SCHEMA } from '../schema.ts';
import type { Compiler } from './compiler.ts';
import type { Condition } from './condition.ts';
import { DIMENSION, type Formula, formulaOf } from './formula.ts';

/** What is asked of numbers, of which one side or both may be computed. */

export function compareNumbers(
  compiler: Compiler,
  left: Expression,
  operator: CompareOperator,
  right: Expression,
  span: Span,
): Condition {
  const a = formulaOf(compiler, left);
  const b = formulaOf(compiler, right);
  checkDimensions(compiler, a, b, span);
  const test = NUMBER_TEST[operator];
  if (test === undefined) compiler.fail(span, `'${operator}' is for text`, 'use == != < <= > >= or in');
  return (table) => {
    const x = a.bind(table);
    const y = b.bind(table);
    return (row) => test(x(row), y(row));
  };
}

export function inNumbers(compiler: Compiler, left: Expression, items: readonly ListItem[]): Condition {
  const value = formulaOf(compiler, left);
  const intervals: { low: number; high: number }[] = [];
  for (const { from, to } of items) {
    const low = constantOf(compiler, from, value);
    const high = to === undefined ? low : constantOf(compiler, to, value);
    if (low > high)
      compiler.fail(
        { from: from.span.from, to: to?.span.to ?? from.span.to },
        'the range ends before it begins',
        'turn it round',
      );
    intervals.push({ low, high });
  }
  return (table) => {
    const x = value.bind(table);
    return (row) => {
      const v = x(row);
      for (const { low, high } of intervals) if (v >= low && v <= high) return true;
      return false;
    };
  };
}

function constantOf(compiler: Compiler, node: Expression, like: Formula): number {
  if (node.kind === 'arithmetic' && node.operator === '-')
    compiler.fail(node.span, 'this is a difference', 'a range is written with two dots, as in 8000..8010');
  if (containsName(node)) compiler.fail(node.span, 'a list holds values, not fields', "compare with 'or' instead");
  const formula = formulaOf(compiler, node);
  checkDimensions(compiler, like, formula, node.span);
  return formula.bind(EMPTY_TABLE)(0);
}

function checkDimensions(compiler: Compiler, a: Formula, b: Formula, span: Span): void {
  if (a.dimension === b.dimension && !(a.bareLiteral !== b.bareLiteral && !(a.takesBare && b.takesBare))) return;
  const [bare, other] = a.bareLiteral ? [a, b] : [b, a];
  if (bare.bareLiteral) {
    if (other.takesBare) return;
    compiler.fail(
      bare.span,
      other.dimension === 'time' ? 'this is no time' : 'the unit of this duration is missing',
      other.dimension === 'time'
        ? 'as in 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone it is UTC'
        : 'as in 500ms, 5s, 10m, 1h30m, 2d',
    );
  }
  compiler.fail(span, `${DIMENSION[a.dimension]} and ${DIMENSION[b.dimension]} can't be compared`, undefined);
}

/** Every one of them is false for NaN, `!=` too: a missing value fits nothing. */
const NUMBER_TEST: { readonly [K in CompareOperator]?: (a: number, b: number) => boolean } = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a < b || a > b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function containsName(node: Expression): boolean {
  switch (node.kind) {
    case 'name':
    case 'call':
      return true;
    case 'negate':
      return containsName(node.operand);
    case 'arithmetic':
      return containsName(node.left) || containsName(node.right);
    default:
      return false;
  }
}

/** For formulas that read no column. */
const EMPTY_TABLE = new Table(FLOW_SCHEMA, 0, []);
