import type { Batch, CompiledExpression } from '../../expression/index.ts';
import type { FlagDefinition } from '../definition.ts';
import type { FlagFinding } from '../result.ts';

/** What a cap refused. */
export interface Refused {
  readonly what: string;
  readonly cap: number;
  readonly refused: number;
}

/** A flag at work. */
export interface RunFlag {
  readonly definition: FlagDefinition;
  readonly expressions: readonly CompiledExpression[];
  observe(batch: Batch, rowNumbers: ArrayLike<number>): void;
  finish(): FlagFinding[];
  refusals(): readonly Refused[];
}
