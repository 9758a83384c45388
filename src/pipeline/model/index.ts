/** Models of one's own: fitting, scoring, explaining, measuring and choosing them on captures, logs and tables. */
export {
  type ComparedModel,
  type ComparedRow,
  type CompareOptions,
  type Comparison,
  compareOnInputs,
  type JudgedRow,
} from './compare.ts';
export { drawFeatures, massVolume } from './criterion.ts';
export * from './evaluate.ts';
export { columnLabels, type LabelOptions, type LabelSource, Labels } from './label.ts';
export { type FlowLabelOptions, type FlowLabels, readFlowLabels } from './label-file.ts';
export { reasonsOf, type ScoreReason, sayValue } from './reason.ts';
export { defaultAlgorithm, type Recipe, recipeOf, withRecipe } from './recipe.ts';
export { kindOf, openRows, type RowBatch, type RowKind, type RowSet, type RowSetOptions } from './row-set.ts';
export {
  type ExplainedRow,
  explainRow,
  type RowEnds,
  type ScoredRow,
  type ScoreOptions,
  type Scoring,
  scoreInputs,
  type ThresholdAsk,
  type ThresholdResult,
} from './score.ts';
export { type Fold, type Folds, foldsOf, holdOut } from './split.ts';
export {
  assertGoing,
  type BudgetLine,
  budgetLines,
  checkAlgorithm,
  StoppedError,
  type Training,
  type TrainOptions,
  trainModel,
} from './train.ts';
export { type Trial, type TuneCriterion, type TuneOptions, type Tuning, tuneModel } from './tune.ts';
