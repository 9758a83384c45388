/** Tables of any columns: rows in, incidents out. */
export { type AnalyzeTableOptions, analyzeTable, type TableAnalysis } from './analyze.ts';
export { autoPlan, definitionPlan, type FlagHit, type PlanResult, type TablePlan } from './plan.ts';
