import {
  type Dimension,
  type Expression,
  type NameExpression,
  type NumberColumn,
  type NumberLiteral,
  nearest,
  numberAt,
  quantityOf,
  type Span,
  type Table,
  type TextLiteral,
  textAt,
} from '../../core/index.ts';
import type { Compiler } from './compiler.ts';
import { guardOf, isNumeric } from './condition.ts';
import type { FlowField } from './field.ts';
import { parseTime } from './time.ts';

/** Numbers of a row: literals with their units, fields, arithmetic and what it measures. */

export interface Formula {
  readonly dimension: Dimension;
  /** A number without unit, which takes the dimension of what it meets. */
  readonly bareLiteral: boolean;
  /** Takes such numbers as they are; a field of times or durations may ask for a unit instead. */
  readonly takesBare: boolean;
  readonly span: Span;
  /** NaN where a value is missing. */
  readonly bind: (table: Table) => (row: number) => number;
}

export function formulaOf(compiler: Compiler, node: Expression): Formula {
  switch (node.kind) {
    case 'number':
      return literal(compiler, node);
    case 'time':
    case 'text':
      return timeLiteral(compiler, node);
    case 'name':
      return numberField(compiler, node);
    case 'negate': {
      const inner = formulaOf(compiler, node.operand);
      if (inner.dimension === 'time') compiler.fail(node.span, 'a time has no sign', undefined);
      return {
        ...inner,
        span: node.span,
        bind: (table) => {
          const x = inner.bind(table);
          return (row) => -x(row);
        },
      };
    }
    case 'arithmetic':
      return arithmetic(compiler, node);
    case 'call':
      return callOf(compiler, node);
    case 'address':
    case 'mac':
      return compiler.fail(node.span, 'an address is no number', "use 'src', 'dst', 'host' or 'mac' for it");
    default:
      return compiler.fail(node.span, 'a condition is no number', 'take the brackets or the comparison away');
  }
}

function literal(compiler: Compiler, node: NumberLiteral): Formula {
  const { value, dimension } = quantityOf(
    node,
    (message, hint) => compiler.fail(node.span, message, hint),
    '; text is put in quotes',
  );
  return {
    dimension,
    bareLiteral: dimension === 'plain',
    takesBare: true,
    span: node.span,
    bind: () => () => value,
  };
}

export function plainInteger(
  compiler: Compiler,
  node: NumberLiteral,
  least: number,
  most: number,
  what: string,
): number {
  const [part] = node.parts;
  if (
    node.parts.length !== 1 ||
    part.unit !== '' ||
    !Number.isInteger(part.value) ||
    part.value < least ||
    part.value > most
  )
    compiler.fail(node.span, `this is not ${what}`, `a whole number from ${least} to ${most}`);
  return part.value;
}

function timeLiteral(compiler: Compiler, node: TextLiteral): Formula {
  const ms = parseTime(node.text);
  if (ms === undefined)
    compiler.fail(
      node.span,
      `'${node.text}' is no ${node.kind === 'time' ? 'date that a calendar has' : 'number or time'}`,
      'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
    );
  return { dimension: 'time', bareLiteral: false, takesBare: false, span: node.span, bind: () => () => ms };
}

function numberField(compiler: Compiler, node: NameExpression): Formula {
  const field = compiler.field(node);
  if (!isNumeric(field))
    compiler.fail(
      node.span,
      `'${field.name}' is ${field.kind === 'text' ? 'text' : 'an address'}, not a number`,
      field.kind === 'text' ? `its length is len(${node.name})` : undefined,
    );
  if (field.columns.length > 1 && !field.sum)
    compiler.fail(
      node.span,
      `'${field.name}' stands for both sides`,
      `name one, as in src.${field.name} or dst.${field.name}`,
    );
  const { columns } = field;
  const guard = guardOf(field);
  return {
    dimension: DIMENSION_OF[field.kind],
    bareLiteral: false,
    takesBare: field.bare,
    span: node.span,
    bind: (table) => {
      const allowed = guard?.(table);
      const value =
        columns.length === 1 ? reader(table.numbers(columns[0])) : sum(columns.map((name) => table.numbers(name)));
      return allowed === undefined ? value : (row) => (allowed(row) ? value(row) : Number.NaN);
    },
  };
}

