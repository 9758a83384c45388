import {
  type CallExpression,
  type ColumnSpec,
  type CompareOperator,
  compileGlob,
  type Expression,
  ExpressionError,
  type ListItem,
  type NameExpression,
  type NumberLiteral,
  nearest,
  parseExpression,
  type Schema,
  type Span,
  safeText,
  type TextLiteral,
} from '../../core/index.ts';
import { parseTime } from '../../flow/index.ts';
import { NetworkSet } from '../../wire/index.ts';
import {
  AGGREGATE_KINDS,
  type AggregateCounts,
  type AggregateKind,
  type AggregateLimits,
  DEFAULT_AGGREGATE_LIMITS,
  timeOrder,
  WholeAggregate,
  WindowAggregate,
} from './aggregate.ts';
import { ArgumentError, type ExpressionFunction, type Parameter, type ScalarCall, TEXT_FUNCTIONS } from './function.ts';
import type { KeyIndex } from './key.ts';
import {
  both,
  COLUMN_CONSTANT,
  COLUMNS,
  COMPARE_COLUMNS,
  COMPARE_CONSTANT,
  either,
  type Faults,
  greater,
  isOrder,
  lesser,
  MEASURES,
  MIRROR,
  opposite,
  roundTo,
} from './loop.ts';
import {
  type Batch,
  type BooleanVector,
  ByteBuffer,
  CodeBuffer,
  FALSE,
  NumberBuffer,
  type NumberVector,
  type TextVector,
  TRUE,
  UNKNOWN,
  type Value,
  type ValueType,
  type Vector,
  valueAt,
} from './vector.ts';

/**
 * From the tree of an expression to code that computes whole columns: every node becomes a closure over its operands that fills one array per batch. No
 * text is ever made into code. Types are checked here, against the schema of the table, with the place in the text.
 *
 * A missing value makes what is computed from it missing; conditions know three values (Kleene): `false and missing` is false, `true or missing` true.
 */

/** What a number measures. 'plain' goes with all others; a bare literal is plain. */
export type Dimension = 'plain' | 'bytes' | 'duration' | 'time';

interface NodeOf<T extends Vector> {
  readonly type: T['type'];
  readonly dimension: Dimension;
  /** The value of a constant, undefined for all else. */
  readonly constant: Value | undefined;
  readonly evaluate: (batch: Batch) => T;
}
type NumberNode = NodeOf<NumberVector>;
type TextNode = NodeOf<TextVector>;
type BooleanNode = NodeOf<BooleanVector>;
type Node = NumberNode | TextNode | BooleanNode;

/** What the names in an expression mean. */
export interface Scope {
  readonly schema: Schema;
  /** The column of event time, which windows need: a number of ms since 1970 UTC, or a text in ISO 8601. */
  readonly time?: string | undefined;
  /** Zone of hour(), weekday() and the like. Default 'UTC'. */
  readonly zone?: string | undefined;
  /** Functions beside those that are built in. */
  readonly functions?: Readonly<Record<string, ExpressionFunction>> | undefined;
  /** Names of functions that exist but can't be had, with the reason. */
  readonly refused?: Readonly<Record<string, Refusal>> | undefined;
  readonly limits?: AggregateLimits | undefined;
}

export interface Refusal {
  readonly reason: string;
  readonly hint?: string;
}

export interface CompileOptions {
  /** How messages call the text. Default 'expression'. */
  readonly what?: string;
  /** The type that it must have. Default: any. */
  readonly gives?: ValueType | undefined;
  /** Where aggregates may stand: 'rows' (the default), 'groups' of which `group` is one, or nowhere, with the reason. */
  readonly aggregates?: 'rows' | { readonly refused: string };
  /** The window and keys of aggregates that state none; then columns that are no keys may stand in aggregates alone. */
  readonly within?: { readonly over?: number | undefined; readonly by: readonly Expression[] } | undefined;
  /** Aggregates are those of this table of groups, and the expression is computed per group. */
  readonly group?: GroupTable | undefined;
}

/** Longest chain of operators and brackets: deeper trees would use up the stack. */
const MAX_TREE_DEPTH = 600;

/** Reads, checks and compiles an expression. Throws ExpressionError with the place of the first mistake. */
export function compileExpression(source: string, scope: Scope, options: CompileOptions = {}): CompiledExpression {
  const { what = 'expression' } = options;
  return compileTree(parseExpression(source, { what, formula: true }), source, scope, options);
}

/** Checks and compiles a tree. @param source the text that its spans are of; '' where there is none. */
export function compileTree(
  tree: Expression,
  source: string,
  scope: Scope,
  options: CompileOptions = {},
): CompiledExpression {
  const { what = 'expression', gives } = options;
  const compiler = new Compiler(source, what, scope, options);
  compiler.checkDepth(tree);
  const node = compiler.node(tree);
  if (gives !== undefined && node.type !== gives)
    compiler.fail(
      tree.span,
      `${compiler.subject(tree)} is ${A_TYPE[node.type]}, and ${A_TYPE[gives]} is wanted here`,
      WANTED[gives],
    );
  return new CompiledExpression(source, node, compiler);
}

/** An expression that is bound to a schema. It holds the state of its windows, so it serves one run. */
export class CompiledExpression {
  readonly source: string;
  readonly type: ValueType;
  readonly dimension: Dimension;
  /** Columns that it reads, in the order in which they first stand in it. */
  readonly columns: readonly string[];
  /** What had no result: counted while it is evaluated. */
  readonly faults: Readonly<Faults>;
  /** The value where it is one value for every row, whatever the rows. */
  readonly constant: Value | undefined;
  #node: Node;
  #whole: readonly WholeSlot[];
  #windows: readonly WindowAggregate[];

  constructor(source: string, node: Node, compiler: Compiler) {
    this.source = source;
    this.type = node.type;
    this.dimension = node.dimension;
    this.columns = [...compiler.columns];
    this.faults = compiler.faults;
    this.constant = node.constant;
    this.#node = node;
    this.#whole = compiler.whole;
    this.#windows = compiler.windows;
  }

  /** True where it has an aggregate over the whole table: every batch must be observed before the first is evaluated. */
  get needsFirstPass(): boolean {
    return this.#whole.length > 0;
  }

  /** True where it must see every batch, because windows move on with each. */
  get hasWindows(): boolean {
    return this.#windows.length > 0;
  }

