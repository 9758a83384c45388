import {
  type CompareOperator,
  type Expression,
  type ListItem,
  type NameExpression,
  numberAt,
  type Span,
} from '../../core/index.ts';
import type { Compiler } from './compiler.ts';
import { type Condition, guardOf, isNumeric } from './condition.ts';
import { type FlowField, flowField, flowWord } from './field.ts';
import { plainInteger } from './formula.ts';
import { compareNumbers, inNumbers } from './number.ts';
import { compareColumns, textField, textTest } from './text.ts';

/** Comparisons, lists and what is missing: fields of numbers and of text go their ways from here. */

export function comparison(
  compiler: Compiler,
  left: Expression,
  operator: CompareOperator,
  right: Expression,
  span: Span,
): Condition {
  const field = left.kind === 'name' ? flowField(left.name) : undefined;
  if (field === undefined) {
    // `443 == port` and `10.0.0.1 == src` are as good the other way round.
    if (
      right.kind === 'name' &&
      left.kind !== 'name' &&
      flowField(right.name) !== undefined &&
      MIRROR[operator] !== undefined
    )
      return comparison(compiler, right, MIRROR[operator], left, span);
    if (left.kind === 'name') {
      if (flowWord(left.name) !== undefined)
        compiler.fail(
          left.span,
          `'${left.name}' is a condition by itself, not a field`,
          `leave the comparison away, or name the field: service, proto, outcome`,
        );
      compiler.field(left);
    }
    return compareNumbers(compiler, left, operator, right, span);
  }
  if (isNumeric(field)) {
    if (operator === 'contains' || operator === 'startswith' || operator === 'endswith' || operator === 'matches')
      compiler.fail(span, `'${field.name}' is a number, and '${operator}' is for text`, 'use == != < <= > >= or in');
    checkPort(compiler, field, right);
    return field.columns.length > 1 && !field.sum
      ? eachColumn(field, operator === '!=', (one) => compareNumbers(compiler, one, operator, right, span))
      : compareNumbers(compiler, left, operator, right, span);
  }
  if (right.kind === 'name') {
    const other = flowField(right.name);
    if (other !== undefined && !isNumeric(other) && (field.kind === 'text') === (other.kind === 'text'))
      return compareColumns(compiler, field, operator, other, span);
  }
  if (operator === '<' || operator === '<=' || operator === '>' || operator === '>=')
    compiler.fail(
      span,
      `'${field.name}' is no number, and '${operator}' is for numbers`,
      field.kind === 'address'
        ? 'for a range: src in (10.0.0.1..10.0.0.99)'
        : 'use == != contains startswith endswith or matches',
    );
  const opposite = operator === '!=';
  const test = textTest(compiler, field, opposite ? '==' : operator, { from: right, to: undefined });
  return textField(field, test, opposite);
}

export function inList(compiler: Compiler, left: Expression, items: readonly ListItem[]): Condition {
  const field = left.kind === 'name' ? compiler.field(left) : undefined;
  if (field === undefined || isNumeric(field)) {
    for (const { from, to } of field === undefined ? [] : items) {
      checkPort(compiler, field, from);
      checkPort(compiler, field, to);
    }
    if (field !== undefined && field.columns.length > 1 && !field.sum)
      return eachColumn(field, false, (one) => inNumbers(compiler, one, items));
    return inNumbers(compiler, left, items);
  }
  const tests = items.map((item) => textTest(compiler, field, '==', item));
  return textField(field, (text) => tests.some((test) => test(text)), false);
}

export function isMissing(compiler: Compiler, node: Expression): Condition {
  if (node.kind !== 'name')
    return compiler.fail(node.span, 'only a field can be missing', "for example 'sni is missing'");
  const field = compiler.field(node);
  const { columns } = field;
  const guard = guardOf(field);
  return (table) => {
    const bound = columns.map((name) => table.columns[table.indexOf(name)]);
    const allowed = guard?.(table);
    return (row) => {
      if (allowed !== undefined && !allowed(row)) return true;
      for (const column of bound) {
        if (column.kind === 'string' ? column.codes[row] >= 0 : numberAt(column, row) !== undefined) return false;
      }
      return true;
    };
  };
}

/** A test on each column of a field that stands for several, joined by or; by and where all must differ. */
function eachColumn(field: FlowField, all: boolean, make: (one: NameExpression) => Condition): Condition {
  const guard = guardOf(field);
  const parts = field.columns.map((name) => make({ kind: 'name', name, span: { from: 0, to: 0 } }));
  return (table) => {
    const tests = parts.map((part) => part(table));
    const allowed = guard?.(table);
    return (row) => {
      if (allowed !== undefined && !allowed(row)) return false;
      return all ? tests.every((test) => test(row)) : tests.some((test) => test(row));
    };
  };
}

function checkPort(compiler: Compiler, field: FlowField | undefined, value: Expression | undefined): void {
  if (field?.kind !== 'port') return;
  if (value?.kind === 'number') plainInteger(compiler, value, 0, 65_535, 'a port');
  if (value?.kind === 'name' && flowField(value.name) === undefined)
    compiler.fail(
      value.span,
      `'${value.name}' is not a port`,
      `ports are numbers; for the service: service == ${value.name}`,
    );
}

const MIRROR: { readonly [K in CompareOperator]?: CompareOperator } = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};
