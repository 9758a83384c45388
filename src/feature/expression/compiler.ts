import {
  type Dimension,
  type Expression,
  ExpressionError,
  type NameExpression,
  type NumberLiteral,
  nearest,
  plainText,
  quantityOf,
  type Span,
  safeText,
  type TextLiteral,
} from '../../core/index.ts';
import { parseTime } from '../../flow/index.ts';
import type { WholeAggregate, WindowAggregate } from './aggregate.ts';
import { arithmetic } from './arithmetic.ts';
import { call } from './call.ts';
import { comparison, inList, isMissing } from './comparison.ts';
import { both, COLUMN_CONSTANT, either, type Faults, opposite } from './loop.ts';
import {
  A_TYPE,
  type BooleanNode,
  booleanNode,
  constantBoolean,
  constantNumber,
  constantText,
  dimensionOf,
  isBooleanColumn,
  type Node,
  type NumberNode,
  numberNode,
  textNode,
  WANTED,
  WANTS,
} from './node.ts';
import type { CompileOptions, Scope } from './scope.ts';
import { childrenOf, describe } from './tree.ts';
import { type Batch, ByteBuffer, NumberBuffer, type ValueType } from './vector.ts';

/**
 * From the tree of an expression to code that computes whole columns: every node becomes a closure over its operands that fills one array per batch. No
 * text is ever made into code. Types are checked here, against the schema of the table, with the place in the text.
 *
 * A missing value makes what is computed from it missing; conditions know three values (Kleene): `false and missing` is false, `true or missing` true.
 */

export interface WholeSlot {
  readonly aggregate: WholeAggregate;
  readonly groupsOf: (batch: Batch) => Int32Array;
  readonly argument: Node | undefined;
  readonly times: ((batch: Batch) => Float64Array) | undefined;
}

/** Longest chain of operators and brackets: deeper trees would use up the stack. */
const MAX_TREE_DEPTH = 600;

/** One expression while it is compiled: where it stands, what it read so far, and the errors that name its text. */
export class Compiler {
  readonly columns = new Set<string>();
  readonly faults: Faults = { divisions: 0, domain: 0 };
  readonly whole: WholeSlot[] = [];
  readonly windows: WindowAggregate[] = [];
  readonly source: string;
  readonly scope: Scope;
  readonly options: CompileOptions;
  #what: string;
  #inAggregate = false;

  constructor(source: string, what: string, scope: Scope, options: CompileOptions) {
    this.source = source;
    this.#what = what;
    this.scope = scope;
    this.options = options;
  }

  fail(span: Span, message: string, hint?: string): never {
    throw new ExpressionError(this.source, span, message, hint, this.#what);
  }

  /** A piece of the text as messages name it. */
  subject(tree: Expression): string {
    if (tree.kind === 'name') return `'${safeText(tree.name, 60)}'`;
    const text = this.source === '' ? describe(tree) : this.source.slice(tree.span.from, tree.span.to);
    return `'${safeText(text.replace(/\s+/g, ' '), 60)}'`;
  }

  /** Throws where the tree would use up the stack. */
  checkDepth(tree: Expression): void {
    let level: Expression[] = [tree];
    for (let depth = 1; level.length > 0; depth++) {
      if (depth > MAX_TREE_DEPTH)
        this.fail(tree.span, `it is more than ${MAX_TREE_DEPTH} operators deep`, 'a list is shorter: x in (1, 2, 3)');
      level = level.flatMap(childrenOf);
    }
  }

  /** The node of a tree, of whatever type. */
  node(tree: Expression): Node {
    const slot = this.#keySlot(tree);
    if (slot !== undefined) return slot;
    switch (tree.kind) {
      case 'number': {
        const { value, dimension } = this.literal(tree);
        return constantNumber(value, dimension);
      }
      case 'time':
        return constantNumber(this.time(tree), 'time');
      case 'text':
      case 'address':
      case 'mac':
        return constantText(plainText(tree.text));
      case 'name':
        return this.#name(tree);
      case 'not': {
        const operand = this.boolean(tree.operand, 'not');
        const buffer = new ByteBuffer();
        return booleanNode((batch) => {
          const out = buffer.take(batch.rowCount);
          opposite(operand.evaluate(batch).values, out);
          return out;
        });
      }
      case 'and':
      case 'or': {
        const left = this.boolean(tree.left, tree.kind);
        const right = this.boolean(tree.right, tree.kind);
        const join = tree.kind === 'and' ? both : either;
        const buffer = new ByteBuffer();
        return booleanNode((batch) => {
          const out = buffer.take(batch.rowCount);
          join(left.evaluate(batch).values, right.evaluate(batch).values, out);
          return out;
        });
      }
      case 'negate': {
        const operand = this.number(tree.operand, '-');
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
        return arithmetic(this, tree);
      case 'compare':
        return comparison(this, tree.left, tree.operator, tree.right, tree.span);
      case 'in':
        return inList(this, tree.operand, tree.items);
      case 'missing':
        return isMissing(this, tree.operand);
      case 'call':
        return call(this, tree);
    }
  }

  /** True while what is compiled sees rows even where the expression is computed per group. */
  get inAggregate(): boolean {
    return this.#inAggregate;
  }

  /** Compiles what stands inside of an aggregate, or is one of its keys. */
  inside<T>(compile: () => T): T {
    this.#inAggregate = true;
    const result = compile();
    this.#inAggregate = false;
    return result;
  }

  #name(tree: NameExpression): Node {
    if (tree.quoted !== true && (tree.name === 'true' || tree.name === 'false'))
      return constantBoolean(tree.name === 'true');
    const { schema } = this.scope;
    const index = schema.columns.findIndex(({ name }) => name === tree.name);
    const spec = schema.columns[index];
    if (spec === undefined) return this.#unknown(tree);
    if (!this.#inAggregate && (this.options.within !== undefined || this.options.group !== undefined))
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
    const { columns, name } = this.scope.schema;
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

  /** A number with its units: `10 MB`, `1h30m`. */
  literal(tree: NumberLiteral): { value: number; dimension: Dimension } {
    return quantityOf(tree, (message, hint) => this.fail(tree.span, message, hint));
  }

  /** A time in ISO 8601, in ms since 1970 UTC. */
  time(tree: TextLiteral): number {
    const ms = parseTime(tree.text);
    if (ms === undefined)
      this.fail(
        tree.span,
        `'${safeText(tree.text, 40)}' is no time`,
        'times are written as 2024-05-14, 2024-05-14T07:30 or 2024-05-14T07:30:00.5+02:00; without a zone they are UTC',
      );
    return ms;
  }

  /** A node that must be a number. @param wanting what asks for it, as messages name it. */
  number(tree: Expression, wanting: string): NumberNode {
    const node = this.node(tree);
    if (node.type === 'number') return node;
    return this.wrong(tree, node.type, wanting, 'number');
  }

  /** A node that must be a condition. */
  boolean(tree: Expression, wanting: string): BooleanNode {
    const node = this.node(tree);
    if (node.type === 'boolean') return node;
    return this.wrong(tree, node.type, wanting, 'boolean');
  }

  /** Says that a piece is of another type than what stands around it wants. */
  wrong(tree: Expression, type: ValueType, wanting: string, wanted: ValueType): never {
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

  /** The key itself, in a condition on groups. */
  #keySlot(tree: Expression): Node | undefined {
    const { group, within } = this.options;
    if (this.#inAggregate) return undefined;
    if (group !== undefined) return group.key(describe(tree));
    if (within?.by.some((one) => describe(one) === describe(tree))) return this.inside(() => this.node(tree));
    return undefined;
  }
}