  /** The first pass: takes a batch into the aggregates over the whole table. */
  observe(batch: Batch): void {
    for (const { aggregate, groupsOf, argument, times } of this.#whole)
      aggregate.observe(groupsOf(batch), argument?.evaluate(batch), times?.(batch));
  }

  /** The values of a batch. Batches come in the order of time, each once; the vector is good until the next call. */
  evaluate(batch: Batch): Vector {
    return this.#node.evaluate(batch);
  }

  /** What the caps and the clock cost so far, all its aggregates together. */
  counts(): AggregateCounts {
    let [refusedKeys, refusedEntries, late, tooLate] = [0, 0, 0, 0];
    for (const { counts } of [...this.#windows, ...this.#whole.map(({ aggregate }) => aggregate)]) {
      refusedKeys += counts.refusedKeys;
      refusedEntries += counts.refusedEntries;
      late += counts.late;
      tooLate += counts.tooLate;
    }
    return { refusedKeys, refusedEntries, late, tooLate };
  }
}

interface WholeSlot {
  readonly aggregate: WholeAggregate;
  readonly groupsOf: (batch: Batch) => Int32Array;
  readonly argument: Node | undefined;
  readonly times: ((batch: Batch) => Float64Array) | undefined;
}

const A_TYPE: Readonly<Record<ValueType, string>> = { number: 'a number', text: 'text', boolean: 'a condition' };
const WANTS: Readonly<Record<ValueType, string>> = { number: 'numbers', text: 'text', boolean: 'conditions' };
const WANTED: Readonly<Record<ValueType, string>> = {
  number: 'its length is length(...), for a condition: if(condition, 1, 0)',
  text: 'text(...) makes text of a number',
  boolean: "compare it, as in 'bytes > 10 MB' or 'status == \"Error\"'",
};

const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
/** Units of durations in milliseconds. */
export const TIME_UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  sec: 1e3,
  m: 6e4,
  min: 6e4,
  h: 36e5,
  d: 864e5,
  w: 6048e5,
};

const NUMBER_FUNCTIONS = [...Object.keys(MEASURES), 'min', 'max', 'clamp', 'round', 'pow', 'if', 'coalesce'] as const;

/** Every function that expressions know by themselves, for help and for the nearest name. */
export const FUNCTION_NAMES: readonly string[] = [
  ...new Set([...NUMBER_FUNCTIONS, ...AGGREGATE_KINDS, ...Object.keys(TEXT_FUNCTIONS)]),
];

/** What a column's unit says of its numbers. */
export function dimensionOf(unit: string): Dimension {
  if (unit.startsWith('ms since') || unit === 'epoch ms') return 'time';
  if (unit === 'ms') return 'duration';
  return unit === 'bytes' ? 'bytes' : 'plain';
}

function isBooleanColumn(spec: ColumnSpec): boolean {
  return spec.kind === 'int32' && (spec.unit === 'boolean' || spec.unit === '0 or 1');
}

class Compiler {
  readonly columns = new Set<string>();
  readonly faults: Faults = { divisions: 0, domain: 0 };
  readonly whole: WholeSlot[] = [];
  readonly windows: WindowAggregate[] = [];
  #source: string;
  #what: string;
  #scope: Scope;
  #options: CompileOptions;
  #inAggregate = false;

  constructor(source: string, what: string, scope: Scope, options: CompileOptions) {
    this.#source = source;
    this.#what = what;
    this.#scope = scope;
    this.#options = options;
  }

  fail(span: Span, message: string, hint?: string): never {
    throw new ExpressionError(this.#source, span, message, hint, this.#what);
  }

  /** A piece of the text as messages name it. */
  subject(tree: Expression): string {
    if (tree.kind === 'name') return `'${safeText(tree.name, 60)}'`;
    const text = this.#source === '' ? describe(tree) : this.#source.slice(tree.span.from, tree.span.to);
    return `'${safeText(text.replace(/\s+/g, ' '), 60)}'`;
  }

  checkDepth(tree: Expression): void {
    let level: Expression[] = [tree];
    for (let depth = 1; level.length > 0; depth++) {
      if (depth > MAX_TREE_DEPTH)
        this.fail(tree.span, `it is more than ${MAX_TREE_DEPTH} operators deep`, 'a list is shorter: x in (1, 2, 3)');
      level = level.flatMap(childrenOf);
    }
  }

  node(tree: Expression): Node {
    const slot = this.#keySlot(tree);
    if (slot !== undefined) return slot;
    switch (tree.kind) {
      case 'number': {
        const { value, dimension } = this.#literal(tree);
        return constantNumber(value, dimension);
      }
      case 'time':
        return constantNumber(this.#time(tree), 'time');
      case 'text':
      case 'address':
      case 'mac':
        return constantText(plain(tree.text));
      case 'name':
        return this.#name(tree);
      case 'not': {
        const operand = this.#boolean(tree.operand, 'not');
        const buffer = new ByteBuffer();
        return booleanNode((batch) => {
          const out = buffer.take(batch.rowCount);
          opposite(operand.evaluate(batch).values, out);
          return out;
        });
      }
      case 'and':
      case 'or': {
        const left = this.#boolean(tree.left, tree.kind);
        const right = this.#boolean(tree.right, tree.kind);
        const join = tree.kind === 'and' ? both : either;
        const buffer = new ByteBuffer();
        return booleanNode((batch) => {
          const out = buffer.take(batch.rowCount);
          join(left.evaluate(batch).values, right.evaluate(batch).values, out);
          return out;
        });
      }
      case 'negate': {
        const operand = this.#number(tree.operand, '-');
        if (operand.dimension === 'time') this.fail(tree.span, 'a time has no sign');
        if (typeof operand.constant === 'number') return constantNumber(-operand.constant, operand.dimension);
        const buffer = new NumberBuffer();
        return numberNode(operand.dimension, (batch) => {
          const out = buffer.take(batch.rowCount);
          COLUMN_CONSTANT['*'](operand.evaluate(batch).values, -1, out);
          return out;
        });
      }
      case 'arithmetic':
        return this.#arithmetic(tree);
      case 'compare':
        return this.#compare(tree.left, tree.operator, tree.right, tree.span);
      case 'in':
        return this.#in(tree.operand, tree.items);
      case 'missing':
        return this.#missing(tree.operand);
      case 'call':
        return this.#call(tree);
    }
  }

  // ---- names and values ----

  #name(tree: NameExpression): Node {
    if (tree.quoted !== true && (tree.name === 'true' || tree.name === 'false'))
      return constantBoolean(tree.name === 'true');
    const { schema } = this.#scope;
    const index = schema.columns.findIndex(({ name }) => name === tree.name);
    const spec = schema.columns[index];
    if (spec === undefined) return this.#unknown(tree);
    if (!this.#inAggregate && (this.#options.within !== undefined || this.#options.group !== undefined))
      this.fail(
        tree.span,
        `'${safeText(tree.name, 60)}' stands outside of an aggregate, and is none of the keys`,
        `a group has many rows: first(${tree.name}), max(${tree.name}) ..., or put it behind 'by'`,
      );
    this.columns.add(tree.name);
    if (spec.kind === 'string') return textNode((batch) => batch.texts(index));
    if (isBooleanColumn(spec))
      return { type: 'boolean', dimension: 'plain', constant: undefined, evaluate: (batch) => batch.booleans(index) };
    return {
      type: 'number',
      dimension: dimensionOf(spec.unit),
      constant: undefined,
      evaluate: (batch) => batch.numbers(index),
    };
  }

  #unknown(tree: NameExpression): never {
    const { columns, name } = this.#scope.schema;
    const names = columns.map((column) => column.name);
    const parts = tree.name.split('-');
    const near = nearest(tree.name, names);
    let hint: string;
    if (parts.length > 1 && parts.every((part) => names.includes(part) || /^\d/.test(part)))
      hint = `a minus needs a blank on each side: ${parts.join(' - ')}`;
    else if (near !== undefined) hint = `did you mean '${safeText(near, 60)}'?`;
    else if (names.length === 0) hint = `the table '${name}' has no columns`;
    else {
      const shown = names.slice(0, 12).map((one) => safeText(one, 40));
      hint = `columns: ${shown.join(', ')}${names.length > 12 ? ` and ${names.length - 12} more` : ''}; text is put in quotes`;
    }
    return this.fail(tree.span, `there is no column '${safeText(tree.name, 60)}'`, hint);
  }

  #literal(tree: NumberLiteral): { value: number; dimension: Dimension } {
    let value = 0;
    let dimension: Dimension = 'plain';
    for (const [i, part] of tree.parts.entries()) {
      const byte = part.unit.toLowerCase();
      const bytes = Object.hasOwn(BYTE_UNITS, byte) ? BYTE_UNITS[byte] : undefined;
      const ms = Object.hasOwn(TIME_UNITS, part.unit) ? TIME_UNITS[part.unit] : undefined;
      const found: Dimension | undefined =
        part.unit === '' ? 'plain' : ms !== undefined ? 'duration' : bytes !== undefined ? 'bytes' : undefined;
      if (found === undefined) {
        const near = nearest(part.unit, ['ms', 'min', 'kB', 'MB', 'GB', 'KiB', 'MiB', 'GiB']);
        this.fail(
          tree.span,
          `'${safeText(part.unit, 20)}' is no unit`,
          `${near === undefined ? '' : `did you mean '${near}'? `}Times: ns us ms s m h d w; sizes: B kB MB GB TB KiB MiB GiB TiB`,
        );
      }
      if (i > 0 && (found !== 'duration' || dimension !== 'duration'))
        this.fail(tree.span, 'this is no number', 'only durations have several parts, as in 1h30m');
      dimension = found;
      value += part.value * (ms ?? bytes ?? 1);
    }
    return { value, dimension };
  }

