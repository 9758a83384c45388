/** Definitions of features, filters and flags in YAML: docs/features.md. */

import type { Definitions } from './definition.ts';
import type { FunctionTable } from './function-table.ts';
import type { LegacySystem } from './legacy.ts';

export { BEACONING } from './beacon.ts';
export { type BindOptions, BoundDefinitions, type BoundFeature, bindDefinitions } from './bind.ts';
export {
  type Definitions,
  type FeatureDefinition,
  type FilterDefinition,
  FLAG_SEVERITIES,
  type FlagDefinition,
  type FlagSeverity,
  type StatedType,
} from './definition.ts';
export { answersOf, type FunctionParts, standardFunctions, UNRANKED } from './dns-function.ts';
export type { Formula } from './document.ts';
export type { FlagFunction, FlagObserver, FlagParameter, FunctionTable, RaisedFlag } from './function-table.ts';
export type { LegacySystem } from './legacy.ts';
export type { DefinitionSaturation, ExpressionOddity, FilterCount, FlagFinding, RunResult } from './result.ts';
export type { DefinitionRun } from './run.ts';

/**
 * Reads definitions: our layout, or the file of features of system 003, told by what stands in it. @param file the name for messages.
 * Rejects with UserError with file, line and column for the first mistake that can be seen without the table. The readers of YAML are loaded now, by
 * those who have definitions.
 */
export async function parseDefinitions(
  text: string,
  file: string,
  { functions }: { readonly functions: FunctionTable },
): Promise<Definitions> {
  const { readDefinitions } = await import('./parse.ts');
  return readDefinitions(text, file, functions);
}

/** Reads the system file of 003: where rows come from, where results go, and which file holds the features. Rejects as `parseDefinitions` does. */
export async function parseLegacySystem(text: string, file: string): Promise<LegacySystem> {
  const { readLegacySystem } = await import('./legacy.ts');
  return readLegacySystem(text, file);
}

/** Whether a text is the system file of 003 rather than definitions. Rejects with UserError for what is no YAML. */
export async function isLegacySystemFile(text: string, file: string): Promise<boolean> {
  const [{ YamlFile }, { isLegacySystem }] = await Promise.all([import('./document.ts'), import('./legacy.ts')]);
  return isLegacySystem(new YamlFile(text, file).value);
}

/** The JSON Schema of definitions, for editors: schema/features.schema.json. */
export async function featuresJsonSchema(): Promise<string> {
  const { definitionsJsonSchema } = await import('./schema.ts');
  return definitionsJsonSchema();
}
