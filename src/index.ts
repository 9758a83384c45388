/**
 * Anomalyst as a library: the main job in one call. Its parts have entry points of their own: `anomalyst/wire`, `anomalyst/flow`, `anomalyst/feature`,
 * `anomalyst/model`, `anomalyst/detect`, `anomalyst/incident`, `anomalyst/analyst`, `anomalyst/report`, `anomalyst/io`, `anomalyst/pipeline`, `anomalyst/core`.
 */
export { RemoteError, UserError } from './core/index.ts';
export { expandInputs } from './io/index.ts';
export {
  type Analysis,
  type AnalyzeOptions,
  analyze,
  type Config,
  type Progress,
  parseConfig,
  productVersion,
} from './pipeline/index.ts';
export { type AnalysisResult, renderHtml, renderJson, renderTerminal } from './report/index.ts';
