import type { Schema } from '../../core/index.ts';
import { parseTime } from '../../flow/index.ts';
import { type ExpressionFunction, type ScalarCall, TEXT_FUNCTIONS } from './function.ts';
import type { Faults } from './loop.ts';
import { booleanNode, type Node, type NumberNode, numberNode, type TextNode, textNode } from './node.ts';
import {
  type Batch,
  ByteBuffer,
  CodeBuffer,
  FALSE,
  NumberBuffer,
  TRUE,
  UNKNOWN,
  type Value,
  valueAt,
} from './vector.ts';

/** Functions of single values on whole columns. */

/** A function of single values on whole columns: once per entry of the dictionary where one column of texts is all that varies, else once per row. */
export function applied(
  definition: ExpressionFunction,
  call: ScalarCall,
  nodes: readonly Node[],
  faults: Faults,
): Node {
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

export const timeOf: ScalarCall = (text) => parseTime(text as string);

/** Times of a column: its numbers, or its texts read as ISO 8601. */
export function timeReader(schema: Schema, index: number): (batch: Batch) => Float64Array {
  if (schema.columns[index].kind !== 'string') return (batch) => batch.numbers(index).values;
  const column = textNode((batch) => batch.texts(index));
  const node = applied(TEXT_FUNCTIONS.time, timeOf, [column], { divisions: 0, domain: 0 }) as NumberNode;
  return (batch) => node.evaluate(batch).values;
}
