import type { CallExpression, Dimension, Expression, NumberLiteral } from '../../core/index.ts';
import {
  type AggregateKind,
  DEFAULT_AGGREGATE_LIMITS,
  timeOrder,
  WholeAggregate,
  WindowAggregate,
} from './aggregate.ts';
import { timeReader } from './apply.ts';
import type { Compiler } from './compiler.ts';
import type { KeyIndex } from './key.ts';
import { booleanNode, type Node, numberNode, textNode } from './node.ts';
import { checkArity } from './signature.ts';
import { type Batch, ByteBuffer, CodeBuffer, FALSE, NumberBuffer, TRUE, UNKNOWN } from './vector.ts';

/** Calls of aggregates: over a window, over the whole table, or over the groups of a flag. */

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

export function aggregateCall(compiler: Compiler, tree: CallExpression, kind: AggregateKind): Node {
  const { aggregates = 'rows', within, group } = compiler.options;
  if (typeof aggregates === 'object')
    compiler.fail(tree.span, aggregates.refused, 'aggregates stand in features, and in the conditions of flags');
  if (compiler.inAggregate)
    compiler.fail(
      tree.span,
      `'${kind}' is an aggregate inside of an aggregate`,
      'give the inner one as a feature of its own',
    );
  const none = kind === 'count' || kind === 'rate';
  checkArity(compiler, tree, none ? 0 : 1, 1);
  if (group !== undefined && (tree.over !== undefined || tree.by !== undefined))
    compiler.fail(
      tree.span,
      "the keys stand in 'by' of the flag, and hold for all of its aggregates",
      'take them away here',
    );
  const windowMs = tree.over === undefined ? within?.over : windowOf(compiler, tree.over);
  const by = tree.by ?? within?.by ?? [];
  const [value] = tree.values;
  const [argument, keys] = compiler.inside(
    () => [value === undefined ? undefined : compiler.node(value), by.map((one) => compiler.node(one))] as const,
  );
  if (argument !== undefined && value !== undefined) checkArgument(compiler, kind, argument, value);
  const text = (kind === 'first' || kind === 'last') && argument?.type === 'text';
  const { limits = DEFAULT_AGGREGATE_LIMITS } = compiler.scope;
  const spec = { kind, text, limits };
  const dimension = DIMENSION_OF_AGGREGATE.has(kind) ? (argument?.dimension ?? 'plain') : 'plain';
  const boolean = (kind === 'first' || kind === 'last') && argument?.type === 'boolean';
  if (group !== undefined)
    return resultNode(group.add(spec, argument, timesOfWhole(compiler, kind, tree)), text, boolean, dimension);
  if (windowMs !== undefined) {
    const times = timesOf(compiler, tree, "'over'");
    const aggregate = new WindowAggregate(spec, windowMs);
    compiler.windows.push(aggregate);
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
  compiler.whole.push({ aggregate, groupsOf, argument, times: timesOfWhole(compiler, kind, tree) });
  const buffer = new NumberBuffer();
  const evaluate = (batch: Batch): Float64Array => {
    const groups = groupsOf(batch);
    const out = buffer.take(batch.rowCount);
    for (let i = 0; i < out.length; i++) out[i] = aggregate.result(groups[i]);
    return out;
  };
  return resultNode({ evaluate, dictionary: () => aggregate.dictionary }, text, boolean, dimension);
}

function checkArgument(compiler: Compiler, kind: AggregateKind, argument: Node, tree: Expression): void {
  if (kind === 'share') {
    if (argument.type !== 'boolean') compiler.wrong(tree, argument.type, kind, 'boolean');
  } else if (!ANY_ARGUMENT.has(kind) && argument.type !== 'number') compiler.wrong(tree, argument.type, kind, 'number');
}

function windowOf(compiler: Compiler, over: NumberLiteral): number {
  const { value, dimension } = compiler.literal(over);
  if (dimension !== 'duration')
    compiler.fail(over.span, 'the unit of this duration is missing', 'as in over 500ms, 5s, 10m, 1h30m, 2d');
  if (!(value > 0)) compiler.fail(over.span, 'a window is longer than 0', undefined);
  return value;
}

/** The times that `first`, `last` and `rate` over a whole table go by, where the table has any. */
function timesOfWhole(
  compiler: Compiler,
  kind: AggregateKind,
  tree: CallExpression,
): ((batch: Batch) => Float64Array) | undefined {
  if (kind !== 'first' && kind !== 'last' && kind !== 'rate') return undefined;
  if (compiler.scope.time === undefined && kind !== 'rate') return undefined;
  return timesOf(compiler, tree, "'rate'");
}

function timesOf(compiler: Compiler, tree: Expression, wanting: string): (batch: Batch) => Float64Array {
  const { time, schema } = compiler.scope;
  if (time === undefined)
    compiler.fail(
      tree.span,
      `${wanting} needs to know which column is the time`,
      'name it at the top, as in \'time: "@timestamp"\'',
    );
  const index = schema.columns.findIndex(({ name }) => name === time);
  if (index < 0) throw new Error(`the time column '${time}' was not checked`);
  return timeReader(schema, index);
}

export interface ResultSource {
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
export function groupReader(keys: KeyIndex, nodes: readonly Node[]): (batch: Batch) => Int32Array {
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
