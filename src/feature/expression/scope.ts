import type { Expression, Schema } from '../../core/index.ts';
import type { AggregateLimits } from './aggregate.ts';
import type { ExpressionFunction } from './function.ts';
import type { GroupTable } from './group.ts';
import type { ValueType } from './vector.ts';

/** What an expression is compiled with: what its names mean, and where it stands. */

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