  #time(tree: TextLiteral): number {
    const ms = parseTime(tree.text);
    if (ms === undefined)
      this.fail(
        tree.span,
        `'${safeText(tree.text, 40)}' is no time`,
        'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
      );
    return ms;
  }

  #number(tree: Expression, wanting: string): NumberNode {
    const node = this.node(tree);
    if (node.type === 'number') return node;
    return this.#wrong(tree, node.type, wanting, 'number');
  }

  #boolean(tree: Expression, wanting: string): BooleanNode {
    const node = this.node(tree);
    if (node.type === 'boolean') return node;
    return this.#wrong(tree, node.type, wanting, 'boolean');
  }

  #wrong(tree: Expression, type: ValueType, wanting: string, wanted: ValueType): never {
    return this.fail(
      tree.span,
      `${this.subject(tree)} is ${A_TYPE[type]}, and '${wanting}' wants ${WANTS[wanted]}`,
      type === 'text' && wanted === 'number'
        ? `length(...) counts its characters, number(...) reads a number from it`
        : type === 'boolean' && wanted === 'number'
          ? 'if(condition, 1, 0) makes a number of a condition'
          : WANTED[wanted],
    );
  }

  // ---- arithmetic ----

  #arithmetic(tree: Expression & { readonly kind: 'arithmetic' }): NumberNode {
    const { operator } = tree;
    const a = this.#number(tree.left, operator);
    const b = this.#number(tree.right, operator);
    const dimension = this.#dimension(a.dimension, operator, b.dimension, tree.span);
    const { faults } = this;
    const buffer = new NumberBuffer();
    const x = a.constant;
    const y = b.constant;
    if (typeof x === 'number' && typeof y === 'number') {
      const out = new Float64Array(1);
      COLUMNS[operator](Float64Array.of(x), Float64Array.of(y), out, { divisions: 0, domain: 0 });
      if (Number.isNaN(out[0])) this.fail(tree.span, 'this divides by zero');
      return constantNumber(out[0], dimension);
    }
    if (y === 0 && (operator === '/' || operator === '%'))
      this.fail(tree.right.span, 'this divides by zero, whatever the row');
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

  #dimension(a: Dimension, operator: string, b: Dimension, span: Span): Dimension {
    if (operator === '+' || operator === '-') {
      if (a === 'time' && b === 'time') {
        if (operator === '-') return 'duration';
        this.fail(span, "two times can't be added", 'their difference is a duration');
      }
      if (a === b || b === 'plain') return a;
      if (a === 'plain') return b;
      if (a === 'time' && b === 'duration') return 'time';
      if (a === 'duration' && b === 'time' && operator === '+') return 'time';
      this.fail(span, `${A_DIMENSION[a]} and ${A_DIMENSION[b]} can't be ${operator === '+' ? 'added' : 'subtracted'}`);
    }
    if (a === 'time' || b === 'time') return 'plain';
    if (operator === '*') return a === 'plain' ? b : b === 'plain' ? a : 'plain';
    if (operator === '/') return a === b ? 'plain' : b === 'plain' ? a : 'plain';
    return a;
  }

  #agree(a: Dimension, b: Dimension, bare: boolean, span: Span): void {
    if (a === b) return;
    if ((a === 'time' || b === 'time') && bare)
      this.fail(
        span,
        'a time is compared with a number',
        'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
      );
    if (a === 'plain' || b === 'plain') return;
    this.fail(span, `${A_DIMENSION[a]} and ${A_DIMENSION[b]} can't be compared`);
  }

  // ---- comparisons ----

  #compare(left: Expression, operator: CompareOperator, right: Expression, span: Span): BooleanNode {
    let a = this.node(left);
    let b = this.node(right);
    // A time in quotes is a time beside a time.
    if (a.type === 'number' && a.dimension === 'time' && right.kind === 'text')
      b = constantNumber(this.#time(right), 'time');
    if (b.type === 'number' && b.dimension === 'time' && left.kind === 'text')
      a = constantNumber(this.#time(left), 'time');
    if (!isOrder(operator)) {
      if (a.type !== 'text') return this.#wrong(left, a.type, operator, 'text');
      if (b.type !== 'text') return this.#wrong(right, b.type, operator, 'text');
      return this.#search(a, operator, b, right);
    }
    if (a.type !== b.type) this.#mismatch(left, a, right, b);
    if (a.type === 'number' && b.type === 'number') {
      this.#agree(a.dimension, b.dimension, left.kind === 'number' || right.kind === 'number', span);
      return compareNumbers(a, operator, b);
    }
    if (operator !== '==' && operator !== '!=') return this.#wrong(left, a.type, operator, 'number');
    if (a.type === 'text' && b.type === 'text') {
      const [one, other] = typeof a.constant === 'string' ? [b, a] : [a, b];
      const wanted = other.constant;
      if (typeof wanted === 'string')
        return dictionaryTest(one, operator === '==' ? (text) => text === wanted : (text) => text !== wanted);
      return compareTexts(a, operator, b);
    }
    const buffer = new ByteBuffer();
    return booleanNode((batch) => {
      const x = (a as BooleanNode).evaluate(batch).values;
      const y = (b as BooleanNode).evaluate(batch).values;
      const out = buffer.take(batch.rowCount);
      const same = operator === '==' ? TRUE : FALSE;
      for (let i = 0; i < out.length; i++)
        out[i] = x[i] === UNKNOWN || y[i] === UNKNOWN ? UNKNOWN : x[i] === y[i] ? same : TRUE - same;
      return out;
    });
  }

  #mismatch(left: Expression, a: Node, right: Expression, b: Node): never {
    const [text, literal] =
      a.type === 'text' && right.kind === 'number'
        ? [left, right]
        : b.type === 'text' && left.kind === 'number'
          ? [right, left]
          : [undefined, undefined];
    this.fail(
      { from: left.span.from, to: right.span.to },
      `${this.subject(left)} is ${A_TYPE[a.type]}, and ${this.subject(right)} is ${A_TYPE[b.type]}`,
      text !== undefined && literal !== undefined
        ? `write the number in quotes, or read ${this.subject(text)} as a number: number(...)`
        : a.type === 'number' || b.type === 'number'
          ? 'number(...) reads a number from a text, text(...) makes one'
          : undefined,
    );
  }

  #search(a: TextNode, operator: CompareOperator, b: TextNode, right: Expression): BooleanNode {
    const raw = right.kind === 'text' ? right.text : b.constant;
    if (typeof raw === 'string') {
      if (operator === 'matches') return dictionaryTest(a, compileGlob(raw));
      const wanted = plain(raw).toLowerCase();
      const fits = SEARCH[operator];
      return dictionaryTest(a, (text) => fits(text.toLowerCase(), wanted));
    }
    if (operator === 'matches')
      this.fail(right.span, 'a pattern is a text in quotes', 'as in name matches "*.example.com"');
    const fits = SEARCH[operator];
    return rowTest(a, b, (text, wanted) => fits(text.toLowerCase(), wanted.toLowerCase()));
  }

  #in(operand: Expression, items: readonly ListItem[]): BooleanNode {
    const a = this.node(operand);
    if (a.type === 'boolean') return this.#wrong(operand, 'boolean', 'in', 'number');
    if (a.type === 'text') return dictionaryTest(a, this.#textSet(operand, items));
    const single = new Set<number>();
    const ranges: { low: number; high: number }[] = [];
    for (const { from, to } of items) {
      const low = this.#constantNumber(from, a, operand);
      if (to === undefined) {
        single.add(low);
        continue;
      }
      const high = this.#constantNumber(to, a, operand);
      if (low > high)
        this.fail({ from: from.span.from, to: to.span.to }, 'the range ends before it begins', 'turn it round');
      ranges.push({ low, high });
    }
    const buffer = new ByteBuffer();
    return booleanNode((batch) => {
      const { values } = a.evaluate(batch);
      const out = buffer.take(batch.rowCount);
      for (let i = 0; i < out.length; i++) {
        const value = values[i];
        if (Number.isNaN(value)) out[i] = UNKNOWN;
        else out[i] = single.has(value) || ranges.some(({ low, high }) => value >= low && value <= high) ? TRUE : FALSE;
      }
      return out;
    });
  }

  #constantNumber(tree: Expression, like: NumberNode, operand: Expression): number {
    const node =
      like.dimension === 'time' && tree.kind === 'text' ? constantNumber(this.#time(tree), 'time') : this.node(tree);
    if (node.type === 'text')
      this.fail(
        tree.span,
        `${this.subject(operand)} is a number, and ${this.subject(tree)} is text`,
        'take the quotes away',
      );
    if (typeof node.constant !== 'number')
      this.fail(tree.span, 'a list holds values, not columns', "compare with 'or' instead");
    this.#agree(like.dimension, node.dimension, tree.kind === 'number', tree.span);
    return node.constant;
  }

  #textSet(operand: Expression, items: readonly ListItem[]): (text: string) => boolean {
    const words = new Set<string>();
    const networks: string[] = [];
    for (const { from, to } of items) {
      if (to !== undefined)
        this.fail(
          { from: from.span.from, to: to.span.to },
          `${this.subject(operand)} is text and has no ranges`,
          'list the values',
        );
      if (from.kind === 'address') {
        if (NetworkSet.parse([from.text]) === undefined)
          this.fail(from.span, `'${safeText(from.text, 60)}' is neither an address nor a network`, 'as in 10.0.0.0/8');
        networks.push(from.text);
        continue;
      }
      const node = this.node(from);
      if (node.type === 'number')
        this.fail(
          from.span,
          `${this.subject(operand)} is text, and ${this.subject(from)} is a number`,
          'write the number in quotes',
        );
      if (typeof node.constant !== 'string')
        this.fail(from.span, 'a list holds values, not columns', "compare with 'or' instead");
      words.add(node.constant);
    }
    const set = networks.length === 0 ? undefined : NetworkSet.parse(networks);
    return set === undefined ? (text) => words.has(text) : (text) => words.has(text) || set.has(text);
  }

  #missing(tree: Expression): BooleanNode {
    const operand = this.node(tree);
    const buffer = new ByteBuffer();
    return booleanNode((batch) => {
      const vector = operand.evaluate(batch);
      const out = buffer.take(batch.rowCount);
      if (vector.type === 'number')
        for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(vector.values[i]) ? TRUE : FALSE;
      else if (vector.type === 'text') for (let i = 0; i < out.length; i++) out[i] = vector.codes[i] < 0 ? TRUE : FALSE;
      else for (let i = 0; i < out.length; i++) out[i] = vector.values[i] === UNKNOWN ? TRUE : FALSE;
      return out;
    });
  }

  // ---- functions ----

  #call(tree: CallExpression): Node {
    const name = tree.name.toLowerCase();
    const windowed = tree.over !== undefined || tree.by !== undefined;
    const single = tree.values.length <= 1;
    if (
      (AGGREGATE_KINDS as readonly string[]).includes(name) &&
      (windowed || single || (name !== 'min' && name !== 'max'))
    )
      return this.#aggregate(tree, name as AggregateKind);
    if (windowed)
      this.fail(
        tree.span,
        `'${tree.over === undefined ? 'by' : 'over'}' belongs to an aggregate, and '${safeText(tree.name, 40)}' is none`,
        `aggregates: ${AGGREGATE_KINDS.join(', ')}`,
      );
    const { values } = tree;
    if (Object.hasOwn(MEASURES, name)) {
      this.#arity(tree, 1, 1);
      const operand = this.#number(values[0], name);
      const loop = MEASURES[name];
      const { faults } = this;
      const buffer = new NumberBuffer();
      return numberNode(KEEPS_DIMENSION.has(name) ? operand.dimension : 'plain', (batch) => {
        const out = buffer.take(batch.rowCount);
        loop(operand.evaluate(batch).values, out, faults);
        return out;
      });
    }
    switch (name) {
      case 'min':
      case 'max':
        return this.#extreme(tree, name === 'min' ? lesser : greater);
      case 'clamp': {
        this.#arity(tree, 3, 3);
        const [value, low, high] = values.map((one) => this.#number(one, name));
        const buffer = new NumberBuffer();
        return numberNode(value.dimension, (batch) => {
          const out = buffer.take(batch.rowCount);
          greater(value.evaluate(batch).values, low.evaluate(batch).values, out);
          lesser(out, high.evaluate(batch).values, out);
          return out;
        });
      }
      case 'round': {
        this.#arity(tree, 1, 2);
        const operand = this.#number(values[0], name);
        const digits = values.length === 1 ? 0 : this.#number(values[1], name).constant;
        if (typeof digits !== 'number' || !Number.isInteger(digits) || digits < 0 || digits > 12)
          this.fail(values[1]?.span ?? tree.span, 'the decimals of round are a whole number from 0 to 12');
        const buffer = new NumberBuffer();
        return numberNode(operand.dimension, (batch) => {
          const out = buffer.take(batch.rowCount);
          roundTo(operand.evaluate(batch).values, digits, out);
          return out;
        });
      }
      case 'pow':
        return this.#pow(tree);
      case 'if':
        return this.#if(tree);
      case 'coalesce':
        return this.#coalesce(tree);
      default:
        return this.#function(tree, name);
    }
  }

  #arity(tree: CallExpression, least: number, most: number): void {
    const n = tree.values.length;
    if (n >= least && n <= most) return;
    const wanted =
      least === most ? String(least) : most === Number.POSITIVE_INFINITY ? `${least} or more` : `${least} to ${most}`;
    this.fail(
      tree.span,
      `'${safeText(tree.name, 40)}' takes ${wanted} ${wanted === '1' ? 'argument' : 'arguments'}, and here ${n === 1 ? 'is 1' : `are ${n}`}`,
      this.#signature(tree.name.toLowerCase()),
    );
  }

  #signature(name: string): string | undefined {
    const known = SIGNATURES[name];
    if (known !== undefined) return known;
    const found = this.#find(name);
    if (found === undefined) return undefined;
    return `${name}(${found.takes.map((one) => `${one.name}${one.optional === true ? '?' : ''}${one.repeated === true ? ', ...' : ''}`).join(', ')})`;
  }

  #extreme(tree: CallExpression, loop: (a: Float64Array, b: Float64Array, out: Float64Array) => void): NumberNode {
    const operands = tree.values.map((one) => this.#number(one, tree.name));
    const [first, ...rest] = operands;
    for (const one of rest) this.#agree(first.dimension, one.dimension, false, tree.span);
    const buffer = new NumberBuffer();
    return numberNode(first.dimension, (batch) => {
      const out = buffer.take(batch.rowCount);
      let values = first.evaluate(batch).values;
      for (const operand of rest) {
        loop(values, operand.evaluate(batch).values, out);
        values = out;
      }
      return values;
    });
  }

  #pow(tree: CallExpression): NumberNode {
    this.#arity(tree, 2, 2);
    const wanting = this.#source.slice(tree.span.from, tree.span.from + 3).toLowerCase() === 'pow' ? 'pow' : '^';
    const a = this.#number(tree.values[0], wanting);
    const b = this.#number(tree.values[1], wanting);
    const { faults } = this;
    const buffer = new NumberBuffer();
    const exponent = b.constant;
    if (exponent === 2)
      return numberNode('plain', (batch) => {
        const out = buffer.take(batch.rowCount);
        const { values } = a.evaluate(batch);
        for (let i = 0; i < out.length; i++) out[i] = values[i] * values[i];
        return out;
      });
    return numberNode('plain', (batch) => {
      const out = buffer.take(batch.rowCount);
      const x = a.evaluate(batch).values;
      const y = b.evaluate(batch).values;
      for (let i = 0; i < out.length; i++) {
        // x ** 0 is 1 in IEEE 754 even for a missing x.
        const value = Number.isNaN(x[i]) ? Number.NaN : x[i] ** y[i];
        if (Number.isNaN(value) && !Number.isNaN(x[i]) && !Number.isNaN(y[i])) faults.domain++;
        out[i] = value;
      }
      return out;
    });
  }

  #if(tree: CallExpression): Node {
    this.#arity(tree, 3, 3);
    const condition = this.#boolean(tree.values[0], 'if');
    const [a, b] = this.#alike([tree.values[1], tree.values[2]], tree.name);
    if (a.type === 'number' && b.type === 'number') {
      const buffer = new NumberBuffer();
      return numberNode(a.dimension === 'plain' ? b.dimension : a.dimension, (batch) => {
        const { values } = condition.evaluate(batch);
        const x = a.evaluate(batch).values;
        const y = b.evaluate(batch).values;
        const out = buffer.take(batch.rowCount);
        for (let i = 0; i < out.length; i++) {
          const truth = values[i];
          if (truth === TRUE) out[i] = x[i];
          else out[i] = truth === FALSE ? y[i] : Number.NaN;
        }
        return out;
      });
    }
    return choice([a, b], (batch, rows) => {
      const { values } = condition.evaluate(batch);
      for (let i = 0; i < rows.length; i++) rows[i] = values[i] === TRUE ? 0 : values[i] === FALSE ? 1 : -1;
    });
  }

  #coalesce(tree: CallExpression): Node {
    this.#arity(tree, 1, Number.POSITIVE_INFINITY);
    const nodes = this.#alike(tree.values, tree.name);
    return choice(nodes, (_batch, rows, vectors) => {
      rows.fill(-1);
      for (const [k, vector] of vectors.entries()) {
        for (let i = 0; i < rows.length; i++) if (rows[i] < 0 && isPresent(vector, i)) rows[i] = k;
      }
    });
  }

  /** Nodes of one type, else an error that names the first that differs. */
  #alike(trees: readonly Expression[], name: string): readonly Node[] {
    const nodes = trees.map((one) => this.node(one));
    const [first] = nodes;
    for (const [i, node] of nodes.entries()) {
      if (node.type !== first.type)
        this.fail(
          trees[i].span,
          `${this.subject(trees[0])} is ${A_TYPE[first.type]}, and ${this.subject(trees[i])} is ${A_TYPE[node.type]}: '${safeText(name, 20)}' gives one type`,
        );
    }
    return nodes;
  }

  #find(name: string): ExpressionFunction | undefined {
    const { functions = {} } = this.#scope;
    if (Object.hasOwn(functions, name)) return functions[name];
    return Object.hasOwn(TEXT_FUNCTIONS, name) ? TEXT_FUNCTIONS[name] : undefined;
  }

  #function(tree: CallExpression, name: string): Node {
    const found = this.#find(name);
    if (found === undefined) {
      const { functions = {}, refused = {} } = this.#scope;
      if (Object.hasOwn(refused, name))
        this.fail(tree.span, `'${safeText(tree.name, 40)}' ${refused[name].reason}`, refused[name].hint);
      const near = nearest(name, [...FUNCTION_NAMES, ...Object.keys(functions)]);
      this.fail(
        { from: tree.span.from, to: Math.min(tree.span.to, tree.span.from + tree.name.length) },
        `there is no function '${safeText(tree.name, 40)}'`,
        near === undefined ? 'docs/features.md lists them' : `did you mean '${near}'?`,
      );
    }
    const { takes } = found;
    const least = takes.filter((one) => one.optional !== true).length;
    this.#arity(tree, least, takes.at(-1)?.repeated === true ? Number.POSITIVE_INFINITY : takes.length);
    const nodes = tree.values.map((one, i) => this.#argument(tree, one, takes[Math.min(i, takes.length - 1)]));
    let call: ScalarCall;
    try {
      call = found.prepare(
        nodes.map((node) => node.constant),
        { zone: this.#scope.zone ?? 'UTC' },
      );
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      return this.fail(tree.values[error.index]?.span ?? tree.span, error.message, error.hint);
    }
    return applied(found, call, nodes, this.faults);
  }

  #argument(tree: CallExpression, value: Expression, parameter: Parameter): Node {
    const wanted = parameter.type === 'time' ? 'number' : parameter.type;
    let node = this.node(value);
    if (parameter.type === 'time' && node.type === 'text')
      node = applied(TEXT_FUNCTIONS.time, timeOf, [node], this.faults);
    if (wanted !== 'any' && node.type !== wanted) return this.#wrong(value, node.type, tree.name, wanted);
    if (parameter.constant === true && node.constant === undefined)
      this.fail(
        value.span,
        `'${parameter.name}' of '${safeText(tree.name, 40)}' is a fixed value, not made of columns`,
        this.#signature(tree.name.toLowerCase()),
      );
    return node;
  }

  // ---- aggregates ----

  #aggregate(tree: CallExpression, kind: AggregateKind): Node {
    const { aggregates = 'rows', within, group } = this.#options;
    if (typeof aggregates === 'object')
      this.fail(tree.span, aggregates.refused, 'aggregates stand in features, and in the conditions of flags');
    if (this.#inAggregate)
      this.fail(
        tree.span,
        `'${kind}' is an aggregate inside of an aggregate`,
        'give the inner one as a feature of its own',
      );
    const none = kind === 'count' || kind === 'rate';
    this.#arity(tree, none ? 0 : 1, 1);
    if (group !== undefined && (tree.over !== undefined || tree.by !== undefined))
      this.fail(
        tree.span,
        "the keys stand in 'by' of the flag, and hold for all of its aggregates",
        'take them away here',
      );
    const windowMs = tree.over === undefined ? within?.over : this.#window(tree.over);
    const by = tree.by ?? within?.by ?? [];
    this.#inAggregate = true;
    const [value] = tree.values;
    const argument = value === undefined ? undefined : this.node(value);
    const keys = by.map((one) => this.node(one));
    this.#inAggregate = false;
    if (argument !== undefined && value !== undefined) this.#checkArgument(kind, argument, value);
    const text = (kind === 'first' || kind === 'last') && argument?.type === 'text';
    const { limits = DEFAULT_AGGREGATE_LIMITS } = this.#scope;
    const spec = { kind, text, limits };
    const dimension = DIMENSION_OF_AGGREGATE.has(kind) ? (argument?.dimension ?? 'plain') : 'plain';
    const boolean = (kind === 'first' || kind === 'last') && argument?.type === 'boolean';
    if (group !== undefined)
      return resultNode(group.add(spec, argument, this.#groupTimes(kind, tree)), text, boolean, dimension);
    if (windowMs !== undefined) {
      const times = this.#times(tree, "'over'");
      const aggregate = new WindowAggregate(spec, windowMs);
      this.windows.push(aggregate);
      const buffer = new NumberBuffer();
      const evaluate = (batch: Batch): Float64Array => {
        const out = buffer.take(batch.rowCount).fill(Number.NaN);
        const at = times(batch);
        aggregate.step(
          keys.map((key) => key.evaluate(batch)),
          argument?.evaluate(batch),
          at,
          timeOrder(at),
          out,
        );
        return out;
      };
      return resultNode({ evaluate, dictionary: () => aggregate.dictionary }, text, boolean, dimension);
    }
    const aggregate = new WholeAggregate(spec);
    const groupsOf = groupReader(aggregate.keys, keys);
    this.whole.push({ aggregate, groupsOf, argument, times: this.#groupTimes(kind, tree) });
    const buffer = new NumberBuffer();
    const evaluate = (batch: Batch): Float64Array => {
      const groups = groupsOf(batch);
      const out = buffer.take(batch.rowCount);
      for (let i = 0; i < out.length; i++) out[i] = aggregate.result(groups[i]);
      return out;
    };
    return resultNode({ evaluate, dictionary: () => aggregate.dictionary }, text, boolean, dimension);
  }

  #checkArgument(kind: AggregateKind, argument: Node, tree: Expression): void {
    if (kind === 'share') {
      if (argument.type !== 'boolean') this.#wrong(tree, argument.type, kind, 'boolean');
    } else if (!ANY_ARGUMENT.has(kind) && argument.type !== 'number') this.#wrong(tree, argument.type, kind, 'number');
  }

  #window(over: NumberLiteral): number {
    const { value, dimension } = this.#literal(over);
    if (dimension !== 'duration')
      this.fail(over.span, 'the unit of this duration is missing', 'as in over 500ms, 5s, 10m, 1h30m, 2d');
    if (!(value > 0)) this.fail(over.span, 'a window is longer than 0', undefined);
    return value;
  }

  /** The times that `first`, `last` and `rate` over a whole table go by, where the table has any. */
  #groupTimes(kind: AggregateKind, tree: CallExpression): ((batch: Batch) => Float64Array) | undefined {
    if (kind !== 'first' && kind !== 'last' && kind !== 'rate') return undefined;
    if (this.#scope.time === undefined && kind !== 'rate') return undefined;
    return this.#times(tree, "'rate'");
  }

  #times(tree: Expression, wanting: string): (batch: Batch) => Float64Array {
    const { time, schema } = this.#scope;
    if (time === undefined)
      this.fail(
        tree.span,
        `${wanting} needs to know which column is the time`,
        'name it at the top, as in \'time: "@timestamp"\'',
      );
    const index = schema.columns.findIndex(({ name }) => name === time);
    if (index < 0) throw new Error(`the time column '${time}' was not checked`);
    return timeReader(schema, index);
  }

  /** The key itself, in a condition on groups. */
  #keySlot(tree: Expression): Node | undefined {
    const { group, within } = this.#options;
    if (this.#inAggregate) return undefined;
    if (group !== undefined) return group.key(describe(tree));
    if (within?.by.some((one) => describe(one) === describe(tree))) {
      this.#inAggregate = true;
      const node = this.node(tree);
      this.#inAggregate = false;
      return node;
    }
    return undefined;
  }
}

