import type { FlagDefinition } from '../definition.ts';
import type { FlagFinding } from '../result.ts';

/** What a flag gathers about an entity or a key until it is a finding. */

/** Findings of one flag; more entities or keys are counted. */
export const MAX_FINDINGS = 10_000;
export const SHOWN_ROWS = 20;

/** What is gathered about one entity or key. */
export class Hit {
  readonly message: string;
  readonly entity: string | undefined;
  readonly keys: Readonly<Record<string, string | number>>;
  readonly rows: number[] = [];
  rowCount = 0;
  firstMs: number | undefined;
  lastMs: number | undefined;

  constructor(message: string, entity: string | undefined, keys: Readonly<Record<string, string | number>>) {
    this.message = message;
    this.entity = entity;
    this.keys = keys;
  }

  add(row: number, time: number | undefined): void {
    this.rowCount++;
    if (this.rows.length < SHOWN_ROWS) this.rows.push(row);
    this.see(time);
  }

  see(time: number | undefined): void {
    if (time === undefined || Number.isNaN(time)) return;
    if (this.firstMs === undefined || time < this.firstMs) this.firstMs = time;
    if (this.lastMs === undefined || time > this.lastMs) this.lastMs = time;
  }
}

export function findingOf({ name, severity, description, technique }: FlagDefinition, hit: Hit): FlagFinding {
  const { message, entity, keys, rowCount, firstMs, lastMs } = hit;
  const rows = [...hit.rows].sort((a, b) => a - b);
  return { name, severity, description, technique, message, entity, keys, rows, rowCount, firstMs, lastMs };
}

/** Findings in the order of their first rows. */
export function firstRowOrder(a: FlagFinding, b: FlagFinding): number {
  return (a.rows[0] ?? 0) - (b.rows[0] ?? 0);
}

export function byFirstRow(hits: Iterable<Hit>, definition: FlagDefinition): FlagFinding[] {
  return [...hits].map((hit) => findingOf(definition, hit)).sort(firstRowOrder);
}
