import { type Dimension, type Expression, parseExpression } from '../../core/index.ts';
import type { AggregateCounts, WindowAggregate } from './aggregate.ts';
import { Compiler, type WholeSlot } from './compiler.ts';
import type { Faults } from './loop.ts';
import { A_TYPE, type Node, WANTED } from './node.ts';
import type { CompileOptions, Scope } from './scope.ts';
import type { Batch, Value, ValueType, Vector } from './vector.ts';

/** Expressions that are bound to a schema: compiled by ./compiler.ts, evaluated batch by batch. */

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