function arithmetic(compiler: Compiler, node: Expression & { readonly kind: 'arithmetic' }): Formula {
  const a = formulaOf(compiler, node.left);
  const b = formulaOf(compiler, node.right);
  const dimension = dimensionAfter(compiler, a, node.operator, b, node.span);
  const compute = ARITHMETIC[node.operator];
  return {
    dimension,
    bareLiteral: a.bareLiteral && b.bareLiteral,
    takesBare: a.takesBare && b.takesBare,
    span: node.span,
    bind: (table) => {
      const x = a.bind(table);
      const y = b.bind(table);
      return (row) => compute(x(row), y(row));
    },
  };
}

function dimensionAfter(
  compiler: Compiler,
  a: Formula,
  operator: '+' | '-' | '*' | '/' | '%',
  b: Formula,
  span: Span,
): Dimension {
  const left = a.dimension;
  const right = b.dimension;
  if (operator === '*') {
    if (left === 'plain' && right !== 'time') return right;
    if (right === 'plain' && left !== 'time') return left;
  } else if (operator === '/' || operator === '%') {
    if (right === 'plain' && left !== 'time') return left;
    if (left === right && left !== 'time') return 'plain';
  } else {
    if (left === right)
      return operator === '-' && left === 'time'
        ? 'duration'
        : left === 'time'
          ? compiler.fail(span, "two times can't be added")
          : left;
    if (left === 'time' && right === 'duration') return 'time';
    if (left === 'duration' && right === 'time' && operator === '+') return 'time';
    if (a.bareLiteral && b.takesBare) return right;
    if (b.bareLiteral && a.takesBare) return left;
  }
  return compiler.fail(
    span,
    `${DIMENSION[left]} ${operator} ${DIMENSION[right]} means nothing`,
    left === 'bytes' && right === 'duration' ? 'bytes per second: bytes / (duration / 1s)' : undefined,
  );
}

function callOf(compiler: Compiler, node: Expression & { readonly kind: 'call' }): Formula {
  const name = node.name.toLowerCase();
  if (name !== 'len') {
    const near = nearest(name, ['len']);
    compiler.fail(
      { from: node.span.from, to: node.span.from + node.name.length },
      `there is no function '${node.name}'`,
      near === undefined ? 'there is len(field), the number of characters of a text' : `did you mean '${near}'?`,
    );
  }
  const [value] = node.values;
  const field = value?.kind === 'name' ? compiler.field(value) : undefined;
  if (node.values.length !== 1 || field === undefined || isNumeric(field) || field.columns.length > 1)
    return compiler.fail(node.span, 'len takes one field of text', 'as in len(sni) > 40');
  const [column] = field.columns;
  return {
    dimension: 'plain',
    bareLiteral: false,
    takesBare: true,
    span: node.span,
    bind: (table) => {
      const cells = table.strings(column);
      return (row) => {
        const text = textAt(cells, row);
        return text === undefined ? Number.NaN : text.length;
      };
    },
  };
}

export const DIMENSION: Readonly<Record<Dimension, string>> = {
  plain: 'a number',
  bytes: 'bytes',
  duration: 'a duration',
  time: 'a time',
};

const DIMENSION_OF: Readonly<Record<FlowField['kind'], Dimension>> = {
  address: 'plain',
  mac: 'plain',
  text: 'plain',
  port: 'plain',
  number: 'plain',
  bytes: 'bytes',
  duration: 'duration',
  time: 'time',
};

/** Division by zero leaves nothing to compare with. */
const ARITHMETIC: Readonly<Record<'+' | '-' | '*' | '/' | '%', (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0 ? Number.NaN : a / b),
  '%': (a, b) => (b === 0 ? Number.NaN : a % b),
};

function reader(column: NumberColumn): (row: number) => number {
  const { values, valid } = column;
  if (valid === undefined) return (row) => values[row];
  return (row) => ((valid[row >> 3] & (1 << (row & 7))) !== 0 ? values[row] : Number.NaN);
}

/** The sum of what is there; NaN where all are missing. */
function sum(columns: readonly NumberColumn[]): (row: number) => number {
  return (row) => {
    let total = Number.NaN;
    for (const column of columns) {
      const value = numberAt(column, row);
      if (value !== undefined) total = Number.isNaN(total) ? value : total + value;
    }
    return total;
  };
}
