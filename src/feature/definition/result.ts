import type { FlagSeverity } from './definition.ts';

/** What a run over definitions gives at its end. */

/** Rows of a flag: what it found about one entity or key. */
export interface FlagFinding {
  /** Name of the flag. */
  readonly name: string;
  readonly severity: FlagSeverity;
  readonly description: string;
  readonly technique: string | undefined;
  /** Its placeholders filled in; texts from outside are made safe. */
  readonly message: string;
  /** Who it is about; undefined where nobody said who acts. */
  readonly entity: string | undefined;
  /** The key's values by the expressions in `by`. */
  readonly keys: Readonly<Record<string, string | number>>;
  /** Numbers of the first rows that it rests on, at most 20, ascending; and how many there are. */
  readonly rows: readonly number[];
  readonly rowCount: number;
  /** Epoch ms of the first and the last row; undefined where rows have no time. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

/** What a cap refused, in the form of the report. */
export interface DefinitionSaturation {
  /** 'feature <name>', 'flag <name>' ... */
  readonly detector: string;
  readonly what: string;
  readonly cap: number;
  readonly refused: number;
}

/** Values that have no result, by the expression that they are of. */
export interface ExpressionOddity {
  /** 'expression.' and division-by-zero, outside-domain, not-finite, late-row or too-late-row. */
  readonly name: string;
  readonly where: string;
  readonly count: number;
  readonly meaning: string;
}

export interface FilterCount {
  readonly name: string;
  readonly kind: 'include' | 'exclude';
  /** Rows that this filter dropped, those before it having been dropped already. */
  readonly dropped: number;
}

export interface RunResult {
  readonly flags: readonly FlagFinding[];
  readonly filterCounts: readonly FilterCount[];
  readonly saturations: readonly DefinitionSaturation[];
  readonly oddities: readonly ExpressionOddity[];
}
