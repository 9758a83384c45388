import type { Expression } from '../../core/index.ts';
import type { Formula, Path, YamlFile } from './document.ts';
import type { FlagFunction, FunctionTable } from './function-table.ts';

export const FLAG_SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type FlagSeverity = (typeof FLAG_SEVERITIES)[number];

export const COLUMN_TYPES = ['number', 'integer', 'text', 'time', 'boolean'] as const;
/** A type that the definitions state for a column, for the reader of the table. */
export type StatedType = (typeof COLUMN_TYPES)[number];

export const TRANSFORMS = ['log', 'log2', 'log10', 'log1p', 'sqrt', 'abs'] as const;

export interface FeatureDefinition {
  readonly path: Path;
  readonly name: string;
  /** What it measures; a metric of a feature pack has `pack` instead. */
  readonly formula: Formula | undefined;
  readonly pack: string | undefined;
  readonly weight: number;
  readonly unit: string | undefined;
  readonly meaning: string | undefined;
}

export interface FilterDefinition {
  readonly name: string;
  /** 'include' keeps the rows for which the condition holds, 'exclude' drops them; where it is missing the row stays. */
  readonly kind: 'include' | 'exclude';
  readonly formula: Formula;
}

export interface FlagDefinition {
  readonly path: Path;
  readonly name: string;
  readonly severity: FlagSeverity;
  readonly description: string;
  readonly technique: string | undefined;
  /** Literal texts and expressions in turn. */
  readonly message: readonly (string | Formula)[];
  readonly test: RowTest | GroupTest | FunctionTest;
}

export interface RowTest {
  readonly kind: 'row';
  readonly when: Formula;
}

export interface GroupTest {
  readonly kind: 'group';
  readonly having: Formula;
  readonly by: readonly Formula[];
  /** Undefined: the whole table. */
  readonly overMs: number | undefined;
}

/** A flag that a function of the table raises, as `beaconing_detector` does. */
export interface FunctionTest {
  readonly kind: 'function';
  readonly function: FlagFunction;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a file of definitions says, read and checked but not yet bound to a table. */
export interface Definitions {
  readonly source: YamlFile;
  readonly layout: 'anomalyst' | '003';
  /** Column of the time, and of who acts. */
  readonly time: string | undefined;
  readonly entity: string | undefined;
  readonly zone: string | undefined;
  readonly types: Readonly<Record<string, StatedType>>;
  readonly features: readonly FeatureDefinition[];
  readonly filters: readonly FilterDefinition[];
  readonly flags: readonly FlagDefinition[];
  /** Numbers of clusters to cut into; undefined where nothing is said. */
  readonly cuts: readonly number[] | undefined;
  readonly functions: FunctionTable;
  /** What a reader should know of how the file was read, in sentences. */
  readonly notes: readonly string[];
}

const NOWHERE = { from: 0, to: 0 };

/** `name(columns..., constants...)` as a tree. */
export function callOf(
  name: string,
  columns: readonly string[],
  constants: readonly (string | number | boolean)[],
): Expression {
  return {
    kind: 'call',
    name,
    values: [...columns.map((column) => columnOf(column)), ...constants.map(constantOf)],
    span: NOWHERE,
  };
}

export function columnOf(name: string): Expression {
  return { kind: 'name', name, quoted: true, span: NOWHERE };
}

function constantOf(value: string | number | boolean): Expression {
  if (typeof value === 'string') return { kind: 'text', text: value, span: NOWHERE };
  if (typeof value === 'boolean') return { kind: 'name', name: String(value), span: NOWHERE };
  return { kind: 'number', parts: [{ value, unit: '' }], span: NOWHERE };
}
