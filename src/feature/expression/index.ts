/** The expression language of features, filters and flags: docs/features.md. */

export type { Dimension } from '../../core/index.ts';
export {
  AGGREGATE_KINDS,
  type AggregateCounts,
  type AggregateKind,
  type AggregateLimits,
  DEFAULT_AGGREGATE_LIMITS,
} from './aggregate.ts';
export { CompiledExpression, compileExpression, compileTree } from './compile.ts';
export {
  ArgumentError,
  type ExpressionFunction,
  type FunctionContext,
  type Parameter,
  type ParameterType,
  type ScalarCall,
  TEXT_FUNCTIONS,
} from './function.ts';
export type { CompileOptions, Refusal, Scope } from './scope.ts';
export { FUNCTION_NAMES } from './signature.ts';
export {
  Batch,
  type BooleanVector,
  ColumnBuffers,
  FALSE,
  type NumberVector,
  type TextVector,
  TRUE,
  UNKNOWN,
  type Value,
  type ValueType,
  type Vector,
  valueAt,
} from './vector.ts';
