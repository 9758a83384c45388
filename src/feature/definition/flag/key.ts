import type { Value } from '../../expression/index.ts';
import type { Formula } from '../document.ts';

/** The keys by which a flag puts rows together, as findings tell them. */

/** Position of the entity's column among the keys, -1 where it is none of them. */
export function entityPosition(by: readonly Formula[], entity: string | undefined): number {
  return by.findIndex(({ tree }) => tree.kind === 'name' && tree.name === entity);
}

function keyValue(value: Value | undefined): string | number {
  return typeof value === 'number' ? value : String(value ?? '');
}

export function keyRecord(
  by: readonly Formula[],
  values: readonly (Value | undefined)[],
): Record<string, string | number> {
  return Object.fromEntries(by.map(({ text }, i) => [text, keyValue(values[i])]));
}

/** Who a finding is about: the entity where it is a key, else the whole key. */
export function actorOf(values: readonly (Value | undefined)[], position: number): string | undefined {
  if (values.length === 0) return undefined;
  return position >= 0 ? String(values[position] ?? '') : values.map((value) => String(value ?? '')).join(', ');
}
