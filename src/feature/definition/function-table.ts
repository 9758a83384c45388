import type { Schema, Table } from '../../core/index.ts';
import type { ExpressionFunction, Refusal } from '../expression/index.ts';

/**
 * What definitions can name beside the language itself. A plain table that is handed in: a plug-in adds its functions by spreading them into one.
 */
export interface FunctionTable {
  /** For expressions, and by name for metrics, filters and direct flags. Names are lower case. */
  readonly functions: Readonly<Record<string, ExpressionFunction>>;
  /** For aggregation flags. */
  readonly flags: Readonly<Record<string, FlagFunction>>;
  /** Functions that other tools have and that are not run here, with the reason: '<name> <reason>' is the message. */
  readonly refused: Readonly<Record<string, Refusal>>;
}

export interface FlagParameter {
  readonly name: string;
  /** A 'column' is the name of one. */
  readonly type: 'column' | 'number' | 'boolean';
  readonly required?: boolean;
  readonly default?: number | boolean;
  readonly least?: number;
  readonly most?: number;
  readonly meaning: string;
}

/** A flag that looks at many rows with code of its own. Its state is bounded, whatever the rows. */
export interface FlagFunction {
  readonly meaning: string;
  readonly takes: readonly FlagParameter[];
  /** Which parameters the columns of `data_needed` or `of` stand for, in order, where they are not named. */
  readonly positional: readonly string[];
  /** Columns that are the time and who acts, by parameter. */
  readonly time?: string;
  readonly entity?: string;
  /** Parameters are checked before: columns exist, numbers are in range, defaults are filled in. */
  readonly create: (
    params: Readonly<Record<string, string | number | boolean | undefined>>,
    schema: Schema,
  ) => FlagObserver;
}

export interface FlagObserver {
  /** @param rowNumbers number of each row in the run. */
  observe(rows: Table, rowNumbers: ArrayLike<number>): void;
  finish(): readonly RaisedFlag[];
  refusals(): readonly { readonly what: string; readonly cap: number; readonly refused: number }[];
}

export interface RaisedFlag {
  readonly entity: string | undefined;
  readonly keys: Readonly<Record<string, string | number>>;
  /** Numbers by name that speak for it. */
  readonly values: Readonly<Record<string, number>>;
  /** What is said where the definition has no message. Texts from outside are made safe. */
  readonly message: string;
  readonly rows: readonly number[];
  readonly rowCount: number;
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}
