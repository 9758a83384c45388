import { humanCount } from '../../core/index.ts';
import type { Feature } from '../../feature/index.ts';
import type { Explanation } from '../../model/index.ts';

/** One reason for a score: a feature, its value as people read it, and its share. */
export interface ScoreReason {
  readonly feature: string;
  /** As scored; undefined where it was missing. */
  readonly value: number | undefined;
  /** '1,234 bytes', 'refused', 'missing'. */
  readonly said: string;
  /** Share of the calibrated score. */
  readonly contribution: number;
}

/** The features that made a score higher, the largest share first. */
export function reasonsOf(explanation: Explanation, features: readonly Feature[], most: number): ScoreReason[] {
  const byName = new Map(features.map((feature) => [feature.name, feature]));
  return explanation.contributions
    .filter(({ contribution }) => contribution > 0)
    .slice(0, most)
    .map(({ feature, value, contribution }) => ({
      feature,
      value,
      said: sayValue(byName.get(feature), value),
      contribution,
    }));
}

/** A value of a feature as people read it: logarithms are taken back, classes have their names. */
export function sayValue(
  feature: (Feature & { readonly classes?: readonly string[] }) | undefined,
  value: number | undefined,
): string {
  if (value === undefined) return 'missing';
  const unit = feature?.unit ?? '';
  const name = feature?.classes?.[value];
  if (name !== undefined) return name;
  if (unit.startsWith('ln ')) return withUnit(Math.expm1(value), unit.slice(3));
  return withUnit(value, unit);
}

function withUnit(value: number, unit: string): string {
  const shown = Math.abs(value) >= 1000 ? humanCount(value) : String(Number(value.toPrecision(3)));
  return unit === '' || unit === 'class' || /\d\.\.\d/.test(unit) || unit === 'ms since 1970 UTC'
    ? shown
    : `${shown} ${shown === '1' ? unit.replace(/sses$/, 'ss').replace(/(?<=[^s])s$/, '') : unit}`;
}