const A_DIMENSION: Readonly<Record<Dimension, string>> = {
  plain: 'a number',
  bytes: 'a size in bytes',
  duration: 'a duration',
  time: 'a time',
};
const KEEPS_DIMENSION = new Set(['abs', 'floor', 'ceil']);
const DIMENSION_OF_AGGREGATE: ReadonlySet<AggregateKind> = new Set([
  'sum',
  'mean',
  'min',
  'max',
  'sd',
  'median',
  'first',
  'last',
]);
/** Aggregates that take values of every type. */
const ANY_ARGUMENT: ReadonlySet<AggregateKind> = new Set(['count', 'count_distinct', 'first', 'last']);
const SIGNATURES: Readonly<Record<string, string>> = {
  if: 'if(condition, then, else)',
  coalesce: 'coalesce(value, otherwise, ...)',
  clamp: 'clamp(value, least, most)',
  round: 'round(value, decimals?)',
  pow: 'pow(base, exponent), or base ^ exponent',
};

const SEARCH: Readonly<Record<'contains' | 'startswith' | 'endswith', (text: string, wanted: string) => boolean>> & {
  readonly [operator: string]: (text: string, wanted: string) => boolean;
} = {
  contains: (text, wanted) => text.includes(wanted),
  startswith: (text, wanted) => text.startsWith(wanted),
  endswith: (text, wanted) => text.endsWith(wanted),
};

