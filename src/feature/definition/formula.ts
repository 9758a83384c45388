import { nearest, type Schema, safeText } from '../../core/index.ts';
import { timeReader } from '../expression/apply.ts';
import {
  type Batch,
  type CompiledExpression,
  type CompileOptions,
  compileTree,
  type Scope,
  type Vector,
} from '../expression/index.ts';
import type { Formula } from './document.ts';

/** The formulas of definitions and the columns that they name, bound to a table. */

export function compiled({ tree, text, fail }: Formula, scope: Scope, options: CompileOptions): CompiledExpression {
  try {
    return compileTree(tree, text, scope, options);
  } catch (error) {
    return fail(error);
  }
}

/** Reads a column by its name; undefined where nobody named one. */
export function readerOf(scope: Scope, column: string | undefined): ((batch: Batch) => Vector) | undefined {
  if (column === undefined) return undefined;
  const index = scope.schema.columns.findIndex(({ name }) => name === column);
  return scope.schema.columns[index].kind === 'string'
    ? (batch) => batch.texts(index)
    : (batch) => batch.numbers(index);
}

export function timesOf(scope: Scope): ((batch: Batch) => Float64Array) | undefined {
  const index = scope.schema.columns.findIndex(({ name }) => name === scope.time);
  return index < 0 ? undefined : timeReader(scope.schema, index);
}

/** What would be right instead of a column that is not there. */
export function columnHint(column: string, columns: Schema['columns']): string {
  const names = columns.map(({ name }) => name);
  const near = nearest(column, names);
  return near === undefined
    ? `columns: ${names.map((name) => safeText(name, 40)).join(', ')}`
    : `did you mean '${safeText(near, 60)}'?`;
}
