import type { Expression } from '../../core/index.ts';
import { type AggregateCounts, WholeAggregate } from './aggregate.ts';
import { groupReader, type ResultSource } from './aggregate-call.ts';
import { Compiler } from './compiler.ts';
import type { KeyIndex } from './key.ts';
import { booleanNode, type Node, numberNode, textNode } from './node.ts';
import type { Scope } from './scope.ts';
import { describe } from './tree.ts';
import { type Batch, FALSE, NumberBuffer, TRUE, UNKNOWN, type Value } from './vector.ts';

interface GroupSlot {
  readonly aggregate: WholeAggregate;
  readonly argument: Node | undefined;
  readonly times: ((batch: Batch) => Float64Array) | undefined;
}

/**
 * The groups of an aggregation flag over the whole table: expressions that are compiled with it as `group` share its keys. Batches are observed, then
 * they are evaluated on a batch of which each row is a group.
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