const timeOf: ScalarCall = (text) => parseTime(text as string);

/** Times of a column: its numbers, or its texts read as ISO 8601. */
export function timeReader(schema: Schema, index: number): (batch: Batch) => Float64Array {
  if (schema.columns[index].kind !== 'string') return (batch) => batch.numbers(index).values;
  const column = textNode((batch) => batch.texts(index));
  const node = applied(TEXT_FUNCTIONS.time, timeOf, [column], { divisions: 0, domain: 0 }) as NumberNode;
  return (batch) => node.evaluate(batch).values;
}

/** `\*` and `\?`, which patterns need, are `*` and `?` in all other texts. */
function plain(text: string): string {
  return text.replace(/\\([*?])/g, '$1');
}

// ---- nodes ----

function numberNode(dimension: Dimension, compute: (batch: Batch) => Float64Array): NumberNode {
  return {
    type: 'number',
    dimension,
    constant: undefined,
    evaluate: (batch) => ({ type: 'number', values: compute(batch) }),
  };
}

function booleanNode(compute: (batch: Batch) => Uint8Array): BooleanNode {
  return {
    type: 'boolean',
    dimension: 'plain',
    constant: undefined,
    evaluate: (batch) => ({ type: 'boolean', values: compute(batch) }),
  };
}

