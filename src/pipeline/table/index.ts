/** Tables of any columns: rows in, incidents out. */
export {
  type AnalyzeTableOptions,
  analyzeTable,
  findInRows,
  type TableAnalysis,
  type TableFindings,
} from './analyze.ts';
export { ColumnCounts } from './count.ts';
export { autoPlan, definitionPlan, type FlagHit, type PlanResult, type TablePlan } from './plan.ts';
