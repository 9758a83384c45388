import type { ColumnSpec, Dimension } from '../../core/index.ts';
import {
  type Batch,
  type BooleanVector,
  FALSE,
  type NumberVector,
  type TextVector,
  TRUE,
  type Value,
  type ValueType,
  type Vector,
} from './vector.ts';

/** The nodes of a compiled expression: each fills one array per batch from those of its operands. Constants are filled once. */

interface NodeOf<T extends Vector> {
  readonly type: T['type'];
  readonly dimension: Dimension;
  /** The value of a constant, undefined for all else. */
  readonly constant: Value | undefined;
  readonly evaluate: (batch: Batch) => T;
}
export type NumberNode = NodeOf<NumberVector>;
export type TextNode = NodeOf<TextVector>;
export type BooleanNode = NodeOf<BooleanVector>;
export type Node = NumberNode | TextNode | BooleanNode;

/** The types as messages name them: one value, many, and how to come by what is wanted. */
export const A_TYPE: Readonly<Record<ValueType, string>> = { number: 'a number', text: 'text', boolean: 'a condition' };
export const WANTS: Readonly<Record<ValueType, string>> = { number: 'numbers', text: 'text', boolean: 'conditions' };
export const WANTED: Readonly<Record<ValueType, string>> = {
  number: 'its length is length(...), for a condition: if(condition, 1, 0)',
  text: 'text(...) makes text of a number',
  boolean: "compare it, as in 'bytes > 10 MB' or 'status == \"Error\"'",
};

/** What a column's unit says of its numbers. */
export function dimensionOf(unit: string): Dimension {
  if (unit.startsWith('ms since') || unit === 'epoch ms') return 'time';
  if (unit === 'ms') return 'duration';
  return unit === 'bytes' ? 'bytes' : 'plain';
}

export function isBooleanColumn(spec: ColumnSpec): boolean {
  return spec.kind === 'int32' && (spec.unit === 'boolean' || spec.unit === '0 or 1');
}

export function numberNode(dimension: Dimension, compute: (batch: Batch) => Float64Array): NumberNode {
  return {
    type: 'number',
    dimension,
    constant: undefined,
    evaluate: (batch) => ({ type: 'number', values: compute(batch) }),
  };
}

export function booleanNode(compute: (batch: Batch) => Uint8Array): BooleanNode {
  return {
    type: 'boolean',
    dimension: 'plain',
    constant: undefined,
    evaluate: (batch) => ({ type: 'boolean', values: compute(batch) }),
  };
}

export function textNode(evaluate: (batch: Batch) => TextVector): TextNode {
  return { type: 'text', dimension: 'plain', constant: undefined, evaluate };
}

export function constantNumber(value: number, dimension: Dimension): NumberNode {
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

export function constantText(text: string): TextNode {
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

export function constantBoolean(value: boolean): BooleanNode {
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