function textNode(evaluate: (batch: Batch) => TextVector): TextNode {
  return { type: 'text', dimension: 'plain', constant: undefined, evaluate };
}

function constantNumber(value: number, dimension: Dimension): NumberNode {
  let values = new Float64Array(0);
  return {
    type: 'number',
    dimension,
    constant: value,
    evaluate: ({ rowCount }) => {
      if (values.length !== rowCount) values = new Float64Array(rowCount).fill(value);
      return { type: 'number', values };
    },
  };
}

function constantText(text: string): TextNode {
  let codes = new Int32Array(0);
  const dictionary = [text];
  return {
    type: 'text',
    dimension: 'plain',
    constant: text,
    evaluate: ({ rowCount }) => {
      if (codes.length !== rowCount) codes = new Int32Array(rowCount);
      return { type: 'text', codes, dictionary };
    },
  };
}

function constantBoolean(value: boolean): BooleanNode {
  let values = new Uint8Array(0);
  return {
    type: 'boolean',
    dimension: 'plain',
    constant: value,
    evaluate: ({ rowCount }) => {
      if (values.length !== rowCount) values = new Uint8Array(rowCount).fill(value ? TRUE : FALSE);
      return { type: 'boolean', values };
    },
  };
}

function compareNumbers(a: NumberNode, operator: keyof typeof MIRROR, b: NumberNode): BooleanNode {
  const buffer = new ByteBuffer();
  const [one, other, order] = typeof a.constant === 'number' ? [b, a, MIRROR[operator]] : [a, b, operator];
  const bound = other.constant;
  if (typeof bound === 'number') {
    const loop = COMPARE_CONSTANT[order];
    return booleanNode((batch) => {
      const out = buffer.take(batch.rowCount);
      loop(one.evaluate(batch).values, bound, out);
      return out;
    });
  }
  const loop = COMPARE_COLUMNS[operator];
  return booleanNode((batch) => {
    const out = buffer.take(batch.rowCount);
    loop(a.evaluate(batch).values, b.evaluate(batch).values, out);
    return out;
  });
}

