/** The display filter on flows: its fields, and what is made of a text. */
export type { Condition, RowTest } from './condition.ts';
export * from './field.ts';
export * from './filter.ts';
export { parseTime } from './time.ts';
