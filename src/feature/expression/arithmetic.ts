import type { Dimension, Expression, Span } from '../../core/index.ts';
import type { Compiler } from './compiler.ts';
import { COLUMN_CONSTANT, COLUMNS } from './loop.ts';
import { constantNumber, type NumberNode, numberNode } from './node.ts';
import { NumberBuffer } from './vector.ts';

/** Arithmetic on numbers and what they measure: bytes plus a duration is a mistake, bytes per duration a plain number. */

const A_DIMENSION: Readonly<Record<Dimension, string>> = {
  plain: 'a number',
  bytes: 'a size in bytes',
  duration: 'a duration',
  time: 'a time',
};

export function arithmetic(compiler: Compiler, tree: Expression & { readonly kind: 'arithmetic' }): NumberNode {
  const { operator } = tree;
  const a = compiler.number(tree.left, operator);
  const b = compiler.number(tree.right, operator);
  const dimension = dimensionAfter(compiler, a.dimension, operator, b.dimension, tree.span);
  const { faults } = compiler;
  const buffer = new NumberBuffer();
  const x = a.constant;
  const y = b.constant;
  if (typeof x === 'number' && typeof y === 'number') {
    const out = new Float64Array(1);
    COLUMNS[operator](Float64Array.of(x), Float64Array.of(y), out, { divisions: 0, domain: 0 });
    if (Number.isNaN(out[0])) compiler.fail(tree.span, 'this divides by zero');
    return constantNumber(out[0], dimension);
  }
  if (y === 0 && (operator === '/' || operator === '%'))
    compiler.fail(tree.right.span, 'this divides by zero, whatever the row');
  if (typeof y === 'number') {
    const loop = COLUMN_CONSTANT[operator];
    return numberNode(dimension, (batch) => {
      const out = buffer.take(batch.rowCount);
      loop(a.evaluate(batch).values, y, out);
      return out;
    });
  }
  if (typeof x === 'number' && (operator === '+' || operator === '*')) {
    const loop = COLUMN_CONSTANT[operator];
    return numberNode(dimension, (batch) => {
      const out = buffer.take(batch.rowCount);
      loop(b.evaluate(batch).values, x, out);
      return out;
    });
  }
  const loop = COLUMNS[operator];
  return numberNode(dimension, (batch) => {
    const out = buffer.take(batch.rowCount);
    loop(a.evaluate(batch).values, b.evaluate(batch).values, out, faults);
    return out;
  });
}

function dimensionAfter(compiler: Compiler, a: Dimension, operator: string, b: Dimension, span: Span): Dimension {
  if (operator === '+' || operator === '-') {
    if (a === 'time' && b === 'time') {
      if (operator === '-') return 'duration';
      compiler.fail(span, "two times can't be added", 'their difference is a duration');
    }
    if (a === b || b === 'plain') return a;
    if (a === 'plain') return b;
    if (a === 'time' && b === 'duration') return 'time';
    if (a === 'duration' && b === 'time' && operator === '+') return 'time';
    compiler.fail(
      span,
      `${A_DIMENSION[a]} and ${A_DIMENSION[b]} can't be ${operator === '+' ? 'added' : 'subtracted'}`,
    );
  }
  if (a === 'time' || b === 'time') return 'plain';
  if (operator === '*') return a === 'plain' ? b : b === 'plain' ? a : 'plain';
  if (operator === '/') return a === b ? 'plain' : b === 'plain' ? a : 'plain';
  return a;
}

export function checkDimensions(compiler: Compiler, a: Dimension, b: Dimension, bare: boolean, span: Span): void {
  if (a === b) return;
  if ((a === 'time' || b === 'time') && bare)
    compiler.fail(
      span,
      'a time is compared with a number',
      'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
    );
  if (a === 'plain' || b === 'plain') return;
  compiler.fail(span, `${A_DIMENSION[a]} and ${A_DIMENSION[b]} can't be compared`);
}