/** A test on texts, asked once for each entry of the batch's dictionary that a row has. */
function dictionaryTest(operand: TextNode, test: (text: string) => boolean): BooleanNode {
  const buffer = new ByteBuffer();
  let verdicts = new Uint8Array(0);
  return booleanNode((batch) => {
    const { codes, dictionary } = operand.evaluate(batch);
    const out = buffer.take(batch.rowCount);
    if (verdicts.length < dictionary.length) verdicts = new Uint8Array(dictionary.length);
    verdicts.fill(UNKNOWN, 0, dictionary.length);
    for (let i = 0; i < out.length; i++) {
      const code = codes[i];
      if (code < 0) {
        out[i] = UNKNOWN;
        continue;
      }
      let verdict = verdicts[code];
      if (verdict === UNKNOWN) {
        verdict = test(dictionary[code]) ? TRUE : FALSE;
        verdicts[code] = verdict;
      }
      out[i] = verdict;
    }
    return out;
  });
}

function rowTest(a: TextNode, b: TextNode, test: (one: string, other: string) => boolean): BooleanNode {
  const buffer = new ByteBuffer();
  return booleanNode((batch) => {
    const x = a.evaluate(batch);
    const y = b.evaluate(batch);
    const out = buffer.take(batch.rowCount);
    for (let i = 0; i < out.length; i++) {
      if (x.codes[i] < 0 || y.codes[i] < 0) out[i] = UNKNOWN;
      else out[i] = test(x.dictionary[x.codes[i]], y.dictionary[y.codes[i]]) ? TRUE : FALSE;
    }
    return out;
  });
}

function compareTexts(a: TextNode, operator: '==' | '!=', b: TextNode): BooleanNode {
  const equal = operator === '==';
  return rowTest(a, b, (one, other) => (one === other) === equal);
}

function isPresent(vector: Vector, row: number): boolean {
  switch (vector.type) {
    case 'number':
      return !Number.isNaN(vector.values[row]);
    case 'text':
      return vector.codes[row] >= 0;
    case 'boolean':
      return vector.values[row] !== UNKNOWN;
  }
}

/**
 * Takes each row's value from one of the nodes, all of one type: `choose` writes its position, -1 for missing. Every node is evaluated once per batch,
 * chosen or not: the windows of aggregates move on with each evaluation.
 */
function choice(
  nodes: readonly Node[],
  choose: (batch: Batch, rows: Int32Array, vectors: readonly Vector[]) => void,
): Node {
  const picks = new CodeBuffer();
  const [first] = nodes;
  const dimension = nodes.every((node) => node.dimension === first.dimension)
    ? first.dimension
    : (nodes.find((node) => node.dimension !== 'plain')?.dimension ?? 'plain');
  if (first.type === 'number') {
    const buffer = new NumberBuffer();
    return numberNode(dimension, (batch) => {
      const rows = picks.take(batch.rowCount);
      const vectors = (nodes as readonly NumberNode[]).map((node) => node.evaluate(batch));
      choose(batch, rows, vectors);
      const out = buffer.take(batch.rowCount);
      for (let i = 0; i < out.length; i++) out[i] = rows[i] < 0 ? Number.NaN : vectors[rows[i]].values[i];
      return out;
    });
  }
  if (first.type === 'boolean') {
    const buffer = new ByteBuffer();
    return booleanNode((batch) => {
      const rows = picks.take(batch.rowCount);
      const vectors = (nodes as readonly BooleanNode[]).map((node) => node.evaluate(batch));
      choose(batch, rows, vectors);
      const out = buffer.take(batch.rowCount);
      for (let i = 0; i < out.length; i++) out[i] = rows[i] < 0 ? UNKNOWN : vectors[rows[i]].values[i];
      return out;
    });
  }
  const buffer = new CodeBuffer();
  return textNode((batch) => {
    const rows = picks.take(batch.rowCount);
    const vectors = (nodes as readonly TextNode[]).map((node) => node.evaluate(batch));
    choose(batch, rows, vectors);
    const starts: number[] = [];
    const dictionary: string[] = [];
    for (const vector of vectors) {
      starts.push(dictionary.length);
      for (const text of vector.dictionary) dictionary.push(text);
    }
    const codes = buffer.take(batch.rowCount);
    for (let i = 0; i < codes.length; i++) {
      const pick = rows[i];
      const code = pick < 0 ? -1 : vectors[pick].codes[i];
      codes[i] = code < 0 ? -1 : code + starts[pick];
    }
    return { type: 'text', codes, dictionary };
  });
}

/** A function of single values on whole columns: once per entry of the dictionary where one column of texts is all that varies, else once per row. */
function applied(definition: ExpressionFunction, call: ScalarCall, nodes: readonly Node[], faults: Faults): Node {
  const { gives, seesMissing = false } = definition;
  const varying = nodes.flatMap((node, i) => (node.constant === undefined ? [i] : []));
  const [only = -1] = varying;
  const node = nodes[only];
  const each =
    varying.length === 1 && node.type === 'text'
      ? perText(call, nodes, only, node, seesMissing)
      : perRow(call, nodes, seesMissing);
  if (gives === 'number' || gives === 'time') {
    const buffer = new NumberBuffer();
    const numeric = nodes.every((one) => one.type === 'number');
    const [, second, third] = nodes.map((one) => one.constant);
    if (numeric && varying.length === 1 && only === 0 && nodes.length <= 3 && !seesMissing)
      return numberNode(gives === 'time' ? 'time' : 'plain', (batch) => {
        const { values } = (node as NumberNode).evaluate(batch);
        const out = buffer.take(batch.rowCount);
        for (let i = 0; i < out.length; i++) {
          const x = values[i];
          const value = Number.isNaN(x) ? Number.NaN : ((call(x, second, third) as number | undefined) ?? Number.NaN);
          if (Number.isNaN(value) && !Number.isNaN(x)) faults.domain++;
          out[i] = value;
        }
        return out;
      });
    return numberNode(gives === 'time' ? 'time' : 'plain', (batch) => {
      const out = buffer.take(batch.rowCount).fill(Number.NaN);
      each(batch, (row, value) => {
        out[row] = typeof value === 'number' ? value : Number.NaN;
      });
      return out;
    });
  }
  if (gives === 'boolean') {
    const buffer = new ByteBuffer();
    return booleanNode((batch) => {
      const out = buffer.take(batch.rowCount).fill(UNKNOWN);
      each(batch, (row, value) => {
        out[row] = value === true ? TRUE : value === false ? FALSE : UNKNOWN;
      });
      return out;
    });
  }
  const buffer = new CodeBuffer();
  return textNode((batch) => {
    const codes = buffer.take(batch.rowCount).fill(-1);
    const known = new Map<string, number>();
    const dictionary: string[] = [];
    each(batch, (row, value) => {
      if (typeof value !== 'string') return;
      let code = known.get(value);
      if (code === undefined) {
        code = dictionary.length;
        known.set(value, code);
        dictionary.push(value);
      }
      codes[row] = code;
    });
    return { type: 'text', codes, dictionary };
  });
}

/** Tells the value of every row that has one; a row that is left out is missing. */
type Each = (batch: Batch, tell: (row: number, value: Value | undefined) => void) => void;

function perText(
  call: ScalarCall,
  nodes: readonly Node[],
  position: number,
  node: TextNode,
  seesMissing: boolean,
): Each {
  const values: (Value | undefined)[] = nodes.map((one) => one.constant);
  return (batch, tell) => {
    const { codes, dictionary } = node.evaluate(batch);
    const known: (Value | undefined)[] = new Array(dictionary.length);
    const asked = new Uint8Array(dictionary.length);
    values[position] = undefined;
    const missing = seesMissing ? call(...values) : undefined;
    for (let row = 0; row < batch.rowCount; row++) {
      const code = codes[row];
      if (code < 0) {
        if (seesMissing) tell(row, missing);
        continue;
      }
      if (asked[code] === 0) {
        asked[code] = 1;
        values[position] = dictionary[code];
        known[code] = call(...values);
      }
      tell(row, known[code]);
    }
  };
}

function perRow(call: ScalarCall, nodes: readonly Node[], seesMissing: boolean): Each {
  return (batch, tell) => {
    const vectors = nodes.map((node) => node.evaluate(batch));
    const values: (Value | undefined)[] = new Array(nodes.length);
    for (let row = 0; row < batch.rowCount; row++) {
      let present = true;
      for (let i = 0; i < vectors.length; i++) {
        const value = valueAt(vectors[i], row);
        values[i] = value;
        if (value === undefined) present = false;
      }
      if (present || seesMissing) tell(row, call(...values));
    }
  };
}

// ---- groups ----

interface ResultSource {
  readonly evaluate: (batch: Batch) => Float64Array;
  readonly dictionary: () => readonly string[];
}

/** What an aggregate gives, as the type that it has: aggregates count with numbers alone. */
function resultNode(source: ResultSource, text: boolean, boolean: boolean, dimension: Dimension): Node {
  if (text) {
    const buffer = new CodeBuffer();
    return textNode((batch) => {
      const values = source.evaluate(batch);
      const codes = buffer.take(values.length);
      for (let i = 0; i < codes.length; i++) codes[i] = Number.isNaN(values[i]) ? -1 : values[i];
      return { type: 'text', codes, dictionary: source.dictionary() };
    });
  }
  if (boolean) {
    const buffer = new ByteBuffer();
    return booleanNode((batch) => {
      const values = source.evaluate(batch);
      const out = buffer.take(values.length);
      for (let i = 0; i < out.length; i++) out[i] = Number.isNaN(values[i]) ? UNKNOWN : values[i] === 0 ? FALSE : TRUE;
      return out;
    });
  }
  return numberNode(dimension, source.evaluate);
}

/** The group of each row of a batch. */
function groupReader(keys: KeyIndex, nodes: readonly Node[]): (batch: Batch) => Int32Array {
  const buffer = new CodeBuffer();
  return (batch) => {
    keys.begin(
      nodes.map((node) => node.evaluate(batch)),
      batch.rowCount,
    );
    const groups = buffer.take(batch.rowCount);
    for (let i = 0; i < groups.length; i++) groups[i] = keys.group(i);
    return groups;
  };
}

interface GroupSlot {
  readonly aggregate: WholeAggregate;
  readonly argument: Node | undefined;
  readonly times: ((batch: Batch) => Float64Array) | undefined;
}

/**
 * The groups of an aggregation flag over the whole table: expressions that are compiled with it as `group` share its keys. Batches are observed, then
 * `finish` gives a batch of which each row is a group.
 */
export class GroupTable {
  readonly keys: KeyIndex;
  #nodes: readonly Node[];
  #names: readonly string[];
  #slots: GroupSlot[] = [];
  #groupsOf: (batch: Batch) => Int32Array;

  /** @param by the keys, each with the text that its spans are of. Throws ExpressionError for a key that is none. */
  constructor(
    by: readonly { readonly tree: Expression; readonly text: string }[],
    scope: Scope,
    keys: KeyIndex,
    what = 'key',
  ) {
    this.#nodes = by.map(({ tree, text }) =>
      new Compiler(text, what, scope, { aggregates: { refused: 'a key is no aggregate' } }).node(tree),
    );
    this.#names = by.map(({ tree }) => describe(tree));
    this.keys = keys;
    this.#groupsOf = groupReader(keys, this.#nodes);
  }

  /** The group of each row, -1 for none; good until the next call. */
  observe(batch: Batch): Int32Array {
    const groups = this.#groupsOf(batch);
    for (const { aggregate, argument, times } of this.#slots)
      aggregate.observe(groups, argument?.evaluate(batch), times?.(batch));
    return groups;
  }

  /** What the caps cost. */
  counts(): AggregateCounts {
    let refusedEntries = 0;
    for (const { aggregate } of this.#slots) refusedEntries += aggregate.counts.refusedEntries;
    return { refusedKeys: this.keys.refused, refusedEntries, late: 0, tooLate: 0 };
  }

  add(
    spec: ConstructorParameters<typeof WholeAggregate>[0],
    argument: Node | undefined,
    times: ((batch: Batch) => Float64Array) | undefined,
  ): ResultSource {
    const aggregate = new WholeAggregate(spec, this.keys);
    this.#slots.push({ aggregate, argument, times });
    const buffer = new NumberBuffer();
    return {
      evaluate: (batch) => {
        const out = buffer.take(batch.rowCount);
        for (let group = 0; group < out.length; group++) out[group] = aggregate.result(group);
        return out;
      },
      dictionary: () => aggregate.dictionary,
    };
  }

  /** The key that is written like this, as a column of the groups. */
  key(text: string): Node | undefined {
    const position = this.#names.indexOf(text);
    if (position < 0) return undefined;
    const { type, dimension } = this.#nodes[position];
    const keyOf = (group: number): Value | undefined => this.keys.values(group)?.[position];
    if (type === 'number')
      return numberNode(dimension, ({ rowCount }) =>
        Float64Array.from({ length: rowCount }, (_, group) => (keyOf(group) as number | undefined) ?? Number.NaN),
      );
    if (type === 'boolean')
      return booleanNode(({ rowCount }) =>
        Uint8Array.from({ length: rowCount }, (_, group) => {
          const value = keyOf(group);
          return value === undefined ? UNKNOWN : value === true ? TRUE : FALSE;
        }),
      );
    return textNode(({ rowCount }) => ({
      type: 'text',
      codes: Int32Array.from({ length: rowCount }, (_, group) => (keyOf(group) === undefined ? -1 : group)),
      dictionary: Array.from({ length: rowCount }, (_, group) => String(keyOf(group) ?? '')),
    }));
  }
}

/** A tree as text, the same for trees that mean the same but for blanks and brackets. */
export function describe(tree: Expression): string {
  switch (tree.kind) {
    case 'number':
      return tree.parts.map(({ value, unit }) => `${value}${unit}`).join('');
    case 'text':
    case 'address':
    case 'mac':
    case 'time':
      return JSON.stringify(tree.text);
    case 'name':
      return tree.quoted === true && /[^\w.@]/.test(tree.name) ? `\`${tree.name}\`` : tree.name;
    case 'not':
    case 'negate':
    case 'missing':
      return `${tree.kind}(${describe(tree.operand)})`;
    case 'and':
    case 'or':
      return `(${describe(tree.left)} ${tree.kind} ${describe(tree.right)})`;
    case 'arithmetic':
    case 'compare':
      return `(${describe(tree.left)} ${tree.operator} ${describe(tree.right)})`;
    case 'in':
      return `${describe(tree.operand)} in (${tree.items.map(({ from, to }) => (to === undefined ? describe(from) : `${describe(from)}..${describe(to)}`)).join(', ')})`;
    case 'call': {
      const over = tree.over === undefined ? '' : ` over ${describe(tree.over)}`;
      const by = tree.by === undefined ? '' : ` by (${tree.by.map(describe).join(', ')})`;
      return `${tree.name.toLowerCase()}(${tree.values.map(describe).join(', ')})${over}${by}`;
    }
  }
}

function childrenOf(tree: Expression): readonly Expression[] {
  switch (tree.kind) {
    case 'not':
    case 'negate':
    case 'missing':
      return [tree.operand];
    case 'and':
    case 'or':
    case 'arithmetic':
    case 'compare':
      return [tree.left, tree.right];
    case 'in':
      return [tree.operand, ...tree.items.flatMap(({ from, to }) => (to === undefined ? [from] : [from, to]))];
    case 'call':
      return [...tree.values, ...(tree.by ?? [])];
    default:
      return [];
  }
}
